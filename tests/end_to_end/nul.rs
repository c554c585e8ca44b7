//! A NUL character in every text of every RPC. Postgres cannot store it, so each service has to refuse it earlier.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use harness::{Answer, Platform, Setup, now, order_service_key, raw, service_key};
use http::{HeaderValue, header};
use identity::caller::{Principal, SignedIn};
use identity::service_token::{CallClaims, Minter, MintingKey};
use kernel::{Scope, UserCaller};
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// Each service, the component that implements it, and the component that calls it.
const SERVICES: [(&str, &str, &str); 6] = [
    ("user.v1.UserService", "user", "bff"),
    ("user.v1.SessionService", "user", "bff"),
    ("user.v1.UserEventService", "user", "order"),
    ("product.v1.ProductService", "product", "bff"),
    ("product.v1.InventoryService", "product", "order"),
    ("order.v1.OrderService", "order", "bff"),
];

/// Fields that take any character: they are hashed, and stored as hashes.
const HASHED: [&str; 3] = ["password", "currentPassword", "newPassword"];

const ID: &str = "0190163d-8694-739b-aea5-966c26f8ad91";

/// The field with the token of a page. Only a list returns valid tokens, so the samples are sent without one.
const PAGE_TOKEN: &str = "pageToken";

/// A valid message of each method that takes a text, with all its texts.
fn samples() -> BTreeMap<&'static str, Value> {
    let price = json!({ "amount": "1980", "currencyCode": "JPY" });
    let address = json!({
        "name": "Mina", "postalCode": "604-8006", "country": "JP", "region": "Kyoto", "city": "Kyoto", "line1": "1 Oike",
        "line2": "2F", "phone": "+81 75 000 0000",
    });
    let product = json!({
        "id": ID, "name": "Tea", "description": "Green", "price": price, "imageUrl": "https://a.example/tea.png",
        "updateMask": "name,description,price,imageUrl",
    });
    let mut new_product = product.clone();
    for name in ["id", "updateMask"] {
        let _ = new_product
            .as_object_mut()
            .and_then(|members| members.remove(name));
    }
    let items = json!([{ "productId": ID, "quantity": 1 }]);
    [
        ("CreateUser", json!({ "email": "mina@example.com", "password": "correct horse", "name": "Mina" })),
        ("GetUser", json!({ "id": ID })),
        ("UpdateUser", json!({ "id": ID, "email": "mina@example.com", "name": "Mina" })),
        ("DeleteUser", json!({ "id": ID })),
        ("ChangePassword", json!({ "currentPassword": "correct horse", "newPassword": "another horse" })),
        ("ListUsers", json!({ "pageToken": "token" })),
        ("RevokeUser", json!({ "id": ID })),
        ("SetRoles", json!({ "id": ID, "roles": ["admin"] })),
        ("CheckSession", json!({ "userId": ID, "sessionId": "s", "epoch": 0 })),
        ("AcknowledgeUserEvents", json!({ "ids": [ID] })),
        ("CreateProduct", new_product),
        ("GetProduct", json!({ "id": ID })),
        ("ListProducts", json!({ "pageToken": "token", "query": "tea" })),
        ("UpdateProduct", product),
        ("DeleteProduct", json!({ "id": ID })),
        ("BatchGetProducts", json!({ "ids": [ID] })),
        ("UpdateStock", json!({ "productId": ID, "quantity": 1, "expectedVersion": 1 })),
        ("ReserveStock", json!({ "orderId": ID, "items": items, "ttl": "60s" })),
        ("CommitReservation", json!({ "orderId": ID })),
        ("ReleaseReservation", json!({ "orderId": ID })),
        ("GetReservation", json!({ "orderId": ID })),
        ("Restock", json!({ "orderId": ID })),
        ("AddToCart", json!({ "productId": ID, "quantity": 1, "requestKey": "k" })),
        ("UpdateCartItem", json!({ "productId": ID, "quantity": 1 })),
        ("RemoveFromCart", json!({ "productId": ID })),
        (
            "CreateOrder",
            json!({ "idempotencyKey": "k", "shippingAddress": address, "items": items, "expectedTotal": price }),
        ),
        ("GetOrder", json!({ "id": ID })),
        ("ListOrders", json!({ "pageToken": "token" })),
        ("CancelOrder", json!({ "id": ID })),
        ("WatchOrder", json!({ "id": ID })),
    ]
    .into()
}

/// A method, as its .proto file declares it.
struct Method {
    service: String,
    name: String,
    request: String,
    is_stream: bool,
}

/// The declarations of the .proto files.
#[derive(Default)]
struct Contracts {
    methods: Vec<Method>,
    /// The messages by name: the JSON name and the type of each field.
    messages: BTreeMap<String, Vec<(String, String)>>,
}

impl Contracts {
    fn read() -> Self {
        let mut contracts = Self::default();
        for file in proto_files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../proto")) {
            contracts.add(&fs::read_to_string(file).expect("a .proto file"));
        }
        contracts
    }

    fn add(&mut self, text: &str) {
        let (mut package, mut service) = (String::new(), String::new());
        // The blocks around the line: messages by name, and other blocks.
        let mut blocks: Vec<Option<String>> = Vec::new();
        for line in text.lines().map(str::trim).filter(|line| !line.starts_with("//")) {
            let words: Vec<_> = line
                .split([' ', '(', ')', ';', '{', '}'])
                .filter(|word| !word.is_empty())
                .collect();
            let mut block = None;
            match words.as_slice() {
                ["package", name] => package = (*name).to_owned(),
                ["service", name] => service = format!("{package}.{name}"),
                ["rpc", name, request, "returns", response, ..] => self.methods.push(Method {
                    service: service.clone(),
                    name: (*name).to_owned(),
                    request: (*request).to_owned(),
                    is_stream: *response == "stream",
                }),
                ["message", name] => {
                    let _ = self.messages.insert((*name).to_owned(), Vec::new());
                    block = Some((*name).to_owned());
                }
                ["repeated" | "optional", kind, name, "=", ..] | [kind, name, "=", ..] => {
                    let message = blocks.last().cloned().flatten();
                    let fields = message.and_then(|message| self.messages.get_mut(&message));
                    let kind = kind.rsplit('.').next().unwrap_or_default();
                    fields
                        .into_iter()
                        .for_each(|fields| fields.push((json_name(name), kind.to_owned())));
                }
                _ => {}
            }
            if line.ends_with('{') {
                blocks.push(block);
            } else if line == "}" {
                drop(blocks.pop());
            }
        }
    }

    /// The paths of all texts in a message.
    fn texts(&self, message: &str) -> BTreeSet<String> {
        let fields = self.messages.get(message).map(Vec::as_slice).unwrap_or_default();
        let of_field = |(name, kind): &(String, String)| match kind.as_str() {
            "string" | "FieldMask" => BTreeSet::from([name.clone()]),
            kind => self
                .texts(kind)
                .iter()
                .map(|inner| format!("{name}.{inner}"))
                .collect(),
        };
        fields.iter().flat_map(of_field).collect()
    }
}

fn proto_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("the folder of the contracts");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths
        .flat_map(|path| match path.is_dir() {
            true => proto_files(&path),
            false => vec![path],
        })
        .collect()
}

fn json_name(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |name, word| {
        let (initial, rest) = word.split_at(1);
        format!("{name}{}{rest}", initial.to_uppercase())
    })
}

/// The paths of all texts in a sample.
fn paths(value: &Value) -> BTreeSet<String> {
    match value {
        Value::Object(members) => members
            .iter()
            .flat_map(|(name, value)| match value {
                // Durations are not texts.
                Value::String(_) if name == "ttl" => vec![],
                Value::String(_) => vec![name.clone()],
                Value::Array(list) if list.iter().all(Value::is_string) => vec![name.clone()],
                value => paths(value)
                    .iter()
                    .map(|inner| format!("{name}.{inner}"))
                    .collect(),
            })
            .collect(),
        Value::Array(list) => list.iter().flat_map(paths).collect(),
        _ => BTreeSet::new(),
    }
}

/// The sample without the token of a page.
fn first_page(sample: &Value) -> Value {
    let mut sample = sample.clone();
    if let Some(members) = sample.as_object_mut() {
        drop(members.remove(PAGE_TOKEN));
    }
    sample
}

/// The sample with a NUL in the middle of the text at a path.
fn with_nul(value: &Value, path: &str) -> Value {
    match value {
        Value::String(text) => {
            let (begin, end) = text.split_at(text.len() / 2);
            format!("{begin}\0{end}").into()
        }
        Value::Array(list) => list.iter().map(|value| with_nul(value, path)).collect(),
        Value::Object(members) => {
            let (name, rest) = path.split_once('.').unwrap_or((path, ""));
            let change = |(known, value): (&String, &Value)| match known == name {
                true => (known.clone(), with_nul(value, rest)),
                false => (known.clone(), value.clone()),
            };
            members.iter().map(change).collect::<Map<_, _>>().into()
        }
        other => other.clone(),
    }
}

/// The real application, with routes to its services past the bff.
struct Services(Platform);

impl Services {
    async fn start() -> Self {
        let routes = SERVICES.map(|(service, component, _)| (format!("/{service}/..."), component));
        let routes: Vec<_> = routes
            .iter()
            .map(|(route, component)| (route.as_str(), *component))
            .collect();
        Self(Setup::new().await.routes(&routes).start().await)
    }

    async fn call(&self, method: &Method, message: &Value) -> Answer {
        let Method { service, name, .. } = method;
        let mut request = self
            .0
            .client()
            .post(&format!("/{service}/{name}"), message.to_string());
        if method.is_stream {
            let message = message.to_string();
            let length = u32::try_from(message.len())
                .expect("a short message")
                .to_be_bytes();
            *request.body_mut() = Bytes::from([&[0], &length[..], message.as_bytes()].concat());
            let kind = HeaderValue::from_static("application/connect+json");
            request.headers_mut().insert(header::CONTENT_TYPE, kind);
        }
        let token = HeaderValue::try_from(format!("Bearer {}", token(service))).expect("a header");
        request.headers_mut().insert(header::AUTHORIZATION, token);
        self.0.client().send(request).await
    }
}

/// The code of an error, whether it is a unary answer or the end of a stream.
fn code(answer: &Answer) -> String {
    let text = answer.text();
    let found = text
        .split_once("\"code\":")
        .and_then(|(_, rest)| rest.split('"').nth(1));
    found.unwrap_or("ok").to_owned()
}

/// The code of an admin's call, which the component that calls the service makes.
fn token(service: &str) -> String {
    let known = SERVICES.into_iter().find(|(name, ..)| *name == service);
    let (_, component, caller) = known.unwrap_or_else(|| panic!("{service} needs a line in SERVICES"));
    let key = match caller {
        "order" => order_service_key(component),
        _ => service_key(component),
    };
    let minter = Minter::new(caller, component, MintingKey::parse(&key).expect("a key"));
    let principal = Principal::User(SignedIn {
        user: UserCaller {
            id: Uuid::now_v7().into(),
            scopes: vec![Scope::Admin],
            session: None,
        },
        epoch: None,
    });
    let call = CallClaims {
        principal: &principal,
        request_id: &"test".parse().expect("a request's name"),
        client_address: None,
    };
    minter.mint(&call, now())
}

#[tokio::test(flavor = "multi_thread")]
async fn nul_in_any_text_of_any_rpc_is_refused() {
    let (contracts, samples, services) = (Contracts::read(), samples(), Services::start().await);
    let mut count = 0;
    for method in &contracts.methods {
        let texts = contracts.texts(&method.request);
        let sample = samples
            .get(method.name.as_str())
            .cloned()
            .unwrap_or_else(|| json!({}));
        assert_eq!(
            paths(&sample),
            texts,
            "the sample of {} has to have its texts",
            method.name
        );
        if texts.is_empty() {
            continue;
        }
        let valid = services.call(method, &first_page(&sample)).await;
        let is_valid = !valid.status.is_server_error() && code(&valid) != "invalid_argument";
        assert!(
            is_valid,
            "{}: its sample is not a valid message: {}",
            method.name,
            valid.text()
        );
        for path in texts {
            let sent = match path.as_str() {
                PAGE_TOKEN => with_nul(&sample, &path),
                _ => with_nul(&first_page(&sample), &path),
            };
            let answer = services.call(method, &sent).await;
            match HASHED.contains(&path.as_str()) {
                true => assert!(
                    !answer.status.is_server_error(),
                    "{path} of {}: {}",
                    method.name,
                    answer.text()
                ),
                false => assert_eq!(
                    code(&answer),
                    "invalid_argument",
                    "{path} of {}: {}",
                    method.name,
                    answer.text()
                ),
            }
            count += 1;
        }
    }
    assert!(count > 50, "only {count} texts were found");
}

#[tokio::test(flavor = "multi_thread")]
async fn nul_in_a_header_is_refused_by_the_host() {
    let platform = Platform::start().await;
    for name in [
        "idempotency-key",
        "authorization",
        "cookie",
        "x-request-id",
        "x-forwarded-for",
        "origin",
    ] {
        let request = format!(
            "POST /product.v1.ProductService/ListProducts HTTP/1.1\r\nhost: x\r\n{name}: a\0b\r\n\
             content-type: application/json\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{{}}"
        );
        let answer = raw(platform.address(), request.as_bytes()).await;
        assert_eq!(answer.status(), Some(400), "{name}: {}", answer.text());
    }
}

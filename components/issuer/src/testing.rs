//! The use cases with a store in memory, for tests: a client's request passes all pages and gets tokens, without HTTP
//! and SQL.

mod memory;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::LazyLock;

use signing::SigningKey;

pub(crate) use self::memory::Memory;
use crate::authorization::domain::{AcceptedConsent, AcceptedLogin, TokenContents};
use crate::authorization::service::{
    Authorization, AuthorizationError, BrowserCookies, ChallengeError, NextStop, SessionChange,
};
use crate::clients::domain::{
    AuthMethod, ClientAuthentication, ClientProfile, GrantType, OAuthClient, Registration,
};
use crate::clients::service::Clients;
use crate::domain::addresses::Addresses;
use crate::domain::failure::{Denied, InternalFailure};
use crate::domain::json::Json;
use crate::domain::parameters::Parameters;
use crate::domain::secret::Token;
use crate::keys::service::SigningKeys;
use crate::keys::vault::KeyVault;
use crate::sessions::service::Sessions;
use crate::tokens::domain::UserGrant;
use crate::tokens::jwt::JwtKeys;
use crate::tokens::service::{HookAnswer, IssuedTokens, RefreshHook, TokenRequest, Tokens};

pub(crate) const CALLBACK: &str = "https://shop.example/cb";
pub(crate) const BYE: &str = "https://shop.example/bye";
pub(crate) const USER: &str = "hana";
/// The verifier of RFC 7636, appendix B, and its challenge.
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
pub(crate) const SECRET: &str = "0123456789abcdef0123456789abcdef";
pub(crate) const NOW: i64 = 1_800_000_000;

/// Two keys for all tests, as PEM: making a key takes longer than any of them.
static KEYS: LazyLock<[String; 2]> = LazyLock::new(|| {
    [(); 2].map(|()| {
        let key = SigningKey::generate().expect("a key can be made");
        key.to_pem().expect("a key has a PEM").to_string()
    })
});

/// One of the two keys.
pub(crate) fn signing_key(index: usize) -> SigningKey {
    SigningKey::from_pem(&KEYS[index]).expect("the PEM is that of a key")
}

/// Parameters of a request. `changes` replaces some of the defaults, or adds others. A parameter with an empty value is
/// left out.
pub(crate) fn form(parameters: &[(&str, &str)], changes: &[(&str, &str)]) -> Parameters {
    let mut all: BTreeMap<&str, &str> = parameters.iter().copied().collect();
    all.extend(changes.iter().copied());
    all.retain(|_, value| !value.is_empty());
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(all);
    Parameters::parse(&query.finish()).expect("the parameters have no forbidden character")
}

/// The authorization request of the client `shop`.
pub(crate) fn request(changes: &[(&str, &str)]) -> Parameters {
    let parameters = [
        ("client_id", "shop"),
        ("response_type", "code"),
        ("redirect_uri", CALLBACK),
        ("scope", "openid offline_access"),
        ("audience", "akinai"),
        ("state", "the state"),
        ("nonce", "the nonce"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    form(&parameters, changes)
}

/// The form with which the client `shop` exchanges a code.
pub(crate) fn exchange(code: &str, changes: &[(&str, &str)]) -> Parameters {
    let parameters = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ];
    form(&parameters, changes)
}

/// The form with which the client `shop` refreshes.
pub(crate) fn refreshing(token: &str, changes: &[(&str, &str)]) -> Parameters {
    form(
        &[("grant_type", "refresh_token"), ("refresh_token", token)],
        changes,
    )
}

/// The credentials of a client without a secret.
pub(crate) fn public(id: &str) -> ClientAuthentication {
    ClientAuthentication {
        id: id.to_owned(),
        secret: None,
        method: AuthMethod::None,
    }
}

/// The credentials of a client with a secret in the header.
pub(crate) fn basic(id: &str, secret: &str) -> ClientAuthentication {
    ClientAuthentication {
        id: id.to_owned(),
        secret: Some(secret.to_owned()),
        method: AuthMethod::Basic,
    }
}

/// The parameters in a URL.
pub(crate) fn parameters(url: &str) -> Parameters {
    let (_, query) = url.split_once('?').unwrap_or((url, ""));
    Parameters::parse(query).expect("an address of the issuer can be read")
}

/// The login that the login page accepts.
pub(crate) fn login() -> AcceptedLogin {
    AcceptedLogin {
        subject: USER.into(),
        acr: "1".into(),
        amr: vec!["pwd".into()],
        ..AcceptedLogin::default()
    }
}

/// The same, remembered for an hour.
pub(crate) fn remembered() -> AcceptedLogin {
    AcceptedLogin {
        remember: true,
        remember_for: 3600,
        ..login()
    }
}

/// Consent to these scopes, and to the audience `akinai`.
pub(crate) fn consent(scopes: &[&str]) -> AcceptedConsent {
    AcceptedConsent {
        scopes: scopes.iter().map(|&scope| scope.to_owned()).collect(),
        audience: vec!["akinai".into()],
        contents: TokenContents {
            access_token: Json::new(r#"{"epoch":3}"#.into()),
            id_token: Json::new(r#"{"name":"Hana"}"#.into()),
        },
        ..AcceptedConsent::default()
    }
}

/// The reason of a refusal in one word: the error that the client gets, or `client`, or `failure`.
pub(crate) fn denied<T>(result: Result<T, Denied>) -> String {
    match result {
        Ok(_) => "granted".into(),
        Err(Denied::Error(error)) => error.name,
        Err(Denied::Client) => "client".into(),
        Err(Denied::Failed(_)) => "failure".into(),
    }
}

/// The end of an authorization request: `client: ERROR`, `user: ERROR` or `failure`.
pub(crate) fn ended(result: Result<NextStop, AuthorizationError>) -> String {
    match result {
        Ok(stop) => format!("{stop:?}"),
        Err(AuthorizationError::Client(target, error)) => {
            assert_eq!(target.redirect_uri, CALLBACK, "errors go to the client's address");
            format!("client: {}", error.name)
        }
        Err(AuthorizationError::User(error)) => format!("user: {}", error.name),
        Err(AuthorizationError::Failed(_)) => "failure".into(),
    }
}

/// The reason why a page gets no answer, in one word.
pub(crate) fn unanswered<T>(result: Result<T, ChallengeError>) -> &'static str {
    match result {
        Ok(_) => "answered now",
        Err(ChallengeError::NotFound) => "not found",
        Err(ChallengeError::Answered(_)) => "answered before",
        Err(ChallengeError::Invalid(_)) => "invalid",
        Err(ChallengeError::Failed(_)) => "failure",
    }
}

/// A user component whose answer the test sets. `None`: it does not answer.
#[derive(Default)]
pub(crate) struct Hook {
    pub(crate) is_configured: Cell<bool>,
    pub(crate) answer: RefCell<Option<HookAnswer>>,
    pub(crate) calls: Cell<usize>,
}

impl RefreshHook for Hook {
    async fn is_configured(&self) -> Result<bool, InternalFailure> {
        Ok(self.is_configured.get())
    }

    async fn ask(&self, _: &UserGrant) -> Result<HookAnswer, InternalFailure> {
        self.calls.set(self.calls.get() + 1);
        let answer = self.answer.borrow().clone();
        answer.ok_or_else(|| InternalFailure::Broken("the user component does not answer".into()))
    }
}

/// An issuer in memory with a signing key and three clients: `shop` and `other`, apps without a secret, and `batch`, a service.
pub(crate) struct World {
    pub(crate) store: Memory,
    pub(crate) hook: Hook,
    keys: JwtKeys<Memory>,
    addresses: Addresses,
}

impl World {
    pub(crate) fn new() -> Self {
        let world = Self::empty();
        run(world.keys().import(Ok(signing_key(0)))).expect("the issuer has no key yet");
        for id in ["shop", "other"] {
            world.register(id, |_| {});
        }
        world.register("batch", |registration| {
            registration.secret = Some(SECRET.into());
            registration.client.auth_method = AuthMethod::Basic;
            registration.client.grant_types = vec![GrantType::ClientCredentials];
            registration.client.lifespans = BTreeMap::from([("nightly".into(), 86400)]);
        });
        world
    }

    /// Without a key or a client.
    pub(crate) fn empty() -> Self {
        let store = Memory::new(NOW);
        let issuer: Rc<str> = "https://id.example".into();
        Self {
            hook: Hook::default(),
            keys: JwtKeys {
                store: store.clone(),
                vault: KeyVault {
                    sealing_key: "ab".repeat(32).into(),
                },
                issuer: Rc::clone(&issuer),
            },
            store,
            addresses: Addresses {
                issuer,
                login: "https://pages.example/login".into(),
                consent: "https://pages.example/consent".into(),
                logout: "https://pages.example/logout".into(),
                error: "https://pages.example/error".into(),
                signed_out: "https://pages.example/signed-out".into(),
            },
        }
    }

    pub(crate) fn authorization(&self) -> Authorization<'_, Memory, JwtKeys<Memory>> {
        Authorization {
            store: &self.store,
            keys: &self.keys,
            addresses: &self.addresses,
        }
    }

    pub(crate) fn tokens(&self) -> Tokens<'_, Memory, JwtKeys<Memory>, Hook> {
        Tokens {
            store: &self.store,
            keys: &self.keys,
            hook: &self.hook,
        }
    }

    pub(crate) fn sessions(&self) -> Sessions<'_, Memory, JwtKeys<Memory>> {
        Sessions {
            store: &self.store,
            keys: &self.keys,
            addresses: &self.addresses,
        }
    }

    pub(crate) fn clients(&self) -> Clients<'_, Memory> {
        Clients { store: &self.store }
    }

    pub(crate) fn keys(&self) -> SigningKeys<'_, Memory, KeyVault> {
        SigningKeys {
            store: &self.store,
            vault: &self.keys.vault,
        }
    }

    pub(crate) fn register(&self, id: &str, change: impl FnOnce(&mut Registration)) {
        let mut registration = registration(id);
        change(&mut registration);
        run(self.clients().register(registration)).expect("the registration is valid");
    }

    /// Changes a client's registration.
    pub(crate) fn change(&self, id: &str, change: impl FnOnce(&mut Registration)) {
        let known = run(self.clients().find(id)).expect("the client is registered");
        let mut registration = Registration {
            id: None,
            secret: None,
            client: known.client,
            profile: known.profile,
        };
        change(&mut registration);
        run(self.clients().replace(id, registration)).expect("the registration is valid");
    }

    /// Opens the authorization endpoint in a browser, and keeps its cookies.
    pub(crate) fn open(
        &self,
        browser: &mut BrowserCookies,
        form: &Parameters,
    ) -> Result<NextStop, AuthorizationError> {
        let next = run(self.authorization().proceed(form, browser))?;
        match &next {
            NextStop::Login { flow_cookie, .. } => browser.flow = Some(flow_cookie.clone()),
            NextStop::Consent { session, .. } => match session {
                SessionChange::Unchanged => {}
                SessionChange::Set { value, .. } => browser.session = Some(value.clone()),
                SessionChange::Removed => browser.session = None,
            },
            NextStop::Client { .. } => {}
        }
        Ok(next)
    }

    /// The challenge of a request for the login page.
    pub(crate) fn to_login(&self, browser: &mut BrowserCookies, form: &Parameters) -> String {
        match self.open(browser, form) {
            Ok(NextStop::Login { challenge, .. }) => challenge.reveal().to_owned(),
            other => panic!("the browser goes to the login page, not to {other:?}"),
        }
    }

    /// The challenge of an accepted login for the consent page.
    pub(crate) fn to_consent(
        &self,
        browser: &mut BrowserCookies,
        form: &Parameters,
        login: AcceptedLogin,
    ) -> String {
        let challenge = self.to_login(browser, form);
        let url = run(self.authorization().accept_login(&challenge, login));
        match self.open(browser, &parameters(&url.expect("the login is accepted"))) {
            Ok(NextStop::Consent { challenge, .. }) => challenge.reveal().to_owned(),
            other => panic!("the browser goes to the consent page, not to {other:?}"),
        }
    }

    /// The code of a sign-in.
    pub(crate) fn code(
        &self,
        browser: &mut BrowserCookies,
        form: &Parameters,
        login: AcceptedLogin,
        consent: AcceptedConsent,
    ) -> String {
        let challenge = self.to_consent(browser, form, login);
        let url = run(self.authorization().accept_consent(&challenge, consent));
        match self.open(browser, &parameters(&url.expect("the consent is accepted"))) {
            Ok(NextStop::Client { code, .. }) => code.reveal().to_owned(),
            other => panic!("the browser goes to the client, not to {other:?}"),
        }
    }

    /// The code of a new sign-in in a new browser.
    pub(crate) fn new_code(&self) -> String {
        let consent = consent(&["openid", "offline_access"]);
        self.code(&mut BrowserCookies::default(), &request(&[]), login(), consent)
    }

    /// The tokens of a new sign-in in a new browser.
    pub(crate) fn signed_in(&self) -> IssuedTokens {
        let code = self.new_code();
        self.issue(public("shop"), &exchange(&code, &[]))
            .expect("a new code is good")
    }

    pub(crate) fn issue(
        &self,
        credentials: ClientAuthentication,
        form: &Parameters,
    ) -> Result<IssuedTokens, Denied> {
        run(self.tokens().issue(TokenRequest {
            form,
            credentials: Ok(credentials),
        }))
    }

    /// Refreshes as the client `shop`.
    pub(crate) fn refresh(&self, token: &str) -> Result<IssuedTokens, Denied> {
        self.issue(public("shop"), &refreshing(token, &[]))
    }

    /// Whether introspection reports a token as active.
    pub(crate) fn is_active(&self, token: &str) -> bool {
        use crate::tokens::service::Introspection;
        let seen = run(self.tokens().introspect(token, ""));
        !matches!(seen.expect("the store answers"), Introspection::Inactive)
    }
}

/// The refresh token among issued tokens.
pub(crate) fn refresh_token(tokens: &IssuedTokens) -> &str {
    let token = tokens.refresh_token.as_ref().map(Token::reveal);
    token.expect("the grant can be refreshed")
}

/// The registration of an app without a secret.
pub(crate) fn registration(id: &str) -> Registration {
    Registration {
        id: Some(id.to_owned()),
        secret: None,
        client: OAuthClient {
            id: String::new(),
            secret: None,
            auth_method: AuthMethod::None,
            grant_types: vec![GrantType::AuthorizationCode, GrantType::RefreshToken],
            redirect_uris: vec![CALLBACK.into()],
            post_logout_redirect_uris: vec![BYE.into()],
            scopes: ["openid", "offline_access", "admin"].map(str::to_owned).into(),
            audience: vec!["akinai".into(), "nightly".into()],
            lifespans: BTreeMap::new(),
        },
        profile: ClientProfile::default(),
    }
}

pub(crate) fn run<T>(future: impl Future<Output = T>) -> T {
    futures::executor::block_on(future)
}

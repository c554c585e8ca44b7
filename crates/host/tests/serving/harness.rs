//! An application of two probes: `front` is public, and `back` is private.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use tempfile::TempDir;

/// The grants and routes that most tests need.
pub(crate) const MANIFEST: &str = r#"
    [[trigger.http]]
    route = "/..."
    component = "front"
    [[trigger.http]]
    route = { private = true }
    component = "back"
    [component.front]
    source = "probe.wasm"
    allowed_outbound_hosts = ["http://back.spin.internal", "http://front.spin.internal", "http://self"]
    [component.back]
    source = "probe.wasm"
"#;

/// An application, served in this process.
pub(crate) struct Host {
    pub(crate) server: host::Server,
    pub(crate) client: Client<HttpConnector, Full<Bytes>>,
}

/// A whole response.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    /// The answer of the probe. Fails the test if the probe could not execute the request.
    pub(crate) fn json(&self) -> Value {
        assert_eq!(
            self.status,
            StatusCode::OK,
            "the probe should do what the test asks: {self:?}"
        );
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

impl Host {
    pub(crate) async fn start() -> Self {
        Self::with(MANIFEST, host::Limits::default()).await
    }

    pub(crate) async fn limited(change: impl FnOnce(&mut host::Limits)) -> Self {
        let mut limits = host::Limits::default();
        change(&mut limits);
        Self::with(MANIFEST, limits).await
    }

    pub(crate) async fn with(manifest: &str, limits: host::Limits) -> Self {
        let app = load(manifest, limits)
            .await
            .unwrap_or_else(|error| panic!("the application should load: {error}"));
        let server = app
            .serve(SocketAddr::from(([127, 0, 0, 1], 0)))
            .await
            .expect("a free port can be listened on");
        Self {
            server,
            client: Client::builder(TokioExecutor::new()).build_http(),
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.server.local_addr())
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(self.url(path))).await
    }

    pub(crate) async fn send(&self, request: http::request::Builder) -> Answer {
        answer(
            &self.client,
            request.body(Full::default()).expect("a valid request"),
        )
        .await
    }

    /// Lets `front` send a GET to `url`, and returns its result: `{status, body}` or `{error}`.
    pub(crate) async fn fetch(&self, url: &str) -> Value {
        let body = Full::from(json!({ "url": url }).to_string());
        answer(
            &self.client,
            Request::post(self.url("/http"))
                .body(body)
                .expect("a valid request"),
        )
        .await
        .json()
    }

    /// Sends a GET from a new task, and waits until it has probably arrived.
    pub(crate) async fn start_get(&self, path: &str) -> tokio::task::JoinHandle<Answer> {
        let (client, url) = (self.client.clone(), self.url(path));
        let request = Request::get(url).body(Full::default()).expect("a valid request");
        let started = tokio::spawn(async move { answer(&client, request).await });
        tokio::time::sleep(Duration::from_millis(200)).await;
        started
    }
}

pub(crate) async fn answer(
    client: &Client<HttpConnector, Full<Bytes>>,
    request: Request<Full<Bytes>>,
) -> Answer {
    let (parts, body) = client
        .request(request)
        .await
        .expect("the host answers")
        .into_parts();
    let body = body.collect().await.expect("the answer arrives whole").to_bytes();
    Answer {
        status: parts.status,
        headers: parts.headers,
        body,
    }
}

/// Loads an application of probes. `probe.wasm` in `components` stands for the probe's file.
pub(crate) async fn load(components: &str, limits: host::Limits) -> Result<host::App, host::LoadError> {
    let folder = folder(components);
    let mut config = host::Config::new(folder.path().join("spin.toml"));
    config.limits = limits;
    config.cache_dir = Some(Path::new(env!("CARGO_TARGET_TMPDIR")).join("components"));
    host::App::load(config).await
}

/// A folder with a manifest in it.
fn folder(components: &str) -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let components = components.replace("probe.wasm", &probe().display().to_string());
    let manifest = format!("spin_manifest_version = 2\n[application]\nname = \"probes\"\n{components}");
    std::fs::write(folder.path().join("spin.toml"), manifest).expect("the manifest can be written");
    folder
}

fn probe() -> PathBuf {
    let wasm =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/wasm/wasm32-wasip2/component/probe.wasm");
    assert!(
        wasm.exists(),
        "{} is missing: run `cargo xtask test -- serving`, which builds it",
        wasm.display()
    );
    wasm
}

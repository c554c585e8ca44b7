//! The example for other projects, `examples/greeter`, called as its README says: by curl and by grpcurl.

use std::process::Stdio;

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;
use xtask::workspace::Workspace;

use super::go::is_missing;
use super::grpcurl::grpcurl_for;
use super::{Service, printed};

async fn greeter() -> Service {
    Service::of("examples/greeter/spin.toml").await
}

/// The output of curl for a call of `Greet`: the answer with any status.
async fn greeted(greeter: &Service, request: &Value) -> Value {
    let url = format!("{}/greeter.v1.GreeterService/Greet", greeter.url());
    let mut curl = Command::new("curl");
    curl.args(["-s", &url, "-H", "content-type: application/json", "-d"])
        .arg(request.to_string());
    let answer = printed(&mut curl).await;
    serde_json::from_str(&answer).unwrap_or_else(|error| panic!("an answer must be JSON ({error}): {answer}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn curl_calls_the_unary_method_of_the_example() {
    let greeter = greeter().await;
    assert_eq!(
        greeted(&greeter, &json!({ "name": "みな" })).await,
        json!({ "greeting": "Hello, みな!" })
    );
    assert_eq!(
        greeted(&greeter, &json!({ "name": " " })).await,
        json!({ "code": "invalid_argument", "message": "name is empty: send a name" })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn grpcurl_calls_the_bidirectional_stream_of_the_example() {
    if is_missing() {
        return;
    }
    let greeter = greeter().await;
    let requests = "{\"name\": \"Mina\"}\n{\"name\": \"Ken\"}\n{}\n";
    let answer = streamed(&greeter, requests).await;
    let greetings: Vec<Value> = serde_json::Deserializer::from_slice(&answer.stdout)
        .into_iter()
        .collect::<Result<_, _>>()
        .expect("each answer is JSON");
    assert_eq!(
        greetings,
        [
            json!({ "greeting": "Hello, Mina!" }),
            json!({ "greeting": "Hello, Ken!" })
        ],
        "one greeting for each name, in order"
    );
    let log = String::from_utf8_lossy(&answer.stderr);
    assert!(
        log.contains("Code: InvalidArgument") && log.contains("name is empty: send a name"),
        "the empty name must end the stream with an error: {log}"
    );
}

/// The output of grpcurl for `GreetEach` with these requests.
async fn streamed(greeter: &Service, requests: &str) -> std::process::Output {
    let contract = Workspace::here().root().join("examples/greeter/proto");
    let contract = contract.to_str().expect("a path in UTF-8");
    let options = [
        "-import-path",
        contract,
        "-proto",
        "greeter/v1/greeter.proto",
        "-d",
        "@",
    ];
    let method = ["greeter.v1.GreeterService/GreetEach"];
    let mut grpcurl = grpcurl_for(greeter.address(), &options, &method);
    grpcurl
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut running = grpcurl.spawn().expect("grpcurl starts");
    let mut stdin = running.stdin.take().expect("grpcurl has a standard input");
    stdin.write_all(requests.as_bytes()).await.expect("grpcurl reads");
    drop(stdin);
    running.wait_with_output().await.expect("grpcurl ends")
}

//! The client of this crate, calling its router.

use akinai_connect::{Client, Code, InMemory, Router};
use akinai_connect_test_schema::testing::v1::{CountRequest, EchoServiceClient, LookRequest, WaitRequest};
use futures::StreamExt as _;

use super::{COUNT, STREAM, answer_of, texts};
use crate::support;
use crate::support::envelopes::envelope;

fn client() -> EchoServiceClient<InMemory> {
    EchoServiceClient::new(InMemory::new(support::router().into()))
}

fn count(to: u32, error_code: &str) -> CountRequest {
    CountRequest {
        to,
        error_code: error_code.to_owned(),
        ..CountRequest::default()
    }
}

#[tokio::test]
async fn client_reads_streams() {
    let mut counting = client().count(Default::default(), count(3, "")).await.unwrap();
    assert_eq!(counting.headers()["x-counting"], "yes");
    let mut numbers = Vec::new();
    while let Some(answer) = counting.next().await {
        numbers.push(answer.unwrap().number);
    }
    assert_eq!(numbers, [1, 2, 3]);
    assert_eq!(counting.trailers()["x-counted"], "3");

    let failing = client()
        .count(Default::default(), count(1, "data_loss"))
        .await
        .unwrap();
    let answers: Vec<_> = failing.collect().await;
    assert_eq!(answers[0].as_ref().unwrap().number, 1);
    let error = answers[1].as_ref().unwrap_err();
    assert_eq!(
        (error.code(), error.message()),
        (Code::DataLoss, "counted enough")
    );
    assert_eq!(error.metadata()["x-tired"], "yes");
    assert_eq!(answers.len(), 2, "nothing comes after an error");
}

#[tokio::test]
async fn the_client_speaks_gzip() {
    let router = support::router();
    let client = EchoServiceClient::with(Client::new(InMemory::new(router.into())).gzip());
    let text = "marmalade ".repeat(1000);
    let looked = client
        .look(Default::default(), LookRequest { text: text.clone() })
        .await
        .unwrap();
    assert_eq!(looked.message.text, text);
    let request = CountRequest {
        padding: text.clone(),
        ..count(2, "")
    };
    let counting = client.count(Default::default(), request).await.unwrap();
    let answers: Vec<_> = counting.collect().await;
    assert_eq!(answers.len(), 2);
    assert_eq!(answers[1].as_ref().unwrap().padding, text);
}

#[tokio::test]
async fn client_in_a_router_relays_streams() {
    let server = akinai_connect_test_schema::testing::v1::EchoServiceServer::new(client());
    let proxy = Router::new().service(server);
    let body = envelope(0, r#"{"to":1,"errorCode":"aborted"}"#);
    let answer = answer_of(&proxy, "POST", COUNT, STREAM, body).await;
    assert_eq!(answer.headers["x-counting"], "yes");
    let envelopes = texts(&answer.body);
    assert_eq!(envelopes[0], (0, r#"{"number":1}"#.to_owned()));
    assert!(envelopes[1].1.contains(r#""code":"aborted""#), "{envelopes:?}");
}

#[tokio::test]
async fn dropped_call_is_also_dropped_at_the_server() {
    let client = client();
    let call = client.wait(Default::default(), WaitRequest {});
    let before = support::dropped();
    let result = tokio::time::timeout(std::time::Duration::from_millis(20), call).await;
    assert!(result.is_err(), "the method waits for ever");
    assert_eq!(
        support::dropped(),
        before + 1,
        "dropping the call ends the method"
    );
}

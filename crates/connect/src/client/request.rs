//! What goes out with a call: its head, and the messages in the form that its protocol has for them.

use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::channel::oneshot;
use futures::future::{self, Either, FutureExt as _, LocalBoxFuture, select};
use futures::stream::{Stream, StreamExt as _};
use http_body::Frame;

use crate::{Body, ConnectError};

/// Ready when a call's stream of requests has failed; never, when that ends well.
pub(super) type Failure = LocalBoxFuture<'static, ConnectError>;

/// The body for a stream of requests, and how the call learns that one of them is an error. The body does not end then:
/// the server must not take what it has for everything, so the call is given up instead.
pub(super) fn body(requests: impl Stream<Item = Result<Bytes, ConnectError>> + 'static) -> (Body, Failure) {
    let (tell, told) = oneshot::channel();
    let mut tell = Some(tell);
    let frames = requests.then(move |request| {
        let tell = request.is_err().then(|| tell.take()).flatten();
        async move {
            match request {
                Ok(message) => Frame::data(message),
                Err(error) => {
                    // A call that is over has no use for it.
                    let _ = tell.map(|tell| tell.send(error));
                    future::pending().await
                }
            }
        }
    });
    let failure = told.then(|told| match told {
        Ok(error) => Either::Left(future::ready(error)),
        Err(oneshot::Canceled) => Either::Right(future::pending()),
    });
    (Body::stream(frames), failure.boxed_local())
}

/// Waits for `work`, which a failure of the call's requests ends.
pub(super) async fn unless_failed<T>(
    failure: Option<&mut Failure>,
    work: impl Future<Output = Result<T, ConnectError>>,
) -> Result<T, ConnectError> {
    let Some(failure) = failure else {
        return work.await;
    };
    match select(std::pin::pin!(work), failure).await {
        Either::Left((result, _)) => result,
        Either::Right((error, _)) => Err(error),
    }
}

/// What is left until a deadline.
///
/// # Errors
/// `deadline_exceeded` where that is less than what the protocols can say.
pub(super) fn left_until(deadline: Instant) -> Result<Duration, ConnectError> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left < Duration::from_millis(1) {
        return Err(ConnectError::deadline_exceeded(
            "the time for this request ran out before a call it needs",
        ));
    }
    Ok(left)
}

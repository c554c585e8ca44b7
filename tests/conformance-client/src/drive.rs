//! Calls of each kind: when messages are sent and read, and when the calls are cancelled.

use std::cell::Cell;
use std::future::pending;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use connect::{ConnectError, MessageStream, Response, Streaming};
use futures::channel::{mpsc, oneshot};
use futures::future::{Either, FutureExt as _, LocalBoxFuture, select};
use futures::stream::{self, StreamExt as _};
use spin_adapters::clock::sleep;

use crate::call::Seen;
use crate::proto::v1::ConformancePayload;

/// The times of a call's actions.
pub(crate) struct Plan {
    /// How long to wait before each request.
    pub(crate) delay: Duration,
    /// When to cancel the call.
    pub(crate) cancel: Option<Cancel>,
}

/// When to cancel a call.
#[derive(Clone, Copy)]
pub(crate) enum Cancel {
    /// After the last request, instead of ending the requests.
    InsteadOfEnd,
    /// This time after the end of the requests.
    AfterEnd(Duration),
    /// After this number of answers.
    AfterAnswers(usize),
}

/// A future that is ready when the call must be cancelled.
type Given = LocalBoxFuture<'static, ()>;

/// A call's requests as a stream.
pub(crate) struct Requests<M> {
    pub(crate) stream: MessageStream<M>,
    pub(crate) sent: Sent,
    /// The number of requests that are not sent yet.
    pub(crate) left: Rc<Cell<usize>>,
}

/// Gets a message when the last request has been sent.
pub(crate) struct Sent(oneshot::Receiver<()>);

impl Sent {
    /// A future that is ready when the call must be cancelled after the last request.
    pub(crate) fn cancel(self, cancel: Option<Cancel>) -> Given {
        let delay = match cancel {
            Some(Cancel::InsteadOfEnd) => Duration::ZERO,
            Some(Cancel::AfterEnd(delay)) => delay,
            Some(Cancel::AfterAnswers(_)) | None => return pending().boxed_local(),
        };
        async move {
            match self.0.await {
                Ok(()) => wait(delay).await,
                Err(oneshot::Canceled) => pending().await,
            }
        }
        .boxed_local()
    }
}

impl<M: 'static> Requests<M> {
    pub(crate) fn new(messages: Vec<M>, plan: &Plan) -> Self {
        let (tell, told) = oneshot::channel();
        let left = Rc::new(Cell::new(messages.len()));
        let (delay, ends) = (plan.delay, !matches!(plan.cancel, Some(Cancel::InsteadOfEnd)));
        let state = (messages.into_iter(), tell, left.clone());
        let stream = stream::unfold(state, move |(mut messages, tell, left)| async move {
            let Some(message) = messages.next() else {
                // Only a call that is over does not listen.
                let _ = tell.send(());
                return if ends { None } else { pending().await };
            };
            wait(delay).await;
            left.set(messages.len());
            Some((Ok(message), (messages, tell, left)))
        });
        Self {
            stream: stream.boxed_local(),
            sent: Sent(told),
            left,
        }
    }
}

/// A call of one request for one answer.
pub(crate) async fn one<M>(
    call: impl Future<Output = Result<Response<M>, ConnectError>>,
    payload: impl Fn(M) -> Option<ConformancePayload>,
    cancel: Option<Cancel>,
    seen: &mut Seen,
) {
    one_of_many(call, payload, after_end(cancel), seen).await;
}

/// A call of many requests for one answer.
pub(crate) async fn one_of_many<M>(
    call: impl Future<Output = Result<Response<M>, ConnectError>>,
    payload: impl Fn(M) -> Option<ConformancePayload>,
    given: Given,
    seen: &mut Seen,
) {
    match select(pin!(call), given).await {
        Either::Left((Ok(response), _)) => {
            seen.began(response.headers);
            seen.answered(payload(response.message));
            seen.succeeded(response.trailers);
        }
        Either::Left((Err(error), _)) => seen.failed(error),
        Either::Right(_) => seen.canceled(),
    }
}

/// A call of one request for many answers.
pub(crate) async fn many<M>(
    call: impl Future<Output = Result<Streaming<M>, ConnectError>>,
    payload: impl Fn(M) -> Option<ConformancePayload>,
    cancel: Option<Cancel>,
    seen: &mut Seen,
) {
    many_of_many(call, payload, cancel, after_end(cancel), seen).await;
}

/// A call of many requests for many answers, which are read as they come.
pub(crate) async fn many_of_many<M>(
    call: impl Future<Output = Result<Streaming<M>, ConnectError>>,
    payload: impl Fn(M) -> Option<ConformancePayload>,
    cancel: Option<Cancel>,
    given: Given,
    seen: &mut Seen,
) {
    let read = async {
        match call.await {
            Ok(answers) => rest(begun(answers, seen), payload, cancel, seen).await,
            Err(error) => seen.never_began(error),
        }
    };
    if !until(given, read).await {
        seen.canceled();
    }
}

/// A call of many requests for many answers, of which each answer is awaited before the next request.
pub(crate) async fn in_turns<Req: 'static, Res, C>(
    call: impl FnOnce(MessageStream<Req>) -> C,
    requests: Vec<Req>,
    payload: impl Fn(Res) -> Option<ConformancePayload>,
    plan: &Plan,
    seen: &mut Seen,
) where
    C: Future<Output = Result<Streaming<Res>, ConnectError>>,
{
    let (send, sent) = mpsc::unbounded();
    let mut call = Some(Box::pin(call(sent.map(Ok).boxed_local())));
    let mut answers = None;
    for request in requests {
        wait(plan.delay).await;
        // Refused only where the call is over, which the answers tell.
        let _ = send.unbounded_send(request);
        if let Some(call) = call.take() {
            match call.await {
                Ok(begins) => answers = Some(begun(begins, seen)),
                Err(error) => return seen.never_began(error),
            }
        }
        match next(&mut answers).await {
            Some(Ok(answer)) => seen.answered(payload(answer)),
            Some(Err(error)) => return seen.failed(error),
            None => break,
        }
        if plan.is_enough(seen) {
            return seen.canceled();
        }
    }
    if let Some(Cancel::InsteadOfEnd) = plan.cancel {
        return seen.canceled();
    }
    drop(send);
    let read = async {
        match (call, answers) {
            (Some(call), _) => match call.await {
                Ok(begins) => rest(begun(begins, seen), payload, plan.cancel, seen).await,
                Err(error) => seen.never_began(error),
            },
            (None, Some(answers)) => rest(answers, payload, plan.cancel, seen).await,
            (None, None) => {}
        }
    };
    if !until(after_end(plan.cancel), read).await {
        seen.canceled();
    }
}

/// Reads until the end, or until the call is cancelled. In the second case the reading is dropped, and the call with it. Returns
/// whether it read to the end.
async fn until(given: Given, reading: impl Future<Output = ()>) -> bool {
    matches!(select(pin!(reading), given).await, Either::Left(_))
}

impl Plan {
    /// Whether the call must be cancelled after this number of answers.
    fn is_enough(&self, seen: &Seen) -> bool {
        is_enough(self.cancel, seen)
    }
}

fn is_enough(cancel: Option<Cancel>, seen: &Seen) -> bool {
    matches!(cancel, Some(Cancel::AfterAnswers(most)) if seen.answers() >= most)
}

fn begun<M>(answers: Streaming<M>, seen: &mut Seen) -> Streaming<M> {
    seen.began(answers.headers().clone());
    answers
}

async fn next<M>(answers: &mut Option<Streaming<M>>) -> Option<Result<M, ConnectError>> {
    answers.as_mut()?.next().await
}

/// Reads answers to their end, or until there are enough.
async fn rest<M>(
    mut answers: Streaming<M>,
    payload: impl Fn(M) -> Option<ConformancePayload>,
    cancel: Option<Cancel>,
    seen: &mut Seen,
) {
    while let Some(answer) = answers.next().await {
        match answer {
            Ok(answer) => seen.answered(payload(answer)),
            Err(error) => return seen.failed(error),
        }
        if is_enough(cancel, seen) {
            return seen.canceled();
        }
    }
    seen.succeeded(answers.trailers());
}

/// The time at which a call must be cancelled after its request has been sent.
fn after_end(cancel: Option<Cancel>) -> Given {
    match cancel {
        Some(Cancel::AfterEnd(delay)) => wait(delay).boxed_local(),
        Some(Cancel::InsteadOfEnd | Cancel::AfterAnswers(_)) | None => pending().boxed_local(),
    }
}

async fn wait(time: Duration) {
    if !time.is_zero() {
        sleep(time).await;
    }
}

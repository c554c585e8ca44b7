//! The states of an order as a stream. The stream polls Postgres, because changes can come from any host (docs/decisions/0013).

use std::time::{Duration, Instant};

use futures::{
    StreamExt as _,
    stream::{self, LocalBoxStream},
};
use kernel::{Caller, OrderId};
use spin_adapters::clock;

use crate::{
    domain::Order,
    service::{Error, Orders, Shop},
};

/// A state of an order, or the error that ends the stream.
pub(crate) type State = Result<Order, Error>;

/// The upper bound of the first pause before the next read by primary key; each further pause is twice as long. Checkout takes
/// some tens of milliseconds.
const FIRST_PAUSE: Duration = Duration::from_millis(125);

/// The upper bound of all pauses: after checkout, an order only changes by a user's or an admin's request.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// The duration of a stream: less than the host's time limit for a request, 30 s.
const DURATION: Duration = Duration::from_secs(25);

/// The position in a stream of states.
struct Watch<S, P> {
    shop: Shop<S, P>,
    caller: Caller,
    order: OrderId,
    /// The version that was sent last.
    seen: u64,
    until: Instant,
    pause: Duration,
}

/// The current state of an order, and each later state until the last one.
///
/// # Errors
/// The order does not exist, or is out of the caller's access scope.
pub(crate) async fn begin<S: Orders + 'static, P: 'static>(
    shop: Shop<S, P>,
    caller: Caller,
    id: &str,
) -> Result<LocalBoxStream<'static, State>, Error> {
    let order = shop.get_order(&caller, id).await?;
    let watch = Watch {
        shop,
        caller,
        order: order.id,
        seen: order.version,
        until: Instant::now() + DURATION,
        pause: FIRST_PAUSE,
    };
    let next = watch.unless_final(&order);
    let changes = stream::unfold(next, |next| async move {
        let mut watch = next?;
        match watch.next().await {
            Ok(order) => {
                let order = order?;
                let next = watch.unless_final(&order);
                Some((Ok(order), next))
            }
            Err(error) => Some((Err(error), None)),
        }
    });
    Ok(stream::iter([Ok(order)]).chain(changes).boxed_local())
}

impl<S: Orders, P> Watch<S, P> {
    /// `None` if no state can follow this one.
    fn unless_final(self, order: &Order) -> Option<Self> {
        (!order.status.is_final()).then_some(self)
    }

    /// The next state; `None` when the stream's time is over.
    async fn next(&mut self) -> Result<Option<Order>, Error> {
        while Instant::now() < self.until {
            clock::sleep(clock::scattered(self.pause)).await;
            self.pause = LONGEST_PAUSE.min(self.pause * 2);
            let newer = self.shop.newer_order(&self.caller, self.order, self.seen).await?;
            if let Some(order) = newer {
                self.seen = order.version;
                return Ok(Some(order));
            }
        }
        Ok(None)
    }
}

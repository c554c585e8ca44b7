//! Following an order: by looking for a newer version of it now and then, in Postgres, which knows whatever any host did.

use std::time::{Duration, Instant};

use api::order::v1::WatchOrderResponse;
use connect::{ConnectError, MessageStream};
use futures::{StreamExt as _, stream};
use kernel::{Caller, OrderId};
use platform::clock;

use crate::{Shop, domain::Order, service::Error};

/// The longest first pause before it looks again, a read by primary key; each further one is twice as long. An order that
/// is being placed is so for some tens of milliseconds.
const FIRST_PAUSE: Duration = Duration::from_millis(125);

/// The longest pause there is: an order that is placed changes when somebody does something.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// How long a stream lasts: less than what a host gives a request.
const LONGEST: Duration = Duration::from_secs(25);

/// Somebody who follows an order.
pub(crate) struct Watch {
    shop: Shop,
    caller: Caller,
    order: OrderId,
    /// The version that was sent last.
    seen: u64,
    until: Instant,
    pause: Duration,
}

impl Watch {
    /// Sends this state of the order, and each one that follows, until the last; `refuse` says what becomes of an error.
    pub(crate) fn begin(
        shop: Shop,
        caller: Caller,
        order: Order,
        refuse: impl Fn(Error) -> ConnectError + 'static,
    ) -> MessageStream<WatchOrderResponse> {
        let watch = Self {
            shop,
            caller,
            order: order.id,
            seen: order.version,
            until: Instant::now() + LONGEST,
            pause: FIRST_PAUSE,
        };
        let left = (!order.status.is_final()).then_some((watch, refuse));
        let changes = stream::unfold(left, |left| async move {
            let (mut watch, refuse) = left?;
            match watch.next().await {
                Ok(order) => {
                    let order = order?;
                    let left = (!order.status.is_final()).then_some((watch, refuse));
                    Some((Ok(message(order)), left))
                }
                Err(error) => Some((Err(refuse(error)), None)),
            }
        });
        stream::iter([Ok(message(order))]).chain(changes).boxed_local()
    }

    /// The next state; none when the time is up.
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

fn message(order: Order) -> WatchOrderResponse {
    WatchOrderResponse {
        order: Some(order.into()),
    }
}

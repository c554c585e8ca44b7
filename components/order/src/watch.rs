//! Following an order: by looking for a newer version of it now and then, in Postgres, which knows whatever any host did.

use std::time::{Duration, Instant};

use futures::{
    StreamExt as _,
    stream::{self, LocalBoxStream},
};
use kernel::{Caller, OrderId};
use spin_adapters::clock;

use crate::{Shop, domain::Order, service::Error};

/// The states of an order. An error is the last that comes.
pub(crate) type States = LocalBoxStream<'static, Result<Order, Error>>;

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
    /// The state of an order now, and each one that follows, until the last.
    pub(crate) async fn begin(shop: Shop, caller: Caller, id: &str) -> Result<States, Error> {
        let order = shop.get_order(&caller, id).await?;
        let watch = Self {
            shop,
            caller,
            order: order.id,
            seen: order.version,
            until: Instant::now() + LONGEST,
            pause: FIRST_PAUSE,
        };
        let left = watch.unless_over(&order);
        let changes = stream::unfold(left, |left| async move {
            let mut watch = left?;
            match watch.next().await {
                Ok(order) => {
                    let order = order?;
                    let left = watch.unless_over(&order);
                    Some((Ok(order), left))
                }
                Err(error) => Some((Err(error), None)),
            }
        });
        Ok(stream::iter([Ok(order)]).chain(changes).boxed_local())
    }

    /// Whoever follows this order still, if anything can follow this state of it.
    fn unless_over(self, order: &Order) -> Option<Self> {
        (!order.status.is_final()).then_some(self)
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

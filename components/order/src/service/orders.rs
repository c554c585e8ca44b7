//! Reading, watching and cancelling orders.

use kernel::{Caller, ListScope, OrderId, Page, PageRequest, Violations};

use super::{Due, Error, Inventory, Orders, Shop};
use crate::domain::{Order, Reach, Status};

/// Which orders are wanted, as the caller said it.
pub(crate) struct ListOrders<'a> {
    pub(crate) page_size: i32,
    pub(crate) page_token: &'a str,
    pub(crate) status: Option<Status>,
}

impl<S: Orders, P> Shop<S, P> {
    /// One order, for its user and for admins.
    pub(crate) async fn get_order(&self, caller: &Caller, id: &str) -> Result<Order, Error> {
        let (reach, id) = within_reach(caller, id)?;
        Ok(self.find(reach, id).await?.0)
    }

    /// An order, if it has changed since this version; for its user and for admins.
    pub(crate) async fn newer_order(
        &self,
        caller: &Caller,
        id: OrderId,
        than: u64,
    ) -> Result<Option<Order>, Error> {
        let reach = Reach::of(caller).ok_or(Error::Unauthenticated)?;
        Ok(self.store.newer(reach, id, than).await?)
    }

    /// A page of the caller's orders, for users, or of everybody's, for admins.
    pub(crate) async fn list_orders(
        &self,
        caller: &Caller,
        request: ListOrders<'_>,
    ) -> Result<Page<Order>, Error> {
        let reach = Reach::of(caller).ok_or(Error::Unauthenticated)?;
        let scope = scope(reach, request.status);
        let page =
            PageRequest::parse(request.page_size, request.page_token, scope).map_err(Error::Invalid)?;
        // One more than asked for tells whether there is a next page.
        let limit = page.size.get() + 1;
        let orders = self.store.list(reach, request.status, page.token, limit).await?;
        Ok(Page::cut(orders, &page, |order| order.id.uuid()))
    }

    async fn find(&self, reach: Reach, id: OrderId) -> Result<(Order, Due), Error> {
        self.store.find(reach, id).await?.ok_or(Error::NotFound)
    }
}

impl<S: Orders, P: Inventory> Shop<S, P> {
    /// Cancels a confirmed order, for its user and for admins. Its stock goes back at once if that can be done, and else
    /// with the reconciler: the second value says why it could not, for the log.
    pub(crate) async fn cancel_order(
        &self,
        caller: &Caller,
        id: &str,
    ) -> Result<(Order, Option<String>), Error> {
        let (reach, id) = within_reach(caller, id)?;
        self.store.cancel(reach, id).await?;
        let (order, due) = self.find(reach, id).await?;
        match order.status {
            Status::Cancelled => {}
            Status::Rejected => return Err(Error::NothingToCancel),
            // What was not confirmed when it was to be cancelled may be so by now.
            Status::Pending | Status::Confirmed => return Err(Error::StillPending),
        }
        let left = match due {
            Due(true) => self.restock(id).await.err(),
            Due(false) => None,
        };
        Ok((order, left.map(|error| error.to_string())))
    }

    /// Returns the stock of a cancelled order. Once, however often this is called: the stock sees to that.
    pub(super) async fn restock(&self, id: OrderId) -> Result<(), Error> {
        match self.product.restock(id).await {
            Ok(()) => Ok(self.store.restocked(id).await?),
            Err(error) => Err(Error::Unfinished(error.to_string())),
        }
    }
}

/// The list of the orders that a caller reaches, of one status or of all.
fn scope(reach: Reach, status: Option<Status>) -> ListScope {
    let whose = match reach {
        Reach::All => "everybody".to_owned(),
        Reach::Own(user) => user.to_string(),
    };
    ListScope::of("orders", [whose.as_str(), status.map_or("", Status::name)])
}

fn within_reach(caller: &Caller, id: &str) -> Result<(Reach, OrderId), Error> {
    let reach = Reach::of(caller).ok_or(Error::Unauthenticated)?;
    let id = id
        .parse()
        .map_err(|error| Error::Invalid(Violations::one("id", error)))?;
    Ok((reach, id))
}

//! Reading, watching and cancelling orders.

use kernel::{AccessScope, Caller, ListScope, OrderId, Page, PageRequest, Violations};

use super::{Error, Inventory, Orders, RestockDue, Shop};
use crate::domain::{Order, Status};

/// An unparsed request for a page of orders.
pub(crate) struct ListOrders<'a> {
    pub(crate) page_size: i32,
    pub(crate) page_token: &'a str,
    pub(crate) status: Option<Status>,
}

impl<S: Orders, P> Shop<S, P> {
    /// One order, for its user and for admins.
    pub(crate) async fn get_order(&self, caller: &Caller, id: &str) -> Result<Order, Error> {
        let (scope, id) = scope_and_id(caller, id)?;
        Ok(self.find(scope, id).await?.0)
    }

    /// An order, if it has changed since this version; for its user and for admins.
    pub(crate) async fn newer_order(
        &self,
        caller: &Caller,
        id: OrderId,
        version: u64,
    ) -> Result<Option<Order>, Error> {
        let scope = AccessScope::of(caller).ok_or(Error::Unauthenticated)?;
        Ok(self.store.find_newer(scope, id, version).await?)
    }

    /// A page of the caller's own orders, for users, or of all orders, for admins.
    pub(crate) async fn list_orders(
        &self,
        caller: &Caller,
        request: ListOrders<'_>,
    ) -> Result<Page<Order>, Error> {
        let scope = AccessScope::of(caller).ok_or(Error::Unauthenticated)?;
        let list = list_scope(scope, request.status);
        let page = PageRequest::parse(request.page_size, request.page_token, list)?;
        // One more than requested tells whether there is a next page.
        let limit = page.size.get() + 1;
        let orders = self.store.list(scope, request.status, page.token, limit).await?;
        Ok(Page::cut(orders, &page, |order| order.id.uuid()))
    }

    async fn find(&self, scope: AccessScope, id: OrderId) -> Result<(Order, RestockDue), Error> {
        self.store.find(scope, id).await?.ok_or(Error::NotFound)
    }
}

impl<S: Orders, P: Inventory> Shop<S, P> {
    /// Cancels a confirmed order, for its user and for admins. Its stock is returned at once, or, if that fails, by the reconciler:
    /// the second value is the cause of the failure, for the log.
    pub(crate) async fn cancel_order(
        &self,
        caller: &Caller,
        id: &str,
    ) -> Result<(Order, Option<String>), Error> {
        let (scope, id) = scope_and_id(caller, id)?;
        self.store.cancel(scope, id).await?;
        let (order, due) = self.find(scope, id).await?;
        match order.status {
            Status::Cancelled => {}
            Status::Rejected => return Err(Error::NothingToCancel),
            // A `Confirmed` order was confirmed after the statement that cancels.
            Status::Pending | Status::Confirmed => return Err(Error::StillPending),
        }
        let left = match due {
            RestockDue(true) => self.restock(id).await.err(),
            RestockDue(false) => None,
        };
        Ok((order, left.map(|error| error.to_string())))
    }

    /// Returns the stock of a cancelled order. The stock does so once, however often this is called.
    pub(super) async fn restock(&self, id: OrderId) -> Result<(), Error> {
        match self.product.restock(id).await {
            Ok(()) => Ok(self.store.mark_restocked(id).await?),
            Err(error) => Err(Error::Unfinished(error.to_string())),
        }
    }
}

/// The list of the orders in an access scope, of one status or of all.
fn list_scope(scope: AccessScope, status: Option<Status>) -> ListScope {
    let whose = match scope {
        AccessScope::All => "all users".to_owned(),
        AccessScope::Own(user) => user.to_string(),
    };
    ListScope::of("orders", [whose.as_str(), status.map_or("", Status::name)])
}

fn scope_and_id(caller: &Caller, id: &str) -> Result<(AccessScope, OrderId), Error> {
    let scope = AccessScope::of(caller).ok_or(Error::Unauthenticated)?;
    let id = id.parse().map_err(|error| Violations::one("id", error))?;
    Ok((scope, id))
}

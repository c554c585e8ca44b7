//! Conversions for both adapters: the fields of messages and records, and the code of each error.

use api::product::v1 as message;
use connect::ConnectError;
use rpc_adapters::{
    Convert as _, conversions,
    messages::{invalid_argument, store_error},
    variants,
};

use super::{
    domain::{Item, Reservation, Shortage, Status},
    service::Error,
};
use crate::wit::inventory as record;

conversions! {
    Reservation as reservation => message::Reservation, record::Reservation = {
        order_id: reservation.order, status, items, expires_at, created_at, updated_at,
    };
    Item as item => message::ReservationItem, record::ReservationItem = { product_id: item.product, quantity };
    Shortage as shortage => message::stock_shortage::Item, record::Shortage = {
        product_id: shortage.product, requested, available,
    };
}

variants! {
    Status => message::ReservationStatus as i32, record::ReservationStatus = {
        Reserved, Committed, Released, Restocked
    };
}

/// The only table of the inventory's errors. A client gets an error's own text, unless that contains a cause for the
/// log.
impl From<Error> for ConnectError {
    fn from(error: Error) -> Self {
        let text = error.to_string();
        match error {
            Error::Invalid(violations) => invalid_argument(&violations),
            Error::NotFound => Self::not_found(text),
            Error::Short(shortages) => {
                let items = shortages.convert();
                Self::failed_precondition(text).with_detail(&message::StockShortage { items })
            }
            Error::Closed | Error::NotCommitted => Self::failed_precondition(text),
            Error::Store(error) => {
                store_error(&error, "the stock cannot be reached at the moment; try again")
            }
        }
    }
}

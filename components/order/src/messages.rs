//! The tables of both adapters: the fields of messages and records for each domain type, and the code of each error.

use api::{
    order::v1 as message,
    product::v1::{StockShortage, stock_shortage},
};
use connect::ConnectError;
use rpc_adapters::{
    Convert as _, conversions,
    messages::{invalid_argument, store_error},
    variants,
};
use web::challenge;

use crate::{
    domain::{Address, AddressInput, Cart, CartItem, Note, Order, OrderItem, Shortage, Status},
    service::Error,
    wit::record,
};

conversions! {
    Cart as cart => message::Cart, record::Cart = { items, total_amount: cart.total };
    CartItem as item => message::CartItem, record::CartItem = {
        product_id: item.product, name, unit_price, quantity: item.quantity.get(), available, notes,
    };
    Order as order => message::Order, record::Order = {
        id, user_id: order.user, status, rejection_reason, items, total_amount: order.total,
        shipping_address: order.address, created_at, updated_at,
    };
    OrderItem as item => message::OrderItem, record::OrderItem = {
        product_id: item.product, name, unit_price, quantity: item.quantity.get(),
    };
    Address as address => message::ShippingAddress, record::ShippingAddress = {
        name, postal_code, country, region, city, line1, line2, phone,
    };
    &message::ShippingAddress, &record::ShippingAddress as address => AddressInput = {
        name, postal_code, country, region, city, line1, line2, phone,
    };
    Shortage as shortage => stock_shortage::Item = { product_id: shortage.product, requested, available };
}

variants! {
    Status => message::OrderStatus as i32, record::OrderStatus = { Pending, Confirmed, Cancelled, Rejected };
    record::OrderStatus => Status = { Pending, Confirmed, Cancelled, Rejected };
    Note => message::CartItemNote as i32, record::CartItemNote = {
        PriceChanged, InsufficientStock, OutOfStock, Deleted
    };
}

/// The table of this service's errors. A client gets the text of an error, unless the text names a cause for the log.
impl From<Error> for ConnectError {
    fn from(error: Error) -> Self {
        let text = error.to_string();
        match error {
            Error::Invalid(violations) => invalid_argument(&violations),
            Error::Unauthenticated => challenge::sign_in(),
            // The other services refuse the token of a deleted user in the same way, within a minute.
            Error::CartClosed => challenge::invalid(&text),
            Error::NotFound | Error::NoProduct | Error::NotInCart => Self::not_found(text),
            Error::CartChanging => Self::aborted(text),
            Error::CartFull
            | Error::LineFull
            | Error::NothingToOrder
            | Error::CartTaken
            | Error::NoTotal(_)
            | Error::Rejected(_)
            | Error::StillPending
            | Error::NothingToCancel => Self::failed_precondition(text),
            Error::TotalChanged { expected, actual } => {
                let (expected, actual) = (expected.convert(), actual.convert());
                Self::failed_precondition(text).with_detail(&message::TotalChanged { expected, actual })
            }
            Error::Short(shortages) => {
                let items = shortages.convert();
                Self::failed_precondition(text).with_detail(&StockShortage { items })
            }
            Error::Unfinished(_) => {
                Self::unavailable("the order is not finished; repeat the request with the same key")
            }
            Error::Catalogue(_) => Self::unavailable("the catalogue cannot be read at the moment; try again"),
            Error::Store(error) => store_error(
                &error,
                "orders cannot be reached at the moment; try again, with the same key if there is one",
            ),
        }
    }
}

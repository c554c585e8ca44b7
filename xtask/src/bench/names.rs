//! The names of the targets, as they are printed.

pub(super) const GET_PRODUCT: &str = "GetProduct, platform";
pub(super) const GET_PRODUCT_NATIVE: &str = "GetProduct, native";
pub(super) const LIST_PRODUCTS: &str = "ListProducts, platform";
pub(super) const LIST_PRODUCTS_NATIVE: &str = "ListProducts, native";
pub(super) const SEARCH_PRODUCTS: &str = "ListProducts, query";
pub(super) const GET_USER_SEEN: &str = "GetUser, seen token";
pub(super) const GET_USER_FRESH: &str = "GetUser, fresh tokens";
pub(super) const GET_CART: &str = "GetCart";
pub(super) const CREATE_ORDER: &str = "CreateOrder";
pub(super) const LIST_ORDERS: &str = "ListOrders, first page";
pub(super) const LIST_ORDERS_DEEP: &str = "ListOrders, deep page";
pub(super) const HELLO: &str = "hello component";

/// All of them, in the order in which they are measured and shown.
pub(super) const ALL: [&str; 12] = [
    GET_PRODUCT,
    GET_PRODUCT_NATIVE,
    LIST_PRODUCTS,
    LIST_PRODUCTS_NATIVE,
    SEARCH_PRODUCTS,
    GET_USER_SEEN,
    GET_USER_FRESH,
    GET_CART,
    CREATE_ORDER,
    LIST_ORDERS,
    LIST_ORDERS_DEEP,
    HELLO,
];

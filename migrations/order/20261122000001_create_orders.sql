-- Carts, orders, and what others are to be told of them.
--
-- Users and products live in other schemas: their ids stand here without foreign keys, and what an order needs of a
-- product (name, price) is copied into it.

-- Everything that changes a cart begins with this row, which serializes it: one user's cart waits for nobody else's.
create table carts (
    user_id     uuid primary key,
    -- The products of the living lines. Here, and not counted over the lines: a statement sees the lines as they were when
    -- it began, and this row as it is once it has the lock, so that two additions at once cannot both be the hundredth.
    product_ids uuid[]      not null default '{}',
    -- Raised by every change. An order is of one version, see orders_one_of_a_cart.
    version     bigint      not null default 1 check (version > 0),
    created_at  timestamptz not null default now(),
    updated_at  timestamptz not null default now(),
    deleted_at  timestamptz,

    constraint carts_at_most_100_products check (cardinality(product_ids) <= 100)
);

-- A line that was taken out stays, deleted, until the product is added again or the line is swept away.
create table cart_items (
    user_id    uuid           not null references carts (user_id),
    product_id uuid           not null,
    quantity   integer        not null,
    -- Name and price of when the product was last added: what a change is measured against, and what is left to show of a
    -- product that is gone.
    name       varchar(200)   not null check (name <> ''),
    unit_price decimal(10, 2) not null check (unit_price >= 0),
    currency   char(3)        not null check (currency ~ '^[A-Z]{3}$'),
    created_at timestamptz    not null default now(),
    updated_at timestamptz    not null default now(),
    deleted_at timestamptz,

    primary key (user_id, product_id),
    constraint cart_items_1_to_999_pieces check (quantity between 1 and 999)
);

create index cart_items_deleted on cart_items (deleted_at) where deleted_at is not null;

-- Additions that a caller gave a key to: the same one again adds nothing. Kept for a day.
create table cart_additions (
    user_id     uuid         not null,
    request_key varchar(255) not null,
    product_id  uuid         not null,
    quantity    integer      not null,
    created_at  timestamptz  not null default now(),
    updated_at  timestamptz  not null default now(),
    deleted_at  timestamptz,

    primary key (user_id, request_key)
);

create index cart_additions_oldest on cart_additions (created_at);

create table orders (
    id               uuid primary key,
    user_id          uuid           not null,
    status           varchar(9)     not null default 'pending'
        check (status in ('pending', 'confirmed', 'cancelled', 'rejected')),
    rejection_reason varchar(200),
    total_amount     decimal(10, 2) not null check (total_amount >= 0),
    currency         char(3)        not null check (currency ~ '^[A-Z]{3}$'),
    shipping_address jsonb          not null,
    idempotency_key  varchar(255)   not null,
    -- SHA-256 of the request as it was sent, in hexadecimal digits: whether a repeat is one.
    request_hash     char(64)       not null,
    -- The version of the cart that it is of; null for an order of items that the request named.
    cart_version     bigint,
    -- Cancelled, and its stock not back yet.
    restock_due      boolean        not null default false,
    -- Raised by every change of status: who has this version has the latest state.
    version          bigint         not null default 1 check (version > 0),
    -- Until then a reconciler has it in hand, and others leave it alone.
    claimed_until    timestamptz    not null default '-infinity',
    created_at       timestamptz    not null default now(),
    updated_at       timestamptz    not null default now(),
    deleted_at       timestamptz,

    constraint orders_rejected_for_a_reason check ((status = 'rejected') = (rejection_reason is not null)),
    constraint orders_restock_of_cancelled check (not restock_due or status = 'cancelled')
);

-- A repeat finds its order.
create unique index orders_one_a_key on orders (user_id, idempotency_key);

-- A cart is bought once, whatever keys two tabs use. What was rejected bought nothing.
create unique index orders_one_of_a_cart on orders (user_id, cart_version) where status <> 'rejected';

-- And not again while that is still open, however the cart has changed meanwhile: its lines are still in it.
create unique index orders_one_cart_in_the_making on orders (user_id)
    where status = 'pending' and cart_version is not null;

-- Lists walk one user's orders, or everybody's, newest first, with or without a status. Ids are UUIDv7: the order of the
-- keys is the order of creation, and each list has an index in which every page, the deepest too, begins where it is asked.
create index orders_of_user on orders (user_id, id);
create index orders_of_user_by_status on orders (user_id, status, id);
create index orders_by_status on orders (status, id);

-- What the reconciler looks for.
create index orders_pending on orders (claimed_until, created_at) where status = 'pending';
create index orders_restock_due on orders (claimed_until, updated_at) where restock_due;

create table order_items (
    order_id   uuid           not null references orders (id),
    -- 1 for the first line.
    position   smallint       not null check (position between 1 and 100),
    product_id uuid           not null,
    name       varchar(200)   not null check (name <> ''),
    unit_price decimal(10, 2) not null check (unit_price >= 0),
    quantity   integer        not null check (quantity between 1 and 999),
    -- How many were left, where the order was rejected because that was too few.
    available  integer check (available >= 0),
    created_at timestamptz    not null default now(),
    updated_at timestamptz    not null default now(),
    deleted_at timestamptz,

    primary key (order_id, position),
    constraint order_items_each_product_once unique (order_id, product_id)
);

-- What others are to be told: written with the change that it is about, in one statement, and relayed later.
create table outbox (
    id            uuid primary key default gen_random_uuid(),
    order_id      uuid         not null references orders (id),
    order_version bigint       not null,
    -- Such as 'order.confirmed'.
    kind          varchar(100) not null,
    payload       jsonb        not null,
    relayed_at    timestamptz,
    -- Until then a reconciler is at it.
    claimed_until timestamptz  not null default '-infinity',
    created_at    timestamptz  not null default now(),
    updated_at    timestamptz  not null default now(),
    deleted_at    timestamptz,

    constraint outbox_one_a_change unique (order_id, order_version)
);

create index outbox_waiting on outbox (created_at, order_id, order_version) where relayed_at is null;
create index outbox_relayed on outbox (relayed_at) where relayed_at is not null;

grant select, insert, update, delete on carts, cart_items, cart_additions, orders, order_items, outbox to order_service;

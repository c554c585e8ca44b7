-- The catalogue: what is for sale, and how much of it there is.
--
-- Products and stock are two tables because they change at different rates and for different reasons: a price is edited
-- by a person now and then, a quantity by every order. Updating stock must not rewrite a row that holds a long text.

create table products (
    id          uuid primary key,
    name        varchar(200)   not null check (name <> ''),
    description varchar(2000)  not null default '',
    price       decimal(10, 2) not null check (price >= 0),
    currency    char(3)        not null check (currency ~ '^[A-Z]{3}$'),
    image_url   varchar(500),
    is_deleted  boolean        not null default false,
    created_at  timestamptz    not null default now(),
    updated_at  timestamptz    not null default now(),
    deleted_at  timestamptz,

    constraint products_deleted_together check (is_deleted = (deleted_at is not null))
);

-- Lists walk the living products newest first. Ids are UUIDv7, so the order of the keys is the order of creation, and
-- one partial index serves every page, the deepest as fast as the first.
create index products_living on products (id desc) where not is_deleted;

create table inventory (
    product_id uuid primary key references products (id),
    quantity   integer     not null default 0 check (quantity >= 0),
    reserved   integer     not null default 0 check (reserved >= 0),
    -- Raised by every change of quantity, never by a reservation: what an optimistic UpdateStock compares.
    version    bigint      not null default 1 check (version > 0),
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    deleted_at timestamptz,

    -- The last guard against overselling, whatever the code above it does.
    constraint inventory_reserved_within_quantity check (reserved <= quantity)
);

-- The service's own role reads and writes rows; tables belong to the role that migrates, so a component that is broken
-- into can neither alter nor drop them.
grant select, insert, update, delete on products, inventory to product_service;

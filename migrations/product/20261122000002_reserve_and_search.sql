-- Stock held for orders, and a search that does not read the whole catalogue.

-- The inventory of a product that was taken out of the catalogue says so itself: a reservation locks this row and no other,
-- so it meets a deletion here or not at all.
update inventory set deleted_at = products.deleted_at
from products where products.id = inventory.product_id and products.is_deleted;

-- What is held for an order, or was taken by it. The order is the key, so whatever is repeated finds what was done.
--
-- Whoever changes a reservation locks the inventory of its products first, in the order of their keys, then its row here.
-- Rows are never removed: a released one keeps the door closed to a reservation that arrives late.
create table reservations (
    order_id   uuid primary key,
    status     varchar(10) not null check (status in ('reserved', 'committed', 'released', 'restocked')),
    -- Absent where an order was closed before it reserved anything.
    expires_at timestamptz,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    deleted_at timestamptz,

    constraint reservations_expire check (expires_at is not null or status = 'released')
);

-- Those that may be overdue, and only those: it stays small however many orders there have been.
create index reservations_open on reservations (expires_at) where status = 'reserved';

create table reservation_items (
    order_id   uuid        not null references reservations (order_id),
    -- The inventory, not the product: its row is locked by whoever reserves, so that checking the key costs nothing more.
    product_id uuid        not null references inventory (product_id),
    quantity   integer     not null check (quantity between 1 and 999),
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    deleted_at timestamptz,

    primary key (order_id, product_id)
);

grant select, insert, update, delete on reservations, reservation_items to product_service;

-- The pieces of a text with `shortest` to `longest` characters, 3 at the most. One that comes twice is there twice: the index
-- sorts them anyway.
--
-- Of our own, because pg_trgm looks at words only and at three characters or more: it knows neither 茶 nor 50%. It needs no
-- extension, so it works wherever Postgres does. The cost is what keeps the planner from making the pieces of every product
-- instead of asking the index.
create function ngrams(source text, shortest integer, longest integer) returns text[]
language sql immutable strict parallel safe cost 10000
return (
    with letters as (
        select letter, lead(letter) over w as second, lead(letter, 2) over w as third
        from unnest(string_to_array(source, null)) with ordinality as l (letter, position)
        window w as (order by position))
    select coalesce(array_agg(piece), '{}')
    from letters, lateral (values (letter), (letter || second), (letter || second || third)) as p (piece)
    where char_length(piece) between shortest and longest
);

-- What a search looks through, in lower case. The line break keeps a query from matching across the two: none has one in it.
alter table products add column searched text not null generated always as (lower(name || e'\n' || description)) stored;

-- A query of up to three characters is a key of this index; a longer one has several, and what they find is compared. Without
-- `fastupdate`, every search would first read through what was added lately; products are added far less often than found.
create index products_searched on products using gin (ngrams(searched, 1, 3)) with (fastupdate = off) where not is_deleted;

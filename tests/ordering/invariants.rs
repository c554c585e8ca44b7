//! The invariants of the tables when no call is running. Each one is a query for the rows that break it.

use tokio_postgres::Client;

/// A trigger that counts manual changes of the stock. It recognizes the changes by orders by their statements, which contain
/// the word "reservations".
const COUNTED: &str = "
    create schema test;
    create table test.puts (product_id uuid not null, pieces integer not null);
    create function test.count_put() returns trigger language plpgsql security definer as $$
    begin
        if tg_op = 'INSERT' then
            insert into test.puts values (new.product_id, new.quantity);
        elsif current_query() not like '%reservations%' then
            insert into test.puts values (new.product_id, new.quantity - old.quantity);
        end if;
        return null;
    end $$;
    create trigger count_put after insert or update of quantity on product_service.inventory
        for each row execute function test.count_put();";

const BROKEN: [(&str, &str); 17] = [
    (
        "quantity + sold - returned equals the sum of the manual changes",
        "select i.product_id, i.quantity, sold.pieces as sold, put.pieces as put from product_service.inventory i
         cross join lateral (select coalesce(sum(pieces), 0) as pieces from test.puts where product_id = i.product_id) put
         cross join lateral (
             select coalesce(sum(l.quantity), 0) as pieces
             from order_service.order_items l join order_service.orders o on o.id = l.order_id
             where l.product_id = i.product_id and o.status = 'confirmed') sold
         where i.quantity + sold.pieces <> put.pieces",
    ),
    (
        "0 <= reserved <= quantity",
        "select * from product_service.inventory where not (0 <= reserved and reserved <= quantity)",
    ),
    (
        "reserved is the sum of the open reservations",
        "select i.product_id, i.reserved, open.pieces from product_service.inventory i cross join lateral (
             select coalesce(sum(l.quantity), 0) as pieces
             from product_service.reservation_items l join product_service.reservations r using (order_id)
             where l.product_id = i.product_id and r.status = 'reserved') open
         where i.reserved <> open.pieces",
    ),
    (
        "a reservation has an order",
        "select r.* from product_service.reservations r
         where not exists (select from order_service.orders o where o.id = r.order_id)",
    ),
    (
        "the status of a reservation matches the status of its order",
        "select o.id, o.status, r.status as reservation
         from order_service.orders o left join product_service.reservations r on r.order_id = o.id
         where (o.status, coalesce(r.status, 'none')) not in (
             ('confirmed', 'committed'), ('cancelled', 'restocked'), ('rejected', 'released'))",
    ),
    (
        "the reservation of an order has the items of the order",
        "select o.id, l.product_id, l.quantity, r.quantity as reserved
         from order_service.orders o join order_service.order_items l on l.order_id = o.id
         left join product_service.reservation_items r on r.order_id = o.id and r.product_id = l.product_id
         where o.status in ('confirmed', 'cancelled') and r.quantity is distinct from l.quantity",
    ),
    (
        "there is at most one order per user and key",
        "select user_id, idempotency_key, count(*) from order_service.orders
         group by user_id, idempotency_key having count(*) > 1",
    ),
    (
        "there is at most one order that was not rejected per version of a cart",
        "select user_id, cart_version, count(*) from order_service.orders
         where cart_version is not null and status <> 'rejected'
         group by user_id, cart_version having count(*) > 1",
    ),
    (
        "no order is pending",
        "select id, user_id, claimed_until from order_service.orders where status = 'pending'",
    ),
    (
        "no order is due for a restock",
        "select id, claimed_until from order_service.orders where restock_due",
    ),
    (
        "no expired reservation is still reserved",
        "select * from product_service.reservations where status = 'reserved' and expires_at <= now()",
    ),
    (
        "a total is the sum of the lines",
        "select o.id, o.total_amount, sum(l.unit_price * l.quantity) as sum
         from order_service.orders o join order_service.order_items l on l.order_id = o.id
         group by o.id having o.total_amount <> sum(l.unit_price * l.quantity)",
    ),
    (
        "an order has lines",
        "select id from order_service.orders o
         where not exists (select from order_service.order_items l where l.order_id = o.id)",
    ),
    (
        "there is one event for each change of an order",
        "select o.id, o.status, o.version, array_agg(e.kind order by e.order_version) as told
         from order_service.orders o left join order_service.outbox e on e.order_id = o.id
         group by o.id
         having array_agg(e.kind order by e.order_version) is distinct from (case o.status
             when 'confirmed' then array['order.confirmed']
             when 'rejected' then array['order.rejected']
             when 'cancelled' then array['order.confirmed', 'order.cancelled'] end)::varchar[]
         or count(*) <> o.version - 1",
    ),
    (
        "a cart lists its lines that are not deleted",
        "select c.user_id, c.product_ids from order_service.carts c
         where array(select unnest(c.product_ids) order by 1) <> array(
             select product_id from order_service.cart_items l
             where l.user_id = c.user_id and l.deleted_at is null order by 1)",
    ),
    (
        "the cart of a deleted user is empty",
        "select l.user_id, l.product_id from order_service.cart_items l
         join user_service.users u on u.id = l.user_id and u.is_deleted",
    ),
    (
        "every event was relayed",
        "select id, order_id, kind, claimed_until from order_service.outbox where relayed_at is null",
    ),
];

/// Adds the trigger that counts manual changes of the stock. A second call changes nothing.
pub(crate) async fn count_manual_stock_changes(sql: &Client) {
    let exists = sql
        .query_opt("select 1 from pg_namespace where nspname = 'test'", &[])
        .await;
    if exists.expect("the schemas").is_none() {
        sql.batch_execute(COUNTED).await.expect("a trigger");
    }
}

/// Every broken invariant, with the rows that break it.
pub(crate) async fn broken(sql: &Client) -> Vec<String> {
    let mut broken = Vec::new();
    for (invariant, query) in BROKEN {
        let query = format!("select row_to_json(broken)::text from ({query}) as broken limit 5");
        let rows = sql.query(&query, &[]).await;
        let rows = rows.unwrap_or_else(|error| panic!("{invariant}: {error:?}"));
        broken.extend(
            rows.iter()
                .map(|row| format!("broken: {invariant}: {}", row.get::<_, String>(0))),
        );
    }
    broken
}

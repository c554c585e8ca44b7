-- Amounts with no more decimals than their currency has, and one form for a key.

-- How many decimals an amount in a currency has (ISO 4217, minor unit), as in `crates/kernel/src/currency.rs`.
create function minor_units(currency text) returns integer
language sql immutable strict parallel safe
return case
    when currency in ('BIF', 'CLP', 'DJF', 'GNF', 'ISK', 'JPY', 'KMF', 'KRW', 'PYG', 'RWF', 'UGX', 'VND', 'VUV', 'XAF',
                      'XOF', 'XPF') then 0
    when currency in ('BHD', 'IQD', 'JOD', 'KWD', 'LYD', 'OMR', 'TND') then 3
    when currency = 'UYW' then 4
    else 2
end;

-- A cart has the price that the catalogue had, which was rounded, too.
alter table cart_items
    alter column unit_price type numeric using round(unit_price, minor_units(currency)),
    add constraint cart_items_price_of_its_currency
        check (unit_price < 100000000 and unit_price = round(unit_price, minor_units(currency)));

-- What was ordered stays what it was: nothing is rounded, only zeros go that the currency does not have. So an order from
-- before this may have two decimals in a currency without.
alter table orders
    alter column total_amount type numeric
        using round(total_amount, greatest(minor_units(currency), scale(trim_scale(total_amount)))),
    add constraint orders_total_of_its_currency
        check (total_amount < 100000000
               and total_amount = round(total_amount, greatest(minor_units(currency), 2)));

-- A line has the currency of its order.
alter table order_items
    alter column unit_price type numeric using trim_scale(unit_price),
    add constraint order_items_price_of_a_currency
        check (unit_price < 100000000 and unit_price = round(unit_price, 4));

-- A key in double quotes, as draft-ietf-httpapi-idempotency-key-header has it, is the key inside them. Those that came in quotes
-- were kept with them: repeats of these requests are still found. Where a user has used both forms, there are two orders, and
-- a repeat finds the one of the form without quotes.
update orders set idempotency_key = plain.key
from (select id, replace(replace(substr(idempotency_key, 2, length(idempotency_key) - 2), '\"', '"'), '\\', '\') as key
      from orders where idempotency_key ~ '^"(\\["\\]|[!#-\[\]-~])+"$') plain
where orders.id = plain.id
    and not exists (
        select from orders other where other.user_id = orders.user_id and other.idempotency_key = plain.key);

update cart_additions set request_key = plain.key
from (select user_id, request_key as quoted,
             replace(replace(substr(request_key, 2, length(request_key) - 2), '\"', '"'), '\\', '\') as key
      from cart_additions where request_key ~ '^"(\\["\\]|[!#-\[\]-~])+"$') plain
where cart_additions.user_id = plain.user_id and cart_additions.request_key = plain.quoted
    and not exists (
        select from cart_additions other
        where other.user_id = cart_additions.user_id and other.request_key = plain.key);

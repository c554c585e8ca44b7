-- A search that forgets case and width, and prices with no more decimals than their currency has.

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

-- What a search compares: a text without its case, its width (NFKC, UAX #15) and the characters that cannot be seen
-- (Default_Ignorable_Code_Point, Unicode 16). Both sides go through it, the catalogue and the query.
--
-- Postgres 15 folds no case: lower case, of ICU's root locale because `lower()` of a database whose locale is C knows ASCII
-- alone, and then what full case folding makes of ß and ς. İ loses its dot, so that `istanbul` finds İstanbul.
create function search_form(source text) returns text
language sql immutable strict parallel safe
return replace(replace(replace(
    lower(normalize(
        regexp_replace(
            source,
            '[\u00AD\u034F\u061C\u115F\u1160\u17B4\u17B5\u180B-\u180F\u200B-\u200F\u202A-\u202E\u2060-\u206F\u3164'
            '\uFE00-\uFE0F\uFEFF\uFFA0\uFFF0-\uFFF8\U0001BCA0-\U0001BCA3\U0001D173-\U0001D17A\U000E0000-\U000E0FFF]',
            '', 'g'),
        NFKC) collate "und-x-icu"),
    'ß', 'ss'), 'ς', 'σ'), U&'i\0307', 'i');

-- One rewrite of the table for all of it. A price that had more decimals than its currency is rounded, half up: it could not be
-- paid. Without a typmod a price keeps the decimals that it is written with, and no rewrite is due when a currency with more of
-- them comes.
--
-- The line break keeps a query from matching across name and description: none has one in it.
alter table products
    drop column searched,
    add column searched text not null generated always as (search_form(name || e'\n' || description)) stored,
    alter column price type numeric using round(price, minor_units(currency)),
    add constraint products_price_of_its_currency
        check (price < 100000000 and price = round(price, minor_units(currency)));

-- Dropped with the column that it was on; see the migration before.
create index products_searched on products using gin (ngrams(searched, 1, 3)) with (fastupdate = off) where not is_deleted;

-- The cart of a deleted user is closed: its row stays for a while, holds nothing, and so refuses what comes late. A token of
-- that user may be believed for a minute after the deletion, and a request that it let in takes its time.
--
-- An addition that meets a closed cart breaks this, and is undone as a whole.
alter table carts add constraint carts_closed_hold_nothing check (deleted_at is null or product_ids = '{}');

create index carts_closed on carts (deleted_at) where deleted_at is not null;

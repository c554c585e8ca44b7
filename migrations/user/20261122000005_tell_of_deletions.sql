-- What other services are to be told of accounts: written with the change that it is about, in one statement, and read by the
-- order component, which acknowledges what it has done its part of. Rows go a week after that.
create table outbox (
    id              uuid primary key default gen_random_uuid(),
    user_id         uuid         not null references users (id),
    kind            varchar(100) not null check (kind in ('user.deleted')),
    acknowledged_at timestamptz,
    created_at      timestamptz  not null default now(),
    updated_at      timestamptz  not null default now(),
    deleted_at      timestamptz
);

create index outbox_waiting on outbox (created_at, id) where acknowledged_at is null;
create index outbox_acknowledged on outbox (acknowledged_at) where acknowledged_at is not null;

-- Nobody has been told of those who are deleted already.
insert into outbox (user_id, kind, created_at) select id, 'user.deleted', deleted_at from users where is_deleted;

grant select, insert, update, delete on outbox to user_service;

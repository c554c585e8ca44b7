-- Accounts.

create table users (
    id            uuid primary key,
    -- As the person typed it (trimmed, NFC): what mail is sent to, and what is shown.
    email         varchar(255) not null,
    -- The e-mail folded to lower case by the service, with the same rules as everywhere else in it: `lower()` would
    -- depend on the database's locale.
    email_key     varchar(510) not null,
    -- A PHC string, `$argon2id$…`: algorithm, parameters, salt and hash in one, so that parameters can be raised later.
    password_hash varchar(255) not null check (password_hash like '$argon2id$%'),
    name          varchar(100) not null default '',
    roles         text[]       not null default '{}',
    -- Raised by whatever ends a user's tokens: a token that carries an older epoch is refused.
    epoch         bigint       not null default 0,
    is_deleted    boolean      not null default false,
    created_at    timestamptz  not null default now(),
    updated_at    timestamptz  not null default now(),
    deleted_at    timestamptz,

    constraint users_deleted_together check (is_deleted = (deleted_at is not null))
);

-- Unique among the living only: the e-mail of a deleted account can be used again.
create unique index users_email_unique on users (email_key) where not is_deleted;

grant select, insert, update, delete on users to user_service;

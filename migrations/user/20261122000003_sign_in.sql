-- What the pages for signing in keep.

-- Logins by password, by the issuer's name for the session (`sid`): in which epoch each was made. A browser that the issuer
-- remembers comes in without a password only while that is still the user's epoch, whether or not the issuer was reached
-- when all sessions were ended.
--
-- A row may be removed when no browser can be remembered by it any more: 30 days after the login.
create table login_sessions (
    session_id varchar(255) not null,
    user_id    uuid         not null references users (id),
    epoch      bigint       not null,
    started_at timestamptz  not null default now(),

    primary key (user_id, session_id)
);

-- Attempts to sign in while Redis, where they are counted, is away. The account is named by a keyed hash of the e-mail
-- address that somebody typed: whether it is anybody's does not matter, and cannot be read from here.
create table login_attempts (
    account  varchar(64) primary key,
    attempts integer     not null check (attempts > 0),
    ends_at  timestamptz not null
);

-- What is too old is removed by the statements that add, a few rows at a time.
create index login_sessions_old on login_sessions (started_at);
create index login_attempts_old on login_attempts (ends_at);
create index ended_sessions_old on ended_sessions (ended_at);

grant select, insert, update, delete on login_sessions, login_attempts to user_service;

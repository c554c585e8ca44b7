-- What ends tokens and sessions before their time.

-- When the epoch was last raised, for tokens that carry no epoch: one issued before it is refused. For an account whose
-- epoch was never raised it says nothing; the default only spares every reader a null.
alter table users add column epoch_changed_at timestamptz not null default now();

-- Sessions that their user has signed out of. A token says which session it belongs to (`sid`), and is refused when that
-- is one of these. Ending all of a user's sessions at once takes no rows here: it raises the epoch.
--
-- A row may be removed as soon as no token of its session can be left or be issued any more: when it is older than the
-- longest that a session can be refreshed at the issuer (30 days, unless it is told otherwise), or when its user is deleted.
create table ended_sessions (
    session_id varchar(255) not null,
    user_id    uuid         not null references users (id),
    ended_at   timestamptz  not null default now(),

    -- By user first: whatever an issuer or a forger puts into `sid`, a user can end no session but their own.
    primary key (user_id, session_id)
);

-- Lists walk the living accounts oldest first, by key, as those of the catalogue do.
create index users_living on users (id) where not is_deleted;

grant select, insert, update, delete on ended_sessions to user_service;

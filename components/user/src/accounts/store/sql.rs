//! The SQL statements of accounts, schema `user_service`.

use std::sync::LazyLock;

/// The columns of a `User`. Times are microseconds: Spin has no `timestamptz`.
pub(crate) const USER_COLUMNS: &str = "id, email, name, roles, \
     (extract(epoch from created_at) * 1000000)::bigint as created_at, \
     (extract(epoch from updated_at) * 1000000)::bigint as updated_at";

/// How long rows about sessions are kept: one day longer than the longest time for which an issuer remembers or
/// refreshes a session.
pub(crate) const SESSION_LIFETIME: &str = "interval '31 days'";

/// The living accounts within the access scope: all ($1), or the caller's own ($2). Each statement that reads or
/// changes an account for a caller contains this condition.
const IN_SCOPE: &str = "not is_deleted and ($1 or id = $2::uuid)";

/// Revokes all tokens of an account. It uses the clock's time, not `now()`. The value of `now()` is older, because the
/// statement may have waited for the row. A token that was issued while it waited must not stay valid.
const RAISED_EPOCH: &str = "epoch = epoch + 1, epoch_changed_at = clock_timestamp()";

pub(super) static INSERT: LazyLock<String> = LazyLock::new(|| {
    format!(
        "insert into users (id, email, email_key, password_hash, name) \
         values ($1::uuid, $2, $3, $4, $5) returning {USER_COLUMNS}"
    )
});

pub(super) static FIND: LazyLock<String> =
    LazyLock::new(|| format!("select {USER_COLUMNS} from users where id = $3::uuid and {IN_SCOPE}"));

pub(super) static LIST: LazyLock<String> = LazyLock::new(|| {
    format!("select {USER_COLUMNS} from users where id > $3::uuid and {IN_SCOPE} order by id limit $4")
});

// A repeat changes nothing, not even the time of the last change.
//
// The unique index alone would be enough to protect the address. But accounts that exchange their addresses at the same
// time wait for each other at the index, and some deadlock (6 among 60,000 changes of all kinds, 32 clients, 40
// accounts). Therefore the statement checks first. An address that is in use when the statement begins is refused
// without waiting. The index refuses the others.
pub(super) static UPDATE: LazyLock<String> = LazyLock::new(|| {
    format!(
        "with target as (select id from users where id = $3::uuid and {IN_SCOPE}), \
         taken as ( \
             select from users other, target \
             where other.email_key = $5 and not other.is_deleted and other.id <> target.id), \
         changed as ( \
             update users set \
                 email = coalesce($4, email), email_key = coalesce($5, email_key), name = coalesce($6, name), \
                 updated_at = case when (email, name) = (coalesce($4, email), coalesce($6, name)) \
                              then updated_at else now() end \
             where id = (select id from target) and not is_deleted and not exists (select from taken) \
             returning *) \
         select exists (select from taken) as is_taken, changed.id is not null as is_changed, {USER_COLUMNS} \
         from (select) as one left join changed on true"
    )
});

pub(super) static DELETE: LazyLock<String> = LazyLock::new(|| {
    format!(
        "with deleted as ( \
             update users set is_deleted = true, deleted_at = now(), updated_at = now(), {RAISED_EPOCH} \
             where id = $3::uuid and {IN_SCOPE} returning id), \
         announced as (insert into outbox (user_id, kind) select id, 'user.deleted' from deleted) \
         select id from deleted"
    )
});

pub(super) const FIND_PASSWORD_HASH: &str =
    "select password_hash from users where id = $1::uuid and not is_deleted";

pub(super) static REPLACE_PASSWORD: LazyLock<String> = LazyLock::new(|| {
    format!(
        "update users set password_hash = $3, updated_at = now(), {RAISED_EPOCH} \
         where id = $1::uuid and not is_deleted and password_hash = $2 returning id"
    )
});

pub(super) static RAISE_EPOCH: LazyLock<String> = LazyLock::new(|| {
    format!("update users set {RAISED_EPOCH} where id = $3::uuid and {IN_SCOPE} returning id")
});

// Each statement that inserts rows also deletes old ones: ten times as many, so that the table does not grow, but not
// more, so that no statement takes long. It skips rows that another statement is deleting. New rows are inserted in the
// order of their keys, so that two statements that end the same sessions cannot deadlock.
pub(super) static END_SESSION: LazyLock<String> = LazyLock::new(|| {
    format!(
        "with owner as (select id from users where id = $1::uuid and not is_deleted), \
         meant as ( \
             select id as user_id, $2::text as session_id, null::timestamptz as started_at from owner \
             union all \
             select other.user_id, other.session_id, other.started_at from owner \
             join login_sessions this on this.user_id = owner.id and this.session_id = $2::text \
             join login_sessions other on other.user_id = owner.id and other.browser = this.browser \
                                      and other.session_id <> this.session_id \
             where not exists ( \
                 select from ended_sessions ended \
                 where ended.user_id = other.user_id and ended.session_id = other.session_id)), \
         old as ( \
             select user_id, session_id from ended_sessions \
             where ended_at < now() - {SESSION_LIFETIME} \
                 and (user_id, session_id) not in (select user_id, session_id from meant) \
             order by ended_at limit (select 10 * count(*) from meant) for update skip locked), \
         pruned as ( \
             delete from ended_sessions using old \
             where ended_sessions.user_id = old.user_id and ended_sessions.session_id = old.session_id), \
         ended as ( \
             insert into ended_sessions (user_id, session_id) \
             select user_id, session_id from meant order by user_id, session_id on conflict do nothing) \
         select session_id from meant order by started_at desc nulls first"
    )
});

pub(super) static SET_ROLES: LazyLock<String> = LazyLock::new(|| {
    format!(
        "update users set roles = $4, updated_at = case when roles = $4 then updated_at else now() end \
         where id = $3::uuid and {IN_SCOPE} returning {USER_COLUMNS}"
    )
});

pub(super) const FIND_CREDENTIALS: &str =
    "select id, password_hash, epoch from users where email_key = $1 and not is_deleted";

// There is no access scope, because the edge calls on behalf of no user. Deleted accounts are included: their tokens are
// invalid, but the tokens of a subject that never was a user are valid.
pub(super) const REVOCATION_STATE: &str = "select is_deleted, epoch, \
         (extract(epoch from epoch_changed_at) * 1000000)::bigint as epoch_changed_at, roles, \
         exists (select from ended_sessions where user_id = users.id and session_id = $2) as session_ended \
     from users where id = $1::uuid";

pub(super) const PENDING_EVENTS: &str = "select id, kind, user_id, \
         (extract(epoch from created_at) * 1000000)::bigint as occurred_at from outbox \
     where acknowledged_at is null order by outbox.created_at, id limit $1";

// The same statement deletes events that were acknowledged a week ago: twice as many as it can acknowledge, so that the table
// does not grow.
pub(super) const ACKNOWLEDGE_EVENTS: &str = "with known as ( \
         select id from outbox where id = any ($1::text[]::uuid[]) and acknowledged_at is null \
         order by id for update), \
     old as ( \
         select id from outbox where acknowledged_at < now() - interval '7 days' \
         order by acknowledged_at limit 2000 for update skip locked), \
     pruned as (delete from outbox using old where outbox.id = old.id) \
     update outbox set acknowledged_at = now(), updated_at = now() \
     where id = any (array(select id from known)) and acknowledged_at is null";

-- The issuer: clients, who is signing in, what was granted, and the keys that tokens are signed with.
--
-- Nothing here is of use to whoever only reads it: challenges, verifiers, cookies, codes, refresh tokens and client secrets
-- are SHA-256 hashes (64 hexadecimal digits) of random values of 128 bits and more, which nobody can guess; signing keys are
-- sealed with a key that is not in the database.
--
-- What has ended is swept by the statements that add to the same table, a few rows each time, so that no table grows
-- without bound.

create domain sha256 as text check (value ~ '^[0-9a-f]{64}$');

create table clients (
    id          varchar(255) primary key check (id <> ''),
    -- Null for public clients, which have no secret to keep.
    secret_hash sha256,
    -- The client as Hydra's API spells it, without its id, secret and times.
    metadata    jsonb        not null check (jsonb_typeof(metadata) = 'object'),
    created_at  timestamptz  not null default now(),
    updated_at  timestamptz  not null default now()
);

create table signing_keys (
    id         varchar(256) primary key,
    sealed_key text         not null,
    public_jwk jsonb        not null,
    created_at timestamptz  not null default clock_timestamp(),
    -- Since when another one signs. It stays in the key set until the last token that it has signed is gone.
    retired_at timestamptz
);

-- One key signs.
create unique index signing_keys_one_signs on signing_keys ((true)) where retired_at is null;

-- Logins that a browser is remembered by (its cookie's hash).
create table login_sessions (
    id                           varchar(255) primary key,
    cookie_hash                  sha256       not null unique,
    subject                      varchar(255) not null check (subject <> ''),
    authenticated_at             timestamptz  not null,
    acr                          text         not null,
    amr                          text[]       not null,
    identity_provider_session_id text         not null,
    expires_at                   timestamptz  not null
);

create index login_sessions_subject on login_sessions (subject);
create index login_sessions_expires_at on login_sessions (expires_at);

-- Authorization requests on their way from the authorization endpoint over the pages for login and consent and back.
create table flows (
    login_challenge_hash   sha256       primary key,
    -- Null until the login was accepted.
    consent_challenge_hash sha256       unique,
    -- What the browser has to bring back next, once.
    verifier_hash          sha256       unique,
    -- The cookie of the browser that the request began in: nobody else can go on with it.
    cookie_hash            sha256       not null,
    step                   text         not null default 'login'
                           check (step in ('login', 'login_answered', 'consent', 'consent_answered', 'over')),
    client_id              varchar(255) not null references clients (id) on delete cascade,
    -- The request's parameters, as a query.
    request                text         not null,
    session_id             varchar(255) not null,
    -- Whether the login need not be asked for, because the browser is remembered.
    login_skip             boolean      not null,
    -- Known from the beginning where the login is skipped, else when it was accepted.
    subject                varchar(255),
    authenticated_at       timestamptz,
    -- What the login page answered, and the consent page: Hydra's JSON.
    login_answer           jsonb,
    consent_answer         jsonb,
    consent_request_id     varchar(64),
    consent_skip           boolean      not null default false,
    expires_at             timestamptz  not null default now() + interval '30 minutes'
);

create index flows_expires_at on flows (expires_at);
create index flows_client_id on flows (client_id);

-- What a user has granted to a client, once: the family of all tokens that come from it.
create table grants (
    id               varchar(64)  primary key,
    client_id        varchar(255) not null references clients (id) on delete cascade,
    subject          varchar(255) not null,
    session_id       varchar(255) not null,
    scopes           text[]       not null,
    audience         text[]       not null,
    nonce            text,
    acr              text         not null,
    amr              text[]       not null,
    authenticated_at timestamptz  not null,
    -- The request and the answers, as the admin API shows them.
    request          text         not null,
    login_answer     jsonb        not null,
    consent_answer   jsonb        not null,
    created_at       timestamptz  not null default now(),
    -- When nothing of it is left: it can be refreshed no longer, and its last token has expired.
    ends_at          timestamptz  not null,
    -- Since when it is dead, for good: revoked, signed out, or a token of it was used twice.
    revoked_at       timestamptz
);

create index grants_subject on grants (subject, client_id);
create index grants_client_id on grants (client_id);
create index grants_ends_at on grants (ends_at);

create table codes (
    hash           sha256      primary key,
    grant_id       varchar(64) not null references grants (id) on delete cascade,
    redirect_uri   text        not null,
    code_challenge text        not null,
    expires_at     timestamptz not null default now() + interval '60 seconds',
    used_at        timestamptz
);

create index codes_grant_id on codes (grant_id);

create table refresh_tokens (
    hash              sha256      primary key,
    grant_id          varchar(64) not null references grants (id) on delete cascade,
    -- The token that this one replaced.
    predecessor       sha256,
    issued_at         timestamptz not null default clock_timestamp(),
    -- When it was first replaced.
    used_at           timestamptz,
    -- When one of those that replaced it was used: from then on it has no grace. Here, not looked up among them, because a
    -- statement that waits for a row sees that row's newest state, but no rows that were added meanwhile.
    successor_used_at timestamptz
);

create index refresh_tokens_grant_id on refresh_tokens (grant_id);

-- Access tokens of clients' own that were revoked before their time. Those of users die with their grant.
create table revoked_tokens (
    id         varchar(64) primary key,
    expires_at timestamptz not null
);

create index revoked_tokens_expires_at on revoked_tokens (expires_at);

-- Consent that the user wants to be asked for no more.
create table remembered_consents (
    subject    varchar(255) not null,
    client_id  varchar(255) not null references clients (id) on delete cascade,
    scopes     text[]       not null,
    -- Null: for ever.
    expires_at timestamptz,

    primary key (subject, client_id)
);

create index remembered_consents_client_id on remembered_consents (client_id);

create table logouts (
    challenge_hash sha256       primary key,
    verifier_hash  sha256       unique,
    step           text         not null default 'asked' check (step in ('asked', 'accepted', 'over')),
    subject        varchar(255) not null,
    session_id     varchar(255) not null,
    client_id      varchar(255) references clients (id) on delete cascade,
    request_url    text         not null,
    -- Where the browser goes at the end.
    redirect_to    text         not null,
    requested_at   timestamptz  not null default now(),
    expires_at     timestamptz  not null default now() + interval '30 minutes'
);

create index logouts_expires_at on logouts (expires_at);
create index logouts_client_id on logouts (client_id);

grant select, insert, update, delete on
    clients, signing_keys, login_sessions, flows, grants, codes, refresh_tokens, revoked_tokens, remembered_consents, logouts
    to issuer_service;

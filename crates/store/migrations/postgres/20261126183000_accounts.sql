-- Who may sign in. No row holds a secret that serves: hashes, and secrets sealed by the master key.
create table accounts (
    name text not null primary key,
    -- What others read.
    shown text not null,
    -- Roles over scopes, between spaces: `agent:voirie lead:pipeline/forms`.
    grants text not null,
    password text,
    totp bytea,
    -- The step of the last one-time code that served: each serves once.
    totp_used bigint,
    disabled bigint not null check (disabled in (0, 1)),
    made_at bigint not null
);

-- What was done to accounts.
create table account_changes (
    ord bigint generated always as identity primary key,
    at bigint not null,
    account text not null,
    done_by text not null,
    what text not null
);
create index account_changes_of on account_changes (account, ord);

-- Whoever has signed in, found by the SHA-256 of what the browser shows.
create table sessions (
    hash bytea not null primary key check (length(hash) = 32),
    account text not null,
    made_at bigint not null,
    seen_at bigint not null,
    expires_at bigint not null
);
create index sessions_of on sessions (account);

-- What programs show instead, likewise.
create table tokens (
    hash bytea not null primary key check (length(hash) = 32),
    account text not null,
    label text not null,
    -- Between spaces: `read hand-in`.
    uses text not null,
    made_at bigint not null,
    seen_at bigint,
    expires_at bigint not null,
    unique (account, label)
);

-- How often signing in failed, by keyed codes of names and addresses.
create table tried (
    code bytea not null primary key check (length(code) = 32),
    failures bigint not null,
    until bigint not null
);

-- Who opened which document. It stays, as histories do.
create table openings (
    ord bigint generated always as identity primary key,
    document bytea not null check (length(document) = 16),
    account text not null,
    part text not null,
    at bigint not null
);
create index openings_of on openings (document, ord);

-- What was answered to requests that may be sent again: references, never content.
create table replies (
    account text not null,
    key text not null,
    asked bytea not null check (length(asked) = 32),
    status bigint not null,
    body text not null,
    at bigint not null,
    primary key (account, key)
);

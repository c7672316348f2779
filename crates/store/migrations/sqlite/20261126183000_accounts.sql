-- Who may sign in. No row holds a secret that serves: hashes, and secrets sealed by the master key.
create table accounts (
    name text not null primary key,
    -- What others read.
    shown text not null,
    -- Roles over scopes, between spaces: `agent:voirie lead:pipeline/forms`.
    grants text not null,
    password text,
    totp blob,
    -- The step of the last one-time code that served: each serves once.
    totp_used integer,
    disabled integer not null check (disabled in (0, 1)),
    made_at integer not null
) strict, without rowid;

-- What was done to accounts.
create table account_changes (
    ord integer primary key autoincrement,
    at integer not null,
    account text not null,
    done_by text not null,
    what text not null
) strict;
create index account_changes_of on account_changes (account, ord);

-- Whoever has signed in, found by the SHA-256 of what the browser shows.
create table sessions (
    hash blob not null primary key check (length(hash) = 32),
    account text not null,
    made_at integer not null,
    seen_at integer not null,
    expires_at integer not null
) strict, without rowid;
create index sessions_of on sessions (account);

-- What programs show instead, likewise.
create table tokens (
    hash blob not null primary key check (length(hash) = 32),
    account text not null,
    label text not null,
    -- Between spaces: `read hand-in`.
    uses text not null,
    made_at integer not null,
    seen_at integer,
    expires_at integer not null,
    unique (account, label)
) strict, without rowid;

-- How often signing in failed, by keyed codes of names and addresses.
create table tried (
    code blob not null primary key check (length(code) = 32),
    failures integer not null,
    until integer not null
) strict, without rowid;

-- Who opened which document. It stays, as histories do.
create table openings (
    ord integer primary key autoincrement,
    document blob not null check (length(document) = 16),
    account text not null,
    part text not null,
    at integer not null
) strict;
create index openings_of on openings (document, ord);

-- What was answered to requests that may be sent again: references, never content.
create table replies (
    account text not null,
    key text not null,
    asked blob not null check (length(asked) = 32),
    status integer not null,
    body text not null,
    at integer not null,
    primary key (account, key)
) strict, without rowid;

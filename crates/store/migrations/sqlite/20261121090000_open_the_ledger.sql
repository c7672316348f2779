-- The ledger of one authority. No row carries content: names of artifacts, keyed codes, wrapped
-- keys, states and counts only. Moments are microseconds since 1970 in UTC.

create table documents (
    -- Order of admission: the first of several documents with the same bytes is the lowest.
    ord integer primary key autoincrement,
    id blob not null unique check (length(id) = 16),
    collection text not null,
    pipeline text not null,
    parent blob references documents (id),
    duplicate_of blob references documents (id),
    received_at integer not null,
    admitted_at integer not null,
    state text not null check (state in ('processing', 'done', 'quarantined')),
    -- The route: all absent until routed, except `service`, which may stay absent.
    outcome text check (outcome in ('automatic', 'review', 'unknown')),
    service text,
    confidence integer check (confidence between 0 and 1000000),
    decided integer check (decided in (0, 1)),
    raw blob not null check (length(raw) = 32),
    arrival blob not null check (length(arrival) = 32),
    name_code blob not null check (length(name_code) = 32),
    content_code blob not null check (length(content_code) = 32)
) strict;
create index documents_by_reception on documents (received_at, id);
create index documents_by_parent on documents (parent) where parent is not null;
create index documents_by_name on documents (name_code);
create index documents_by_content on documents (content_code, ord);

-- Keys and salts, wrapped by the master key: of documents, and of series of editions.
create table envelopes (
    subject blob not null primary key check (length(subject) = 16),
    wrapped blob not null
) strict, without rowid;

-- Work that is owed. A row is deleted by the transaction that records the work.
create table tasks (
    ord integer primary key autoincrement,
    document blob not null check (length(document) = 16),
    pipeline text not null,
    stage text not null,
    generation integer not null check (generation >= 0),
    class text not null check (class in ('urgent', 'normal', 'bulk')),
    attempts integer not null default 0,
    not_before integer,
    reason text,
    published_at integer,
    unique (document, stage, generation)
) strict;
create index tasks_unpublished on tasks (ord) where published_at is null;
create index tasks_published on tasks (published_at) where published_at is not null;

create table records (
    ord integer primary key autoincrement,
    run_key blob not null check (length(run_key) = 32),
    generation integer not null check (generation >= 0),
    subject blob not null check (length(subject) = 16),
    activity text not null,
    outcome text not null check (outcome in ('done', 'quarantine')),
    bytes blob not null,
    leaf_index integer unique,
    unique (run_key, generation)
) strict;
create index records_by_subject on records (subject, ord);
create index records_unsequenced on records (ord) where leaf_index is null;

-- Settings that records name by digest, in canonical JSON.
create table settings (
    digest blob not null primary key check (length(digest) = 32),
    json blob not null
) strict, without rowid;

-- Complete nodes of the Merkle tree: a node never changes once it is here.
create table log_nodes (
    level integer not null,
    idx integer not null,
    hash blob not null check (length(hash) = 32),
    primary key (level, idx)
) strict, without rowid;

create table checkpoints (
    size integer not null primary key,
    note text not null
) strict;

create table editions (
    reconciler text not null,
    pipeline text not null,
    period text not null,
    number integer not null check (number >= 1),
    subject blob not null check (length(subject) = 16),
    run_key blob not null check (length(run_key) = 32),
    artifact blob not null check (length(artifact) = 32),
    made_at integer not null,
    primary key (reconciler, pipeline, period, number)
) strict, without rowid;

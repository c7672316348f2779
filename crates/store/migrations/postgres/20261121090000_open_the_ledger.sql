-- The ledger of one authority. No row carries content: names of artifacts, keyed codes, wrapped
-- keys, states and counts only. Moments are microseconds since 1970 in UTC.

create table documents (
    -- Order of admission: the first of several documents with the same bytes is the lowest.
    ord bigint generated always as identity primary key,
    id bytea not null unique check (length(id) = 16),
    collection text not null,
    pipeline text not null,
    parent bytea references documents (id),
    duplicate_of bytea references documents (id),
    received_at bigint not null,
    admitted_at bigint not null,
    state text not null check (state in ('processing', 'done', 'quarantined')),
    -- The route: all absent until routed, except `service`, which may stay absent.
    outcome text check (outcome in ('automatic', 'review', 'unknown')),
    service text,
    confidence bigint check (confidence between 0 and 1000000),
    decided bigint check (decided in (0, 1)),
    raw bytea not null check (length(raw) = 32),
    arrival bytea not null check (length(arrival) = 32),
    name_code bytea not null check (length(name_code) = 32),
    content_code bytea not null check (length(content_code) = 32)
);
create index documents_by_reception on documents (received_at, id);
create index documents_by_parent on documents (parent) where parent is not null;
create index documents_by_name on documents (name_code);
create index documents_by_content on documents (content_code, ord);

-- Keys and salts, wrapped by the master key: of documents, and of series of editions.
create table envelopes (
    subject bytea not null primary key check (length(subject) = 16),
    wrapped bytea not null
);

-- Work that is owed. A row is deleted by the transaction that records the work.
create table tasks (
    ord bigint generated always as identity primary key,
    document bytea not null check (length(document) = 16),
    pipeline text not null,
    stage text not null,
    generation bigint not null check (generation >= 0),
    class text not null check (class in ('urgent', 'normal', 'bulk')),
    attempts bigint not null default 0,
    not_before bigint,
    reason text,
    published_at bigint,
    unique (document, stage, generation)
);
create index tasks_unpublished on tasks (ord) where published_at is null;
create index tasks_published on tasks (published_at) where published_at is not null;

create table records (
    ord bigint generated always as identity primary key,
    run_key bytea not null check (length(run_key) = 32),
    generation bigint not null check (generation >= 0),
    subject bytea not null check (length(subject) = 16),
    activity text not null,
    outcome text not null check (outcome in ('done', 'quarantine')),
    bytes bytea not null,
    leaf_index bigint unique,
    unique (run_key, generation)
);
create index records_by_subject on records (subject, ord);
create index records_unsequenced on records (ord) where leaf_index is null;

-- Settings that records name by digest, in canonical JSON.
create table settings (
    digest bytea not null primary key check (length(digest) = 32),
    json bytea not null
);

-- Complete nodes of the Merkle tree: a node never changes once it is here.
create table log_nodes (
    level bigint not null,
    idx bigint not null,
    hash bytea not null check (length(hash) = 32),
    primary key (level, idx)
);

create table checkpoints (
    size bigint not null primary key,
    note text not null
);

-- Lists of editions are in byte order, as on SQLite, whatever the database's locale.
create table editions (
    reconciler text not null,
    pipeline text not null,
    period text collate "C" not null,
    number bigint not null check (number >= 1),
    subject bytea not null check (length(subject) = 16),
    run_key bytea not null check (length(run_key) = 32),
    artifact bytea not null check (length(artifact) = 32),
    made_at bigint not null,
    primary key (reconciler, pipeline, period, number)
);

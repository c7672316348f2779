-- Keyed codes of the bands of documents' sketches: two documents that share one may resemble each
-- other. Derived from the sketches.
create table likeness (
    code bigint not null,
    document bytea not null references documents (id),
    primary key (code, document)
);
create index likeness_by_document on likeness (document, code);

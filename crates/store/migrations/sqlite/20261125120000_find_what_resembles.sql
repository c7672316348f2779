-- Keyed codes of the bands of documents' sketches: two documents that share one may resemble each
-- other. Derived from the sketches.
create table likeness (
    code integer not null,
    document blob not null references documents (id),
    primary key (code, document)
) strict, without rowid;
create index likeness_by_document on likeness (document, code);

//! What differs between the two databases.

use super::portable::Kind;

/// Statements and habits of one database.
#[derive(Debug)]
pub(crate) struct Dialect {
    /// How a transaction that writes begins.
    pub(crate) begin: &'static str,
    /// Whether a record gets its leaf index in the transaction that writes it.
    pub(crate) sequences_inline: bool,
    /// One sequencer at a time; absent where one writer at a time is the rule.
    pub(crate) lock_sequencer: Option<&'static str>,
    /// One admission at a time of the same bytes; absent where one writer at a time is the rule.
    pub(crate) lock_content: Option<&'static str>,
    /// One completion at a time of the same document; absent where one writer at a time is the
    /// rule.
    pub(crate) lock_document: Option<&'static str>,
    /// A role that one process at a time has; absent where one process at a time is the rule.
    pub(crate) lock_role: Option<&'static str>,
    pub(crate) tasks_due: &'static str,
    pub(crate) tasks_published: &'static str,
    pub(crate) records_sequence: &'static str,
    pub(crate) log_nodes_append: &'static str,
    pub(crate) log_nodes_get: &'static str,
    pub(crate) documents_list: &'static str,
    pub(crate) likeness_keep: &'static str,
    pub(crate) likeness_alike: &'static str,
    /// How a transaction begins that reads everything as it is at one moment.
    pub(crate) begin_snapshot: &'static str,
    /// Rows of a JSON array of arrays, each as `value`.
    pub(crate) rows_given: &'static str,
    /// One value of such a row, by its place in it.
    pub(crate) value: fn(usize, Kind) -> String,
    /// What allows rows that bring their `ord`.
    pub(crate) overriding: &'static str,
    /// Makes a table number on from the rows that were put in; absent where it does so by itself.
    pub(crate) renumber: Option<fn(&str) -> String>,
}

/// SQLite, one file on one machine.
pub(crate) static SQLITE: Dialect = Dialect {
    // A transaction that reads first and writes later fails when another wrote in between; one
    // that takes the lock at once only waits.
    begin: "begin immediate",
    sequences_inline: true,
    lock_sequencer: None,
    lock_content: None,
    lock_document: None,
    lock_role: None,
    tasks_due: include_str!("../../sql/sqlite/tasks/due.sql"),
    tasks_published: include_str!("../../sql/sqlite/tasks/published.sql"),
    records_sequence: include_str!("../../sql/sqlite/records/sequence.sql"),
    log_nodes_append: include_str!("../../sql/sqlite/log_nodes/append.sql"),
    log_nodes_get: include_str!("../../sql/sqlite/log_nodes/get.sql"),
    documents_list: include_str!("../../sql/sqlite/documents/list.sql"),
    likeness_keep: include_str!("../../sql/sqlite/likeness/keep.sql"),
    likeness_alike: include_str!("../../sql/sqlite/likeness/alike.sql"),
    begin_snapshot: "begin",
    rows_given: "json_each($1)",
    value: |place, kind| match kind {
        Kind::Integer | Kind::Text => format!("value ->> {place}"),
        Kind::Bytes => format!("unhex(value ->> {place})"),
    },
    overriding: "",
    renumber: None,
};

/// PostgreSQL, in service.
pub(crate) static POSTGRES: Dialect = Dialect {
    // Each statement must see what was committed before it, above all after waiting for a lock;
    // said here because a server's default may be another level.
    begin: "begin isolation level read committed",
    sequences_inline: false,
    lock_sequencer: Some(include_str!("../../sql/postgres/locks/sequencer.sql")),
    lock_content: Some(include_str!("../../sql/postgres/locks/content.sql")),
    lock_document: Some(include_str!("../../sql/postgres/locks/document.sql")),
    lock_role: Some(include_str!("../../sql/postgres/locks/role.sql")),
    tasks_due: include_str!("../../sql/postgres/tasks/due.sql"),
    tasks_published: include_str!("../../sql/postgres/tasks/published.sql"),
    records_sequence: include_str!("../../sql/postgres/records/sequence.sql"),
    log_nodes_append: include_str!("../../sql/postgres/log_nodes/append.sql"),
    log_nodes_get: include_str!("../../sql/postgres/log_nodes/get.sql"),
    documents_list: include_str!("../../sql/postgres/documents/list.sql"),
    likeness_keep: include_str!("../../sql/postgres/likeness/keep.sql"),
    likeness_alike: include_str!("../../sql/postgres/likeness/alike.sql"),
    begin_snapshot: "begin isolation level repeatable read read only",
    rows_given: "json_array_elements(cast($1 as json)) as given (value)",
    value: |place, kind| match kind {
        Kind::Integer => format!("cast(value ->> {place} as bigint)"),
        Kind::Text => format!("value ->> {place}"),
        Kind::Bytes => format!("decode(value ->> {place}, 'hex')"),
    },
    overriding: "overriding system value",
    renumber: Some(|table| {
        format!(
            "select setval(pg_get_serial_sequence('{table}', 'ord'), \
             coalesce(max(ord), 1), max(ord) is not null) as ord from {table}"
        )
    }),
};

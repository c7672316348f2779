//! Adapters that keep things: the ledger in SQL, sealed artifacts in a folder.
//!
//! | module | what it holds |
//! |---|---|
//! | [`ledger`] | [`SqlLedger`]: the ledger on SQLite (embedded) and PostgreSQL (service) |
//! | [`blobs`] | [`FolderBlobs`]: sealed artifacts as files |
//! | `sql/<table>/<name>.sql` | every statement; `sql/sqlite`, `sql/postgres` where the two differ |
//! | `migrations/<database>/` | the tables, dated, named by intent; embedded and run on open |
//!
//! Invariants:
//! - this crate alone knows SQL; nothing of the databases passes its walls but a
//!   [`LedgerError`](pipeline::ledger::LedgerError)'s source;
//! - no row, file name or message carries content: what is content is sealed before it comes here;
//! - a write that returned is durable (`synchronous=FULL`; files and folders are synced), and one
//!   that failed left nothing;
//! - time is a parameter: no clock is read, except to wait for a lock when a database opens;
//! - both databases pass the one suite of `pipeline::testing::conformance`; nothing else may
//!   depend on which one it is.

pub mod blobs;
pub mod ledger;

pub use blobs::FolderBlobs;
pub use ledger::{Lease, Role, SqlLedger};

//! Adapters that keep things: the ledger in SQL, sealed artifacts in a folder or an object store.
//!
//! | module | what it holds |
//! |---|---|
//! | [`ledger`] | [`SqlLedger`]: the ledger on SQLite (embedded) and PostgreSQL (service) |
//! | [`ledger::portable`] | every row of it as text, for backups and moves from one to the other |
//! | [`blobs`] | [`FolderBlobs`]: sealed artifacts as files |
//! | [`objects`] | [`ObjectBlobs`]: sealed artifacts in an object store; S3 with the feature `s3` |
//! | `sql/<table>/<name>.sql` | every statement; `sql/sqlite`, `sql/postgres` where the two differ |
//! | `migrations/<database>/` | the tables, dated, named by intent; embedded and run on open |
//!
//! Invariants:
//! - this crate alone knows SQL and object stores; nothing of the databases passes its walls but a
//!   [`LedgerError`](pipeline::ledger::LedgerError)'s source;
//! - no row, file name or message carries content: what is content is sealed before it comes here;
//! - a write that returned is durable (`synchronous=FULL`; files and folders are synced), and one
//!   that failed left nothing;
//! - time is a parameter: no clock is read, except to wait for a lock when a database opens;
//! - both databases pass the one suite of `pipeline::testing::conformance`; nothing else may
//!   depend on which one it is.

pub mod blobs;
pub mod ledger;
pub mod objects;

pub use blobs::FolderBlobs;
pub use ledger::{Lease, Role, SqlLedger};
pub use objects::{Bucket, BucketError, HAS_S3, ObjectBlobs};

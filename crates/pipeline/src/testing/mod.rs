//! What the tests of adapters share: the ledger in memory, and the conformance suite that every
//! ledger and blob store passes.

pub mod accounts;
pub mod conformance;
pub mod memory;

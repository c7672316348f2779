//! Accounts, sessions and tokens, as the rest of the house sees them; who opened which document.
//!
//! Every method is one transaction, and time is a parameter. A row holds no secret that serves: the
//! hash of a password, the SHA-256 of what a browser or a program shows, a sealed secret of codes.

use std::collections::BTreeSet;

use async_trait::async_trait;
use domain::{AccountName, DocumentId, Grant, Timestamp, TokenScope};

use crate::ledger::LedgerResult;

/// The SHA-256 of what a browser or a program shows to be known again.
pub type BearerHash = [u8; 32];

/// Someone who may sign in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The name they sign in with.
    pub name: AccountName,
    /// The name that others read: in histories, beside decisions.
    pub shown: String,
    /// What they may do, over what.
    pub grants: Vec<Grant>,
    /// The PHC string of their password; without one only tokens serve.
    pub password: Option<String>,
    /// The secret of their one-time codes, sealed; without one no code is asked.
    pub totp: Option<Vec<u8>>,
    /// The step of the last code that served.
    pub totp_used: Option<i64>,
    /// Whether they may not sign in any more. Accounts are not deleted: what they did stays.
    pub disabled: bool,
    /// When it was made.
    pub made_at: Timestamp,
}

/// What was done to an account, by whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountChange {
    /// When.
    pub at: Timestamp,
    /// To which account.
    pub account: AccountName,
    /// By whom: the user of the machine, at its console.
    pub by: String,
    /// What: `add agent:voirie`, `disable`.
    pub what: String,
}

/// Someone who has signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// What is found by what the browser shows.
    pub hash: BearerHash,
    /// Who.
    pub account: AccountName,
    /// Since when.
    pub made_at: Timestamp,
    /// When they were last seen.
    pub seen_at: Timestamp,
    /// When it ends, whatever they do.
    pub expires_at: Timestamp,
}

/// What a program shows instead of signing in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// What is found by what the program shows.
    pub hash: BearerHash,
    /// Whose.
    pub account: AccountName,
    /// What it is called; one name serves once an account.
    pub label: String,
    /// For what.
    pub uses: BTreeSet<TokenScope>,
    /// Since when.
    pub made_at: Timestamp,
    /// When it was last used, to the minute.
    pub seen_at: Option<Timestamp>,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// How often someone failed to sign in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tried {
    /// How often, since the last success.
    pub failures: u32,
    /// When they may try again.
    pub until: Timestamp,
}

/// A document that someone opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening {
    /// Which.
    pub document: DocumentId,
    /// Who.
    pub account: AccountName,
    /// What of it: `page`, `text`, `original`, `why`, `records`.
    pub part: String,
    /// When.
    pub at: Timestamp,
}

/// What was answered to a request that its sender may send again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Who sent it.
    pub account: AccountName,
    /// The key they gave it.
    pub key: String,
    /// SHA-256 of what was asked: another question under the same key is a mistake.
    pub asked: [u8; 32],
    /// The status that was answered.
    pub status: u16,
    /// The body that was answered: references, never content.
    pub body: String,
    /// When.
    pub at: Timestamp,
}

/// Where accounts are kept: beside the ledger. One conformance suite.
#[async_trait]
pub trait Accounts: Send + Sync {
    /// Whether there is an account.
    async fn any_account(&self) -> LedgerResult<bool>;

    /// The account of this name.
    async fn account(&self, name: &AccountName) -> LedgerResult<Option<Account>>;

    /// All accounts, by name.
    async fn accounts(&self) -> LedgerResult<Vec<Account>>;

    /// Makes an account and says who did. `false` when there is one of that name: nothing changes.
    async fn add_account(&self, account: &Account, change: &AccountChange) -> LedgerResult<bool>;

    /// Puts an account in the place of the one of its name and says who did; the step of the last
    /// code and the moment it was made stay. `false` when there is none.
    async fn change_account(&self, account: &Account, change: &AccountChange)
    -> LedgerResult<bool>;

    /// What was done to accounts, oldest first; to one, when it is given.
    async fn account_changes(
        &self,
        account: Option<&AccountName>,
    ) -> LedgerResult<Vec<AccountChange>>;

    /// Says that the code of a step served. `false` when it, or a later one, did already.
    async fn use_totp(&self, account: &AccountName, step: i64) -> LedgerResult<bool>;

    /// Begins a session.
    async fn begin_session(&self, session: &Session) -> LedgerResult<()>;

    /// The session of this hash, however old.
    async fn session(&self, hash: &BearerHash) -> LedgerResult<Option<Session>>;

    /// The sessions of an account, oldest first.
    async fn sessions_of(&self, account: &AccountName) -> LedgerResult<Vec<Session>>;

    /// Says when someone was last seen.
    async fn see_session(&self, hash: &BearerHash, at: Timestamp) -> LedgerResult<()>;

    /// Ends a session. `false` when there is none.
    async fn end_session(&self, hash: &BearerHash) -> LedgerResult<bool>;

    /// Ends all sessions of an account; how many.
    async fn end_sessions(&self, account: &AccountName) -> LedgerResult<u64>;

    /// Makes a token. `false` when the account has one of that label.
    async fn add_token(&self, token: &Token) -> LedgerResult<bool>;

    /// The token of this hash, however old.
    async fn token(&self, hash: &BearerHash) -> LedgerResult<Option<Token>>;

    /// The tokens of an account, by label.
    async fn tokens_of(&self, account: &AccountName) -> LedgerResult<Vec<Token>>;

    /// Says when a token was last used.
    async fn see_token(&self, hash: &BearerHash, at: Timestamp) -> LedgerResult<()>;

    /// Ends a token. `false` when there is none of that label.
    async fn end_token(&self, account: &AccountName, label: &str) -> LedgerResult<bool>;

    /// How often what this code stands for failed.
    async fn tried(&self, code: &[u8; 32]) -> LedgerResult<Option<Tried>>;

    /// Keeps how often it failed, when that was still `before`. `false` when another was faster.
    async fn keep_tried(
        &self,
        code: &[u8; 32],
        before: Option<Tried>,
        now: Tried,
    ) -> LedgerResult<bool>;

    /// Forgets that it failed.
    async fn forget_tried(&self, code: &[u8; 32]) -> LedgerResult<()>;

    /// Says that someone opened a document.
    async fn opened(&self, opening: &Opening) -> LedgerResult<()>;

    /// Who opened a document, oldest first.
    async fn openings_of(&self, document: DocumentId) -> LedgerResult<Vec<Opening>>;

    /// What was answered under a key.
    async fn reply(&self, account: &AccountName, key: &str) -> LedgerResult<Option<Reply>>;

    /// Keeps an answer. `false` when there is one under its key.
    async fn keep_reply(&self, reply: &Reply) -> LedgerResult<bool>;

    /// Forgets sessions that ended before `now`, and failures and answers older than `before`.
    async fn tidy(&self, now: Timestamp, before: Timestamp) -> LedgerResult<()>;
}

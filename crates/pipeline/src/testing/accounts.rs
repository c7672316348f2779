//! Accounts in memory.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use domain::{AccountName, DocumentId, Timestamp};

use crate::accounts::{
    Account, AccountChange, Accounts, BearerHash, Opening, Reply, Session, Token, Tried,
};
use crate::ledger::LedgerResult;

#[derive(Default)]
struct State {
    accounts: BTreeMap<AccountName, Account>,
    changes: Vec<AccountChange>,
    sessions: BTreeMap<BearerHash, Session>,
    tokens: BTreeMap<BearerHash, Token>,
    tried: BTreeMap<[u8; 32], Tried>,
    openings: Vec<Opening>,
    replies: BTreeMap<(AccountName, String), Reply>,
}

/// Accounts in memory.
#[derive(Default)]
pub struct MemoryAccounts(Mutex<State>);

impl MemoryAccounts {
    /// No account.
    pub fn new() -> Self {
        Self::default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Accounts for MemoryAccounts {
    async fn any_account(&self) -> LedgerResult<bool> {
        Ok(!self.state().accounts.is_empty())
    }

    async fn account(&self, name: &AccountName) -> LedgerResult<Option<Account>> {
        Ok(self.state().accounts.get(name).cloned())
    }

    async fn accounts(&self) -> LedgerResult<Vec<Account>> {
        Ok(self.state().accounts.values().cloned().collect())
    }

    async fn add_account(&self, account: &Account, change: &AccountChange) -> LedgerResult<bool> {
        let mut state = self.state();
        if state.accounts.contains_key(&account.name) {
            return Ok(false);
        }
        state.accounts.insert(account.name.clone(), account.clone());
        state.changes.push(change.clone());
        Ok(true)
    }

    async fn change_account(
        &self,
        account: &Account,
        change: &AccountChange,
    ) -> LedgerResult<bool> {
        let mut state = self.state();
        let Some(held) = state.accounts.get_mut(&account.name) else {
            return Ok(false);
        };
        let totp_used = held.totp_used.filter(|_| held.totp == account.totp);
        *held = Account {
            totp_used,
            made_at: held.made_at,
            ..account.clone()
        };
        state.changes.push(change.clone());
        Ok(true)
    }

    async fn account_changes(
        &self,
        account: Option<&AccountName>,
    ) -> LedgerResult<Vec<AccountChange>> {
        let state = self.state();
        let changes = state.changes.iter();
        let of = |change: &&AccountChange| account.is_none_or(|name| *name == change.account);
        Ok(changes.filter(of).cloned().collect())
    }

    async fn use_totp(&self, account: &AccountName, step: i64) -> LedgerResult<bool> {
        let mut state = self.state();
        let Some(held) = state.accounts.get_mut(account) else {
            return Ok(false);
        };
        if held.totp_used.is_some_and(|used| used >= step) {
            return Ok(false);
        }
        held.totp_used = Some(step);
        Ok(true)
    }

    async fn begin_session(&self, session: &Session) -> LedgerResult<()> {
        let mut state = self.state();
        state.sessions.insert(session.hash, session.clone());
        Ok(())
    }

    async fn session(&self, hash: &BearerHash) -> LedgerResult<Option<Session>> {
        Ok(self.state().sessions.get(hash).cloned())
    }

    async fn sessions_of(&self, account: &AccountName) -> LedgerResult<Vec<Session>> {
        let state = self.state();
        let of = state.sessions.values().filter(|s| s.account == *account);
        let mut all: Vec<Session> = of.cloned().collect();
        all.sort_by_key(|session| (session.made_at, session.hash));
        Ok(all)
    }

    async fn see_session(&self, hash: &BearerHash, at: Timestamp) -> LedgerResult<()> {
        if let Some(session) = self.state().sessions.get_mut(hash) {
            session.seen_at = session.seen_at.max(at);
        }
        Ok(())
    }

    async fn end_session(&self, hash: &BearerHash) -> LedgerResult<bool> {
        Ok(self.state().sessions.remove(hash).is_some())
    }

    async fn end_sessions(&self, account: &AccountName) -> LedgerResult<u64> {
        let mut state = self.state();
        let before = state.sessions.len();
        state.sessions.retain(|_, s| s.account != *account);
        Ok((before - state.sessions.len()) as u64)
    }

    async fn add_token(&self, token: &Token) -> LedgerResult<bool> {
        let mut state = self.state();
        let same = |t: &Token| t.account == token.account && t.label == token.label;
        if state.tokens.values().any(same) {
            return Ok(false);
        }
        state.tokens.insert(token.hash, token.clone());
        Ok(true)
    }

    async fn token(&self, hash: &BearerHash) -> LedgerResult<Option<Token>> {
        Ok(self.state().tokens.get(hash).cloned())
    }

    async fn tokens_of(&self, account: &AccountName) -> LedgerResult<Vec<Token>> {
        let state = self.state();
        let of = state.tokens.values().filter(|t| t.account == *account);
        let mut all: Vec<Token> = of.cloned().collect();
        all.sort_by(|a, b| a.label.cmp(&b.label));
        Ok(all)
    }

    async fn see_token(&self, hash: &BearerHash, at: Timestamp) -> LedgerResult<()> {
        if let Some(token) = self.state().tokens.get_mut(hash) {
            token.seen_at = Some(at);
        }
        Ok(())
    }

    async fn end_token(&self, account: &AccountName, label: &str) -> LedgerResult<bool> {
        let mut state = self.state();
        let before = state.tokens.len();
        state
            .tokens
            .retain(|_, t| t.account != *account || t.label != label);
        Ok(before != state.tokens.len())
    }

    async fn tried(&self, code: &[u8; 32]) -> LedgerResult<Option<Tried>> {
        Ok(self.state().tried.get(code).copied())
    }

    async fn keep_tried(
        &self,
        code: &[u8; 32],
        before: Option<Tried>,
        now: Tried,
    ) -> LedgerResult<bool> {
        let mut state = self.state();
        if state.tried.get(code).copied() != before {
            return Ok(false);
        }
        state.tried.insert(*code, now);
        Ok(true)
    }

    async fn forget_tried(&self, code: &[u8; 32]) -> LedgerResult<()> {
        self.state().tried.remove(code);
        Ok(())
    }

    async fn opened(&self, opening: &Opening) -> LedgerResult<()> {
        self.state().openings.push(opening.clone());
        Ok(())
    }

    async fn openings_of(&self, document: DocumentId) -> LedgerResult<Vec<Opening>> {
        let state = self.state();
        let of = state.openings.iter().filter(|o| o.document == document);
        Ok(of.cloned().collect())
    }

    async fn reply(&self, account: &AccountName, key: &str) -> LedgerResult<Option<Reply>> {
        let state = self.state();
        let of = (account.clone(), key.to_owned());
        Ok(state.replies.get(&of).cloned())
    }

    async fn keep_reply(&self, reply: &Reply) -> LedgerResult<bool> {
        let mut state = self.state();
        let of = (reply.account.clone(), reply.key.clone());
        if state.replies.contains_key(&of) {
            return Ok(false);
        }
        state.replies.insert(of, reply.clone());
        Ok(true)
    }

    async fn tidy(&self, now: Timestamp, before: Timestamp) -> LedgerResult<()> {
        let mut state = self.state();
        state.sessions.retain(|_, s| s.expires_at > now);
        state.tried.retain(|_, t| t.until > before);
        state.replies.retain(|_, r| r.at > before);
        Ok(())
    }
}

//! Signing in and being known again.
//!
//! Whoever guesses is slowed: each failure counts for the account at that address, for the account
//! and for the address, is counted *before* the password is looked at, and from the third on doubles
//! the wait. Nothing that is answered, and no time that it takes, says whether an account exists.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use domain::{AccountName, Timestamp, TokenScope};
pub use privacy::Bearer;
use privacy::{AccountKey, password, totp};
use tokio::sync::Semaphore;

use crate::accounts::{Account, Accounts, Session, Token, Tried};
use crate::circumstances::Clock;
use crate::error::Error;
use crate::ledger::LedgerError;
use crate::rights::Person;

const SECOND: i64 = 1_000_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;

/// How long nobody may be seen before a session ends.
pub const IDLE: i64 = 30 * MINUTE;
/// How long a session lasts at most: a day of work.
pub const LONGEST: i64 = 10 * HOUR;
/// How often it is written down that someone is still there.
const SEEN_EVERY: i64 = MINUTE;
/// How long failures count, and answers are kept for whoever asks again.
pub const REMEMBERED: i64 = 24 * HOUR;
/// Passwords that are hashed at once: each takes 19 MiB.
const HASHING: usize = 2;
/// How often a failure is counted again when others count at the same moment.
const PATIENCE: usize = 8;

/// How failures of one kind slow down.
#[derive(Clone, Copy, Debug)]
struct Slowing {
    /// How many cost nothing.
    free: u32,
    /// The longest wait, in seconds.
    longest: i64,
}

/// Of an account at an address: whoever mistypes tries again at once.
const TOGETHER: Slowing = Slowing {
    free: 3,
    longest: 900,
};
/// Of an account, wherever from: never so long that others can keep its owner out.
const OF_ACCOUNT: Slowing = Slowing {
    free: 10,
    longest: 60,
};
/// Of an address, whatever the account: a whole town hall may be behind one.
const OF_ADDRESS: Slowing = Slowing {
    free: 40,
    longest: 900,
};

impl Slowing {
    /// The wait after so many failures, in microseconds.
    fn wait(self, failures: u32) -> i64 {
        match failures.checked_sub(self.free) {
            None | Some(0) => 0,
            Some(more) => (1_i64 << (more - 1).min(20)).min(self.longest) * SECOND,
        }
    }
}

/// Why someone does not come in.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// The name, the password or the code is wrong, or the account is not in use.
    #[error("the name, the password or the code is wrong")]
    Wrong,
    /// Too many failures: they may try again later.
    #[error("too many failures: try again in {seconds} seconds")]
    Slowed {
        /// In how many seconds.
        seconds: u64,
    },
    /// It could not be looked at.
    #[error(transparent)]
    Broken(#[from] Error),
}

impl From<LedgerError> for Refused {
    fn from(error: LedgerError) -> Self {
        Self::Broken(error.into())
    }
}

/// Who comes in.
#[derive(Clone)]
pub struct Gate {
    /// Accounts and sessions.
    pub accounts: Arc<dyn Accounts>,
    key: Arc<AccountKey>,
    clock: Arc<dyn Clock>,
    hashing: Arc<Semaphore>,
    /// Accounts are never deleted: once there is one, there always is.
    guarded: Arc<AtomicBool>,
}

impl Gate {
    /// The gate of a house.
    pub fn new(accounts: Arc<dyn Accounts>, key: AccountKey, clock: Arc<dyn Clock>) -> Self {
        Self {
            accounts,
            key: Arc::new(key),
            clock,
            hashing: Arc::new(Semaphore::new(HASHING)),
            guarded: Arc::default(),
        }
    }

    /// Now, as sessions count.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Whether anybody must sign in.
    ///
    /// # Errors
    /// When the ledger does not answer.
    pub async fn is_guarded(&self) -> Result<bool, Error> {
        if !self.guarded.load(Ordering::Relaxed) && self.accounts.any_account().await? {
            self.guarded.store(true, Ordering::Relaxed);
        }
        Ok(self.guarded.load(Ordering::Relaxed))
    }

    /// Lets someone in, who comes from `address`. `code` is looked at where the account asks one.
    ///
    /// # Errors
    /// [`Refused`].
    pub async fn sign_in(
        &self,
        name: &str,
        password: &str,
        code: &str,
        address: &str,
    ) -> Result<Bearer, Refused> {
        let now = self.clock.now();
        let before = now.plus_micros(-REMEMBERED);
        self.accounts.tidy(now, before).await?;
        // Any text is a name here, so that no answer is faster for those that cannot be.
        let tried: String = name.trim().to_ascii_lowercase().chars().take(80).collect();
        let counted = [
            (format!("account {tried} at {address}"), TOGETHER),
            (format!("account {tried}"), OF_ACCOUNT),
            (format!("address {address}"), OF_ADDRESS),
        ]
        .map(|(what, slowing)| (self.key.code(&what), slowing));
        for (code, _) in &counted {
            if let Some(tried) = self.accounts.tried(code).await?
                && tried.until > now
            {
                let micros = tried.until.micros() - now.micros();
                let seconds = u64::try_from(micros / SECOND).unwrap_or_default() + 1;
                return Err(Refused::Slowed { seconds });
            }
        }
        for (code, slowing) in &counted {
            self.count(code, *slowing, now).await?;
        }
        let account = match name.parse::<AccountName>() {
            Ok(name) => self.accounts.account(&name).await?,
            Err(_) => None,
        };
        let account = account.filter(|account| !account.disabled);
        let hash = account.as_ref().and_then(|a| a.password.clone());
        let right = self.is_right(password, hash).await?;
        let Some(account) = account.filter(|_| right) else {
            return Err(Refused::Wrong);
        };
        if !self.is_code_right(&account, code, now).await? {
            return Err(Refused::Wrong);
        }
        let [together, of_account, of_address] = counted.map(|(code, _)| code);
        self.accounts.forget_tried(&together).await?;
        self.accounts.forget_tried(&of_account).await?;
        self.take_back(&of_address, now).await?;
        Ok(self.begin(&account.name, now).await?)
    }

    /// Begins a session of someone who is known.
    async fn begin(&self, account: &AccountName, now: Timestamp) -> Result<Bearer, Error> {
        let bearer = Bearer::new().map_err(|e| Error::Random(e.into()))?;
        let session = Session {
            hash: bearer.hash(),
            account: account.clone(),
            made_at: now,
            seen_at: now,
            expires_at: now.plus_micros(LONGEST),
        };
        self.accounts.begin_session(&session).await?;
        Ok(bearer)
    }

    /// Counts a failure before it is one, so that guesses made at once count too.
    async fn count(
        &self,
        code: &[u8; 32],
        slowing: Slowing,
        now: Timestamp,
    ) -> Result<(), Refused> {
        for _ in 0..PATIENCE {
            let before = self.accounts.tried(code).await?;
            if before.is_some_and(|tried| tried.until > now) {
                break;
            }
            let failures = before.map_or(0, |t| t.failures).saturating_add(1);
            let until = now.plus_micros(slowing.wait(failures));
            let after = Tried { failures, until };
            if self.accounts.keep_tried(code, before, after).await? {
                return Ok(());
            }
        }
        Err(Refused::Slowed { seconds: 1 })
    }

    /// One failure less: it was none.
    async fn take_back(&self, code: &[u8; 32], now: Timestamp) -> Result<(), Error> {
        for _ in 0..PATIENCE {
            let Some(before) = self.accounts.tried(code).await? else {
                return Ok(());
            };
            let after = Tried {
                failures: before.failures.saturating_sub(1),
                until: now,
            };
            if self.accounts.keep_tried(code, Some(before), after).await? {
                return Ok(());
            }
        }
        Ok(())
    }

    async fn is_right(&self, password: &str, hash: Option<String>) -> Result<bool, Error> {
        let hash = hash.unwrap_or_else(|| password::NOBODY.to_owned());
        let password = password.to_owned();
        // Closed never: there is nobody who could.
        let _turn = self.hashing.acquire().await;
        let looked = tokio::task::spawn_blocking(move || password::verify(&password, &hash)).await;
        Ok(looked.unwrap_or(false))
    }

    async fn is_code_right(
        &self,
        account: &Account,
        code: &str,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let Some(sealed) = &account.totp else {
            return Ok(true);
        };
        let Some(secret) = self.key.open_totp(account.name.as_str(), sealed) else {
            return Ok(false);
        };
        let seconds = now.micros().div_euclid(SECOND);
        match totp::step_of(&secret, code, seconds, account.totp_used) {
            Some(step) => Ok(self.accounts.use_totp(&account.name, step).await?),
            None => Ok(false),
        }
    }

    /// Seals a secret of one-time codes for an account.
    ///
    /// # Errors
    /// When nothing random can be drawn.
    pub fn seal_totp(
        &self,
        account: &AccountName,
        secret: &[u8; totp::SECRET_LEN],
    ) -> Result<Vec<u8>, Error> {
        let sealed = self.key.seal_totp(account.as_str(), secret);
        sealed.map_err(|e| Error::Random(e.into()))
    }

    /// Whoever shows this of a session: nobody, once it has ended, or their account is not in use.
    ///
    /// # Errors
    /// When the ledger does not answer.
    pub async fn known(&self, bearer: &Bearer) -> Result<Option<Person>, Error> {
        let hash = bearer.hash();
        let Some(session) = self.accounts.session(&hash).await? else {
            return Ok(None);
        };
        let now = self.clock.now();
        if session.expires_at <= now || session.seen_at.plus_micros(IDLE) <= now {
            self.accounts.end_session(&hash).await?;
            return Ok(None);
        }
        if session.seen_at.plus_micros(SEEN_EVERY) <= now {
            self.accounts.see_session(&hash, now).await?;
        }
        Ok(self.person(&session.account).await?.map(|account| Person {
            account: account.name,
            shown: account.shown,
            grants: account.grants,
            uses: None,
        }))
    }

    /// Whose token this is: nobody's, once it has ended.
    ///
    /// # Errors
    /// When the ledger does not answer.
    pub async fn token(&self, bearer: &Bearer) -> Result<Option<Person>, Error> {
        let hash = bearer.hash();
        let now = self.clock.now();
        let token = self.accounts.token(&hash).await?;
        let Some(token) = token.filter(|token| token.expires_at > now) else {
            return Ok(None);
        };
        let seen = token.seen_at.map(|at| at.plus_micros(SEEN_EVERY));
        if seen.is_none_or(|again| again <= now) {
            self.accounts.see_token(&hash, now).await?;
        }
        Ok(self.person(&token.account).await?.map(|account| Person {
            account: account.name,
            shown: account.shown,
            grants: account.grants,
            uses: Some(token.uses),
        }))
    }

    async fn person(&self, name: &AccountName) -> Result<Option<Account>, Error> {
        let account = self.accounts.account(name).await?;
        Ok(account.filter(|account| !account.disabled))
    }

    /// Ends the session of whoever shows this.
    ///
    /// # Errors
    /// When the ledger does not answer.
    pub async fn sign_out(&self, bearer: &Bearer) -> Result<(), Error> {
        self.accounts.end_session(&bearer.hash()).await?;
        Ok(())
    }

    /// Makes a token of an account. `None` when it has one of that label.
    ///
    /// # Errors
    /// When nothing random can be drawn or the ledger does not answer.
    pub async fn new_token(
        &self,
        account: &AccountName,
        label: &str,
        uses: impl IntoIterator<Item = TokenScope> + Send,
        lasts: i64,
    ) -> Result<Option<Bearer>, Error> {
        let uses = uses.into_iter().collect();
        let bearer = Bearer::new().map_err(|e| Error::Random(e.into()))?;
        let now = self.clock.now();
        let token = Token {
            hash: bearer.hash(),
            account: account.clone(),
            label: label.to_owned(),
            uses,
            made_at: now,
            seen_at: None,
            expires_at: now.plus_micros(lasts),
        };
        let made = self.accounts.add_token(&token).await?;
        Ok(made.then_some(bearer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_an_end() {
        let seconds = |failures| TOGETHER.wait(failures) / SECOND;
        let waits: Vec<i64> = (1..8).map(seconds).collect();
        assert_eq!(waits, [0, 0, 0, 1, 2, 4, 8]);
        assert_eq!(seconds(50), 900);
        assert_eq!(seconds(u32::MAX), 900);
        assert_eq!(OF_ACCOUNT.wait(100), 60 * SECOND);
    }
}

//! Accounts, beside the ledger in the same database.

use async_trait::async_trait;
use domain::{AccountName, DocumentId, Grant, Timestamp, TokenScope};
use pipeline::accounts::{
    Account, AccountChange, Accounts, BearerHash, Opening, Reply, Session, Token, Tried,
};
use pipeline::ledger::LedgerResult;
use sqlx::any::AnyRow;

use super::SqlLedger;
use super::rows;
use super::work::{Statement, Work, bound};

/// Words between spaces.
fn joined<T: ToString>(words: impl IntoIterator<Item = T>) -> String {
    let words: Vec<String> = words.into_iter().map(|w| w.to_string()).collect();
    words.join(" ")
}

fn account(row: &AnyRow) -> LedgerResult<Account> {
    let grants = rows::text(row, "grants")?;
    let grants: LedgerResult<Vec<Grant>> = grants
        .split_whitespace()
        .map(|word| rows::parsed("grants", word))
        .collect();
    Ok(Account {
        name: rows::word(row, "name")?,
        shown: rows::text(row, "shown")?,
        grants: grants?,
        password: rows::optional_text(row, "password")?,
        totp: rows::optional_bytes(row, "totp")?,
        totp_used: rows::optional_number(row, "totp_used")?,
        disabled: rows::number::<i64>(row, "disabled")? != 0,
        made_at: rows::moment(row, "made_at")?,
    })
}

fn change(row: &AnyRow) -> LedgerResult<AccountChange> {
    Ok(AccountChange {
        at: rows::moment(row, "at")?,
        account: rows::word(row, "account")?,
        by: rows::text(row, "done_by")?,
        what: rows::text(row, "what")?,
    })
}

fn session(row: &AnyRow) -> LedgerResult<Session> {
    Ok(Session {
        hash: rows::array(row, "hash")?,
        account: rows::word(row, "account")?,
        made_at: rows::moment(row, "made_at")?,
        seen_at: rows::moment(row, "seen_at")?,
        expires_at: rows::moment(row, "expires_at")?,
    })
}

fn token(row: &AnyRow) -> LedgerResult<Token> {
    let uses = rows::text(row, "uses")?;
    let uses: LedgerResult<std::collections::BTreeSet<TokenScope>> = uses
        .split_whitespace()
        .map(|word| rows::parsed("uses", word))
        .collect();
    Ok(Token {
        hash: rows::array(row, "hash")?,
        account: rows::word(row, "account")?,
        label: rows::text(row, "label")?,
        uses: uses?,
        made_at: rows::moment(row, "made_at")?,
        seen_at: rows::optional_moment(row, "seen_at")?,
        expires_at: rows::moment(row, "expires_at")?,
    })
}

fn opening(row: &AnyRow) -> LedgerResult<Opening> {
    Ok(Opening {
        document: DocumentId::from_bytes(rows::array(row, "document")?),
        account: rows::word(row, "account")?,
        part: rows::text(row, "part")?,
        at: rows::moment(row, "at")?,
    })
}

fn reply(row: &AnyRow) -> LedgerResult<Reply> {
    Ok(Reply {
        account: rows::word(row, "account")?,
        key: rows::text(row, "key")?,
        asked: rows::array(row, "asked")?,
        status: rows::number(row, "status")?,
        body: rows::text(row, "body")?,
        at: rows::moment(row, "at")?,
    })
}

async fn say(work: &mut Work, change: &AccountChange) -> LedgerResult<()> {
    let say = sqlx::query(include_str!("../../sql/accounts/say_change.sql"))
        .bind(change.at.micros())
        .bind(change.account.as_str().to_owned())
        .bind(change.by.clone())
        .bind(change.what.clone());
    work.change(say).await.map(drop)
}

fn name(account: &AccountName) -> String {
    account.as_str().to_owned()
}

impl SqlLedger {
    async fn one<T>(
        &self,
        doing: &'static str,
        statement: Statement,
        read: fn(&AnyRow) -> LedgerResult<T>,
    ) -> LedgerResult<Option<T>> {
        let row = self.read_one(doing, statement).await?;
        row.as_ref().map(read).transpose()
    }

    async fn several<T>(
        &self,
        doing: &'static str,
        statement: Statement,
        read: fn(&AnyRow) -> LedgerResult<T>,
    ) -> LedgerResult<Vec<T>> {
        let rows = self.read(doing, statement).await?;
        rows.iter().map(read).collect()
    }
}

#[async_trait]
impl Accounts for SqlLedger {
    async fn any_account(&self) -> LedgerResult<bool> {
        let query = sqlx::query(include_str!("../../sql/accounts/any.sql"));
        Ok(self.read_one("look for accounts", query).await?.is_some())
    }

    async fn account(&self, of: &AccountName) -> LedgerResult<Option<Account>> {
        let query = sqlx::query(include_str!("../../sql/accounts/get.sql")).bind(name(of));
        self.one("read an account", query, account).await
    }

    async fn accounts(&self) -> LedgerResult<Vec<Account>> {
        let query = sqlx::query(include_str!("../../sql/accounts/all.sql"));
        let mut all = self.several("list accounts", query, account).await?;
        // Databases order texts each in their way.
        all.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(all)
    }

    async fn add_account(&self, new: &Account, change: &AccountChange) -> LedgerResult<bool> {
        let mut work = self.work("make an account").await?;
        let add = sqlx::query(include_str!("../../sql/accounts/add.sql"))
            .bind(name(&new.name))
            .bind(new.shown.clone())
            .bind(joined(&new.grants))
            .bind(new.password.clone())
            .bind(new.totp.clone())
            .bind(new.totp_used)
            .bind(i64::from(new.disabled))
            .bind(new.made_at.micros());
        if work.change(add).await? == 0 {
            return Ok(false);
        }
        say(&mut work, change).await?;
        work.commit().await?;
        Ok(true)
    }

    async fn change_account(&self, new: &Account, change: &AccountChange) -> LedgerResult<bool> {
        let mut work = self.work("change an account").await?;
        let put = sqlx::query(include_str!("../../sql/accounts/change.sql"))
            .bind(name(&new.name))
            .bind(new.shown.clone())
            .bind(joined(&new.grants))
            .bind(new.password.clone())
            .bind(new.totp.clone())
            .bind(i64::from(new.disabled));
        if work.change(put).await? == 0 {
            return Ok(false);
        }
        say(&mut work, change).await?;
        work.commit().await?;
        Ok(true)
    }

    async fn account_changes(&self, of: Option<&AccountName>) -> LedgerResult<Vec<AccountChange>> {
        let query = sqlx::query(include_str!("../../sql/accounts/changes.sql")).bind(of.map(name));
        self.several("read what was done to accounts", query, change)
            .await
    }

    async fn use_totp(&self, of: &AccountName, step: i64) -> LedgerResult<bool> {
        let put = sqlx::query(include_str!("../../sql/accounts/use_totp.sql"))
            .bind(name(of))
            .bind(step);
        Ok(self.write("keep a code's step", put).await? > 0)
    }

    async fn begin_session(&self, new: &Session) -> LedgerResult<()> {
        let add = sqlx::query(include_str!("../../sql/sessions/begin.sql"))
            .bind(bound(&new.hash))
            .bind(name(&new.account))
            .bind(new.made_at.micros())
            .bind(new.seen_at.micros())
            .bind(new.expires_at.micros());
        self.write("begin a session", add).await.map(drop)
    }

    async fn session(&self, hash: &BearerHash) -> LedgerResult<Option<Session>> {
        let query = sqlx::query(include_str!("../../sql/sessions/get.sql")).bind(bound(hash));
        self.one("read a session", query, session).await
    }

    async fn sessions_of(&self, of: &AccountName) -> LedgerResult<Vec<Session>> {
        let query = sqlx::query(include_str!("../../sql/sessions/of_account.sql")).bind(name(of));
        self.several("list sessions", query, session).await
    }

    async fn see_session(&self, hash: &BearerHash, at: Timestamp) -> LedgerResult<()> {
        let put = sqlx::query(include_str!("../../sql/sessions/see.sql"))
            .bind(bound(hash))
            .bind(at.micros());
        self.write("keep when someone was seen", put)
            .await
            .map(drop)
    }

    async fn end_session(&self, hash: &BearerHash) -> LedgerResult<bool> {
        let end = sqlx::query(include_str!("../../sql/sessions/end.sql")).bind(bound(hash));
        Ok(self.write("end a session", end).await? > 0)
    }

    async fn end_sessions(&self, of: &AccountName) -> LedgerResult<u64> {
        let end = sqlx::query(include_str!("../../sql/sessions/end_all.sql")).bind(name(of));
        self.write("end sessions", end).await
    }

    async fn add_token(&self, new: &Token) -> LedgerResult<bool> {
        let uses = new.uses.iter().map(|scope| scope.as_str());
        let add = sqlx::query(include_str!("../../sql/tokens/add.sql"))
            .bind(bound(&new.hash))
            .bind(name(&new.account))
            .bind(new.label.clone())
            .bind(joined(uses))
            .bind(new.made_at.micros())
            .bind(new.seen_at.map(Timestamp::micros))
            .bind(new.expires_at.micros());
        Ok(self.write("make a token", add).await? > 0)
    }

    async fn token(&self, hash: &BearerHash) -> LedgerResult<Option<Token>> {
        let query = sqlx::query(include_str!("../../sql/tokens/get.sql")).bind(bound(hash));
        self.one("read a token", query, token).await
    }

    async fn tokens_of(&self, of: &AccountName) -> LedgerResult<Vec<Token>> {
        let query = sqlx::query(include_str!("../../sql/tokens/of_account.sql")).bind(name(of));
        let mut all = self.several("list tokens", query, token).await?;
        all.sort_by(|a, b| a.label.cmp(&b.label));
        Ok(all)
    }

    async fn see_token(&self, hash: &BearerHash, at: Timestamp) -> LedgerResult<()> {
        let put = sqlx::query(include_str!("../../sql/tokens/see.sql"))
            .bind(bound(hash))
            .bind(at.micros());
        self.write("keep when a token was used", put)
            .await
            .map(drop)
    }

    async fn end_token(&self, of: &AccountName, label: &str) -> LedgerResult<bool> {
        let end = sqlx::query(include_str!("../../sql/tokens/end.sql"))
            .bind(name(of))
            .bind(label.to_owned());
        Ok(self.write("end a token", end).await? > 0)
    }

    async fn tried(&self, code: &[u8; 32]) -> LedgerResult<Option<Tried>> {
        let query = sqlx::query(include_str!("../../sql/tried/get.sql")).bind(bound(code));
        let read = |row: &AnyRow| {
            Ok(Tried {
                failures: rows::number(row, "failures")?,
                until: rows::moment(row, "until")?,
            })
        };
        self.one("read failures", query, read).await
    }

    async fn keep_tried(
        &self,
        code: &[u8; 32],
        before: Option<Tried>,
        now: Tried,
    ) -> LedgerResult<bool> {
        let put = match before {
            None => sqlx::query(include_str!("../../sql/tried/add.sql")),
            Some(_) => sqlx::query(include_str!("../../sql/tried/keep.sql")),
        };
        let put = put
            .bind(bound(code))
            .bind(i64::from(now.failures))
            .bind(now.until.micros());
        let put = match before {
            None => put,
            Some(before) => put
                .bind(i64::from(before.failures))
                .bind(before.until.micros()),
        };
        Ok(self.write("count a failure", put).await? > 0)
    }

    async fn forget_tried(&self, code: &[u8; 32]) -> LedgerResult<()> {
        let forget = sqlx::query(include_str!("../../sql/tried/forget.sql")).bind(bound(code));
        self.write("forget failures", forget).await.map(drop)
    }

    async fn opened(&self, new: &Opening) -> LedgerResult<()> {
        let add = sqlx::query(include_str!("../../sql/openings/add.sql"))
            .bind(bound(new.document.as_bytes()))
            .bind(name(&new.account))
            .bind(new.part.clone())
            .bind(new.at.micros());
        self.write("keep who opened a document", add)
            .await
            .map(drop)
    }

    async fn openings_of(&self, document: DocumentId) -> LedgerResult<Vec<Opening>> {
        let query = sqlx::query(include_str!("../../sql/openings/of_document.sql"))
            .bind(bound(document.as_bytes()));
        self.several("read who opened a document", query, opening)
            .await
    }

    async fn reply(&self, of: &AccountName, key: &str) -> LedgerResult<Option<Reply>> {
        let query = sqlx::query(include_str!("../../sql/replies/get.sql"))
            .bind(name(of))
            .bind(key.to_owned());
        self.one("read an answer", query, reply).await
    }

    async fn keep_reply(&self, new: &Reply) -> LedgerResult<bool> {
        let add = sqlx::query(include_str!("../../sql/replies/add.sql"))
            .bind(name(&new.account))
            .bind(new.key.clone())
            .bind(bound(&new.asked))
            .bind(i64::from(new.status))
            .bind(new.body.clone())
            .bind(new.at.micros());
        Ok(self.write("keep an answer", add).await? > 0)
    }

    async fn tidy(&self, now: Timestamp, before: Timestamp) -> LedgerResult<()> {
        let mut work = self.work("forget what has ended").await?;
        for (sql, moment) in [
            (include_str!("../../sql/sessions/tidy.sql"), now),
            (include_str!("../../sql/tried/tidy.sql"), before),
            (include_str!("../../sql/replies/tidy.sql"), before),
        ] {
            work.change(sqlx::query(sql).bind(moment.micros())).await?;
        }
        work.commit().await
    }
}

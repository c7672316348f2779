//! Accounts, sessions, tokens, failures, openings and answers.

use super::samples::{id, keyed, moment, named};
use super::{Case, cases};
use crate::accounts::{Account, AccountChange, Accounts, Opening, Reply, Session, Token, Tried};

pub(super) fn cases() -> Vec<Case<dyn Accounts>> {
    cases![
        an_account_is_made_once_and_changed,
        what_was_done_is_kept_in_order,
        a_code_serves_once,
        sessions_begin_and_end,
        tokens_have_labels,
        a_failure_is_counted_by_one_at_a_time,
        openings_are_kept,
        an_answer_is_kept_once,
        what_has_ended_is_forgotten,
    ]
}

/// An account of this name.
pub fn account(name: &str) -> Account {
    Account {
        name: named(name),
        shown: format!("« {name} »"),
        grants: vec![named("agent:voirie"), named("lead:pipeline/courrier")],
        password: Some("$argon2id$…".into()),
        totp: None,
        totp_used: None,
        disabled: false,
        made_at: moment(0),
    }
}

/// What was done to an account at a second.
pub fn change(name: &str, seconds: i64, what: &str) -> AccountChange {
    AccountChange {
        at: moment(seconds),
        account: named(name),
        by: "root".into(),
        what: what.into(),
    }
}

/// Session `n` of an account.
pub fn session(name: &str, n: u32) -> Session {
    Session {
        hash: keyed("session", n),
        account: named(name),
        made_at: moment(n.into()),
        seen_at: moment(n.into()),
        expires_at: moment(100),
    }
}

/// A token of an account.
pub fn token(name: &str, label: &str, n: u32) -> Token {
    Token {
        hash: keyed("token", n),
        account: named(name),
        label: label.into(),
        uses: [named("read"), named("hand-in")].into(),
        made_at: moment(0),
        seen_at: None,
        expires_at: moment(100),
    }
}

/// An answer under a key.
pub fn reply(name: &str, key: &str, seconds: i64) -> Reply {
    Reply {
        account: named(name),
        key: key.into(),
        asked: keyed("asked", 1),
        status: 201,
        body: "{\"id\":\"doc_é\"}".into(),
        at: moment(seconds),
    }
}

async fn an_account_is_made_once_and_changed(accounts: &dyn Accounts) {
    assert!(!accounts.any_account().await.unwrap());
    let (martin, dupre) = (account("a.martin"), account("m.dupre"));
    let made = change("a.martin", 0, "add");
    assert!(accounts.add_account(&martin, &made).await.unwrap());
    assert!(!accounts.add_account(&martin, &made).await.unwrap());
    let never = account("nobody");
    assert!(!accounts.change_account(&never, &made).await.unwrap());
    accounts.add_account(&dupre, &made).await.unwrap();
    assert!(accounts.any_account().await.unwrap());
    assert_eq!(accounts.account(&never.name).await.unwrap(), None);
    let changed = Account {
        grants: vec![named("administrator")],
        password: None,
        disabled: true,
        shown: "Anne Martin".into(),
        made_at: moment(9),
        ..martin.clone()
    };
    assert!(accounts.change_account(&changed, &made).await.unwrap());
    let held = Account {
        made_at: moment(0),
        ..changed
    };
    let found = accounts.account(&martin.name).await.unwrap();
    assert_eq!(found, Some(held.clone()));
    assert_eq!(accounts.accounts().await.unwrap(), [held, dupre]);
}

async fn what_was_done_is_kept_in_order(accounts: &dyn Accounts) {
    let first = change("b", 5, "add agent:voirie");
    let second = change("a", 3, "add");
    let third = change("b", 1, "disable");
    accounts.add_account(&account("b"), &first).await.unwrap();
    accounts.add_account(&account("a"), &second).await.unwrap();
    accounts
        .change_account(&account("b"), &third)
        .await
        .unwrap();
    // What changed nothing is not said to have been done.
    accounts.add_account(&account("b"), &second).await.unwrap();
    let all = accounts.account_changes(None).await.unwrap();
    assert_eq!(all, [first.clone(), second, third.clone()]);
    let of = accounts.account_changes(Some(&named("b"))).await.unwrap();
    assert_eq!(of, [first, third]);
}

async fn a_code_serves_once(accounts: &dyn Accounts) {
    let mut martin = account("a.martin");
    martin.totp = Some(vec![0, 1, 255]);
    let said = change("a.martin", 0, "add");
    accounts.add_account(&martin, &said).await.unwrap();
    let serves = async |step| accounts.use_totp(&martin.name, step).await.unwrap();
    assert!(serves(41).await);
    assert!(!serves(41).await);
    assert!(!serves(40).await);
    assert!(serves(42).await);
    let used = async || {
        let held = accounts.account(&martin.name).await.unwrap();
        held.unwrap().totp_used
    };
    accounts.change_account(&martin, &said).await.unwrap();
    assert_eq!(used().await, Some(42), "the same secret");
    let other = Account {
        totp: Some(vec![2]),
        ..martin.clone()
    };
    accounts.change_account(&other, &said).await.unwrap();
    assert_eq!(used().await, None, "another secret");
    assert!(!accounts.use_totp(&named("nobody"), 1).await.unwrap());
}

async fn sessions_begin_and_end(accounts: &dyn Accounts) {
    let all = [session("a", 3), session("a", 1), session("b", 2)];
    for one in &all {
        accounts.begin_session(one).await.unwrap();
    }
    let [third, first, other] = all;
    let of = accounts.sessions_of(&named("a")).await.unwrap();
    assert_eq!(of, [first.clone(), third.clone()]);
    accounts.see_session(&first.hash, moment(7)).await.unwrap();
    accounts.see_session(&first.hash, moment(6)).await.unwrap();
    let seen = accounts.session(&first.hash).await.unwrap().unwrap();
    assert_eq!(seen.seen_at, moment(7));
    assert!(accounts.end_session(&first.hash).await.unwrap());
    assert!(!accounts.end_session(&first.hash).await.unwrap());
    assert_eq!(accounts.session(&first.hash).await.unwrap(), None);
    assert_eq!(accounts.end_sessions(&named("a")).await.unwrap(), 1);
    let left = accounts.session(&other.hash).await.unwrap();
    assert_eq!(left, Some(other));
}

async fn tokens_have_labels(accounts: &dyn Accounts) {
    let (scan, portal) = (token("a", "scan", 1), token("a", "portal", 2));
    assert!(accounts.add_token(&scan).await.unwrap());
    assert!(!accounts.add_token(&token("a", "scan", 3)).await.unwrap());
    assert!(accounts.add_token(&portal).await.unwrap());
    assert!(accounts.add_token(&token("b", "scan", 4)).await.unwrap());
    let of = accounts.tokens_of(&named("a")).await.unwrap();
    assert_eq!(of, [portal, scan.clone()]);
    accounts.see_token(&scan.hash, moment(8)).await.unwrap();
    let seen = accounts.token(&scan.hash).await.unwrap().unwrap();
    assert_eq!(seen.seen_at, Some(moment(8)));
    assert!(accounts.end_token(&named("a"), "scan").await.unwrap());
    assert!(!accounts.end_token(&named("a"), "scan").await.unwrap());
    assert_eq!(accounts.token(&scan.hash).await.unwrap(), None);
    assert_eq!(accounts.tokens_of(&named("b")).await.unwrap().len(), 1);
}

async fn a_failure_is_counted_by_one_at_a_time(accounts: &dyn Accounts) {
    let code = keyed("tried", 1);
    let at = |failures, seconds| Tried {
        failures,
        until: moment(seconds),
    };
    let keep = async |before, now| accounts.keep_tried(&code, before, now).await.unwrap();
    assert_eq!(accounts.tried(&code).await.unwrap(), None);
    assert!(!keep(Some(at(1, 0)), at(2, 0)).await);
    assert!(keep(None, at(1, 0)).await);
    assert!(!keep(None, at(1, 0)).await, "another was faster");
    assert!(keep(Some(at(1, 0)), at(2, 5)).await);
    assert!(!keep(Some(at(1, 0)), at(2, 6)).await);
    assert!(!keep(Some(at(2, 4)), at(3, 6)).await);
    assert_eq!(accounts.tried(&code).await.unwrap(), Some(at(2, 5)));
    accounts.forget_tried(&code).await.unwrap();
    assert_eq!(accounts.tried(&code).await.unwrap(), None);
}

async fn openings_are_kept(accounts: &dyn Accounts) {
    let opening = |n, name, part: &str, seconds| Opening {
        document: id(n),
        account: named(name),
        part: part.into(),
        at: moment(seconds),
    };
    let first = opening(1, "b", "page", 2);
    let second = opening(1, "a", "original", 1);
    for one in [&first, &opening(2, "a", "page", 0), &second, &second] {
        accounts.opened(one).await.unwrap();
    }
    let of = accounts.openings_of(id(1)).await.unwrap();
    assert_eq!(of, [first, second.clone(), second]);
    assert_eq!(accounts.openings_of(id(3)).await.unwrap(), []);
}

async fn an_answer_is_kept_once(accounts: &dyn Accounts) {
    let first = reply("a", "k-1", 0);
    assert!(accounts.keep_reply(&first).await.unwrap());
    let again = Reply {
        status: 500,
        ..first.clone()
    };
    assert!(!accounts.keep_reply(&again).await.unwrap());
    assert!(accounts.keep_reply(&reply("b", "k-1", 0)).await.unwrap());
    let found = accounts.reply(&named("a"), "k-1").await.unwrap();
    assert_eq!(found, Some(first));
    assert_eq!(accounts.reply(&named("a"), "k-2").await.unwrap(), None);
}

async fn what_has_ended_is_forgotten(accounts: &dyn Accounts) {
    accounts.begin_session(&session("a", 1)).await.unwrap();
    accounts.keep_reply(&reply("a", "old", 1)).await.unwrap();
    accounts.keep_reply(&reply("a", "new", 50)).await.unwrap();
    let code = keyed("tried", 1);
    let tried = Tried {
        failures: 9,
        until: moment(20),
    };
    accounts.keep_tried(&code, None, tried).await.unwrap();
    let tidy = async |now, before| accounts.tidy(moment(now), moment(before)).await.unwrap();
    let left = async || {
        (
            accounts.sessions_of(&named("a")).await.unwrap().len(),
            accounts.tried(&code).await.unwrap().is_some(),
            accounts.reply(&named("a"), "old").await.unwrap().is_some(),
            accounts.reply(&named("a"), "new").await.unwrap().is_some(),
        )
    };
    tidy(99, 0).await;
    assert_eq!(left().await, (1, true, true, true));
    tidy(100, 20).await;
    assert_eq!(left().await, (0, false, false, true));
}

//! Who comes in, who is slowed, and for how long anybody is known.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::{Arc, Mutex};

use domain::{Reach, Timestamp, TokenScope};
use pipeline::accounts::{Account, AccountChange, Accounts as _};
use pipeline::circumstances::Clock;
use pipeline::gate::{Bearer, Gate, IDLE, LONGEST, Refused};
use pipeline::rights::Who;
use pipeline::testing::accounts::MemoryAccounts;
use privacy::{Secrets, totp};

const PASSWORD: &str = "pluie fine sur la mairie";

struct Turned(Mutex<Timestamp>);

impl Clock for Turned {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}

struct House {
    accounts: Arc<MemoryAccounts>,
    clock: Arc<Turned>,
    gate: Gate,
}

impl House {
    fn new() -> Self {
        let accounts = Arc::new(MemoryAccounts::new());
        let start = "2026-11-18T09:30:00Z".parse().unwrap();
        let clock = Arc::new(Turned(Mutex::new(start)));
        let secrets = Secrets::derived(b"a gate for tests").unwrap();
        let gate = Gate::new(accounts.clone(), secrets.account_key(), clock.clone());
        Self {
            accounts,
            clock,
            gate,
        }
    }

    fn wait(&self, micros: i64) {
        let mut now = self.clock.0.lock().unwrap();
        *now = now.plus_micros(micros);
    }

    async fn account(&self, name: &str, change: impl FnOnce(&mut Account)) {
        let mut account = Account {
            name: name.parse().unwrap(),
            shown: name.into(),
            grants: vec!["agent:voirie".parse().unwrap()],
            password: Some(privacy::password::hash(PASSWORD).unwrap()),
            totp: None,
            totp_used: None,
            disabled: false,
            made_at: self.gate.now(),
        };
        change(&mut account);
        self.accounts
            .add_account(&account, &said(&account))
            .await
            .unwrap();
    }

    async fn try_from(&self, name: &str, password: &str, address: &str) -> Result<Bearer, Refused> {
        self.gate.sign_in(name, password, "", address).await
    }

    async fn tries(&self, name: &str, password: &str) -> &'static str {
        word(&self.try_from(name, password, "10.0.0.1").await)
    }
}

fn said(account: &Account) -> AccountChange {
    AccountChange {
        at: account.made_at,
        account: account.name.clone(),
        by: "test".into(),
        what: "change".into(),
    }
}

fn word(answer: &Result<Bearer, Refused>) -> &'static str {
    match answer {
        Ok(_) => "in",
        Err(Refused::Wrong) => "wrong",
        Err(Refused::Slowed { .. }) => "slowed",
        Err(Refused::Broken(_)) => "broken",
    }
}

#[tokio::test]
async fn the_right_password_and_no_other() {
    let house = House::new();
    assert!(!house.gate.is_guarded().await.unwrap());
    house.account("a.martin", |_| {}).await;
    house.account("gone", |a| a.disabled = true).await;
    house.account("robot", |a| a.password = None).await;
    assert!(house.gate.is_guarded().await.unwrap());
    assert_eq!(house.tries(" A.Martin", PASSWORD).await, "in");
    for (name, password) in [
        ("a.martin", "pluie fine sur la ville"),
        ("a.martin", ""),
        ("gone", PASSWORD),
        ("robot", PASSWORD),
        ("robot", ""),
        ("nobody", PASSWORD),
        ("' or 1=1 --", PASSWORD),
        ("", ""),
    ] {
        assert_eq!(house.tries(name, password).await, "wrong", "{name}");
    }
}

#[tokio::test]
async fn guesses_are_slowed_more_and_more() {
    let house = House::new();
    house.account("a.martin", |_| {}).await;
    for _ in 0..4 {
        assert_eq!(house.tries("a.martin", "wrong wrong wrong").await, "wrong");
    }
    // The fourth costs a second, the fifth two, the sixth four.
    for seconds in [1, 2, 4] {
        assert_eq!(house.tries("a.martin", PASSWORD).await, "slowed");
        house.wait(seconds * 1_000_000 - 1);
        assert_eq!(house.tries("a.martin", PASSWORD).await, "slowed");
        house.wait(1);
        assert_eq!(house.tries("a.martin", "wrong wrong wrong").await, "wrong");
    }
    // Its owner comes in from elsewhere: only the guesses of one address made it wait so long.
    let elsewhere = house.try_from("a.martin", PASSWORD, "10.0.0.2").await;
    assert_eq!(word(&elsewhere), "in");
    // Accounts that are not there are slowed alike.
    for _ in 0..4 {
        assert_eq!(house.tries("nobody", PASSWORD).await, "wrong");
    }
    let answer = house.try_from("nobody", PASSWORD, "10.0.0.1").await;
    assert!(matches!(answer, Err(Refused::Slowed { seconds: 1..=2 })));
    house.wait(3_600_000_000);
    assert_eq!(house.tries("a.martin", PASSWORD).await, "in");
    // Nothing is left of it: three are free again.
    for _ in 0..3 {
        assert_eq!(house.tries("a.martin", "wrong wrong wrong").await, "wrong");
    }
    assert_eq!(house.tries("a.martin", PASSWORD).await, "in");
}

#[tokio::test]
async fn one_address_does_not_go_through_all_accounts() {
    let house = House::new();
    house.account("a.martin", |_| {}).await;
    let mut slowed = 0;
    for n in 0..60 {
        let answer = house
            .tries(&format!("guess{n}"), "azerty azerty azerty")
            .await;
        slowed += u32::from(answer == "slowed");
    }
    assert!(slowed >= 15, "{slowed}");
    let spread = async || {
        let mut slowed = 0;
        for n in 0..30 {
            let address = format!("10.0.1.{n}");
            let answer = house.try_from("a.martin", "azerty azerty", &address).await;
            slowed += u32::from(word(&answer) == "slowed");
        }
        slowed
    };
    assert!(
        spread().await >= 15,
        "nor many addresses through one account"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guesses_made_at_once_count_each() {
    let house = House::new();
    house.account("a.martin", |_| {}).await;
    let guesses = (0..24).map(|_| house.tries("a.martin", "wrong wrong wrong"));
    let answers = futures::future::join_all(guesses).await;
    let looked_at = answers.iter().filter(|a| **a == "wrong").count();
    assert!(looked_at <= 4, "{answers:?}");
}

#[tokio::test]
async fn a_session_ends() {
    let house = House::new();
    house.account("a.martin", |_| {}).await;
    let sign_in = async || {
        let answer = house.try_from("a.martin", PASSWORD, "10.0.0.1").await;
        answer.unwrap()
    };
    let known = async |bearer: &Bearer| house.gate.known(bearer).await.unwrap();
    let session = sign_in().await;
    let person = known(&session).await.unwrap();
    assert_eq!(person.account.as_str(), "a.martin");
    assert_eq!(person.uses, None);
    assert!(known(&Bearer::new().unwrap()).await.is_none());
    // Whoever is seen stays, but not for ever.
    let mut stayed = 0;
    while known(&session).await.is_some() {
        house.wait(IDLE - 1);
        stayed += IDLE - 1;
    }
    assert!((LONGEST..LONGEST + IDLE).contains(&stayed), "{stayed}");
    let session = sign_in().await;
    house.wait(IDLE);
    assert!(known(&session).await.is_none(), "nobody was seen");
    let session = sign_in().await;
    house.gate.sign_out(&session).await.unwrap();
    assert!(known(&session).await.is_none());
    let session = sign_in().await;
    let name = "a.martin".parse().unwrap();
    house.accounts.end_sessions(&name).await.unwrap();
    assert!(known(&session).await.is_none(), "revoked");
    let session = sign_in().await;
    let mut account = house.accounts.account(&name).await.unwrap().unwrap();
    account.disabled = true;
    let said = said(&account);
    house
        .accounts
        .change_account(&account, &said)
        .await
        .unwrap();
    assert!(known(&session).await.is_none(), "not in use any more");
}

#[tokio::test]
async fn a_code_is_asked_where_there_is_one() {
    let house = House::new();
    let secret = *b"12345678901234567890";
    let name = "a.martin".parse().unwrap();
    let sealed = house.gate.seal_totp(&name, &secret).unwrap();
    assert!(!sealed.windows(20).any(|w| w == secret), "sealed");
    let other = sealed.clone();
    house.account("a.martin", |a| a.totp = Some(sealed)).await;
    // A secret that was moved to another account opens nothing there.
    house.account("m.dupre", |a| a.totp = Some(other)).await;
    let now = house.gate.now().micros() / 1_000_000;
    let code = totp::code_at(&secret, now / totp::STEP_SECONDS);
    let answer = async |name: &str, code: &str| {
        let answer = house.gate.sign_in(name, PASSWORD, code, "10.0.0.1").await;
        word(&answer)
    };
    assert_eq!(answer("a.martin", "").await, "wrong");
    assert_eq!(answer("m.dupre", &code).await, "wrong");
    assert_eq!(answer("a.martin", &code).await, "in");
    assert_eq!(answer("a.martin", &code).await, "wrong", "it serves once");
}

#[tokio::test]
async fn a_token_serves_for_what_it_was_made() {
    let house = House::new();
    let change = |a: &mut Account| a.grants = vec!["lead:pipeline/forms".parse().unwrap()];
    house.account("robot", change).await;
    let name = "robot".parse().unwrap();
    let day = 86_400_000_000;
    let make = async |label: &str, uses: &[TokenScope]| {
        let made = house.gate.new_token(&name, label, uses.to_vec(), day).await;
        made.unwrap()
    };
    let reads = make("reads", &[TokenScope::Read]).await.unwrap();
    assert!(make("reads", &[]).await.is_none(), "one of a label");
    let hands = make("hands", &[TokenScope::HandIn]).await.unwrap();
    let who = async |bearer: &Bearer| {
        let person = house.gate.token(bearer).await.unwrap();
        person.map_or(Who::Nobody, Who::Person)
    };
    let forms = "forms".parse().unwrap();
    let may = |who: &Who| {
        [who.reads(), who.oversees(), who.decides(), who.hands_in()].map(|r| r.holds_all_of(&forms))
    };
    assert_eq!(may(&who(&reads).await), [true, true, false, false]);
    assert_eq!(may(&who(&hands).await), [false, false, false, true]);
    assert_eq!(may(&Who::Nobody), [false; 4]);
    assert_eq!(may(&Who::Anyone), [true; 4]);
    assert!(house.gate.known(&reads).await.unwrap().is_none());
    assert!(Who::Nobody.reads() == Reach::nothing());
    house.wait(day);
    assert_eq!(who(&reads).await, Who::Nobody, "its time is over");
}

//! What other software hears of: each thing that happened, whatever goes wrong in telling it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on fails"
)]

mod common;

use async_trait::async_trait;
use common::{House, incoming};
use domain::event::{Happened, IntakeRef, ResultEvent};
use pipeline::ledger::Ledger;
use pipeline::results::{Announce, FOLLOWER, Told, tell};
use pipeline::review::Review;

/// Who listens, and refuses to from time to time.
#[derive(Default)]
struct Listener {
    heard: Vec<ResultEvent>,
    deaf_after: Option<usize>,
}

#[async_trait]
impl Announce for Listener {
    async fn announce(
        &mut self,
        event: &ResultEvent,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        if self.deaf_after == Some(self.heard.len()) {
            return Err("nobody listens".into());
        }
        self.heard.push(event.clone());
        Ok(())
    }
}

fn keys(heard: &[ResultEvent]) -> Vec<&'static str> {
    heard.iter().map(|event| event.what.routing_key()).collect()
}

#[tokio::test]
async fn what_happens_is_told_once_and_in_the_order_of_the_log() {
    let house = House::new();
    let ids = house
        .process(&[
            ("L-1", "un lampadaire\n"),
            ("L-2", "panic extract\n"),
            ("L-3", "child: petit\n"),
        ])
        .await;
    let mut listener = Listener::default();
    let told = tell(&house.desk(), &mut listener).await.unwrap();
    assert_eq!(told.unreadable, 0);
    let of = |n: usize| -> Vec<&'static str> {
        let of = listener.heard.iter();
        let of = of.filter(|e| e.subject == Some(ids[n].into()));
        of.map(|e| e.what.routing_key()).collect()
    };
    assert_eq!(of(0), ["document.received", "document.routed"]);
    assert_eq!(of(1), ["document.received", "document.set-aside"]);
    let child = listener.heard.iter().find_map(|event| match &event.what {
        Happened::DocumentReceived(received) => received.parent,
        _ => None,
    });
    assert_eq!(child, Some(ids[2]), "what lies in a document is told too");
    let leaves: Vec<u64> = listener.heard.iter().map(leaf).collect();
    assert!(leaves.is_sorted());

    let again = tell(&house.desk(), &mut listener).await.unwrap();
    assert_eq!(again, Told::default(), "nothing is told again");

    let row = house.ledger.document(ids[0]).await.unwrap().unwrap();
    let desk = house.desk();
    let decided = desk.review(&row, &Review::Accept, "Léa Martin", None);
    decided.await.unwrap();
    tell(&house.desk(), &mut listener).await.unwrap();
    let last = listener.heard.last().unwrap();
    assert_eq!(last.what.routing_key(), "document.decided");
    let json = serde_json::to_string(&listener.heard).unwrap();
    for never in ["Martin", "lampadaire", "L-1"] {
        assert!(!json.contains(never), "{never}");
    }
}

fn leaf(event: &ResultEvent) -> u64 {
    serde_json::to_value(event).unwrap()["data"]["leaf"]
        .as_u64()
        .unwrap()
}

#[tokio::test]
async fn what_cannot_be_told_is_told_later_under_the_same_id() {
    let house = House::new();
    let letters: Vec<(String, String)> = (0..5)
        .map(|n| (format!("L-{n}"), format!("lettre {n}\n")))
        .collect();
    let letters: Vec<(&str, &str)> = letters
        .iter()
        .map(|(n, t)| (n.as_str(), t.as_str()))
        .collect();
    house.process(&letters).await;
    let mut whole = Listener::default();
    // Another follower of the same log, as if this one had never come.
    tell(&house.desk(), &mut whole).await.unwrap();
    house.ledger.keep_position(FOLLOWER, 0).await.unwrap();

    let mut listener = Listener::default();
    for deaf_after in 0..whole.heard.len() {
        listener.deaf_after = Some(deaf_after);
        let error = tell(&house.desk(), &mut listener).await.unwrap_err();
        assert!(error.is_passing());
        assert_eq!(listener.heard.len(), deaf_after, "nothing is told twice");
    }
    listener.deaf_after = None;
    tell(&house.desk(), &mut listener).await.unwrap();
    assert_eq!(listener.heard, whole.heard, "all of it, and nothing else");
    assert_eq!(keys(&whole.heard).len(), 10);
}

#[tokio::test]
async fn a_document_carries_the_message_that_brought_it() {
    let house = House::new();
    let brought = IntakeRef {
        source: "/teleservices".into(),
        id: "42".into(),
    };
    let mut letter = incoming("L-1", "child: petit\n");
    letter.arrival.intake = Some(brought.clone());
    house.admit(&letter).await;
    house.work().await;
    let mut listener = Listener::default();
    tell(&house.desk(), &mut listener).await.unwrap();
    let received = keys(&listener.heard);
    let received = received.iter().filter(|key| **key == "document.received");
    assert_eq!(received.count(), 2);
    for event in &listener.heard {
        let json = serde_json::to_value(event).unwrap();
        assert_eq!(
            json["data"]["intake"],
            serde_json::to_value(&brought).unwrap()
        );
    }
}

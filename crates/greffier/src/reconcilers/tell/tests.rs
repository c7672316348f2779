//! What is to be told when, without telling it.

use super::*;
use domain::Mask;
use domain::{
    AlertAct, AlertDeed, AlertId, AlertNotice, ArtifactName, DocumentId, Evidence, RunKey,
    Sentence, Span,
};
use pipeline::duty::Dated;

pub(super) fn at(minutes: i64) -> Timestamp {
    let start: Timestamp = "2026-11-20T20:00:00Z".parse().unwrap();
    start.plus_micros(minutes * MINUTE)
}

pub(super) fn alert(kind: AlertKind) -> Alert {
    let masks: [Mask; 0] = [];
    let quote = Evidence::quote(
        DocumentId::from_bytes([1; 16]),
        ArtifactName::from_bytes([1; 32]),
        "Odeur de gaz.",
        Span::new(0, 13),
        &masks,
    );
    Alert {
        id: AlertId::from_bytes([7; 16]),
        kind,
        about: "R-1".into(),
        place: None,
        since: at(0),
        statement: Sentence::Quote(quote.unwrap()),
        evidence: Vec::new(),
        basis: String::new(),
        grounds: Vec::new(),
        procedure: None,
        recipient: None,
    }
}

fn telling() -> TellSettings {
    toml::from_str(
        r#"
        acknowledge_within = 30
        without_delay_within = 10
        escalate_to = ["Noé", "Maïa"]
        mail = { relay = "127.0.0.1:25", from = "greffier@exemple.fr" }
        people = [{ name = "Inès", mail = "ines@exemple.fr" }]
        "#,
    )
    .unwrap()
}

fn told(minutes: i64, step: &Step, failure: Option<&str>) -> Dated<AlertNotice> {
    let numbers = (step.level, step.attempt);
    let failure = failure.map(str::to_owned);
    let id = AlertId::from_bytes([7; 16]);
    Dated {
        what: notice(id, &step.person, step.channel, numbers, failure),
        at: at(minutes),
        run: RunKey::from_bytes([0; 32]),
    }
}

fn now(kind: AlertKind, handled: &Handled, minutes: i64) -> Vec<String> {
    steps(
        &alert(kind),
        handled,
        &telling(),
        &[],
        Some("Inès"),
        at(minutes),
    )
    .iter()
    .map(|s| format!("{} {:?} {} {}", s.person, s.channel, s.level, s.attempt))
    .collect()
}

fn step(person: &str, channel: Channel, level: u32, attempt: u32) -> Step {
    Step {
        person: person.into(),
        channel,
        level,
        attempt,
    }
}

#[test]
fn whoever_is_on_duty_is_told_first_by_every_channel_and_once() {
    let mut handled = Handled::default();
    let urgent = AlertKind::Urgent;
    assert_eq!(now(urgent, &handled, 0), ["Inès Page 0 1", "Inès Mail 0 1"]);
    handled
        .notices
        .push(told(0, &step("Inès", Channel::Page, 0, 1), None));
    assert_eq!(now(urgent, &handled, 0), ["Inès Mail 0 1"]);
    handled
        .notices
        .push(told(0, &step("Inès", Channel::Mail, 0, 1), None));
    assert!(now(urgent, &handled, 29).is_empty());
    assert!(now(AlertKind::Rising, &Handled::default(), 0).is_empty());
}

#[test]
fn what_fails_is_tried_again_after_longer_and_longer() {
    let page = told(0, &step("Inès", Channel::Page, 0, 1), None);
    let mail = |at, attempt| told(at, &step("Inès", Channel::Mail, 0, attempt), Some("no"));
    let mut handled = Handled {
        notices: vec![page, mail(0, 1)],
        acts: Vec::new(),
    };
    assert!(now(AlertKind::Urgent, &handled, 0).is_empty());
    assert_eq!(now(AlertKind::Urgent, &handled, 1), ["Inès Mail 0 2"]);
    handled.notices.push(mail(1, 2));
    assert!(now(AlertKind::Urgent, &handled, 2).is_empty());
    assert_eq!(now(AlertKind::Urgent, &handled, 3), ["Inès Mail 0 3"]);
    assert_eq!(again_after(1), MINUTE);
    assert_eq!(again_after(7), 60 * MINUTE);
    assert_eq!(again_after(u32::MAX), 60 * MINUTE);
}

#[test]
fn the_next_is_told_when_nobody_takes_it_on_and_a_child_waits_less() {
    let mut handled = Handled::default();
    for channel in [Channel::Page, Channel::Mail] {
        handled
            .notices
            .push(told(0, &step("Inès", channel, 0, 1), None));
    }
    assert!(now(AlertKind::ChildInDanger, &handled, 9).is_empty());
    assert_eq!(
        now(AlertKind::ChildInDanger, &handled, 10),
        ["Noé Page 1 1"]
    );
    assert_eq!(now(AlertKind::Urgent, &handled, 30), ["Noé Page 1 1"]);
    handled
        .notices
        .push(told(30, &step("Noé", Channel::Page, 1, 1), None));
    assert!(now(AlertKind::Urgent, &handled, 59).is_empty());
    assert_eq!(now(AlertKind::Urgent, &handled, 60), ["Maïa Page 2 1"]);
    handled
        .notices
        .push(told(60, &step("Maïa", Channel::Page, 2, 1), None));
    // Nobody is left: it stays with them.
    assert!(now(AlertKind::Urgent, &handled, 600).is_empty());
    let act = AlertAct {
        format: domain::duty::AlertActFormat::V1,
        alert: AlertId::from_bytes([7; 16]),
        kind: AlertKind::Urgent,
        series: "urgent/lexicon".into(),
        by: "Noé".into(),
        did: AlertDeed::Acknowledge,
        reason: None,
    };
    handled.notices.truncate(2);
    handled.acts.push(Dated {
        what: act,
        at: at(5),
        run: RunKey::from_bytes([1; 32]),
    });
    assert!(now(AlertKind::Urgent, &handled, 30).is_empty());
}

#[test]
fn nobody_is_told_of_what_comes_out_of_an_archive() {
    let days = 24 * 60;
    let none = Handled::default();
    assert_eq!(now(AlertKind::Urgent, &none, 3 * days).len(), 2);
    assert!(now(AlertKind::Urgent, &none, 3 * days + 1).is_empty());
}

#[test]
fn settings_that_cannot_reach_anybody_are_refused() {
    let check = |toml: &str, key: &str, person: Option<usize>| {
        let settings: TellSettings = toml::from_str(toml).unwrap();
        let wrong = settings.check().unwrap_err();
        assert_eq!((wrong.key, wrong.person), (key, person), "{toml}");
    };
    check("acknowledge_within = 0", "acknowledge_within", None);
    check("mail = { relay = 'x', from = 'a@b.fr' }", "mail", None);
    check("mail = { relay = 'x:25', from = 'a' }", "mail", None);
    check("pages = 'x'", "pages", None);
    check(
        "people = [{ name = 'a' }, { name = 'b', mail = 'b@b.fr' }]",
        "mail",
        Some(2),
    );
    check(
        "people = [{ name = 'a', webhook = 'ftp://x' }]",
        "webhook",
        Some(1),
    );
    check("people = [{ name = 'a' }, { name = 'a' }]", "name", Some(2));
    assert_eq!(telling().check(), Ok(()));
}

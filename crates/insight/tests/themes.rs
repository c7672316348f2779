//! Themes over invented passages whose vectors are made by hand: what is said must not depend on
//! the order given nor on the number of threads, themes keep their identity, and what people
//! decide is respected the week after.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use domain::{DocumentId, IsoWeek, Span};
use insight::themes::{
    Change, Followed, Member, Origin, Passage, ThemeAct, ThemeId, Themes, ThemesError,
    ThemesSettings, follow,
};
use proptest::prelude::*;

const SUBJECTS: [&str; 4] = [
    "L’éclairage public du parking est en panne",
    "Musique tard dans le hall",
    "Aide pour le dossier CAF",
    "Rodéos devant l’école",
];

fn first_week() -> IsoWeek {
    "2026-W40".parse().unwrap()
}

/// A passage near its subject: `number` makes its identity and its small difference from others.
fn passage(number: u128, subject: usize, week: i64) -> Passage {
    let mut vector = vec![0.0; 12];
    vector[subject] = 1.0;
    // Differences stand where no subject does, drawn from the number.
    let mut drawn = number as u64;
    for v in &mut vector[4..] {
        drawn = drawn
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        *v = ((drawn >> 40) as f32 / (1u64 << 24) as f32 - 0.5) * 0.25;
    }
    Passage {
        member: Member {
            document: DocumentId::from_bytes(number.to_be_bytes()),
            span: Span::new(0, 40),
        },
        week: first_week().plus(week),
        text: SUBJECTS[subject].to_owned(),
        vector,
        seeds: Vec::new(),
    }
}

/// `each` passages of each of these subjects, received in `week`.
fn received(week: i64, subjects: &[usize], each: u128) -> Vec<Passage> {
    let mut out = Vec::new();
    for subject in subjects {
        for n in 0..each {
            let number = (week as u128 * 10 + *subject as u128) * 1_000 + n;
            out.push(passage(number, *subject, week));
        }
    }
    out
}

fn run(week: i64, passages: &[Passage], last: Option<&Themes>, acts: &[ThemeAct]) -> Followed {
    follow(
        first_week().plus(week),
        passages.to_vec(),
        last,
        acts,
        &ThemesSettings::default(),
    )
    .unwrap()
}

/// The theme of the first passage of a subject in a week.
fn theme_of(followed: &Followed, week: i64, subject: usize) -> ThemeId {
    let first = received(week, &[subject], 1)[0].member;
    let themes = &followed.themes.themes;
    let theme = themes.iter().find(|t| t.members.contains(&first)).unwrap();
    theme.id.clone()
}

fn changes(followed: &Followed) -> Vec<(String, Change)> {
    let pair = |c: &insight::themes::ThemeChange| (c.theme.to_string(), c.change.clone());
    followed.changes.iter().map(pair).collect()
}

#[test]
fn subjects_become_themes_named_by_what_people_wrote() {
    let followed = run(0, &received(0, &[0, 1, 2], 8), None, &[]);
    assert_eq!(followed.themes.themes.len(), 3);
    assert!(followed.themes.lone_voices.is_empty());
    let titles: Vec<String> = followed.themes.themes.iter().map(|t| t.title()).collect();
    assert!(
        titles
            .iter()
            .any(|t| t.starts_with("éclairage public du parking")),
        "{titles:?}"
    );
    assert!(titles.iter().any(|t| t.contains("dossier")), "{titles:?}");
    assert!(followed.changes.iter().all(|c| c.change == Change::Born));
    for theme in &followed.themes.themes {
        assert_eq!(theme.members.len(), 8);
        assert_eq!(theme.this_week, 8);
        assert!(theme.members.contains(&theme.central.unwrap()));
    }
}

#[test]
fn what_is_near_nobody_is_a_lone_voice() {
    let mut passages = received(0, &[0, 1], 8);
    let alone = passage(999_999, 3, 0);
    passages.push(alone.clone());
    let followed = run(0, &passages, None, &[]);
    assert_eq!(followed.themes.lone_voices, [alone.member]);
}

#[test]
fn little_or_nothing_is_no_theme_and_no_failure() {
    let empty = run(0, &[], None, &[]);
    assert!(empty.themes.themes.is_empty() && empty.changes.is_empty());
    let one = run(0, &received(0, &[0], 1), None, &[]);
    assert_eq!(
        (one.themes.themes.len(), one.themes.lone_voices.len()),
        (0, 1)
    );
    // The same text from everywhere is one theme.
    let mut same = received(0, &[0], 20);
    for passage in &mut same {
        passage.vector = vec![0.5; 12];
    }
    let same = run(0, &same, None, &[]);
    assert_eq!(same.themes.themes[0].members.len(), 20);
    // What has no direction is near nobody.
    let mut broken = received(0, &[0, 1], 8);
    broken[0].vector = vec![f32::NAN; 12];
    broken[1].vector = Vec::new();
    broken[2].vector = vec![0.0; 12];
    broken[3].vector = vec![1.0; 3];
    let broken = run(0, &broken, None, &[]);
    assert_eq!(broken.themes.lone_voices.len(), 4);
}

#[test]
fn a_theme_keeps_its_identity_ends_and_comes_back() {
    let mut all = received(0, &[0, 1], 8);
    let week0 = run(0, &all, None, &[]);
    all.extend(received(1, &[0, 1, 2], 8));
    let week1 = run(1, &all, Some(&week0.themes), &[]);
    for subject in [0, 1] {
        assert_eq!(theme_of(&week0, 0, subject), theme_of(&week1, 1, subject));
    }
    let born = theme_of(&week1, 1, 2);
    assert_eq!(born.as_str(), "2026-W41.1");
    assert_eq!(changes(&week1), [(born.to_string(), Change::Born)]);

    // The window moves on, and nobody says it any more.
    let week2 = run(2, &received(2, &[0, 1], 8), Some(&week1.themes), &[]);
    assert_eq!(theme_of(&week2, 2, 0), theme_of(&week0, 0, 0));
    assert_eq!(changes(&week2), [(born.to_string(), Change::Ended)]);
    let week3 = run(3, &received(3, &[0, 1, 2], 8), Some(&week2.themes), &[]);
    assert_eq!(theme_of(&week3, 3, 2), born);
    assert_eq!(changes(&week3), [(born.to_string(), Change::Returned)]);
}

#[test]
fn merges_and_splits_are_told() {
    let near = |subject: usize, other: f32, week: i64, from: u128| -> Vec<Passage> {
        let mut passages: Vec<Passage> = (0..8).map(|n| passage(from + n, subject, week)).collect();
        for passage in &mut passages {
            passage.vector[1 - subject] = other;
        }
        passages
    };
    let apart: Vec<Passage> = [
        near(0, 0.0, 0, 100),
        near(1, 0.0, 0, 200),
        received(0, &[2], 8),
    ]
    .concat();
    let week0 = run(0, &apart, None, &[]);
    assert_eq!(week0.themes.themes.len(), 3);
    // What told the two apart is gone: the same passages, and as many new ones between them.
    let joined: Vec<Passage> = [
        near(0, 1.0, 0, 100),
        near(1, 1.0, 0, 200),
        near(0, 1.0, 1, 300),
        received(0, &[2], 8),
    ]
    .concat();
    let week1 = run(1, &joined, Some(&week0.themes), &[]);
    assert!(
        matches!(changes(&week1).as_slice(), [(_, Change::Merged { .. })]),
        "{:?}",
        week1.changes
    );
    let gone = week1.changes[0].theme.clone();
    // And apart again: the one that was merged comes back under its name.
    let week2 = run(2, &apart, Some(&week1.themes), &[]);
    assert_eq!(changes(&week2), [(gone.to_string(), Change::Returned)]);
    // Where nothing is remembered, what comes out of a theme is told as such.
    let mut forgotten = week1.themes.clone();
    forgotten.themes.retain(|t| t.ended.is_none());
    let kept = forgotten.themes[0].id.clone();
    let week2 = run(2, &apart, Some(&forgotten), &[]);
    let told = changes(&week2);
    assert!(
        matches!(told.as_slice(), [(_, Change::Split { from })] if *from == kept),
        "{told:?}"
    );
}

#[test]
fn the_team_s_own_themes_hold_what_says_them() {
    let mut passages = received(0, &[0, 1], 8);
    passages[0].seeds = vec!["éclairage".into()];
    // Says it with a vector that nothing else has.
    let mut odd = passage(777_777, 3, 0);
    odd.seeds = vec!["éclairage".into(), "voirie".into()];
    passages.push(odd.clone());
    let followed = run(0, &passages, None, &[]);
    let seed = followed.themes.theme(&"éclairage".into()).unwrap();
    assert_eq!(seed.title(), "éclairage");
    assert_eq!(
        seed.origin,
        Origin::Seed {
            name: "éclairage".into()
        }
    );
    // The subject follows the passage that says it, and what says two themes is no lone voice.
    assert_eq!(seed.members.len(), 9);
    assert!(seed.members.contains(&odd.member));
    // Two seeds within one subject stay two themes.
    passages[1].seeds = vec!["voirie".into()];
    let followed = run(0, &passages, Some(&followed.themes), &[]);
    assert!(followed.themes.theme(&"voirie".into()).is_some());
    assert!(followed.themes.theme(&"éclairage".into()).is_some());
}

#[test]
fn what_people_decide_is_respected_the_next_week() {
    let all = received(0, &[0, 1, 2, 3], 8);
    let week0 = run(0, &all, None, &[]);
    let id = |subject| theme_of(&week0, 0, subject);
    let acts = [
        ThemeAct::Rename {
            theme: id(0),
            name: " Parking noir ".into(),
        },
        ThemeAct::Merge {
            theme: id(1),
            into: id(0),
        },
        ThemeAct::Pin { theme: id(2) },
        ThemeAct::Dismiss { theme: id(3) },
    ];
    let more: Vec<Passage> = [all, received(1, &[0, 1, 2, 3], 8)].concat();
    let week1 = run(1, &more, Some(&week0.themes), &acts);
    assert!(week1.changes.is_empty(), "{:?}", week1.changes);
    assert_eq!(theme_of(&week1, 1, 1), id(0));
    let kept = week1.themes.theme(&id(1)).unwrap();
    assert_eq!(
        (kept.title().as_str(), kept.members.len()),
        ("Parking noir", 32)
    );
    assert!(week1.themes.theme(&id(3)).unwrap().dismissed);

    // Nothing is said of two of them: the pinned one stays, the dismissed one goes in silence.
    let window: Vec<Passage> = [received(1, &[0, 1], 8), received(2, &[0, 1], 8)].concat();
    let week2 = run(2, &window, Some(&week1.themes), &[]);
    assert_eq!(theme_of(&week2, 2, 0), theme_of(&week2, 2, 1));
    let pinned = week2.themes.theme(&id(2)).unwrap();
    assert_eq!((pinned.ended, pinned.members.len()), (None, 0));
    assert!(week2.changes.is_empty(), "{:?}", week2.changes);
    // And is recognised when it is said again.
    let week3 = run(3, &received(3, &[0, 1, 2], 8), Some(&week2.themes), &[]);
    assert_eq!(theme_of(&week3, 3, 2), id(2));
}

#[test]
fn a_team_s_theme_merged_by_a_person_stays_merged() {
    let mut all = received(0, &[0, 1], 8);
    all[0].seeds = vec!["éclairage".into()];
    let week0 = run(0, &all, None, &[]);
    let into = theme_of(&week0, 0, 1);
    let acts = [ThemeAct::Merge {
        theme: "éclairage".into(),
        into: into.clone(),
    }];
    let mut next = received(1, &[0], 8);
    next[0].seeds = vec!["éclairage".into()];
    let week1 = run(1, &[all, next].concat(), Some(&week0.themes), &acts);
    assert_eq!(theme_of(&week1, 1, 0), into);
    assert_eq!(week1.themes.theme(&"éclairage".into()).unwrap().id, into);
}

#[test]
fn acts_on_what_is_not_there_are_refused() {
    let week0 = run(0, &received(0, &[0, 1], 8), None, &[]);
    let (a, b) = (theme_of(&week0, 0, 0), theme_of(&week0, 0, 1));
    let refused = |act: ThemeAct| week0.themes.after(&act).unwrap_err();
    assert_eq!(
        refused(ThemeAct::Pin { theme: "x".into() }).to_string(),
        "no theme is known as `x`: choose one of the week's themes"
    );
    assert_eq!(
        refused(ThemeAct::Merge {
            theme: a.clone(),
            into: a.clone()
        }),
        ThemesError::Same {
            theme: a.clone(),
            into: a.clone()
        }
    );
    assert!(matches!(
        refused(ThemeAct::Rename {
            theme: b,
            name: " ".into()
        }),
        ThemesError::Blank { .. }
    ));
    let bad = ThemesSettings {
        grain: 0,
        ..ThemesSettings::default()
    };
    let error = follow(first_week(), vec![], None, &[], &bad).unwrap_err();
    assert_eq!(error.to_string(), "setting grain is 0: expected 1 to 10000");
}

#[test]
fn themes_are_kept_as_they_are() {
    let week0 = run(0, &received(0, &[0, 1], 8), None, &[]);
    let json = serde_json::to_string(&week0.themes).unwrap();
    let read: Themes = serde_json::from_str(&json).unwrap();
    assert_eq!(read, week0.themes);
    assert!(
        json.starts_with(r#"{"format":"greffier.themes/1""#),
        "{json}"
    );
}

prop_compose! {
    fn any_passages()(
        rows in prop::collection::vec(
            (0usize..4, 0i64..2, prop::collection::vec(-0.6f32..0.6, 12), 0u8..12), 0..60),
    ) -> Vec<Passage> {
        rows.into_iter()
            .enumerate()
            .map(|(n, (subject, week, noise, kind))| {
                let mut passage = passage(n as u128, subject, week);
                for (v, noise) in passage.vector.iter_mut().zip(&noise) {
                    *v += noise;
                }
                match kind {
                    0 => passage.vector = vec![0.0; 12],
                    1 => passage.vector = vec![f32::NAN; 12],
                    2 => passage.seeds = vec!["éclairage".into()],
                    3 => passage.seeds = vec!["éclairage".into(), "bruit".into()],
                    // Equal ones.
                    4 | 5 => passage.vector = vec![0.5; 12],
                    _ => {}
                }
                passage
            })
            .collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn neither_order_nor_threads_change_a_byte(
        (given, shuffled) in any_passages()
            .prop_flat_map(|p| (Just(p.clone()), Just(p).prop_shuffle())),
        threads in 1usize..5,
    ) {
        let two_weeks = |passages: &[Passage]| {
            let week0 = run(0, passages, None, &[]);
            let week1 = run(1, passages, Some(&week0.themes), &[]);
            serde_json::to_string(&(week0, week1)).unwrap()
        };
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        prop_assert_eq!(one.install(|| two_weeks(&given)), pool.install(|| two_weeks(&shuffled)));
    }

    #[test]
    fn every_passage_is_in_one_theme_or_alone(passages in any_passages()) {
        let followed = run(1, &passages, None, &[]);
        let mut seen: Vec<Member> = followed.themes.lone_voices.clone();
        for theme in &followed.themes.themes {
            seen.extend(&theme.members);
            let learnt = theme.origin == Origin::Learnt;
            prop_assert!(!learnt || theme.members.len() >= 3);
        }
        seen.sort();
        let mut all: Vec<Member> = passages.iter().map(|p| p.member).collect();
        all.sort();
        prop_assert_eq!(seen, all);
        // A second week with nothing new keeps every identity.
        let again = run(1, &passages, Some(&followed.themes), &[]);
        let ids = |f: &Followed| {
            f.themes.themes.iter().map(|t| t.id.clone()).collect::<std::collections::BTreeSet<_>>()
        };
        prop_assert!(ids(&followed).is_subset(&ids(&again)));
    }
}

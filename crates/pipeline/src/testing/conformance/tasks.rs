//! Tasks are owed until they are finished, and finished once.

use domain::Timestamp;
use domain::message::{Class, Task};
use futures::future::join_all;

use super::observe::observe;
use super::samples::*;
use super::{Case, cases};
use crate::ledger::{Completed, DocumentState, Ledger};

pub(super) fn cases() -> Vec<Case<dyn Ledger>> {
    cases![
        attempts_are_counted_until_the_task_is_finished,
        an_attempt_that_is_put_off_does_not_count,
        a_completion_is_one_transaction,
        a_completion_without_a_route_keeps_it,
        what_a_person_decided_outlives_a_stage,
        a_recorded_run_still_moves_on,
        a_memo_moves_on_without_a_record,
        a_finished_task_is_stale,
        completions_at_once_are_one_new_and_the_rest_stale,
        a_child_that_is_here_stays_as_it_is,
        a_next_task_that_is_owed_stays_as_it_is,
        generations_are_separate_tasks,
        tasks_are_due_oldest_first,
        a_deferred_task_is_due_later,
        a_published_task_is_not_due_until_reclaimed,
        a_task_put_off_before_it_is_marked_is_not_lost,
        a_task_owed_again_before_it_is_marked_is_not_lost,
        finished_tasks_are_not_brought_back,
        a_task_keeps_its_class_and_urgent_ones_overtake,
        a_task_is_owed_once,
        tasks_of_some_stages_are_left_out,
        a_completion_that_saw_everything_finishes_the_task,
        a_completion_that_missed_something_leaves_the_task_owed,
        a_task_owed_while_it_is_finished_is_not_lost,
    ]
}

async fn tasks_due(ledger: &dyn Ledger, now: Timestamp, limit: u32) -> Vec<Task> {
    let due = ledger.due(now, limit).await.unwrap();
    due.into_iter().map(|due| due.task).collect()
}

/// Marks those of these tasks that are due by then.
async fn mark(ledger: &dyn Ledger, tasks: &[Task], now: Timestamp) {
    let due = ledger.due(now, 100).await.unwrap();
    let rows: Vec<_> = (due.iter().filter(|due| tasks.contains(&due.task)))
        .map(|due| due.row)
        .collect();
    ledger.published(&rows, now).await.unwrap();
}

async fn attempts_are_counted_until_the_task_is_finished(ledger: &dyn Ledger) {
    ledger.admit(&admission(1)).await.unwrap();
    let task = task(1, "extract");
    for attempt in 1..=3 {
        assert_eq!(ledger.begin(&task).await.unwrap(), Some(attempt));
    }
    mark(ledger, std::slice::from_ref(&task), moment(1)).await;
    ledger.reclaim(moment(9)).await.unwrap();
    assert_eq!(ledger.begin(&task).await.unwrap(), Some(4));
    let at_once = join_all((0..4).map(|_| ledger.begin(&task))).await;
    let mut at_once: Vec<_> = at_once.into_iter().map(Result::unwrap).collect();
    at_once.sort_unstable();
    assert_eq!(at_once, [Some(5), Some(6), Some(7), Some(8)]);
    ledger
        .complete(&completion(1, "extract", None))
        .await
        .unwrap();
    assert_eq!(ledger.begin(&task).await.unwrap(), None);
}

async fn an_attempt_that_is_put_off_does_not_count(ledger: &dyn Ledger) {
    ledger.admit(&admission(1)).await.unwrap();
    let task = task(1, "extract");
    ledger.defer(&task, moment(2), "busy").await.unwrap();
    for _ in 0..3 {
        assert_eq!(ledger.begin(&task).await.unwrap(), Some(1));
        ledger.defer(&task, moment(2), "busy").await.unwrap();
    }
    ledger.begin(&task).await.unwrap();
    assert_eq!(
        ledger.begin(&task).await.unwrap(),
        Some(2),
        "the first was cut short"
    );
}

async fn a_completion_is_one_transaction(ledger: &dyn Ledger) {
    ledger.admit(&admission(1)).await.unwrap();
    let mut done = completion(1, "extract", Some("split"));
    // The second child has the same bytes as the first.
    done.children = vec![attachment(2, 1), attachment(3, 1)];
    done.children[1].content_code = done.children[0].content_code;
    done.route = Some(route("voirie", false));
    assert_eq!(ledger.complete(&done).await.unwrap(), Completed::New);

    let stored = ledger
        .record(record(1, "extract").run_key, 0)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(stored.record, record(1, "extract"));
    let (digest, json) = settings(1);
    assert_eq!(ledger.settings(digest).await.unwrap(), Some(json));
    let document = ledger.document(id(1)).await.unwrap().unwrap();
    assert_eq!(document.state, DocumentState::Processing);
    assert_eq!(document.route, Some(route("voirie", false)));
    let mut owed: Vec<_> = ledger
        .owed()
        .await
        .unwrap()
        .into_iter()
        .map(|(task, _)| task)
        .collect();
    owed.sort();
    let mut expected = [task(1, "split"), task(2, "extract"), task(3, "extract")];
    expected.sort();
    assert_eq!(owed, expected);
    for (n, duplicate_of) in [(2, None), (3, Some(id(2)))] {
        let child = ledger.document(id(n)).await.unwrap().unwrap();
        assert_eq!(
            (child.parent, child.duplicate_of),
            (Some(id(1)), duplicate_of)
        );
        let envelope = ledger.envelope(id(n).into()).await.unwrap();
        assert_eq!(envelope, Some(admission(n).envelope));
        assert!(
            ledger
                .record(record(n, "receive").run_key, 0)
                .await
                .unwrap()
                .is_some()
        );
    }

    assert_eq!(
        ledger
            .complete(&completion(1, "split", None))
            .await
            .unwrap(),
        Completed::New
    );
    let document = ledger.document(id(1)).await.unwrap().unwrap();
    assert_eq!(document.state, DocumentState::Done);
}

async fn a_completion_without_a_route_keeps_it(ledger: &dyn Ledger) {
    ledger.admit(&admission(1)).await.unwrap();
    let mut routed = completion(1, "extract", Some("check"));
    routed.route = Some(route("voirie", false));
    ledger.complete(&routed).await.unwrap();
    ledger
        .complete(&completion(1, "check", Some("route")))
        .await
        .unwrap();
    let routed = ledger.document(id(1)).await.unwrap().unwrap().route;
    assert_eq!(routed, Some(route("voirie", false)));

    let mut changed = completion(1, "route", None);
    changed.route = Some(route("culture", false));
    changed.route.as_mut().unwrap().service = None;
    ledger.complete(&changed).await.unwrap();
    assert_eq!(
        ledger.document(id(1)).await.unwrap().unwrap().route,
        changed.route
    );
}

async fn what_a_person_decided_outlives_a_stage(ledger: &dyn Ledger) {
    ledger.admit(&admission(1)).await.unwrap();
    ledger.act(&act(1, "culture")).await.unwrap();
    let mut routed = completion(1, "extract", None);
    routed.route = Some(route("voirie", false));
    assert_eq!(ledger.complete(&routed).await.unwrap(), Completed::New);
    let document = ledger.document(id(1)).await.unwrap().unwrap();
    assert_eq!(document.route, Some(route("culture", true)));
    assert_eq!(document.state, DocumentState::Done);
}

async fn a_recorded_run_still_moves_on(ledger: &dyn Ledger) {
    ledger.admit(&admission(1)).await.unwrap();
    ledger.admit(&admission(2)).await.unwrap();
    ledger
        .complete(&completion(1, "extract", None))
        .await
        .unwrap();

    let mut again = completion(2, "extract", Some("split"));
    again.record = Some(record(1, "extract"));
    again.record.as_mut().unwrap().bytes = b"other circumstances".to_vec();
    again.children = vec![attachment(3, 2)];
    again.route = Some(route("voirie", false));
    assert_eq!(
        ledger.complete(&again).await.unwrap(),
        Completed::AlreadyRecorded
    );

    let stored = ledger
        .record(record(1, "extract").run_key, 0)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        stored.record.bytes,
        record(1, "extract").bytes,
        "the first record stands"
    );
    assert_eq!(ledger.begin(&task(2, "extract")).await.unwrap(), None);
    assert_eq!(ledger.begin(&task(2, "split")).await.unwrap(), Some(1));
    assert!(ledger.document(id(3)).await.unwrap().is_some());
    let document = ledger.document(id(2)).await.unwrap().unwrap();
    assert_eq!(document.route, Some(route("voirie", false)));
}

async fn a_memo_moves_on_without_a_record(ledger: &dyn Ledger) {
    ledger.admit(&admission(1)).await.unwrap();
    let mut memo = completion(1, "extract", Some("split"));
    memo.record = None;
    memo.settings = None;
    assert_eq!(
        ledger.complete(&memo).await.unwrap(),
        Completed::AlreadyRecorded
    );
    assert_eq!(ledger.begin(&task(1, "split")).await.unwrap(), Some(1));
    assert_eq!(ledger.counts().await.unwrap().records, 1);
}

async fn a_finished_task_is_stale(ledger: &dyn Ledger) {
    ledger.admit(&admission(1)).await.unwrap();
    ledger
        .complete(&completion(1, "extract", Some("split")))
        .await
        .unwrap();
    let before = observe(ledger).await;

    let mut late = completion(1, "extract", Some("check"));
    late.record = Some(record(7, "extract"));
    late.settings = Some(settings(7));
    late.children = vec![attachment(2, 1)];
    late.state = DocumentState::Quarantined;
    late.route = Some(route("voirie", false));
    assert_eq!(ledger.complete(&late).await.unwrap(), Completed::Stale);
    let never = completion(9, "extract", Some("split"));
    assert_eq!(ledger.complete(&never).await.unwrap(), Completed::Stale);
    assert_eq!(observe(ledger).await, before);
}

async fn completions_at_once_are_one_new_and_the_rest_stale(ledger: &dyn Ledger) {
    for n in 0..4 {
        ledger.admit(&admission(n)).await.unwrap();
        let mut done = completion(n, "extract", Some("split"));
        done.children = vec![attachment(10 + n, n)];
        let completed = join_all((0..4).map(|_| ledger.complete(&done))).await;
        let completed: Vec<_> = completed.into_iter().map(Result::unwrap).collect();
        let count = |kind| {
            completed
                .iter()
                .filter(|completed| **completed == kind)
                .count()
        };
        assert_eq!(
            (count(Completed::New), count(Completed::Stale)),
            (1, 3),
            "{completed:?}"
        );
    }
    let counts = ledger.counts().await.unwrap();
    // Each document: received, extracted, its child received; `split` owed, its child's `extract`.
    assert_eq!((counts.documents, counts.records, counts.tasks), (8, 12, 8));
}

async fn a_child_that_is_here_stays_as_it_is(ledger: &dyn Ledger) {
    ledger.admit(&admission(1)).await.unwrap();
    let mut done = completion(1, "extract", Some("split"));
    done.children = vec![attachment(2, 1)];
    ledger.complete(&done).await.unwrap();
    ledger
        .complete(&completion(2, "extract", None))
        .await
        .unwrap();

    let mut again = completion(1, "split", None);
    again.children = vec![attachment(2, 1), attachment(3, 1)];
    assert_eq!(ledger.complete(&again).await.unwrap(), Completed::New);
    assert_eq!(
        ledger.document(id(2)).await.unwrap().unwrap().state,
        DocumentState::Done
    );
    assert_eq!(ledger.owed().await.unwrap(), [(task(3, "extract"), None)]);
}

async fn a_next_task_that_is_owed_stays_as_it_is(ledger: &dyn Ledger) {
    for n in 1..=2 {
        ledger.admit(&admission(n)).await.unwrap();
    }
    let split = task(1, "split");
    ledger
        .complete(&completion(1, "extract", Some("split")))
        .await
        .unwrap();
    ledger.begin(&split).await.unwrap();
    mark(ledger, std::slice::from_ref(&split), moment(1)).await;

    let mut other = completion(2, "extract", None);
    other.next = Some(split.clone());
    ledger.complete(&other).await.unwrap();
    assert_eq!(ledger.owed().await.unwrap(), [(split.clone(), None)]);
    assert!(
        ledger.due(moment(9), 10).await.unwrap().is_empty(),
        "it stays published"
    );
    assert_eq!(ledger.begin(&split).await.unwrap(), Some(2));
}

async fn generations_are_separate_tasks(ledger: &dyn Ledger) {
    ledger.admit(&admission(1)).await.unwrap();
    let mut stopped = completion(1, "extract", None);
    let mut retry = task(1, "extract");
    retry.generation = 1;
    stopped.next = Some(retry.clone());
    ledger.complete(&stopped).await.unwrap();
    assert_eq!(ledger.begin(&task(1, "extract")).await.unwrap(), None);
    assert_eq!(ledger.begin(&retry).await.unwrap(), Some(1));

    let mut done = completion(1, "extract", None);
    done.finishes = retry;
    done.record.as_mut().unwrap().generation = 1;
    assert_eq!(ledger.complete(&done).await.unwrap(), Completed::New);
    for generation in 0..=1 {
        let key = record(1, "extract").run_key;
        let stored = ledger.record(key, generation).await.unwrap().unwrap();
        assert_eq!(stored.record.generation, generation);
    }
}

async fn tasks_are_due_oldest_first(ledger: &dyn Ledger) {
    for n in [3, 1, 2] {
        ledger.admit(&admission(n)).await.unwrap();
    }
    // Its next task is younger than all of them.
    ledger
        .complete(&completion(3, "extract", Some("split")))
        .await
        .unwrap();
    let due = [task(1, "extract"), task(2, "extract"), task(3, "split")];
    assert_eq!(tasks_due(ledger, moment(0), 10).await, due);
    assert_eq!(tasks_due(ledger, moment(0), 2).await, due[..2]);
    assert_eq!(
        tasks_due(ledger, moment(0), 2).await,
        due[..2],
        "reading them marks nothing"
    );
    assert!(ledger.due(moment(0), 0).await.unwrap().is_empty());
    let owed: Vec<_> = ledger
        .owed()
        .await
        .unwrap()
        .into_iter()
        .map(|(task, _)| task)
        .collect();
    assert_eq!(owed, due);
}

async fn a_deferred_task_is_due_later(ledger: &dyn Ledger) {
    for n in 1..=3 {
        ledger.admit(&admission(n)).await.unwrap();
    }
    assert_eq!(ledger.next_due().await.unwrap(), None);
    let (first, second) = (task(1, "extract"), task(2, "extract"));
    mark(ledger, std::slice::from_ref(&first), moment(1)).await;
    ledger.defer(&first, moment(50), "no-model").await.unwrap();
    ledger.defer(&second, moment(40), "busy").await.unwrap();

    let third = task(3, "extract");
    let check = async |now, expected: &[&domain::message::Task]| {
        let due = tasks_due(ledger, moment(now), 10).await;
        assert_eq!(due.iter().collect::<Vec<_>>(), expected, "at {now}");
    };
    check(39, &[&third]).await;
    check(40, &[&second, &third]).await;
    check(50, &[&first, &second, &third]).await;
    assert_eq!(ledger.next_due().await.unwrap(), Some(moment(40)));
    ledger
        .defer(&second, moment(60), "still-busy")
        .await
        .unwrap();
    assert_eq!(ledger.next_due().await.unwrap(), Some(moment(50)));
    let reason = |text: &str| Some(text.to_owned());
    let owed = [
        (first, reason("no-model")),
        (second, reason("still-busy")),
        (third, None),
    ];
    assert_eq!(ledger.owed().await.unwrap(), owed);
}

async fn a_published_task_is_not_due_until_reclaimed(ledger: &dyn Ledger) {
    let tasks: Vec<_> = (0..3).map(|n| task(n, "extract")).collect();
    for n in 0..3 {
        ledger.admit(&admission(n)).await.unwrap();
    }
    mark(ledger, &tasks[..1], moment(10)).await;
    mark(ledger, &tasks[1..2], moment(20)).await;
    ledger.published(&[], moment(20)).await.unwrap();
    assert_eq!(tasks_due(ledger, moment(30), 10).await, tasks[2..]);

    assert_eq!(ledger.reclaim(moment(10)).await.unwrap(), 0);
    assert_eq!(ledger.reclaim(moment(11)).await.unwrap(), 1);
    assert_eq!(
        tasks_due(ledger, moment(30), 10).await,
        [tasks[0].clone(), tasks[2].clone()]
    );
    assert_eq!(
        ledger.reclaim(moment(11)).await.unwrap(),
        0,
        "what is due is not reclaimed again"
    );
    assert_eq!(
        ledger.counts().await.unwrap().tasks,
        3,
        "published tasks are owed"
    );

    // A put-off task that is published is not waited for.
    ledger.defer(&tasks[2], moment(25), "busy").await.unwrap();
    mark(ledger, &tasks, moment(26)).await;
    assert_eq!(ledger.next_due().await.unwrap(), None);
    assert!(ledger.due(moment(30), 10).await.unwrap().is_empty());
}

/// The worker may be faster than the publisher: it puts the task off before it is marked.
async fn a_task_put_off_before_it_is_marked_is_not_lost(ledger: &dyn Ledger) {
    ledger.admit(&admission(1)).await.unwrap();
    let due = ledger.due(moment(1), 10).await.unwrap();
    let busy = ledger.defer(&due[0].task, moment(20), "busy");
    busy.await.unwrap();
    ledger.published(&[due[0].row], moment(2)).await.unwrap();
    assert_eq!(ledger.next_due().await.unwrap(), Some(moment(20)));
    assert_eq!(ledger.due(moment(20), 10).await.unwrap(), due);
}

/// The worker may be faster than the publisher: it finishes the task, and another stage owes it
/// again, before it is marked. What is owed since is in no queue.
async fn a_task_owed_again_before_it_is_marked_is_not_lost(ledger: &dyn Ledger) {
    ledger.admit(&admission(1)).await.unwrap();
    let first = ledger.due(moment(1), 10).await.unwrap().remove(0);
    let done = completion(1, "extract", None);
    assert_eq!(ledger.complete(&done).await.unwrap(), Completed::New);
    ledger.owe(&first.task).await.unwrap();
    ledger.published(&[first.row], moment(2)).await.unwrap();
    let again = ledger.due(moment(3), 10).await.unwrap();
    assert_eq!(again.len(), 1, "it is due");
    assert_eq!(again[0].task, first.task);
    assert_ne!(again[0].row, first.row);
}

async fn finished_tasks_are_not_brought_back(ledger: &dyn Ledger) {
    ledger.admit(&admission(1)).await.unwrap();
    ledger.admit(&admission(2)).await.unwrap();
    ledger
        .complete(&completion(1, "extract", None))
        .await
        .unwrap();
    let tasks = [task(1, "extract"), task(2, "extract"), task(3, "extract")];
    mark(ledger, &tasks, moment(1)).await;
    ledger.defer(&tasks[0], moment(2), "busy").await.unwrap();
    assert_eq!(ledger.reclaim(moment(9)).await.unwrap(), 1);
    assert_eq!(tasks_due(ledger, moment(9), 10).await, tasks[1..2]);
    assert_eq!(ledger.next_due().await.unwrap(), None);
}

async fn a_task_keeps_its_class_and_urgent_ones_overtake(ledger: &dyn Ledger) {
    let classes = [
        Class::Bulk,
        Class::Normal,
        Class::Urgent,
        Class::Normal,
        Class::Urgent,
    ];
    let mut expected = Vec::new();
    for (n, class) in (0..).zip(classes) {
        let mut admission = admission(n);
        let task = admission.task.as_mut().unwrap();
        task.class = class;
        expected.push(task.clone());
        ledger.admit(&admission).await.unwrap();
    }
    // Who waits overtakes; among equals whoever came first.
    let overtaking: Vec<_> = [2, 4, 1, 3, 0].map(|at: usize| expected[at].clone()).into();
    assert_eq!(tasks_due(ledger, moment(0), 10).await, overtaking);
    assert_eq!(tasks_due(ledger, moment(0), 3).await, overtaking[..3]);
}

async fn tasks_of_some_stages_are_left_out(ledger: &dyn Ledger) {
    for n in 0..3 {
        let mut admission = admission(n);
        if n == 0 {
            admission.task.as_mut().unwrap().class = Class::Urgent;
        }
        ledger.admit(&admission).await.unwrap();
    }
    let done = completion(2, "extract", Some("split"));
    ledger.complete(&done).await.unwrap();
    let left = async |except: &[(&str, Class)]| {
        let except = except.iter().map(|(stage, class)| (named(stage), *class));
        let except = except.collect();
        let due = ledger.due_except(moment(1), 10, &except).await.unwrap();
        let due = due.into_iter();
        due.map(|due| due.task.document).collect::<Vec<_>>()
    };
    let [first, second, third] = [0, 1, 2].map(|n| task(n, "extract").document);
    assert_eq!(left(&[]).await, [first, second, third]);
    assert_eq!(left(&[("extract", Class::Urgent)]).await, [second, third]);
    let both = [("extract", Class::Normal), ("split", Class::Normal)];
    assert_eq!(left(&both).await, [first]);
}

async fn a_task_is_owed_once(ledger: &dyn Ledger) {
    ledger.admit(&admission(1)).await.unwrap();
    let task = task(1, "ocr");
    ledger.owe(&task).await.unwrap();
    ledger.begin(&task).await.unwrap();
    ledger.owe(&task).await.unwrap();
    assert_eq!(ledger.counts().await.unwrap().tasks, 2);
    assert_eq!(ledger.begin(&task).await.unwrap(), Some(2));
}

async fn a_completion_that_saw_everything_finishes_the_task(ledger: &dyn Ledger) {
    ledger.admit(&admission(1)).await.unwrap();
    let mut done = completion(1, "extract", Some("split"));
    // Its reception.
    done.records_seen = Some(1);
    assert_eq!(ledger.complete(&done).await.unwrap(), Completed::New);
    let owed = ledger.owed().await.unwrap();
    assert_eq!(owed, [(task(1, "split"), None)]);
}

async fn a_completion_that_missed_something_leaves_the_task_owed(ledger: &dyn Ledger) {
    ledger.admit(&admission(1)).await.unwrap();
    ledger.owe(&task(1, "ocr")).await.unwrap();
    ledger.complete(&completion(1, "ocr", None)).await.unwrap();
    let mut done = completion(1, "extract", Some("split"));
    done.records_seen = Some(1);
    done.route = Some(route("voirie", false));
    assert_eq!(ledger.complete(&done).await.unwrap(), Completed::StillOwed);
    // The record is there, what follows is not owed, and nothing is said of the document.
    let recorded = ledger
        .record(record(1, "extract").run_key, 0)
        .await
        .unwrap();
    assert!(recorded.is_some());
    assert_eq!(ledger.owed().await.unwrap(), [(task(1, "extract"), None)]);
    let document = ledger.document(id(1)).await.unwrap().unwrap();
    assert_eq!(document.route, None);
    // Run again, it is found in the records and moves on.
    done.record = None;
    done.records_seen = Some(3);
    let again = ledger.complete(&done).await.unwrap();
    assert_eq!(again, Completed::AlreadyRecorded);
    assert_eq!(ledger.owed().await.unwrap(), [(task(1, "split"), None)]);
}

/// Whoever is first: the task ends owed, for it must see what the other wrote.
async fn a_task_owed_while_it_is_finished_is_not_lost(ledger: &dyn Ledger) {
    for n in 1..=8 {
        ledger.admit(&admission(n)).await.unwrap();
        ledger.owe(&task(n, "ocr")).await.unwrap();
        ledger
            .complete(&completion(n, "extract", Some("split")))
            .await
            .unwrap();
        let again = completion(n, "ocr", Some("split"));
        let mut done = completion(n, "split", None);
        done.records_seen = Some(2);
        let (ocr, split) = futures::join!(ledger.complete(&again), ledger.complete(&done));
        assert_eq!(ocr.unwrap(), Completed::New);
        split.unwrap();
        let owed = ledger.owed().await.unwrap();
        assert!(owed.contains(&(task(n, "split"), None)), "{n}: {owed:?}");
    }
}

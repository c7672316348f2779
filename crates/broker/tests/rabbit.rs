//! Against a real RabbitMQ: each test has a prefix of its own and leaves nothing behind.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod common;

use std::time::Duration;

use broker::depth::{Purpose, depths};
use broker::parked::{self, Fate, Parked};
use broker::topology::Argument;
use broker::{Address, BrokerError, RabbitQueue};
use common::{Bench, event, whole};
use domain::message::Class;
use lapin::options::{BasicGetOptions, BasicNackOptions, BasicPublishOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Connection, ConnectionProperties};
use pipeline::queue::{Queue as _, QueueError, Settlement};

#[tokio::test(flavor = "multi_thread")]
async fn a_task_is_delivered_until_it_is_settled() {
    let bench = Bench::new().await;
    let relay = bench.relay().await;
    for n in 0..3 {
        relay.publish(event(n, Class::Normal)).await.unwrap();
    }
    // One settled, one in hand, one not begun when its worker leaves.
    let first = bench.worker().await;
    let settled = bench.next(&first).await;
    let done = settled.event.id.clone();
    first
        .settle(settled, Settlement::Acknowledge)
        .await
        .unwrap();
    let in_hand = bench.next(&first).await;
    first.close().await;
    assert!(first.next().await.unwrap().is_none(), "a closed queue ends");
    first.leave().await;
    let late = first.settle(in_hand, Settlement::Acknowledge).await;
    assert!(
        matches!(late, Err(QueueError::Unavailable { .. })),
        "{late:?}"
    );

    let second = bench.worker().await;
    let mut again = Vec::new();
    for _ in 0..2 {
        let delivery = bench.next(&second).await;
        again.push(delivery.event.id.clone());
        second
            .settle(delivery, Settlement::Acknowledge)
            .await
            .unwrap();
    }
    again.push(done);
    again.sort();
    let mut expected: Vec<String> = (0..3).map(|n| event(n, Class::Normal).id).collect();
    expected.sort();
    assert_eq!(again, expected, "each once, the settled one never again");
    second.leave().await;
    relay.leave().await;
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_of_a_stage_without_queue_is_not_taken() {
    let bench = Bench::new().await;
    let relay = bench.relay().await;
    let mut lost = event(1, Class::Normal);
    lost.data.stage = "dream".parse().unwrap();
    let refused = relay.publish(lost).await.unwrap_err();
    let text = whole(&refused);
    assert!(text.contains("dream.normal"), "{text}");
    assert!(matches!(refused, QueueError::Unavailable { .. }));
    // The channel is as good as before.
    relay.publish(event(1, Class::Normal)).await.unwrap();
    relay.leave().await;
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_given_back_waits_and_comes_back_to_its_stage() {
    let bench = Bench::new().await;
    let relay = bench.relay().await;
    relay.publish(event(1, Class::Urgent)).await.unwrap();
    let worker = bench.worker().await;
    let delivery = bench.next(&worker).await;
    worker.settle(delivery, Settlement::Return).await.unwrap();
    let delayed: u32 = depths(&bench.address, &bench.topology)
        .await
        .unwrap()
        .iter()
        .filter(|depth| depth.purpose == Purpose::Delayed)
        .map(|depth| depth.messages)
        .sum();
    assert_eq!(delayed, 1);
    let again = bench.next(&worker).await;
    assert_eq!(again.event, event(1, Class::Urgent));
    worker.settle(again, Settlement::Acknowledge).await.unwrap();
    worker.leave().await;
    relay.leave().await;
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_connection_is_made_anew_and_loses_nothing() {
    let bench = Bench::new().await;
    let relay = bench.relay().await;
    relay.publish(event(1, Class::Normal)).await.unwrap();
    let worker = bench.worker().await;
    let in_hand = bench.next(&worker).await;
    bench.proxy.cut();
    let again = bench.next(&worker).await;
    assert_eq!(again.event, in_hand.event);
    assert_eq!(worker.sessions(), 2);
    let late = worker.settle(in_hand, Settlement::Acknowledge).await;
    assert!(
        matches!(late, Err(QueueError::Unavailable { .. })),
        "a delivery of before is not one of now: {late:?}"
    );
    worker.settle(again, Settlement::Acknowledge).await.unwrap();
    // Publishing fails at most for a while, and says so.
    bench
        .within(async {
            while let Err(error) = relay.publish(event(2, Class::Normal)).await {
                assert!(matches!(error, QueueError::Unavailable { .. }), "{error}");
                tokio::task::yield_now().await;
            }
        })
        .await;
    let next = bench.next(&worker).await;
    assert_eq!(next.event, event(2, Class::Normal));
    worker.settle(next, Settlement::Acknowledge).await.unwrap();
    worker.leave().await;
    relay.leave().await;
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_task_is_parked_and_can_be_tried_again_or_dropped() {
    let bench = Bench::new().await;
    let worker = bench.worker().await;
    bench.raw("extract.normal", b"not a task").await;
    let parked = bench.parked(1).await;
    assert_eq!(parked[0].reason, "malformed");
    assert_eq!(parked[0].attempts, 1);
    assert_eq!(parked[0].key, "extract.normal");
    assert_eq!(parked[0].task, None);
    // Looking changes nothing.
    assert_eq!(bench.parked(1).await, parked);

    let id = &parked[0].id;
    let (address, topology) = (&bench.address, &bench.topology);
    let yes = async |_: &Parked| Ok::<(), BrokerError>(());
    let none = parked::decide(address, topology, "nobody", Fate::Drop, yes).await;
    assert_eq!(none.unwrap(), None);
    // What is not written down does not happen.
    let no = async |_: &Parked| Err(BrokerError::Away);
    parked::decide(address, topology, id, Fate::Drop, no)
        .await
        .unwrap_err();
    assert_eq!(bench.parked(1).await.len(), 1);
    // Tried again it is no better, and parked again.
    parked::decide(address, topology, id, Fate::Retry, yes)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(bench.parked(1).await[0].digest, parked[0].digest);
    let again = bench.parked(1).await.remove(0);
    let dropped = parked::decide(address, topology, &again.id, Fate::Drop, yes);
    dropped.await.unwrap().unwrap();
    assert_eq!(parked::list(address, topology).await.unwrap(), []);
    worker.leave().await;
    bench.end().await;
}

/// The broker's own count only ends what the ledger never sees: a message that comes back for ever.
#[tokio::test(flavor = "multi_thread")]
async fn what_comes_back_for_ever_is_parked_with_the_brokers_reason() {
    let bench = Bench::new().await;
    let relay = bench.relay().await;
    relay.publish(event(1, Class::Bulk)).await.unwrap();
    let connection = bench.plain().await;
    let channel = connection.create_channel().await.unwrap();
    let queue = bench
        .topology
        .queue(&"extract".parse().unwrap(), Class::Bulk);
    let mut returned = 0;
    let get = || channel.basic_get(queue.as_str().into(), BasicGetOptions { no_ack: false });
    while let Some(message) = bench.within(get()).await.unwrap() {
        let options = BasicNackOptions {
            multiple: false,
            requeue: true,
        };
        message.nack(options).await.unwrap();
        returned += 1;
        assert!(returned < 1_000, "it comes back for ever");
    }
    assert!(returned > 100, "parked after {returned} deliveries");
    let parked = bench.parked(1).await;
    assert_eq!(parked[0].reason, "delivery_limit");
    assert_eq!(parked[0].key, "extract.bulk");
    assert_eq!(parked[0].task, Some(event(1, Class::Bulk)));
    connection.close(200, "done".into()).await.unwrap();
    relay.leave().await;
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topology_that_differs_is_named() {
    let bench = Bench::new().await;
    let connection = bench.plain().await;
    let channel = connection.create_channel().await.unwrap();
    let queue = bench
        .topology
        .queue(&"extract".parse().unwrap(), Class::Normal);
    // As declared but for one argument.
    let plans = bench.topology.queues();
    let plan = plans.iter().find(|plan| plan.name == queue).unwrap();
    let mut arguments = FieldTable::default();
    for (name, value) in &plan.arguments {
        let value = match value {
            _ if *name == "x-delivery-limit" => AMQPValue::LongLongInt(7),
            Argument::Word(word) => AMQPValue::LongString(word.as_str().into()),
            Argument::Number(number) => AMQPValue::LongLongInt(*number),
        };
        arguments.insert((*name).into(), value);
    }
    let options = QueueDeclareOptions {
        durable: true,
        ..QueueDeclareOptions::default()
    };
    channel
        .queue_declare(queue.as_str().into(), options, arguments)
        .await
        .unwrap();
    connection.close(200, "done".into()).await.unwrap();
    let opened = RabbitQueue::open(bench.address.clone(), bench.topology.clone(), None, 1).await;
    let Err(error) = opened else {
        panic!("a queue with another limit is taken for ours")
    };
    let text = error.to_string();
    for word in [
        &queue,
        "x-delivery-limit",
        "= 7",
        "200",
        "rabbitmqctl delete_queue",
    ] {
        assert!(text.contains(word), "no {word} in: {text}");
    }
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_let_in_is_told_and_who_is_early_waits() {
    let bench = Bench::new().await;
    let open =
        async |address: Address| RabbitQueue::open(address, bench.topology.clone(), None, 1).await;
    let stranger = bench.server.replace("://", "://nobody:secret@");
    let stranger = stranger.replace("guest:guest@", "");
    let Err(error) = open(stranger.parse().unwrap()).await else {
        panic!("let in without a right")
    };
    assert!(matches!(error, BrokerError::Refused { .. }), "{error}");
    assert!(error.to_string().contains("rabbitmqctl list_users"));
    assert!(!whole(&error).contains("secret"));

    // Nobody listens there yet: tasks stay where they are, and the queue goes on trying.
    let nobody: Address = "amqp://127.0.0.1:1?connection_timeout=500".parse().unwrap();
    let early = open(nobody).await.unwrap();
    let refused = early.publish(event(1, Class::Normal)).await.unwrap_err();
    assert!(matches!(refused, QueueError::Unavailable { .. }));
    assert_eq!(early.sessions(), 0);
    early.leave().await;
    bench.end().await;
}

impl Bench {
    /// A message that nobody of ours sent.
    async fn raw(&self, key: &str, body: &[u8]) {
        let connection = self.plain().await;
        let channel = connection.create_channel().await.unwrap();
        channel
            .basic_publish(
                self.topology.tasks().into(),
                key.into(),
                BasicPublishOptions::default(),
                body,
                BasicProperties::default(),
            )
            .await
            .unwrap();
        connection.close(200, "done".into()).await.unwrap();
    }

    /// A connection without anything of ours on it.
    async fn plain(&self) -> Connection {
        Connection::connect(&self.server, ConnectionProperties::default())
            .await
            .unwrap()
    }

    /// Waits until so many messages are parked.
    async fn parked(&self, wanted: usize) -> Vec<Parked> {
        self.within(async {
            loop {
                let parked = parked::list(&self.address, &self.topology).await.unwrap();
                if parked.len() >= wanted {
                    return parked;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await
    }
}

//! The house's queue on RabbitMQ, supervised: connection, channels, topology and consumers are made
//! anew when anything of them breaks.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use domain::StageName;
use domain::message::{Class, TaskEvent};
use futures::StreamExt as _;
use futures::stream::SelectAll;
use lapin::Acker;
use lapin::message::Delivery as Message;
use lapin::options::{
    BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicNackOptions, BasicQosOptions,
};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{BasicProperties, Channel, Connection, Consumer};
use pipeline::queue::{Delivery, Queue, QueueError, Settlement};
use tokio::sync::{Notify, watch};
use tokio::time::timeout;

use crate::address::Address;
use crate::backoff;
use crate::error::BrokerError;
use crate::link;
use crate::parked::{self, MALFORMED, UNKNOWN_STAGE};
use crate::topology::{CLASSES, DELAYS, Topology, key_of};

/// How often a message was given back, in its headers.
const RETURNS: &str = "greffier-returns";
/// How long making a session may take, and leaving one: a connection that is cut in the middle of its
/// opening or closing words may otherwise be waited for until the end of days.
const OPENING: Duration = Duration::from_secs(30);
const LEAVING: Duration = Duration::from_secs(2);

/// How often the supervisor says that it is not stuck.
const MOVING: Duration = Duration::from_secs(5);

/// How long one queue may take to say that it is consumed. One whose leader is lost never does, and
/// must not keep the others waiting: it is left alone for a while.
const CONSUMING: Duration = Duration::from_secs(5);
const LEFT_ALONE: Duration = Duration::from_secs(900);

/// The media type of a CloudEvent in JSON.
pub(crate) const MEDIA_TYPE: &str = "application/cloudevents+json";

/// What a process takes from the queues.
#[derive(Clone, Debug)]
pub struct Consuming {
    /// These stages.
    pub stages: Vec<StageName>,
    /// With so many working threads.
    pub threads: u16,
}

/// A queue of tasks on RabbitMQ.
///
/// Clones share the connection.
#[derive(Clone)]
pub struct RabbitQueue {
    shared: Arc<Shared>,
}

struct Shared {
    address: Address,
    topology: Topology,
    consuming: Option<Consuming>,
    /// What this process is called in the broker's lists.
    name: String,
    seed: u64,
    lanes: Mutex<Lanes>,
    arrived: Notify,
    status: watch::Sender<Status>,
    /// Said by whoever finds the session broken.
    broken: Notify,
    sessions: AtomicU64,
    /// Queues that did not answer while others did, and when.
    silent: Mutex<BTreeMap<String, Instant>>,
    /// When the supervisor last moved.
    moved: Mutex<Instant>,
}

#[derive(Clone)]
enum Status {
    /// There is none, and one is being made.
    Away,
    /// There is one.
    Up(Arc<Session>),
    /// None will be made: a person is needed.
    Refused(Arc<BrokerError>),
    /// It was closed.
    Closed,
}

/// Connections with their channels. RabbitMQ stops reading from a connection that publishes when it
/// is short of disk or memory: what is consumed and acknowledged has a connection of its own.
struct Session {
    publisher: Channel,
    publishing: Connection,
    consuming: Option<(Connection, Channel, Vec<ShortString>)>,
}

#[derive(Default)]
struct Lanes {
    waiting: BTreeMap<Class, VecDeque<Held>>,
    /// What is in hand, by tag.
    held: BTreeMap<u64, Held>,
    tags: u64,
    closing: bool,
}

/// A message that was delivered.
struct Held {
    event: TaskEvent,
    acker: Acker,
    returns: i64,
}

impl RabbitQueue {
    /// Opens the queue: declares its topology, and consumes where asked. `seed` spreads the tries of
    /// several processes. A broker that does not answer yet is waited for.
    ///
    /// # Errors
    /// When the broker answers and refuses, or holds another topology.
    pub async fn open(
        address: Address,
        topology: Topology,
        consuming: Option<Consuming>,
        seed: u64,
    ) -> Result<Self, BrokerError> {
        let role = if consuming.is_some() { "work" } else { "relay" };
        let (status, _) = watch::channel(Status::Away);
        let shared = Arc::new(Shared {
            address,
            topology,
            consuming,
            name: format!("greffier {role} ({})", std::process::id()),
            seed,
            lanes: Mutex::default(),
            arrived: Notify::new(),
            status,
            broken: Notify::new(),
            sessions: AtomicU64::new(0),
            silent: Mutex::default(),
            moved: Mutex::new(Instant::now()),
        });
        let (first, heard) = tokio::sync::oneshot::channel();
        tokio::spawn(supervise(shared.clone(), first));
        // The supervisor always says how its first try went.
        match heard.await {
            Ok(Err(refused)) if !refused.is_passing() => Err(refused),
            _ => Ok(Self { shared }),
        }
    }

    /// How often a session was made: one more than it was made anew.
    pub fn sessions(&self) -> u64 {
        self.shared.sessions.load(Ordering::Relaxed)
    }

    /// Whether this is a clone of the other.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    /// Whether there is a session at this moment.
    pub fn is_up(&self) -> bool {
        self.shared.session().is_ok()
    }

    /// How long the supervisor has not moved. It does every few seconds, whatever the broker does.
    pub fn still_for(&self) -> Duration {
        self.shared.moved().elapsed()
    }

    /// Takes nothing more: what was delivered and not begun goes back, and
    /// [`next`](Queue::next) ends. What is in hand can still be settled.
    pub async fn close(&self) {
        let waiting = {
            let mut lanes = self.shared.lanes();
            lanes.closing = true;
            std::mem::take(&mut lanes.waiting)
        };
        self.shared.arrived.notify_waiters();
        let status = self.shared.status.borrow().clone();
        if let Status::Up(session) = status
            && let Some((_, channel, tags)) = &session.consuming
        {
            for tag in tags {
                let options = BasicCancelOptions { nowait: false };
                // Where this fails the connection is gone, and everything on it goes back.
                let _ = timeout(LEAVING, channel.basic_cancel(tag.clone(), options)).await;
            }
        }
        for held in waiting.into_values().flatten() {
            held.give_back().await;
        }
    }

    /// Leaves the broker.
    pub async fn leave(&self) {
        let last = self.shared.status.send_replace(Status::Closed);
        self.shared.broken.notify_one();
        if let Status::Up(session) = last {
            session.end().await;
        }
    }
}

impl Held {
    async fn give_back(self) {
        let options = BasicNackOptions {
            multiple: false,
            requeue: true,
        };
        // Where this fails the connection is gone, and the message goes back by itself.
        let _ = timeout(LEAVING, self.acker.nack(options)).await;
    }
}

#[async_trait]
impl Queue for RabbitQueue {
    async fn publish(&self, event: TaskEvent) -> Result<(), QueueError> {
        let doing = "publish a task";
        let key = key_of(&event.data);
        let body = serde_json::to_vec(&event)
            .map_err(|source| BrokerError::Message(source).queue(doing))?;
        let properties = properties_of(&event);
        let session = self.shared.session().map_err(|e| e.queue(doing))?;
        let exchange = self.shared.topology.tasks();
        let sent = link::publish(&session.publisher, exchange, &key, &body, properties).await;
        sent.map_err(|error| {
            if let BrokerError::Lost { .. } = error {
                self.shared.broken.notify_one();
            }
            error.queue(doing)
        })
    }

    async fn next(&self) -> Result<Option<Delivery>, QueueError> {
        loop {
            // Listen before looking: what arrives between the look and the wait still wakes us.
            let arrived = self.shared.arrived.notified();
            tokio::pin!(arrived);
            arrived.as_mut().enable();
            {
                let mut lanes = self.shared.lanes();
                if lanes.closing {
                    return Ok(None);
                }
                if let Some(delivery) = lanes.pop() {
                    if !lanes.is_empty() {
                        self.shared.arrived.notify_one();
                    }
                    return Ok(Some(delivery));
                }
            }
            let status = self.shared.status.borrow().clone();
            match status {
                Status::Refused(error) => {
                    return Err(QueueError::Refused {
                        doing: "deliver tasks",
                        source: Box::new(Shown(error)),
                    });
                }
                Status::Closed => return Ok(None),
                Status::Away | Status::Up(_) => {}
            }
            arrived.await;
        }
    }

    async fn settle(&self, delivery: Delivery, settlement: Settlement) -> Result<(), QueueError> {
        let doing = "settle a task";
        let held = self.shared.lanes().held.remove(&delivery.tag);
        // A session that was lost took its deliveries with it.
        let Some(held) = held else {
            return Err(BrokerError::Away.queue(doing));
        };
        if settlement == Settlement::Return {
            match self.delay(&held).await {
                Ok(()) => {}
                Err(error) => {
                    held.give_back().await;
                    return Err(error.queue(doing));
                }
            }
        }
        let options = BasicAckOptions { multiple: false };
        match held.acker.ack(options).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(BrokerError::Away.queue(doing)),
            Err(source) => Err(BrokerError::lost(doing)(source).queue(doing)),
        }
    }
}

impl RabbitQueue {
    /// Publishes what was given back where it waits, longer each time.
    async fn delay(&self, held: &Held) -> Result<(), BrokerError> {
        let place = usize::try_from(held.returns).unwrap_or(0);
        let delay = &DELAYS[place.min(DELAYS.len() - 1)];
        let session = self.shared.session()?;
        let body = serde_json::to_vec(&held.event).map_err(BrokerError::Message)?;
        let mut headers = FieldTable::default();
        headers.insert(
            RETURNS.into(),
            AMQPValue::LongLongInt(held.returns.saturating_add(1)),
        );
        let properties = properties_of(&held.event).with_headers(headers);
        link::publish(
            &session.publisher,
            self.shared.topology.delayed(delay),
            &key_of(&held.event.data),
            &body,
            properties,
        )
        .await
    }
}

/// An error that several callers are told.
#[derive(Debug)]
struct Shown(Arc<BrokerError>);

impl std::fmt::Display for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Shown {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(self.0.as_ref())
    }
}

impl Shared {
    fn lanes(&self) -> MutexGuard<'_, Lanes> {
        // Each change is one statement: a panic elsewhere leaves them whole.
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn moved(&self) -> MutexGuard<'_, Instant> {
        self.moved.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn session(&self) -> Result<Arc<Session>, BrokerError> {
        match &*self.status.borrow() {
            Status::Up(session) => Ok(session.clone()),
            _ => Err(BrokerError::Away),
        }
    }

    fn silent(&self) -> MutexGuard<'_, BTreeMap<String, Instant>> {
        // Each change is one statement.
        self.silent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn leave_alone(&self, queue: &str) {
        self.silent().insert(queue.to_owned(), Instant::now());
    }

    /// Whether a queue is left alone for now.
    fn is_left_alone(&self, queue: &str) -> bool {
        self.silent()
            .get(queue)
            .is_some_and(|since| since.elapsed() < LEFT_ALONE)
    }

    /// How long until some queue is asked again, if one is left alone.
    fn asked_again_in(&self) -> Option<Duration> {
        let mut silent = self.silent();
        silent.retain(|_, since| since.elapsed() < LEFT_ALONE);
        let waits = silent
            .values()
            .map(|since| LEFT_ALONE.saturating_sub(since.elapsed()));
        waits.min()
    }

    fn is_closed(&self) -> bool {
        matches!(*self.status.borrow(), Status::Closed)
    }

    /// Changes the status, unless it was closed meanwhile.
    fn become_unless_closed(&self, status: Status) -> bool {
        self.status.send_if_modified(|now| {
            let open = !matches!(now, Status::Closed);
            if open {
                *now = status;
            }
            open
        })
    }
}

impl Lanes {
    fn is_empty(&self) -> bool {
        self.waiting.values().all(VecDeque::is_empty)
    }

    /// The next message, urgent ones first.
    fn pop(&mut self) -> Option<Delivery> {
        let held = self.waiting.values_mut().find_map(VecDeque::pop_front)?;
        self.tags += 1;
        let tag = self.tags;
        let event = held.event.clone();
        self.held.insert(tag, held);
        Some(Delivery { event, tag })
    }

    /// What a lost session had delivered is delivered again, to someone.
    fn forget(&mut self) {
        self.waiting.clear();
        self.held.clear();
    }
}

impl Session {
    async fn end(&self) {
        // Where this fails the connection is gone already.
        if let Some((connection, ..)) = &self.consuming {
            let _ = timeout(LEAVING, connection.close(200, "done".into())).await;
        }
        let _ = timeout(LEAVING, self.publishing.close(200, "done".into())).await;
    }
}

/// Makes sessions until the queue is closed or the broker refuses for good.
async fn supervise(
    shared: Arc<Shared>,
    first: tokio::sync::oneshot::Sender<Result<(), BrokerError>>,
) {
    let mut first = Some(first);
    let mut attempt = 0;
    while !shared.is_closed() {
        *shared.moved() = Instant::now();
        let opened = match timeout(OPENING, open(&shared)).await {
            Ok(opened) => opened,
            Err(_elapsed) => Err(BrokerError::too_long("make a session")),
        };
        match opened {
            Ok((session, deliveries)) => {
                attempt = 0;
                shared.sessions.fetch_add(1, Ordering::Relaxed);
                if !shared.become_unless_closed(Status::Up(session.clone())) {
                    session.end().await;
                    return;
                }
                if let Some(first) = first.take() {
                    let _ = first.send(Ok(()));
                }
                let why = serve(&shared, &session, deliveries).await;
                if shared.is_closed() {
                    return;
                }
                tracing::warn!(broker = %shared.address, why, "the connection to RabbitMQ is made anew");
                shared.become_unless_closed(Status::Away);
                shared.lanes().forget();
                session.end().await;
            }
            Err(error) if error.is_passing() => {
                tracing::warn!(
                    broker = %shared.address,
                    error = &error as &dyn std::error::Error, "there is no session with RabbitMQ yet",
                );
                if let Some(first) = first.take() {
                    let _ = first.send(Err(error));
                }
            }
            Err(error) => {
                tracing::error!(
                    broker = %shared.address,
                    error = &error as &dyn std::error::Error, "RabbitMQ refuses",
                );
                match first.take() {
                    Some(first) => {
                        let _ = first.send(Err(error));
                    }
                    None => {
                        shared.become_unless_closed(Status::Refused(Arc::new(error)));
                        shared.arrived.notify_waiters();
                    }
                }
                return;
            }
        }
        let pause = backoff::delay(shared.seed, attempt);
        attempt = attempt.saturating_add(1);
        let mut status = shared.status.subscribe();
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            _ = status.wait_for(|s| matches!(s, Status::Closed)) => {}
        }
    }
}

async fn open(shared: &Shared) -> Result<(Arc<Session>, SelectAll<Consumer>), BrokerError> {
    let publishing = link::connect(&shared.address, &shared.name).await?;
    link::declare(&publishing, &shared.topology).await?;
    let publisher = link::publisher(&publishing).await?;
    let mut deliveries = SelectAll::new();
    let mut consuming = None;
    if let Some(asked) = &shared.consuming {
        let connection = link::connect(&shared.address, &shared.name).await?;
        let lost = BrokerError::lost("open a channel");
        let channel = connection.create_channel().await.map_err(lost)?;
        let mut tags = Vec::new();
        for stage in &asked.stages {
            let prefetch = shared
                .topology
                .prefetch(stage)
                .saturating_mul(asked.threads.max(1));
            channel
                .basic_qos(prefetch, BasicQosOptions { global: false })
                .await
                .map_err(BrokerError::lost("say how much it takes"))?;
            for class in CLASSES {
                let queue = shared.topology.queue(stage, class);
                if shared.is_left_alone(&queue) {
                    continue;
                }
                match timeout(CONSUMING, consume(&channel, queue.clone())).await {
                    Ok(consumer) => {
                        let consumer = consumer?;
                        tags.push(consumer.tag());
                        deliveries.push(consumer);
                    }
                    // What is asked next on this connection would wait behind it.
                    Err(_elapsed) => {
                        shared.leave_alone(&queue);
                        return Err(BrokerError::Silent { queue });
                    }
                }
            }
        }
        consuming = Some((connection, channel, tags));
    }
    let session = Arc::new(Session {
        publisher,
        publishing,
        consuming,
    });
    Ok((session, deliveries))
}

async fn consume(channel: &Channel, queue: String) -> Result<Consumer, BrokerError> {
    let options = BasicConsumeOptions {
        no_local: false,
        no_ack: false,
        exclusive: false,
        nowait: false,
    };
    channel
        .basic_consume(
            queue.into(),
            ShortString::default(),
            options,
            FieldTable::default(),
        )
        .await
        .map_err(BrokerError::lost("consume"))
}

/// Passes deliveries on until something of the session breaks; what that was.
async fn serve(
    shared: &Shared,
    session: &Arc<Session>,
    mut deliveries: SelectAll<Consumer>,
) -> String {
    let mut events = Box::pin(session.publishing.events_listener());
    let consuming = !deliveries.is_empty();
    let mut asking_again = Box::pin(asking_again(shared.asked_again_in()));
    let mut moving = tokio::time::interval(MOVING);
    loop {
        tokio::select! {
            _ = moving.tick() => *shared.moved() = Instant::now(),
            () = shared.broken.notified() => {
                // Said of an earlier session, it means nothing.
                if !session.publisher.status().connected() || shared.is_closed() {
                    return "a publisher lost its channel".to_owned();
                }
            }
            event = events.next() => match event {
                Some(lapin::Event::ConnectionBlocked(why)) => {
                    tracing::warn!(why, "RabbitMQ takes no messages for the moment");
                }
                Some(lapin::Event::Error(error)) => return error.to_string(),
                Some(_) => {
                    if !session.publishing.status().connected() {
                        return "the connection was closed".to_owned();
                    }
                }
                None => return "the connection is gone".to_owned(),
            },
            () = &mut asking_again => {
                return "a queue that did not answer is asked again".to_owned();
            }
            delivery = deliveries.next(), if consuming => match delivery {
                Some(Ok(message)) => {
                    if let Err(error) = take(shared, session, message).await {
                        return error.to_string();
                    }
                }
                Some(Err(error)) => return error.to_string(),
                None if shared.lanes().closing => std::future::pending().await,
                None => return "its consumers were cancelled".to_owned(),
            },
        }
    }
}

/// Ends when queues that were left alone are to be asked again; never, where there are none.
async fn asking_again(after: Option<Duration>) {
    match after {
        Some(time) => tokio::time::sleep(time).await,
        None => std::future::pending().await,
    }
}

/// Puts a message into its lane, or parks it when it is none of ours.
async fn take(shared: &Shared, session: &Session, message: Message) -> Result<(), BrokerError> {
    let event = match serde_json::from_slice::<TaskEvent>(&message.data) {
        Ok(event) => event,
        Err(error) => {
            tracing::warn!(
                error = &error as &dyn std::error::Error, key = %message.routing_key,
                "a message is no task: parked",
            );
            return parked::park(&session.publisher, &shared.topology, message, MALFORMED).await;
        }
    };
    if key_of(&event.data) != message.routing_key.as_str() {
        return parked::park(&session.publisher, &shared.topology, message, UNKNOWN_STAGE).await;
    }
    let returns = header(&message.properties, RETURNS).unwrap_or(0);
    let held = Held {
        event,
        returns,
        acker: message.acker,
    };
    let refused = {
        let mut lanes = shared.lanes();
        if lanes.closing {
            Some(held)
        } else {
            let lane = lanes.waiting.entry(held.event.data.class).or_default();
            lane.push_back(held);
            None
        }
    };
    match refused {
        Some(held) => held.give_back().await,
        None => shared.arrived.notify_one(),
    }
    Ok(())
}

/// A number in the headers.
pub(crate) fn header(properties: &BasicProperties, name: &str) -> Option<i64> {
    let headers = properties.headers().as_ref()?;
    match headers.inner().get(name)? {
        AMQPValue::LongLongInt(number) => Some(*number),
        AMQPValue::LongInt(number) => Some(i64::from(*number)),
        AMQPValue::LongUInt(number) => Some(i64::from(*number)),
        AMQPValue::ShortInt(number) => Some(i64::from(*number)),
        AMQPValue::ShortShortInt(number) => Some(i64::from(*number)),
        _ => None,
    }
}

fn properties_of(event: &TaskEvent) -> BasicProperties {
    let mut headers = FieldTable::default();
    if let Some(trace) = &event.traceparent {
        headers.insert(
            "traceparent".into(),
            AMQPValue::LongString(trace.as_str().into()),
        );
    }
    let properties = BasicProperties::default()
        .with_content_type(MEDIA_TYPE.into())
        .with_type("greffier.task".into())
        .with_headers(headers);
    // A short string has at most 255 bytes: an id that is longer is in the body alone.
    match ShortString::try_new(event.id.clone()) {
        Ok(id) => properties.with_message_id(id),
        Err(_) => properties,
    }
}

//! What nobody could handle: look at it, try it again, throw it away.

use domain::Digest;
use domain::message::TaskEvent;
use lapin::message::Delivery as Message;
use lapin::options::{BasicAckOptions, BasicGetOptions, BasicNackOptions};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{Acker, BasicProperties, Channel};
use serde::Serialize;

use crate::address::Address;
use crate::error::BrokerError;
use crate::link;
use crate::queue::header;
use crate::topology::Topology;

/// Why a message was parked, in its headers.
const REASON: &str = "greffier-reason";
/// The exchange it came through, in its headers.
const ORIGIN: &str = "greffier-exchange";
/// The same, when the broker parked it.
const FIRST_ORIGIN: &str = "x-first-death-exchange";
/// How often it had been delivered.
const ATTEMPTS: &str = "greffier-attempts";
/// The broker's own count of deliveries before this one.
const DELIVERED: &str = "x-delivery-count";

/// It is no task of ours.
pub(crate) const MALFORMED: &str = "malformed";
/// It is a task of another stage or class than its queue's.
pub(crate) const UNKNOWN_STAGE: &str = "wrong-queue";

/// Parked messages looked at, at most.
const LOOKED_AT: usize = 10_000;

/// A parked message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Parked {
    /// The message's id, or one told from its bytes.
    pub id: String,
    /// Why: `malformed`, `wrong-queue`, or the broker's word, such as `delivery_limit`.
    pub reason: String,
    /// How often it was delivered.
    pub attempts: i64,
    /// Stage and class of the queue it was in.
    pub key: String,
    /// What it asks, where it is a task.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskEvent>,
    /// Size of its body.
    pub bytes: usize,
    /// Digest of its body: the body of a malformed message may be anything, and is not shown.
    pub digest: Digest,
}

/// What to do with a parked message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fate {
    /// Put it back into the queue it was in.
    Retry,
    /// Throw it away.
    Drop,
}

/// Parks a message: it leaves its queue once it is in the other.
pub(crate) async fn park(
    publisher: &Channel,
    topology: &Topology,
    message: Message,
    reason: &'static str,
) -> Result<(), BrokerError> {
    let attempts = header(&message.properties, DELIVERED).unwrap_or(0) + 1;
    let mut headers = FieldTable::default();
    headers.insert(REASON.into(), AMQPValue::LongString(reason.into()));
    let origin = message.exchange.as_str();
    headers.insert(ORIGIN.into(), AMQPValue::LongString(origin.into()));
    headers.insert(ATTEMPTS.into(), AMQPValue::LongLongInt(attempts));
    let mut properties = BasicProperties::default().with_headers(headers);
    if let Some(kind) = message.properties.content_type() {
        properties = properties.with_content_type(kind.clone());
    }
    if let Some(id) = message.properties.message_id() {
        properties = properties.with_message_id(id.clone());
    }
    let key = message.routing_key.as_str();
    link::publish(publisher, topology.parked(), key, &message.data, properties).await?;
    let options = BasicAckOptions { multiple: false };
    let acknowledged = message.acker.ack(options).await;
    acknowledged.map_err(BrokerError::lost("park a message"))?;
    Ok(())
}

/// The parked messages, oldest first.
///
/// # Errors
/// When the broker does not answer, or refuses.
pub async fn list(address: &Address, topology: &Topology) -> Result<Vec<Parked>, BrokerError> {
    let connection = link::connect(address, "greffier parked").await?;
    link::declare(&connection, topology).await?;
    let lost = BrokerError::lost("open a channel");
    let channel = connection.create_channel().await.map_err(lost)?;
    let mut all = Vec::new();
    let mut ackers = Vec::new();
    while let Some(message) = next(&channel, topology, all.len()).await? {
        all.push(describe(&message));
        // Not its body: it may hold a document, and there may be many.
        ackers.push(message.acker);
    }
    for acker in ackers.into_iter().rev() {
        give_back(&acker).await?;
    }
    let _ = connection.close(200, "done".into()).await;
    Ok(all)
}

/// Decides what becomes of the parked message with this id. `recorded` is asked to write that down
/// before it happens, and may refuse. `None` when there is no such message.
///
/// # Errors
/// When the broker does not answer or refuses: the message is still parked.
pub async fn decide<E>(
    address: &Address,
    topology: &Topology,
    id: &str,
    fate: Fate,
    recorded: impl AsyncFnOnce(&Parked) -> Result<(), E>,
) -> Result<Option<Parked>, E>
where
    E: From<BrokerError>,
{
    let connection = link::connect(address, "greffier parked").await?;
    link::declare(&connection, topology).await?;
    let publisher = link::publisher(&connection).await?;
    let lost = BrokerError::lost("open a channel");
    let channel = connection.create_channel().await.map_err(lost)?;
    let mut found = None;
    let mut others = Vec::new();
    let mut seen = 0;
    while let Some(message) = next(&channel, topology, seen).await? {
        seen += 1;
        if describe(&message).id == id {
            found = Some(message);
            break;
        }
        others.push(message.acker);
    }
    for acker in others.into_iter().rev() {
        give_back(&acker).await?;
    }
    let mut decided = None;
    if let Some(message) = found {
        let parked = describe(&message);
        // Dropped with the channel, the message stays parked.
        recorded(&parked).await?;
        if fate == Fate::Retry {
            let mut properties = BasicProperties::default();
            if let Some(kind) = message.properties.content_type() {
                properties = properties.with_content_type(kind.clone());
            }
            if let Ok(id) = ShortString::try_new(parked.id.clone()) {
                properties = properties.with_message_id(id);
            }
            let origin = word(&message, ORIGIN).or_else(|| word(&message, FIRST_ORIGIN));
            let exchange = match origin {
                Some(origin) if origin == topology.intake() => origin,
                // Published without an exchange, a message has its queue's name for a key.
                _ if parked.key == topology.intake() => topology.intake(),
                _ => topology.tasks(),
            };
            let key = parked.key.as_str();
            link::publish(&publisher, exchange, key, &message.data, properties).await?;
        }
        let options = BasicAckOptions { multiple: false };
        let acknowledged = message.acker.ack(options).await;
        acknowledged.map_err(BrokerError::lost("decide on a parked message"))?;
        decided = Some(parked);
    }
    let _ = connection.close(200, "done".into()).await;
    Ok(decided)
}

/// The next parked message, of so many at most.
async fn next(
    channel: &Channel,
    topology: &Topology,
    seen: usize,
) -> Result<Option<Message>, BrokerError> {
    if seen >= LOOKED_AT {
        return Ok(None);
    }
    let options = BasicGetOptions { no_ack: false };
    let found = channel
        .basic_get(topology.parked().into(), options)
        .await
        .map_err(BrokerError::lost("look at parked messages"))?;
    Ok(found.map(|message| message.delivery))
}

async fn give_back(acker: &Acker) -> Result<(), BrokerError> {
    let options = BasicNackOptions {
        multiple: false,
        requeue: true,
    };
    let given = acker.nack(options).await;
    given.map_err(BrokerError::lost("give a parked message back"))?;
    Ok(())
}

fn describe(message: &Message) -> Parked {
    let properties = &message.properties;
    let digest = Digest::of(&message.data);
    let id = match properties.message_id() {
        Some(id) => id.to_string(),
        None => format!("body-{}", &hex(&digest)[..12]),
    };
    let reason = word(message, REASON)
        .or_else(|| word(message, "x-first-death-reason"))
        .unwrap_or_else(|| "unknown".to_owned());
    Parked {
        id,
        reason,
        attempts: header(properties, ATTEMPTS)
            .or_else(|| header(properties, DELIVERED))
            .unwrap_or(0),
        key: message.routing_key.to_string(),
        task: serde_json::from_slice(&message.data).ok(),
        bytes: message.data.len(),
        digest,
    }
}

/// A word in the headers.
fn word(message: &Message, name: &str) -> Option<String> {
    let headers = message.properties.headers().as_ref()?;
    match headers.inner().get(name)? {
        AMQPValue::LongString(text) => Some(text.to_string()),
        AMQPValue::ShortString(text) => Some(text.to_string()),
        _ => None,
    }
}

fn hex(digest: &Digest) -> String {
    digest
        .as_bytes()
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect()
}

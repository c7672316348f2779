//! A connection with its channels, and the topology declared.

use lapin::options::{
    BasicPublishOptions, ConfirmSelectOptions, ExchangeDeclareOptions, QueueBindOptions,
    QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties, ExchangeKind};

use crate::address::Address;
use crate::error::BrokerError;
use crate::topology::{Argument, Passes, Topology};

/// How long the broker may take to answer for a message.
const ANSWER: std::time::Duration = std::time::Duration::from_secs(30);

/// Kept on disk.
const PERSISTENT: u8 = 2;

/// Opens a connection. lapin's own recovery stays off: it brings connections back and not what was
/// on them, so that everything is made anew instead.
pub(crate) async fn connect(address: &Address, name: &str) -> Result<Connection, BrokerError> {
    let properties = ConnectionProperties::default().with_connection_name(name.into());
    Connection::connect_uri(address.uri.clone(), properties)
        .await
        .map_err(|source| BrokerError::connecting(address.to_string(), source))
}

/// A channel on which every message is answered for.
pub(crate) async fn publisher(connection: &Connection) -> Result<Channel, BrokerError> {
    let lost = BrokerError::lost("open a channel");
    let channel = connection.create_channel().await.map_err(lost)?;
    channel
        .confirm_select(ConfirmSelectOptions { nowait: false })
        .await
        .map_err(BrokerError::lost("ask for confirms"))?;
    Ok(channel)
}

/// Declares everything. What is there and is the same is left as it is.
pub(crate) async fn declare(
    connection: &Connection,
    topology: &Topology,
) -> Result<(), BrokerError> {
    let lost = BrokerError::lost("open a channel");
    let channel = connection.create_channel().await.map_err(lost)?;
    for (name, passes) in topology.exchanges() {
        let kind = match passes {
            Passes::ByKey => ExchangeKind::Direct,
            Passes::ToAll => ExchangeKind::Fanout,
            Passes::ByPattern => ExchangeKind::Topic,
        };
        let options = ExchangeDeclareOptions {
            passive: false,
            durable: true,
            auto_delete: false,
            internal: false,
            nowait: false,
        };
        channel
            .exchange_declare(name.as_str().into(), kind, options, FieldTable::default())
            .await
            .map_err(|e| BrokerError::declaring(format!("exchange {name}"), e))?;
    }
    for queue in topology.queues() {
        let options = QueueDeclareOptions {
            passive: false,
            durable: true,
            exclusive: false,
            auto_delete: false,
            nowait: false,
        };
        let mut arguments = FieldTable::default();
        for (name, value) in &queue.arguments {
            let value = match value {
                Argument::Word(text) => AMQPValue::LongString(text.as_str().into()),
                Argument::Number(number) => AMQPValue::LongLongInt(*number),
            };
            arguments.insert((*name).into(), value);
        }
        let what = || format!("queue {}", queue.name);
        channel
            .queue_declare(queue.name.as_str().into(), options, arguments)
            .await
            .map_err(|e| BrokerError::declaring(what(), e))?;
        channel
            .queue_bind(
                queue.name.as_str().into(),
                queue.exchange.as_str().into(),
                queue.key.as_str().into(),
                QueueBindOptions { nowait: false },
                FieldTable::default(),
            )
            .await
            .map_err(|e| BrokerError::declaring(what(), e))?;
    }
    // Closing may fail because the connection is going: whoever uses it next says so.
    let _ = channel.close(200, "declared".into()).await;
    Ok(())
}

/// Publishes a message and waits until the broker answers for it: it is in a queue, on disk.
pub(crate) async fn publish(
    channel: &Channel,
    exchange: String,
    key: &str,
    body: &[u8],
    properties: BasicProperties,
) -> Result<(), BrokerError> {
    send(channel, exchange, key, body, properties, true).await
}

/// As [`publish`], to whoever listens: where nobody does, nobody keeps it.
pub(crate) async fn announce(
    channel: &Channel,
    exchange: String,
    key: &str,
    body: &[u8],
    properties: BasicProperties,
) -> Result<(), BrokerError> {
    send(channel, exchange, key, body, properties, false).await
}

async fn send(
    channel: &Channel,
    exchange: String,
    key: &str,
    body: &[u8],
    properties: BasicProperties,
    mandatory: bool,
) -> Result<(), BrokerError> {
    let options = BasicPublishOptions {
        mandatory,
        immediate: false,
    };
    let confirm = channel
        .basic_publish(
            exchange.into(),
            key.into(),
            options,
            body,
            properties.with_delivery_mode(PERSISTENT),
        )
        .await
        .map_err(BrokerError::lost("publish a message"))?;
    const HEARING: &str = "hear that a message is kept";
    let answer = match tokio::time::timeout(ANSWER, confirm).await {
        Ok(answer) => answer.map_err(BrokerError::lost(HEARING))?,
        // Published once more, it is delivered twice at most, which is harmless.
        Err(_elapsed) => return Err(BrokerError::too_long(HEARING)),
    };
    let key = key.to_owned();
    if !answer.is_ack() {
        return Err(BrokerError::NotTaken { key });
    }
    match answer.take_message() {
        Some(_returned) => Err(BrokerError::Unroutable { key }),
        None => Ok(()),
    }
}

//! How much waits where, and for how many consumers; and the end of a topology.

use domain::StageName;
use domain::message::Class;
use lapin::options::{ExchangeDeleteOptions, QueueDeclareOptions, QueueDeleteOptions};
use lapin::types::FieldTable;
use serde::Serialize;

use crate::address::Address;
use crate::error::{BrokerError, NOT_FOUND, code};
use crate::link;
use crate::topology::{CLASSES, DELAYS, Topology};

/// What a queue is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    /// Tasks of a stage, of a class.
    Work {
        /// The stage.
        stage: StageName,
        /// The class.
        class: Class,
    },
    /// Documents that other software hands in.
    Intake,
    /// What was given back, and waits.
    Delayed,
    /// What nobody could handle.
    Parked,
}

/// A queue as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Depth {
    /// Its name.
    pub queue: String,
    /// What it is for.
    pub purpose: Purpose,
    /// Messages that wait; those in the hands of a worker are not counted.
    pub messages: u32,
    /// Who takes from it.
    pub consumers: u32,
}

/// How the queues stand; those that nobody has declared yet are left out.
///
/// # Errors
/// When the broker does not answer, or refuses.
pub async fn depths(address: &Address, topology: &Topology) -> Result<Vec<Depth>, BrokerError> {
    let connection = link::connect(address, "greffier queues").await?;
    let mut wanted = Vec::new();
    for stage in topology.stages() {
        for class in CLASSES {
            let stage = stage.clone();
            wanted.push((
                topology.queue(&stage, class),
                Purpose::Work { stage, class },
            ));
        }
    }
    wanted.extend(
        DELAYS
            .iter()
            .map(|delay| (topology.delayed(delay), Purpose::Delayed)),
    );
    wanted.push((topology.intake(), Purpose::Intake));
    wanted.push((topology.parked(), Purpose::Parked));
    let mut all = Vec::new();
    let mut channel = None;
    for (queue, purpose) in wanted {
        let open = match channel.take() {
            Some(open) => open,
            None => {
                let lost = BrokerError::lost("open a channel");
                connection.create_channel().await.map_err(lost)?
            }
        };
        let options = QueueDeclareOptions {
            passive: true,
            durable: true,
            exclusive: false,
            auto_delete: false,
            nowait: false,
        };
        let asked = open
            .queue_declare(queue.as_str().into(), options, FieldTable::default())
            .await;
        match asked {
            Ok(found) => {
                all.push(Depth {
                    queue,
                    purpose,
                    messages: found.message_count(),
                    consumers: found.consumer_count(),
                });
                channel = Some(open);
            }
            // Asking for a queue that is not there ends the channel.
            Err(error) if code(&error) == Some(NOT_FOUND) => {}
            Err(error) => return Err(BrokerError::lost("look at queues")(error)),
        }
    }
    let _ = connection.close(200, "done".into()).await;
    Ok(all)
}

/// Deletes every queue and exchange of a topology, with what is in them.
///
/// # Errors
/// When the broker does not answer, or refuses.
pub async fn delete(address: &Address, topology: &Topology) -> Result<(), BrokerError> {
    let connection = link::connect(address, "greffier queues").await?;
    let lost = BrokerError::lost("open a channel");
    let channel = connection.create_channel().await.map_err(lost)?;
    for queue in topology.queues() {
        let options = QueueDeleteOptions {
            if_unused: false,
            if_empty: false,
            nowait: false,
        };
        channel
            .queue_delete(queue.name.into(), options)
            .await
            .map_err(BrokerError::lost("delete a queue"))?;
    }
    for (exchange, _) in topology.exchanges() {
        let options = ExchangeDeleteOptions {
            if_unused: false,
            nowait: false,
        };
        channel
            .exchange_delete(exchange.into(), options)
            .await
            .map_err(BrokerError::lost("delete an exchange"))?;
    }
    let _ = connection.close(200, "done".into()).await;
    Ok(())
}

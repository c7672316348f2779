//! Documents that other software hands in: one message a document, acknowledged once it is kept.

use std::time::{Duration, Instant};

use domain::event::{IntakeEvent, IntakeRef};
use futures::StreamExt as _;
use lapin::message::Delivery as Message;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicNackOptions, BasicQosOptions};
use lapin::types::{FieldTable, ShortString};
use lapin::{Channel, Connection, Consumer};
use pipeline::service::Stop;
use tokio::time::timeout;

use crate::address::Address;
use crate::backoff;
use crate::error::BrokerError;
use crate::link;
use crate::parked::{self, MALFORMED};
use crate::topology::Topology;

/// Messages in hand at a time: each may hold a document.
const PREFETCH: u16 = 1;

/// How long a message is kept in hand for which it is not the time: RabbitMQ takes back after half an
/// hour what is not settled, and counts what is given back.
const HELD_MAX: Duration = Duration::from_secs(20 * 60);

/// How long it waits before it is tried again.
const AGAIN: Duration = Duration::from_secs(1);

/// How long making a session may take.
const OPENING: Duration = Duration::from_secs(30);

/// What became of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    /// The document is kept, or was already.
    Kept,
    /// It brings none that can be: the message is parked with this stable word.
    Refused(&'static str),
    /// Not now: it comes again.
    Later,
}

/// What comes in.
pub enum Submitted<'a> {
    /// A document.
    Event(&'a IntakeEvent),
    /// Something that is none: what of it tells who sent it, and what is wrong.
    Malformed {
        /// Its message, as far as that can be read.
        of: Option<IntakeRef>,
        /// Where it is wrong: what is there may be anything, and is told to nobody.
        line: usize,
        /// As above.
        column: usize,
    },
}

/// Takes from the intake queue.
pub struct Intake {
    address: Address,
    topology: Topology,
    name: String,
    seed: u64,
}

impl Intake {
    /// What takes from the intake queue of a topology.
    pub fn new(address: Address, topology: Topology, seed: u64) -> Self {
        let name = format!("greffier intake ({})", std::process::id());
        Self {
            address,
            topology,
            name,
            seed,
        }
    }

    /// Hands each message to `take`, one after the other, and settles it as that says, until told to
    /// stop. Connections that break are made anew.
    ///
    /// # Errors
    /// When the broker answers and refuses for good: a person is needed.
    pub async fn run(
        &self,
        mut stop: Stop,
        mut take: impl AsyncFnMut(Submitted<'_>) -> Taken,
    ) -> Result<(), BrokerError> {
        let mut attempt = 0;
        while !stop.is_said() {
            let opened = tokio::select! {
                opened = timeout(OPENING, self.open()) => match opened {
                    Ok(opened) => opened,
                    Err(_elapsed) => Err(BrokerError::too_long("make a session")),
                },
                () = stop.said() => return Ok(()),
            };
            let broke = match opened {
                Ok(session) => {
                    attempt = 0;
                    match self.serve(session, &mut stop, &mut take).await {
                        Ok(()) => return Ok(()),
                        Err(error) => error,
                    }
                }
                Err(error) => error,
            };
            if !broke.is_passing() {
                return Err(broke);
            }
            tracing::warn!(
                broker = %self.address, error = &broke as &dyn std::error::Error,
                "the connection to RabbitMQ is made anew",
            );
            stop.pause(backoff::delay(self.seed, attempt)).await;
            attempt = attempt.saturating_add(1);
        }
        Ok(())
    }

    async fn open(&self) -> Result<(Connection, Channel, Consumer), BrokerError> {
        let connection = link::connect(&self.address, &self.name).await?;
        link::declare(&connection, &self.topology).await?;
        let publisher = link::publisher(&connection).await?;
        let lost = BrokerError::lost("open a channel");
        let channel = connection.create_channel().await.map_err(lost)?;
        channel
            .basic_qos(PREFETCH, BasicQosOptions { global: false })
            .await
            .map_err(BrokerError::lost("say how much it takes"))?;
        let options = BasicConsumeOptions {
            no_local: false,
            no_ack: false,
            exclusive: false,
            nowait: false,
        };
        let consumer = channel
            .basic_consume(
                self.topology.intake().into(),
                ShortString::default(),
                options,
                FieldTable::default(),
            )
            .await
            .map_err(BrokerError::lost("consume"))?;
        Ok((connection, publisher, consumer))
    }

    async fn serve(
        &self,
        (connection, publisher, mut consumer): (Connection, Channel, Consumer),
        stop: &mut Stop,
        take: &mut impl AsyncFnMut(Submitted<'_>) -> Taken,
    ) -> Result<(), BrokerError> {
        loop {
            let message = tokio::select! {
                message = consumer.next() => message,
                // What was delivered and not begun goes back with the connection.
                () = stop.said() => break,
            };
            let message = match message {
                Some(Ok(message)) => message,
                Some(Err(source)) => return Err(BrokerError::lost("take documents in")(source)),
                None => return Err(BrokerError::Away),
            };
            match serde_json::from_slice::<IntakeEvent>(&message.data) {
                Ok(event) => {
                    let began = Instant::now();
                    let mut taken = take(Submitted::Event(&event)).await;
                    // Given back it would be counted, and parked in the end.
                    while taken == Taken::Later && began.elapsed() < HELD_MAX && !stop.is_said() {
                        stop.pause(AGAIN).await;
                        taken = take(Submitted::Event(&event)).await;
                    }
                    self.settle(&publisher, message, taken).await?;
                }
                Err(error) => {
                    // Serde's words may quote a value, and a value may be anything.
                    tracing::warn!(
                        line = error.line(),
                        column = error.column(),
                        "a message hands in no document: parked"
                    );
                    let of = serde_json::from_slice::<Sender>(&message.data).ok();
                    let malformed = Submitted::Malformed {
                        of: of.map(|Sender { source, id }| IntakeRef { source, id }),
                        line: error.line(),
                        column: error.column(),
                    };
                    take(malformed).await;
                    parked::park(&publisher, &self.topology, message, MALFORMED).await?;
                }
            }
        }
        let _ = connection.close(200, "done".into()).await;
        Ok(())
    }

    async fn settle(
        &self,
        publisher: &Channel,
        message: Message,
        taken: Taken,
    ) -> Result<(), BrokerError> {
        const SETTLING: &str = "settle a message";
        match taken {
            Taken::Kept => {
                let options = BasicAckOptions { multiple: false };
                let acknowledged = message.acker.ack(options).await;
                acknowledged.map_err(BrokerError::lost(SETTLING))?;
            }
            Taken::Refused(reason) => {
                parked::park(publisher, &self.topology, message, reason).await?;
            }
            Taken::Later => {
                let options = BasicNackOptions {
                    multiple: false,
                    requeue: true,
                };
                let given_back = message.acker.nack(options).await;
                given_back.map_err(BrokerError::lost(SETTLING))?;
            }
        }
        Ok(())
    }
}

/// What tells the sender of a message that is otherwise wrong.
#[derive(serde::Deserialize)]
struct Sender {
    source: String,
    id: String,
}

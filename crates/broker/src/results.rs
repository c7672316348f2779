//! What happened, told to whoever listens.

use std::time::Duration;

use domain::event::ResultEvent;
use lapin::types::ShortString;
use lapin::{BasicProperties, Channel, Connection};
use tokio::time::timeout;

use crate::address::Address;
use crate::error::BrokerError;
use crate::link;
use crate::queue::MEDIA_TYPE;
use crate::topology::Topology;

/// How long making a session may take, and leaving one.
const OPENING: Duration = Duration::from_secs(30);
const LEAVING: Duration = Duration::from_secs(2);

/// Publishes results. Its connection is made when it is needed, and made anew when it broke.
pub struct Results {
    address: Address,
    topology: Topology,
    session: Option<(Connection, Channel)>,
}

impl Results {
    /// What publishes on the exchange of results of a topology.
    pub fn new(address: Address, topology: Topology) -> Self {
        Self {
            address,
            topology,
            session: None,
        }
    }

    /// Publishes an event; returns once the broker has it in every queue that asked for it. Where
    /// nobody asked, nobody keeps it.
    ///
    /// # Errors
    /// When the broker does not answer, or refuses: it may be published again, under the same id.
    pub async fn publish(&mut self, event: &ResultEvent) -> Result<(), BrokerError> {
        let body = serde_json::to_vec(event).map_err(BrokerError::Message)?;
        let key = event.what.routing_key();
        let mut properties = BasicProperties::default()
            .with_content_type(MEDIA_TYPE.into())
            .with_type(format!("greffier.{key}").into());
        if let Ok(id) = ShortString::try_new(event.id.clone()) {
            properties = properties.with_message_id(id);
        }
        let exchange = self.topology.results();
        let publisher = match timeout(OPENING, self.publisher()).await {
            Ok(publisher) => publisher?,
            Err(_elapsed) => return Err(BrokerError::too_long("make a session")),
        };
        match link::announce(&publisher, exchange, key, &body, properties).await {
            // Some queue that others bound has no room: that is theirs to mend, and keeps nobody else
            // from hearing.
            Err(BrokerError::NotTaken { .. }) => {
                tracing::warn!(key, "a queue bound to the results did not take an event");
                Ok(())
            }
            Err(error) => {
                self.leave().await;
                Err(error)
            }
            Ok(()) => Ok(()),
        }
    }

    async fn publisher(&mut self) -> Result<Channel, BrokerError> {
        if let Some((connection, channel)) = &self.session
            && connection.status().connected()
            && channel.status().connected()
        {
            return Ok(channel.clone());
        }
        let name = format!("greffier results ({})", std::process::id());
        let connection = link::connect(&self.address, &name).await?;
        link::declare(&connection, &self.topology).await?;
        let channel = link::publisher(&connection).await?;
        self.session = Some((connection, channel.clone()));
        Ok(channel)
    }

    /// Leaves the broker.
    pub async fn leave(&mut self) {
        if let Some((connection, _)) = self.session.take() {
            let _ = timeout(LEAVING, connection.close(200, "done".into())).await;
        }
    }
}

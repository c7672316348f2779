//! What a broker could not do, by what the caller can do about it.

use pipeline::queue::QueueError;

/// AMQP's reply codes.
const ACCESS_REFUSED: u16 = 403;
pub(crate) const NOT_FOUND: u16 = 404;
const PRECONDITION_FAILED: u16 = 406;
const NOT_ALLOWED: u16 = 530;

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    /// Not an address.
    #[error(
        "the broker's address is not understood ({why}): expected amqp://user:password@host:5672/vhost"
    )]
    Address {
        /// Why.
        why: String,
    },
    /// It does not answer.
    #[error(
        "no RabbitMQ answers at {place}: start it (Debian: `systemctl start rabbitmq-server`), or give another address"
    )]
    Unreachable {
        /// Where.
        place: String,
        /// Why.
        #[source]
        source: lapin::Error,
    },
    /// It answers, and does not let us in.
    #[error(
        "RabbitMQ at {place} refuses: check user and password (`rabbitmqctl list_users`), the virtual host (`rabbitmqctl list_vhosts`) and the right to it (`rabbitmqctl list_permissions`)"
    )]
    Refused {
        /// Where.
        place: String,
        /// Why.
        #[source]
        source: lapin::Error,
    },
    /// A queue or an exchange of this name is there, and is another.
    #[error(
        "{what} has {argument} = {there}, and this version declares {here}: let it run empty, delete it (`rabbitmqctl delete_queue NAME`) and start again, or give another --prefix"
    )]
    Differs {
        /// `queue NAME` or `exchange NAME`.
        what: String,
        /// What differs.
        argument: String,
        /// What it is there.
        there: String,
        /// What this version declares.
        here: String,
    },
    /// It refuses to make a queue or an exchange.
    #[error("RabbitMQ does not make {what} as declared: RabbitMQ 3.10 or later is needed")]
    Declaration {
        /// `queue NAME` or `exchange NAME`.
        what: String,
        /// Why.
        #[source]
        source: lapin::Error,
    },
    /// No queue takes messages of this key.
    #[error(
        "no queue takes messages of `{key}`: whoever works on that stage declares it (`greffier work --broker URL`)"
    )]
    Unroutable {
        /// The key: stage and class.
        key: String,
    },
    /// The queue is full, or its broker could not keep the message.
    #[error("RabbitMQ did not take a message of `{key}`: its queue is full, or its disk is")]
    NotTaken {
        /// The key: stage and class.
        key: String,
    },
    /// The connection was lost.
    #[error("the connection to RabbitMQ was lost while it should {doing}")]
    Lost {
        /// What was being done.
        doing: &'static str,
        /// Why.
        #[source]
        source: lapin::Error,
    },
    /// A queue does not answer, while others do.
    #[error(
        "RabbitMQ does not answer for queue {queue}: the others are worked on, and it is asked again; if that goes on, delete it (`rabbitmqctl delete_queue {queue}`): what is owed is handed over again, sooner with `greffier relay --reclaim-after SECONDS`"
    )]
    Silent {
        /// Its name.
        queue: String,
    },
    /// There is no connection at this moment.
    #[error("there is no connection to RabbitMQ at this moment")]
    Away,
    /// A message of ours without JSON form.
    #[error("a message cannot be written")]
    Message(#[source] serde_json::Error),
}

impl BrokerError {
    /// Whether trying later may succeed.
    pub const fn is_passing(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. }
                | Self::NotTaken { .. }
                | Self::Lost { .. }
                | Self::Unroutable { .. }
                | Self::Away
                | Self::Silent { .. }
        )
    }

    /// As the house's queues say it.
    pub(crate) fn queue(self, doing: &'static str) -> QueueError {
        if self.is_passing() {
            QueueError::Unavailable {
                doing,
                source: Box::new(self),
            }
        } else {
            QueueError::Refused {
                doing,
                source: Box::new(self),
            }
        }
    }

    pub(crate) fn lost(doing: &'static str) -> impl FnOnce(lapin::Error) -> Self {
        move |source| Self::Lost { doing, source }
    }

    /// It neither answers nor says that it will not.
    pub(crate) fn too_long(doing: &'static str) -> Self {
        let silence = std::io::Error::from(std::io::ErrorKind::TimedOut);
        let source = lapin::ErrorKind::IOError(std::sync::Arc::new(silence)).into();
        Self::Lost { doing, source }
    }

    /// Why a connection could not be opened.
    pub(crate) fn connecting(place: String, source: lapin::Error) -> Self {
        match code(&source) {
            Some(ACCESS_REFUSED | NOT_FOUND | NOT_ALLOWED) => Self::Refused { place, source },
            _ => Self::Unreachable { place, source },
        }
    }

    /// Why something could not be declared.
    pub(crate) fn declaring(what: String, source: lapin::Error) -> Self {
        if code(&source) == Some(PRECONDITION_FAILED) {
            if let Some((argument, here, there)) = difference(&source.to_string()) {
                return Self::Differs {
                    what,
                    argument,
                    there,
                    here,
                };
            }
            return Self::Declaration { what, source };
        }
        if code(&source) == Some(ACCESS_REFUSED) {
            return Self::Refused {
                place: what,
                source,
            };
        }
        Self::Lost {
            doing: "declare its queues",
            source,
        }
    }
}

/// The reply code of an error that the broker sent.
pub(crate) fn code(error: &lapin::Error) -> Option<u16> {
    match error.kind() {
        lapin::ErrorKind::ProtocolError(error) => Some(error.get_id()),
        _ => None,
    }
}

/// What RabbitMQ says of an argument that differs: its name, what we asked, what is there.
fn difference(text: &str) -> Option<(String, String, String)> {
    let after = |text: &str, mark: &str| text.split_once(mark).map(|(_, rest)| rest.to_owned());
    let argument = after(text, "inequivalent arg '")?;
    let argument = argument.split('\'').next()?.to_owned();
    let received = after(text, "received ")?;
    let (received, current) = received.split_once(" but current is ")?;
    let value = |text: &str| {
        let text = text.strip_prefix("the value ").unwrap_or(text);
        match text.strip_prefix('\'') {
            Some(quoted) => quoted.split('\'').next().unwrap_or_default().to_owned(),
            None => text
                .split([',', '"'])
                .next()
                .unwrap_or_default()
                .trim()
                .to_owned(),
        }
    };
    Some((argument, value(received), value(current)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<(&str, &str, &str)>) {
        let found = difference(text);
        let found = found
            .as_ref()
            .map(|(a, h, t)| (a.as_str(), h.as_str(), t.as_str()));
        assert_eq!(found, expected);
    }

    #[test]
    fn what_differs_is_read_from_what_rabbitmq_says() {
        check(
            "PRECONDITION_FAILED - inequivalent arg 'x-delivery-limit' for queue 'greffier.extract.normal' in vhost '/': received the value '200' of type 'signedint' but current is the value '20' of type 'signedint'",
            Some(("x-delivery-limit", "200", "20")),
        );
        check(
            "PRECONDITION_FAILED - inequivalent arg 'x-queue-type' for queue 'q' in vhost '/': received the value 'quorum' of type 'longstr' but current is none",
            Some(("x-queue-type", "quorum", "none")),
        );
        check(
            "PRECONDITION_FAILED - inequivalent arg 'durable' for queue 'q' in vhost '/': received 'true' but current is 'false'",
            Some(("durable", "true", "false")),
        );
        check("PRECONDITION_FAILED - unknown delivery tag 4", None);
    }
}

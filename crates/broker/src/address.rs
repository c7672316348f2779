//! Where a broker is.

use std::fmt;
use std::str::FromStr;

use lapin::uri::{AMQPScheme, AMQPUri};

use crate::error::BrokerError;

/// How often each side says that it is there, in seconds, unless the address says so; a side that
/// is silent for twice that is gone.
const HEARTBEAT_SECONDS: u16 = 10;
/// How long a connection may take, in milliseconds, unless the address says so.
const CONNECT_MS: u64 = 10_000;

/// The address of a broker: `amqp://user:password@host:5672/vhost`. Shown without its password.
#[derive(Clone)]
pub struct Address {
    pub(crate) uri: AMQPUri,
}

impl FromStr for Address {
    type Err = BrokerError;

    fn from_str(text: &str) -> Result<Self, BrokerError> {
        let wrong = |why: String| BrokerError::Address { why };
        let mut uri: AMQPUri = text.parse().map_err(wrong)?;
        if matches!(uri.scheme, AMQPScheme::AMQPS) && !cfg!(feature = "tls") {
            return Err(BrokerError::Address {
                why: "amqps:// needs a greffier that was built with its feature `tls`".to_owned(),
            });
        }
        // A bare slash is the usual virtual host, not one whose name is empty.
        if uri.vhost.is_empty() {
            "/".clone_into(&mut uri.vhost);
        }
        uri.query.heartbeat.get_or_insert(HEARTBEAT_SECONDS);
        uri.query.connection_timeout.get_or_insert(CONNECT_MS);
        Ok(Self { uri })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let authority = &self.uri.authority;
        write!(
            f,
            "{}:{}, vhost {}, user {}",
            authority.host, authority.port, self.uri.vhost, authority.userinfo.username
        )
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let address: Address = text.parse().unwrap();
        assert_eq!(address.to_string(), expected);
        assert!(!format!("{address:?}").contains("secret"));
    }

    #[test]
    fn an_address_is_shown_without_its_password() {
        check("amqp://127.0.0.1", "127.0.0.1:5672, vhost /, user guest");
        check("amqp://127.0.0.1/", "127.0.0.1:5672, vhost /, user guest");
        check(
            "amqp://clerk:secret@mq.example:5673/town",
            "mq.example:5673, vhost town, user clerk",
        );
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in ["", "http://127.0.0.1", "rabbit"] {
            let refused = text.parse::<Address>().unwrap_err();
            assert!(refused.to_string().contains("amqp://"), "{refused}");
            assert!(!refused.is_passing());
        }
    }

    #[test]
    fn both_sides_say_that_they_are_there() {
        let address: Address = "amqp://127.0.0.1".parse().unwrap();
        assert_eq!(address.uri.query.heartbeat, Some(HEARTBEAT_SECONDS));
        let asked: Address = "amqp://127.0.0.1?heartbeat=3".parse().unwrap();
        assert_eq!(asked.uri.query.heartbeat, Some(3));
    }
}

//! Addresses that something is posted to over HTTP: collectors of traces, webhooks. The only
//! connections that go out from here, and only where an administrator names them.
//!
//! One request a connection and no TLS: whoever listens is on this machine or beside it, and passes
//! on from there. That is a page of code, where a client would be thirty packages.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// How long it may take, and how much of its answer is read.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
const ANSWER_BYTES_MAX: u64 = 4 * 1024;

/// Where something is posted: `http://127.0.0.1:4318`, with a path or without.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// `host:port`.
    authority: String,
    /// What its paths begin with.
    base: String,
}

/// What an address did not take.
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    /// No such address.
    #[error("`{0}` is no address to post to: expected http://host:port, without TLS")]
    Address(String),
    /// It does not answer.
    #[error("{at} does not answer")]
    Away {
        /// Where.
        at: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It answers something else than that it took it.
    #[error("{at} answers {answer}")]
    Refused {
        /// Where.
        at: String,
        /// The line with its status.
        answer: String,
    },
}

impl EndpointError {
    /// Whether nobody answered.
    pub const fn is_away(&self) -> bool {
        matches!(self, Self::Away { .. })
    }
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        let wrong = || EndpointError::Address(text.to_owned());
        let rest = text.strip_prefix("http://").ok_or_else(wrong)?;
        let (authority, base) = rest.split_once('/').unwrap_or((rest, ""));
        let plain = |c: char| c.is_ascii_graphic() && !matches!(c, '@' | '?' | '#');
        let (host, port) = authority.rsplit_once(':').ok_or_else(wrong)?;
        let good = !host.is_empty() && port.parse::<u16>().is_ok() && rest.chars().all(plain);
        if !good {
            return Err(wrong());
        }
        Ok(Self {
            authority: authority.to_owned(),
            base: base.trim_end_matches('/').to_owned(),
        })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.authority)
    }
}

impl Endpoint {
    /// Posts `body` to `under`, a path below its own that begins with a slash or is empty.
    ///
    /// # Errors
    /// When it does not answer, or does not take it: it may be posted again.
    pub async fn post(
        &self,
        under: &str,
        media_type: &str,
        body: &[u8],
    ) -> Result<(), EndpointError> {
        let at = || self.authority.clone();
        let slash = if self.base.is_empty() && !under.is_empty() {
            ""
        } else {
            "/"
        };
        let head = format!(
            "POST {slash}{}{under} HTTP/1.1\r\nhost: {}\r\ncontent-type: {media_type}\r\n\
             content-length: {}\r\nconnection: close\r\n\r\n",
            self.base,
            self.authority,
            body.len()
        );
        let talk = async {
            let mut stream = TcpStream::connect(&self.authority).await?;
            stream.write_all(head.as_bytes()).await?;
            stream.write_all(body).await?;
            let mut answer = Vec::new();
            let mut limited = stream.take(ANSWER_BYTES_MAX);
            limited.read_to_end(&mut answer).await?;
            Ok(answer)
        };
        let late = |_| std::io::Error::from(std::io::ErrorKind::TimedOut);
        let answer = tokio::time::timeout(ANSWER_WITHIN, talk).await;
        let answer: Vec<u8> = match answer.map_err(late) {
            Ok(Ok(answer)) => answer,
            Ok(Err(source)) | Err(source) => return Err(EndpointError::Away { at: at(), source }),
        };
        let answer = String::from_utf8_lossy(&answer);
        let status = answer.lines().next().unwrap_or_default();
        if status.starts_with("HTTP/1.1 2") || status.starts_with("HTTP/1.0 2") {
            return Ok(());
        }
        Err(EndpointError::Refused {
            at: at(),
            answer: format!("`{status}`"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_a_host_and_a_port() {
        for good in [
            "http://127.0.0.1:4318",
            "http://[::1]:4318/",
            "http://otel:80/base/",
        ] {
            assert!(good.parse::<Endpoint>().is_ok(), "{good}");
        }
        for wrong in [
            "",
            "127.0.0.1:4318",
            "https://127.0.0.1:4318",
            "http://",
            "http://otel",
            "http://:4318",
            "http://otel:port",
            "http://user@otel:4318",
            "http://otel:4318/a b",
            "http://otel:4318/a\r\nx: y",
        ] {
            assert!(wrong.parse::<Endpoint>().is_err(), "{wrong}");
        }
    }
}

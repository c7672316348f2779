//! A RabbitMQ for the tests: one that answers, else the installed one started for them.
//!
//! The tests make queues under a prefix of their own and delete them: nothing else of the broker is
//! touched. One that was started here is left running, as PostgreSQL's cluster is.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::postgres::is_root;
use crate::program::note;

/// Where the address of a broker may be given, and where the tests find it.
pub(crate) const VARIABLE: &str = "GREFFIER_AMQP_URL";
/// The usual address.
const USUAL: &str = "amqp://guest:guest@127.0.0.1:5672";
const PORT: u16 = 5672;
/// How long a broker may take to start.
const PATIENCE: Duration = Duration::from_secs(90);

/// The address of a broker that answers.
///
/// # Errors
/// When none answers and none can be started: how to get one is said.
pub(crate) fn provide() -> Result<String> {
    if let Ok(url) = std::env::var(VARIABLE) {
        return Ok(url);
    }
    if answers() {
        return Ok(USUAL.to_owned());
    }
    if is_root() {
        if !is_installed() && Path::new("/etc/debian_version").exists() {
            note("no RabbitMQ: installing Debian's package rabbitmq-server");
            // Lists may be absent from a fresh image, or old.
            let _ = quietly("apt-get", &["update"])
                && quietly(
                    "apt-get",
                    &[
                        "install",
                        "--yes",
                        "--no-install-recommends",
                        "rabbitmq-server",
                    ],
                );
        }
        if !answers() && is_installed() {
            note("starting RabbitMQ");
            let _ = quietly("service", &["rabbitmq-server", "start"])
                || quietly("rabbitmq-server", &["-detached"]);
        }
        let started = Instant::now();
        while is_installed() && started.elapsed() < PATIENCE {
            if answers() {
                return Ok(USUAL.to_owned());
            }
            std::thread::sleep(Duration::from_millis(500));
        }
    }
    bail!(
        "the tests need RabbitMQ and none answers at 127.0.0.1:{PORT}: install and start it (Debian, \
         as root: `apt-get install rabbitmq-server && service rabbitmq-server start`), or set \
         {VARIABLE} to the address of one, such as amqp://user:password@host:5672/vhost"
    )
}

fn is_installed() -> bool {
    Path::new("/usr/sbin/rabbitmq-server").exists()
}

fn quietly(program: &str, args: &[&str]) -> bool {
    Command::new(program)
        .args(args)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdin(Stdio::null())
        .stdout(io::stderr())
        .status()
        .is_ok_and(|status| status.success())
}

fn answers() -> bool {
    let place = SocketAddr::from(([127, 0, 0, 1], PORT));
    let limit = Duration::from_secs(2);
    let Ok(stream) = TcpStream::connect_timeout(&place, limit) else {
        return false;
    };
    stream.set_read_timeout(Some(limit)).is_ok() && speaks_amqp(stream)
}

/// Whether a server speaks AMQP 0-9-1: its protocol header is answered by `connection.start`, a
/// method frame on channel 0.
fn speaks_amqp(mut stream: impl Read + Write) -> bool {
    let mut head = [0; 3];
    let asked = stream.write_all(b"AMQP\0\0\x09\x01");
    asked.and_then(|()| stream.read_exact(&mut head)).is_ok() && head == [1, 0, 0]
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Server(io::Cursor<Vec<u8>>);

    impl Read for Server {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.0.read(buffer)
        }
    }

    impl Write for Server {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            assert_eq!(bytes, b"AMQP\0\0\x09\x01");
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_broker_is_told_from_other_servers() {
        let check = |answer: &[u8], expected: bool| {
            let server = Server(io::Cursor::new(answer.to_vec()));
            assert_eq!(speaks_amqp(server), expected, "{answer:?}");
        };
        check(b"\x01\0\0\0\0\x01\xf6\0\x0a\0\x0a", true);
        // A broker of another version sends its own header.
        check(b"AMQP\0\x01\0\0", false);
        check(b"HTTP/1.1 400 Bad Request", false);
        check(b"", false);
    }
}

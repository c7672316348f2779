//! The way between roles and a server: it can cut, be late, and fall silent.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};

/// Passes bytes on to a port of this machine.
pub(crate) struct Proxy {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    way: Arc<Way>,
}

#[derive(Default)]
struct Way {
    /// Both ends of every open connection, by its number.
    open: Mutex<Vec<(u64, [TcpStream; 2])>>,
    held: Mutex<bool>,
    released: Condvar,
    late_ms: AtomicU64,
}

impl Way {
    fn open(&self) -> MutexGuard<'_, Vec<(u64, [TcpStream; 2])>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn held(&self) -> MutexGuard<'_, bool> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits as long as nothing goes through.
    fn pass_when_free(&self) {
        let late = self.late_ms.load(Ordering::Relaxed);
        if late > 0 {
            std::thread::sleep(Duration::from_millis(late));
        }
        let mut held = self.held();
        while *held {
            held = self
                .released
                .wait(held)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Proxy {
    /// One in front of `port`.
    ///
    /// # Errors
    /// When no port is free.
    pub(crate) fn before(port: u16) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").context("no port is free")?;
        let address = listener.local_addr()?;
        let way = Arc::new(Way::default());
        let all = way.clone();
        std::thread::spawn(move || {
            let mut number = 0;
            for client in listener.incoming().flatten() {
                // A server that is away refuses: so does the way to it.
                let Ok(server) = TcpStream::connect(("127.0.0.1", port)) else {
                    continue;
                };
                number += 1;
                if connect(&all, number, client, server).is_err() {
                    break;
                }
            }
        });
        Ok(Self { address, way })
    }

    /// Ends every connection, at once and without a word.
    pub(crate) fn cut(&self) {
        for (_, ends) in self.way.open().iter() {
            for end in ends {
                // One that is gone already needs no end.
                let _ = end.shutdown(Shutdown::Both);
            }
        }
    }

    /// Makes everything late from now on; 0 ends it.
    pub(crate) fn late(&self, ms: u64) {
        self.way.late_ms.store(ms, Ordering::Relaxed);
    }

    /// Lets nothing through, or all that waited.
    pub(crate) fn hold(&self, hold: bool) {
        *self.way.held() = hold;
        self.way.released.notify_all();
    }
}

fn connect(
    way: &Arc<Way>,
    number: u64,
    client: TcpStream,
    server: TcpStream,
) -> std::io::Result<()> {
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let ends = [client.try_clone()?, server.try_clone()?];
    way.open().push((number, ends));
    let back = (server.try_clone()?, client.try_clone()?);
    for (from, to) in [(client, server), back] {
        let way = way.clone();
        std::thread::spawn(move || {
            pass(&way, from, to);
            way.open().retain(|(other, _)| *other != number);
        });
    }
    Ok(())
}

fn pass(way: &Way, mut from: TcpStream, mut to: TcpStream) {
    let mut buffer = [0; 65_536];
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        way.pass_when_free();
        if to.write_all(&buffer[..read]).is_err() {
            break;
        }
    }
    // The other end hears of it as far as it is still there.
    let _ = to.shutdown(Shutdown::Both);
    let _ = from.shutdown(Shutdown::Both);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that says everything back.
    fn echo() -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            for mut client in listener.incoming().flatten() {
                std::thread::spawn(move || {
                    let mut back = client.try_clone().unwrap();
                    std::io::copy(&mut client, &mut back)
                });
            }
        });
        port
    }

    fn said_back(client: &mut TcpStream, word: &[u8]) -> bool {
        let mut heard = vec![0; word.len()];
        client.write_all(word).is_ok() && client.read_exact(&mut heard).is_ok() && heard == word
    }

    #[test]
    fn what_is_cut_ends_and_what_comes_after_goes_through() {
        let proxy = Proxy::before(echo()).unwrap();
        let mut client = TcpStream::connect(proxy.address).unwrap();
        assert!(said_back(&mut client, b"before"));
        proxy.cut();
        assert!(!said_back(&mut client, b"after"));
        let mut client = TcpStream::connect(proxy.address).unwrap();
        assert!(said_back(&mut client, b"again"));
    }

    #[test]
    fn what_is_held_comes_when_it_is_let_go() {
        let proxy = Proxy::before(echo()).unwrap();
        let mut client = TcpStream::connect(proxy.address).unwrap();
        proxy.hold(true);
        client.write_all(b"word").unwrap();
        client
            .set_read_timeout(Some(Duration::from_millis(50)))
            .unwrap();
        let mut heard = [0; 4];
        assert!(client.read(&mut heard).is_err(), "{heard:?} came through");
        proxy.hold(false);
        client.set_read_timeout(None).unwrap();
        client.read_exact(&mut heard).unwrap();
        assert_eq!(&heard, b"word");
    }
}

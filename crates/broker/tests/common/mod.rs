//! A RabbitMQ, a prefix of one's own on it, and a proxy that can cut connections.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    dead_code,
    unreachable_pub,
    missing_docs,
    reason = "a test fails by panicking; each test program uses a part"
)]

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use broker::depth;
use broker::{Address, Consuming, RabbitQueue, Topology};
use domain::SubjectId;
use domain::message::{Class, Task, TaskEvent};
use pipeline::queue::{Delivery, Queue as _};

/// How long anything may take.
const LIMIT: Duration = Duration::from_secs(60);

/// A place at the broker.
pub struct Bench {
    /// The broker itself.
    pub server: String,
    pub address: Address,
    pub topology: Topology,
    /// What workers and relays go through.
    pub proxy: Proxy,
    through: Address,
}

impl Bench {
    pub async fn new() -> Self {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let server = std::env::var("GREFFIER_AMQP_URL")
            .unwrap_or_else(|_| "amqp://guest:guest@127.0.0.1:5672".to_owned());
        let address: Address = server.parse().unwrap();
        let stages = [("extract".parse().unwrap(), 4)].into();
        let prefix = format!("greffier-test-{}-{number}", std::process::id());
        let topology = Topology::new(&prefix, stages);
        let place = host_of(&server);
        let proxy = Proxy::to(&place);
        let through = server.replace(&place, &proxy.address.to_string());
        let through = through.parse().unwrap();
        // A run that was killed had the same number, perhaps.
        depth::delete(&address, &topology)
            .await
            .unwrap_or_else(|error| {
                panic!(
                    "{}: start RabbitMQ (Debian: `service rabbitmq-server start`), or set \
                 GREFFIER_AMQP_URL to the address of one",
                    whole(&error)
                )
            });
        Self {
            server,
            address,
            topology,
            proxy,
            through,
        }
    }

    pub async fn relay(&self) -> RabbitQueue {
        self.open(None).await
    }

    pub async fn worker(&self) -> RabbitQueue {
        let stages = vec!["extract".parse().unwrap()];
        self.open(Some(Consuming { stages, threads: 1 })).await
    }

    async fn open(&self, consuming: Option<Consuming>) -> RabbitQueue {
        RabbitQueue::open(self.through.clone(), self.topology.clone(), consuming, 1)
            .await
            .unwrap()
    }

    pub async fn next(&self, queue: &RabbitQueue) -> Delivery {
        self.within(queue.next()).await.unwrap().unwrap()
    }

    pub async fn within<T>(&self, work: impl Future<Output = T>) -> T {
        tokio::time::timeout(LIMIT, work)
            .await
            .expect("it takes too long")
    }

    pub async fn end(self) {
        depth::delete(&self.address, &self.topology).await.unwrap();
    }
}

pub fn event(n: u8, class: Class) -> TaskEvent {
    Task {
        document: SubjectId::from_bytes([n; 16]),
        pipeline: "forms".parse().unwrap(),
        stage: "extract".parse().unwrap(),
        generation: 0,
        class,
    }
    .into()
}

/// An error with its causes.
pub fn whole(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// Host and port of an address, as they stand in it.
fn host_of(url: &str) -> String {
    let rest = url.split_once("://").unwrap().1;
    let rest = rest.split('/').next().unwrap();
    let place = rest.rsplit('@').next().unwrap();
    assert!(place.contains(':'), "give {url} a port");
    place.to_owned()
}

/// Passes bytes on, until it is told to cut.
pub struct Proxy {
    pub address: SocketAddr,
    open: Arc<Mutex<Vec<TcpStream>>>,
}

impl Proxy {
    pub fn to(place: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let open: Arc<Mutex<Vec<TcpStream>>> = Arc::default();
        let (place, all) = (place.to_owned(), open.clone());
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect(&place) else {
                    continue;
                };
                let ends = [&client, &server].map(|end| end.try_clone().unwrap());
                all.lock().unwrap().extend(ends);
                let back = (server.try_clone().unwrap(), client.try_clone().unwrap());
                std::thread::spawn(move || pass(client, server));
                std::thread::spawn(move || pass(back.0, back.1));
            }
        });
        Self { address, open }
    }

    /// Ends every connection, at once and without a word.
    pub fn cut(&self) {
        for end in self.open.lock().unwrap().drain(..) {
            let _ = end.shutdown(Shutdown::Both);
        }
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream) {
    let mut buffer = [0; 16_384];
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        if to.write_all(&buffer[..read]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
    let _ = from.shutdown(Shutdown::Both);
}

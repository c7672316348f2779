//! A PostgreSQL and a RabbitMQ that belong to one run: they may be killed and started again, and
//! hurt nobody.
//!
//! Both live in the run's folder, on ports of their own of this machine. The broker has its own
//! port mapper (`epmd`) too, so that no other broker of the machine hears of it.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use super::crew::signal;
use crate::postgres::Own;

/// How long a server may take to start.
const PATIENCE: Duration = Duration::from_secs(90);
/// Where Debian has the programs themselves: what is in the path asks for the user `rabbitmq`.
const PROGRAMS: [&str; 2] = ["/usr/lib/rabbitmq/bin", "/usr/local/sbin"];
/// Where the broker's group of processes is written down, and its port mapper's.
const GROUP: &str = "group";
const MAPPER: &str = "mapper";
/// The database.
pub(crate) const DATABASE: &str = "chaos";

/// A ledger's server.
pub(crate) struct Ledger {
    own: Own,
    /// Its port.
    pub(crate) port: u16,
    up: bool,
}

impl Ledger {
    /// Makes a cluster in the folder and starts it.
    ///
    /// # Errors
    /// When PostgreSQL is not installed or does not start.
    pub(crate) fn start(folder: &Path) -> Result<Self> {
        let mut ledger = Self {
            own: Own::make(folder.join("postgres"))?,
            port: free_port()?,
            up: false,
        };
        ledger.up_again()?;
        ledger.own.ask(
            ledger.port,
            "postgres",
            &format!("create database {DATABASE}"),
        )?;
        Ok(ledger)
    }

    /// Starts it again.
    ///
    /// # Errors
    /// When it does not.
    pub(crate) fn up_again(&mut self) -> Result<()> {
        let port = format!("port={}", self.port);
        self.own.start(&[
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            "max_connections=400",
            &port,
        ])?;
        self.up = true;
        Ok(())
    }

    /// Ends it.
    ///
    /// # Errors
    /// When it does not end.
    pub(crate) fn down(&mut self, hard: bool) -> Result<()> {
        self.up = false;
        self.own.stop(if hard { "immediate" } else { "fast" })
    }

    /// What a statement answers in the database of the run.
    ///
    /// # Errors
    /// When the server is away, or refuses.
    pub(crate) fn ask(&self, statement: &str) -> Result<String> {
        self.own.ask(self.port, DATABASE, statement)
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        if self.up {
            // Nothing in it is needed any more.
            let _ = self.own.stop("immediate");
        }
    }
}

/// A broker.
pub(crate) struct Broker {
    program: PathBuf,
    folder: PathBuf,
    mapper: Child,
    node: Option<Child>,
    mapper_port: u16,
    peer_port: u16,
    /// Its port.
    pub(crate) port: u16,
}

/// RabbitMQ's own program to start a server, where it is installed.
pub(crate) fn rabbitmq() -> Option<PathBuf> {
    let mut places: Vec<PathBuf> = PROGRAMS.iter().map(PathBuf::from).collect();
    places.extend(std::env::split_paths(&std::env::var_os("PATH")?));
    places
        .into_iter()
        .map(|dir| dir.join("rabbitmq-server"))
        .find(|program| program.is_file())
}

impl Broker {
    /// Makes a broker in the folder, starts it and waits until it answers.
    ///
    /// # Errors
    /// When RabbitMQ is not installed or does not start.
    pub(crate) fn start(folder: &Path) -> Result<Self> {
        let program = rabbitmq().context("RabbitMQ is not installed")?;
        let folder = folder.join("rabbitmq");
        fs::create_dir(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let port = free_port()?;
        let write = |name: &str, text: &str| {
            fs::write(folder.join(name), text)
                .with_context(|| format!("cannot write {}", folder.join(name).display()))
        };
        write(
            "rabbitmq.conf",
            &format!(
                "listeners.tcp.default = 127.0.0.1:{port}\ndisk_free_limit.absolute = 50MB\nlog.file.level = warning\n"
            ),
        )?;
        write("enabled_plugins", "[].\n")?;
        let mapper_port = free_port()?;
        let mapper = Command::new("epmd")
            .args(["-address", "127.0.0.1", "-port", &mapper_port.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("cannot run epmd, which comes with Erlang")?;
        fs::write(folder.join(MAPPER), mapper.id().to_string())?;
        let mut broker = Self {
            program,
            folder,
            mapper,
            node: None,
            mapper_port,
            peer_port: free_port()?,
            port,
        };
        broker.up_again()?;
        let started = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            let log = broker.folder.join("out");
            if let Some(node) = &mut broker.node
                && let Some(status) = node.try_wait()?
            {
                bail!("RabbitMQ ended by itself ({status}): see {}", log.display());
            }
            ensure!(
                started.elapsed() < PATIENCE,
                "RabbitMQ does not answer at port {port}: see {}",
                log.display()
            );
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(broker)
    }

    /// Starts it again, and does not wait.
    ///
    /// # Errors
    /// When its program cannot be run.
    pub(crate) fn up_again(&mut self) -> Result<()> {
        self.gone();
        let place = |name: &str| self.folder.join(name);
        let out = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(place("out"))?;
        let mut node = Command::new(&self.program);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("RABBITMQ_") {
                node.env_remove(name);
            }
        }
        // Its home is where the node keeps the word it shares with its tools.
        node.env("HOME", &self.folder)
            .env("RABBITMQ_NODENAME", "chaos@localhost")
            .env("RABBITMQ_NODE_IP_ADDRESS", "127.0.0.1")
            .env("RABBITMQ_NODE_PORT", self.port.to_string())
            .env("RABBITMQ_DIST_PORT", self.peer_port.to_string())
            .env("ERL_EPMD_ADDRESS", "127.0.0.1")
            .env("ERL_EPMD_PORT", self.mapper_port.to_string())
            .env("RABBITMQ_MNESIA_BASE", place("mnesia"))
            .env("RABBITMQ_LOG_BASE", place("log"))
            .env("RABBITMQ_CONFIG_FILE", place("rabbitmq.conf"))
            .env("RABBITMQ_CONF_ENV_FILE", place("no-settings"))
            .env("RABBITMQ_ENABLED_PLUGINS_FILE", place("enabled_plugins"))
            .env(
                "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS",
                "-kernel inet_dist_use_interface {127,0,0,1}",
            )
            .stdin(Stdio::null())
            .stdout(out.try_clone()?)
            .stderr(out)
            .process_group(0);
        let node = self
            .node
            .insert(node.spawn().context("cannot run rabbitmq-server")?);
        // For whoever watches.
        fs::write(self.folder.join(GROUP), node.id().to_string())?;
        Ok(())
    }

    /// Ends it: killed, or told to and not waited for.
    pub(crate) fn down(&mut self, hard: bool) {
        if let Some(node) = &self.node {
            // The program is a script: the node is in its group.
            signal(
                if hard { "KILL" } else { "TERM" },
                &format!("-{}", node.id()),
            );
        }
    }

    /// Sees to it that it is gone.
    fn gone(&mut self) {
        self.down(true);
        if let Some(mut node) = self.node.take() {
            let _ = fs::remove_file(self.folder.join(GROUP));
            let _ = node.wait();
        }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.gone();
        let _ = fs::remove_file(self.folder.join(MAPPER));
        let _ = self.mapper.kill();
        let _ = self.mapper.wait();
    }
}

/// Ends what a run started when its own process is killed: it would live on.
pub(crate) struct Watch(Child);

/// Waits for the end of its input, which is that of who holds the other end. Leaves no room to
/// Ctrl-C, which everyone in the terminal hears.
const WATCH: &str = r#"trap '' INT HUP TERM
read -r _
[ -f rabbitmq/group ] && kill -KILL "-$(cat rabbitmq/group)"
[ -f rabbitmq/mapper ] && kill -KILL "$(cat rabbitmq/mapper)"
[ -f postgres/data/postmaster.pid ] && kill -QUIT "$(head -n 1 postgres/data/postmaster.pid)"
pkill -KILL -f -- "--data $PWD/town"
umount --lazy town
"#;

impl Watch {
    /// Watches over a run's folder.
    ///
    /// # Errors
    /// When there is no shell.
    pub(crate) fn over(folder: &Path) -> Result<Self> {
        let mut watch = Command::new("sh");
        watch.args(["-c", WATCH]).current_dir(folder);
        watch
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        Ok(Self(watch.spawn().context("cannot run sh")?))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // Told so before its input ends, it does nothing.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Ports that the system gives to nobody by itself: an outgoing connection must not have the port of a
/// server that is away for a moment.
const PORTS: std::ops::Range<u32> = 20_000..32_000;

/// A port that nothing listens on at this moment, each time another.
fn free_port() -> Result<u16> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    for _ in PORTS {
        let turn = NEXT.fetch_add(1, Ordering::Relaxed);
        // Two runs begin at different places.
        let place = std::process::id().wrapping_mul(97).wrapping_add(turn);
        let port = u16::try_from(PORTS.start + place % (PORTS.end - PORTS.start))?;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("no port between {} and {} is free", PORTS.start, PORTS.end)
}

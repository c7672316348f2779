//! A PostgreSQL for the tests: one that answers, else one of this machine started for them.
//!
//! No installed cluster is changed. The one made here lives in a folder of its own under the
//! system's temporary folder, listens on a Unix socket in it and on no port, and is stopped after
//! the tests; whoever may enter the folder may use it without a password.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::program::note;

/// Where the address of a server may be given.
pub(crate) const VARIABLE: &str = "GREFFIER_TEST_POSTGRES";
/// The usual socket.
const SOCKETS: &str = "/var/run/postgresql";
/// The usual port.
const PORT: u16 = 5432;

/// A server, and how to stop it if it was started here.
pub(crate) struct Postgres {
    url: String,
    own: Option<Own>,
}

impl Postgres {
    /// Its address.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if let Some(own) = &self.own
            && let Err(error) = own.stop("immediate")
        {
            note(&format!("PostgreSQL is still running: {error:#}"));
        }
    }
}

/// A server that answers.
///
/// # Errors
/// When none answers and none can be started: how to get one is said.
pub(crate) fn provide() -> Result<Postgres> {
    if let Ok(url) = std::env::var(VARIABLE) {
        return Ok(Postgres { url, own: None });
    }
    if let Some(url) = local() {
        return Ok(Postgres { url, own: None });
    }
    if is_root()
        && start_installed()
        && let Some(url) = local()
    {
        return Ok(Postgres { url, own: None });
    }
    if programs().is_none() && is_root() && Path::new("/etc/debian_version").exists() {
        note("no PostgreSQL: installing Debian's package postgresql");
        let apt = |args: &[&str]| {
            let mut apt = Command::new("apt-get");
            apt.args(args)
                .env("DEBIAN_FRONTEND", "noninteractive")
                .stdout(io::stderr());
            apt.status().is_ok_and(|status| status.success())
        };
        // Lists may be absent from a fresh image, or old.
        let _ =
            apt(&["update"]) && apt(&["install", "--yes", "--no-install-recommends", "postgresql"]);
    }
    let Some(programs) = programs() else {
        bail!(
            "the tests need PostgreSQL and none answers: install it (Debian: `apt-get install \
             postgresql`; it need not be running), or set {VARIABLE} to the address of one where \
             databases can be made, such as postgres://user:password@host:5432/postgres"
        )
    };
    // A Unix socket's path has at most 107 bytes: a short folder, one for each person.
    let folder = std::env::temp_dir().join(format!("greffier-postgres-{}", id("-un")));
    start_own(programs, folder)
}

/// The address of a server of this machine that lets us in without a password.
fn local() -> Option<String> {
    let socket = Path::new(SOCKETS);
    let tcp = |user: &str| {
        let place = SocketAddr::from(([127, 0, 0, 1], PORT));
        let stream = TcpStream::connect_timeout(&place, Duration::from_secs(2)).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(2))).ok()?;
        lets_in(stream, user).then(|| format!("postgres://{user}@127.0.0.1:{PORT}/postgres"))
    };
    tcp("postgres")
        .or_else(|| tcp("root"))
        .or_else(|| on_socket(socket, "postgres"))
}

#[cfg(unix)]
fn on_socket(folder: &Path, user: &str) -> Option<String> {
    let stream =
        std::os::unix::net::UnixStream::connect(folder.join(format!(".s.PGSQL.{PORT}"))).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(2))).ok()?;
    lets_in(stream, user).then(|| socket_url(folder, user))
}

#[cfg(not(unix))]
fn on_socket(_folder: &Path, _user: &str) -> Option<String> {
    None
}

/// The address of a socket: its folder stands for the host, percent-encoded (RFC 3986).
fn socket_url(folder: &Path, user: &str) -> String {
    let host: String = folder
        .to_string_lossy()
        .bytes()
        .map(|b| match b {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                char::from(b).to_string()
            }
            _ => format!("%{b:02X}"),
        })
        .collect();
    format!("postgres://{user}@{host}/postgres")
}

/// Whether a server lets `user` in without a password: the start-up message of protocol 3.0 is
/// answered by `AuthenticationOk`.
fn lets_in(mut stream: impl Read + Write, user: &str) -> bool {
    let mut body = 196_608_u32.to_be_bytes().to_vec();
    for word in ["user", user, "database", "postgres", ""] {
        body.extend(word.as_bytes());
        body.push(0);
    }
    let length = u32::try_from(body.len() + 4)
        .unwrap_or_default()
        .to_be_bytes();
    let mut answer = [0; 9];
    let asked = stream
        .write_all(&length)
        .and_then(|()| stream.write_all(&body));
    asked.and_then(|()| stream.read_exact(&mut answer)).is_ok()
        && answer[0] == b'R'
        && answer[5..] == [0; 4]
}

/// Starts the installed clusters that are down (Debian); whether there was one.
fn start_installed() -> bool {
    let Ok(listed) = Command::new("pg_lsclusters")
        .arg("--no-header")
        .stderr(Stdio::null())
        .output()
    else {
        return false;
    };
    let mut started = false;
    for line in String::from_utf8_lossy(&listed.stdout).lines() {
        let mut words = line.split_whitespace();
        if let (Some(version), Some(name), Some(_), Some("down")) =
            (words.next(), words.next(), words.next(), words.next())
        {
            note(&format!("starting PostgreSQL {version}, cluster {name}"));
            let done = Command::new("pg_ctlcluster")
                .args([version, name, "start"])
                .stdout(io::stderr())
                .status();
            started |= done.is_ok_and(|status| status.success());
        }
    }
    started
}

/// The folder of the newest server's programs.
fn programs() -> Option<PathBuf> {
    let debian = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|e| e.path().join("bin"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut found: Vec<PathBuf> = debian.collect();
    // By number, so that 9 is older than 15.
    found.sort_by_key(|dir| version(dir));
    found.reverse();
    found.extend(std::env::split_paths(&path));
    found
        .into_iter()
        .find(|dir| dir.join("initdb").is_file() && dir.join("pg_ctl").is_file())
}

fn version(dir: &Path) -> u32 {
    dir.parent()
        .and_then(Path::file_name)
        .and_then(|n| n.to_str()?.split('.').next()?.parse().ok())
        .unwrap_or(0)
}

/// A cluster of ours.
pub(crate) struct Own {
    programs: PathBuf,
    folder: PathBuf,
}

impl Own {
    /// Makes one in a new folder, and does not start it.
    ///
    /// # Errors
    /// When the server's programs are not there, or refuse.
    pub(crate) fn make(folder: PathBuf) -> Result<Self> {
        let programs = programs().context("PostgreSQL is not installed")?;
        Self::make_with(programs, folder)
    }

    fn make_with(programs: PathBuf, folder: PathBuf) -> Result<Self> {
        fs::create_dir(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        if is_root() {
            let given = Command::new("chown").arg("postgres").arg(&folder).status();
            ensure!(
                given.is_ok_and(|s| s.success()),
                "cannot give {} to user postgres",
                folder.display()
            );
        }
        let own = Self { programs, folder };
        let mut init = own.program("initdb");
        init.args([
            "--auth",
            "trust",
            "--username",
            "postgres",
            "--encoding",
            "UTF8",
            "--no-sync",
            "--pgdata",
        ]);
        let made = init
            .arg(own.folder.join("data"))
            .status()
            .context("cannot run initdb")?;
        ensure!(made.success(), "initdb failed in {}", own.folder.display());
        Ok(own)
    }

    /// Starts it with these settings, and waits until it answers.
    ///
    /// # Errors
    /// When it does not: where its log is, is said.
    pub(crate) fn start(&self, settings: &[&str]) -> Result<()> {
        // Tests need what a commit means to other connections, not what survives a power cut.
        let mut options = String::from("-c fsync=off");
        for setting in settings {
            options = format!("{options} -c {setting}");
        }
        let log = self.log().display().to_string();
        self.control(&["start", "--wait", "--log", &log, "--options", &options])
    }

    /// Ends it: `fast` tells its sessions, `immediate` is as if it had crashed.
    ///
    /// # Errors
    /// When it does not end.
    pub(crate) fn stop(&self, mode: &str) -> Result<()> {
        self.control(&["stop", "--mode", mode])
    }

    /// Where it says what it does.
    pub(crate) fn log(&self) -> PathBuf {
        self.folder.join("log")
    }

    /// What a statement answers, a line a row, columns apart by a bar.
    ///
    /// # Errors
    /// When the server does not answer, or refuses.
    pub(crate) fn ask(&self, port: u16, database: &str, statement: &str) -> Result<String> {
        let mut psql = Command::new(self.programs.join("psql"));
        psql.args(["-h", "127.0.0.1", "-U", "postgres", "-AtXq", "-d", database]);
        psql.args(["-p", &port.to_string(), "-c", statement]);
        let out = psql
            .stdin(Stdio::null())
            .output()
            .context("cannot run psql")?;
        ensure!(
            out.status.success(),
            "PostgreSQL at port {port} refuses `{statement}`: {}",
            String::from_utf8_lossy(&out.stderr).trim()
        );
        Ok(String::from_utf8_lossy(&out.stdout).trim_end().to_owned())
    }

    /// A command of the server. It refuses to run as root, which lends it to `postgres` then.
    fn program(&self, name: &str) -> Command {
        let program = self.programs.join(name);
        let mut command = if is_root() {
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        command
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        command
    }

    fn control(&self, args: &[&str]) -> Result<()> {
        let mut command = self.program("pg_ctl");
        command
            .arg("--pgdata")
            .arg(self.folder.join("data"))
            .arg("--silent")
            .args(args);
        let done = command.status().context("cannot run pg_ctl")?;
        ensure!(
            done.success(),
            "pg_ctl {} failed: see {}",
            args[0],
            self.folder.join("log").display()
        );
        Ok(())
    }
}

fn start_own(programs: PathBuf, folder: PathBuf) -> Result<Postgres> {
    let url = socket_url(&folder, "postgres");
    if on_socket(&folder, "postgres").is_some() {
        return Ok(Postgres { url, own: None });
    }
    note(&format!(
        "starting a PostgreSQL for the tests in {}",
        folder.display()
    ));
    let _ = fs::remove_dir_all(&folder);
    let own = Own::make_with(programs, folder)?;
    let sockets = format!("unix_socket_directories={}", own.folder.display());
    own.start(&["listen_addresses=", &sockets])?;
    let log = own.log().display().to_string();
    let postgres = Postgres {
        url,
        own: Some(own),
    };
    ensure!(
        postgres
            .own
            .as_ref()
            .is_some_and(|own| on_socket(&own.folder, "postgres").is_some()),
        "PostgreSQL was started and does not answer: see {log}"
    );
    Ok(postgres)
}

pub(crate) fn is_root() -> bool {
    id("-u") == "0"
}

fn id(what: &str) -> String {
    let out = Command::new("id").arg(what).output();
    out.map_or_else(
        |_| String::new(),
        |out| String::from_utf8_lossy(&out.stdout).trim().to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that was asked and gives one answer.
    struct Server {
        asked: Vec<u8>,
        answer: io::Cursor<Vec<u8>>,
    }

    impl Read for Server {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.answer.read(buffer)
        }
    }

    impl Write for Server {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.asked.write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn check(answer: &[u8], expected: bool) {
        let mut server = Server {
            asked: Vec::new(),
            answer: io::Cursor::new(answer.to_vec()),
        };
        assert_eq!(lets_in(&mut server, "root"), expected, "{answer:?}");
        assert_eq!(
            server.asked,
            b"\0\0\0\x25\0\x03\0\0user\0root\0database\0postgres\0\0"
        );
    }

    #[test]
    fn a_server_lets_in_or_does_not() {
        check(b"R\0\0\0\x08\0\0\0\0", true);
        check(b"R\0\0\0\x17\0\0\0\x0aSCRAM-SHA-256\0\0", false);
        check(b"E\0\0\0\x2aSFATAL\0", false);
        check(b"HTTP/1.1 400 Bad Request", false);
        check(b"", false);
    }

    #[test]
    fn a_folder_stands_for_the_host() {
        let url = socket_url(Path::new("/var/run/post gresql"), "postgres");
        assert_eq!(
            url,
            "postgres://postgres@%2Fvar%2Frun%2Fpost%20gresql/postgres"
        );
    }

    #[test]
    fn the_newest_server_is_the_highest_number() {
        assert!(
            version(Path::new("/usr/lib/postgresql/15/bin"))
                > version(Path::new("/usr/lib/postgresql/9.6/bin"))
        );
    }

    /// On a machine without the server's programs there is nothing to start.
    #[test]
    fn one_is_started_where_none_is_and_stopped_after() {
        let Some(programs) = programs() else { return };
        let folder = std::env::temp_dir().join(format!("greffier-pg-test-{}", std::process::id()));
        let postgres = start_own(programs.clone(), folder.clone()).unwrap();
        assert_eq!(
            on_socket(&folder, "postgres"),
            Some(postgres.url().to_owned())
        );
        // Found again, and left to whoever started it.
        drop(start_own(programs, folder.clone()).unwrap());
        assert!(on_socket(&folder, "postgres").is_some());
        drop(postgres);
        assert_eq!(on_socket(&folder, "postgres"), None);
        fs::remove_dir_all(folder).unwrap();
    }
}

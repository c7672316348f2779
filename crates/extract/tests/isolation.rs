//! The child process and its limits. This program is its own child: with the argument `serve` it
//! reads documents, with `misbehave` it answers as a broken child would.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "these are tests, though not ones that the compiler knows as such"
)]

mod common;

use std::fs::{File, read_dir, write};
use std::io::{self, ErrorKind, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use extract::isolation::{Confine, Confinement, ProcessLimits, ReadFault, Reader, confine};
use extract::{Budgets, extract};

use common::{deflate, input, pdf, reader, reader_with};

const CASES: &[common::Case] = &[
    ("reads_as_in_process", reads_as_in_process),
    (
        "one_reader_serves_many_threads",
        one_reader_serves_many_threads,
    ),
    (
        "a_child_is_reused_and_replaced",
        a_child_is_reused_and_replaced,
    ),
    (
        "a_child_that_grew_is_replaced",
        a_child_that_grew_is_replaced,
    ),
    (
        "a_child_that_died_is_replaced",
        a_child_that_died_is_replaced,
    ),
    ("a_second_try_is_alone", a_second_try_is_alone),
    ("processor_time_is_limited", processor_time_is_limited),
    ("memory_is_limited", memory_is_limited),
    ("wall_time_is_limited", wall_time_is_limited),
    ("a_crash_costs_one_document", a_crash_costs_one_document),
    (
        "a_program_that_is_not_there_is_a_fault",
        a_program_that_is_not_there_is_a_fault,
    ),
    ("large_answers_are_refused", large_answers_are_refused),
    (
        "a_confined_child_reads_as_well",
        a_confined_child_reads_as_well,
    ),
    (
        "a_confined_process_is_refused_all_else",
        a_confined_process_is_refused_all_else,
    ),
    (
        "a_program_run_by_a_confined_process_reads_what_it_may",
        a_program_run_by_a_confined_process_reads_what_it_may,
    ),
];

fn main() {
    common::run(CASES, |args| {
        match args.first().map(String::as_str) {
            Some("misbehave") => misbehave(&args[1]),
            Some("attempt") => attempt(args[1].parse().unwrap()),
            Some("run") => run(&args[1..]),
            _ => return false,
        }
        true
    });
}

fn misbehave(how: &str) {
    match how {
        "hang" => loop {
            std::thread::park();
        },
        // A frame as it should be, but for what it says.
        "garbage" => std::io::stdout()
            .write_all(b"\0\0\0\x04\0\0\0\0\0\0\0\0oops")
            .unwrap(),
        // Takes the way a stack overflow or an abort in a parser takes.
        "abort" => std::process::abort(),
        // "leave": ends at once, without a word.
        _ => {}
    }
}

/// Tries what a confined process must not do, and says how each attempt ended.
fn attempt(port: u16) {
    let parent = rustix::process::getppid().unwrap();
    let confinement = confine(&Confine::default());
    let attempts: [(&str, io::Result<()>); 9] = [
        ("read a file", File::open("/etc/passwd").map(drop)),
        ("list a folder", read_dir("/").map(drop)),
        (
            "write a file",
            write(std::env::temp_dir().join("greffier-never-written"), "x"),
        ),
        (
            "connect",
            TcpStream::connect((Ipv4Addr::LOCALHOST, port)).map(drop),
        ),
        (
            "listen",
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map(drop),
        ),
        ("send", UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).map(drop)),
        ("pair", UnixStream::pair().map(drop)),
        ("run a program", Command::new("/bin/true").spawn().map(drop)),
        (
            "reach its parent",
            rustix::process::test_kill_process(parent).map_err(io::Error::from),
        ),
    ];
    println!("{}", serde_json::to_string(&confinement).unwrap());
    for (what, ended) in attempts {
        let ended = ended.map_or_else(|error| error.kind(), |()| ErrorKind::Other);
        println!("{what}: {ended:?}");
    }
    // What it needs goes on: threads, memory, time.
    let worked = std::thread::spawn(|| vec![1u8; 32 << 20].len()).join();
    println!("work: {worked:?}");
}

/// Becomes a program, confined to one folder to read: `FOLDER PROGRAM ARGUMENT…`.
fn run(args: &[String]) {
    confine(&Confine {
        read: vec![args[0].clone().into()],
        execute: programs(),
        write: Vec::new(),
    });
    let error = Command::new(&args[1]).args(&args[2..]).exec();
    println!("not run: {error}");
}

fn programs() -> Vec<PathBuf> {
    ["/usr", "/bin", "/lib", "/lib64"].map(PathBuf::from).into()
}

/// What this program prints when it is its own child with these arguments.
fn child(args: &[&str]) -> String {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(args)
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

fn limits() -> ProcessLimits {
    ProcessLimits {
        cpu_seconds: 20,
        wall: Duration::from_secs(60),
        ..ProcessLimits::default()
    }
}

fn misbehaving(how: &str, limits: ProcessLimits) -> Reader {
    let args = vec!["misbehave".into(), how.into()];
    let program = std::env::current_exe().unwrap();
    Reader::new(program, args, limits, Budgets::default())
}

/// Content that takes long and draws nothing, through forms that each draw the next many times.
fn slow_pdf() -> Vec<u8> {
    // Path operators alone reach no device: only time stops them.
    let content = deflate(std::iter::repeat_n(b"0 0 m 1 1 l n ".repeat(1000), 2000));
    let page = "/Contents 4 0 R /Resources << /XObject << /F0 5 0 R >> >>";
    let form = "/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Filter /FlateDecode";
    let draws = b"/F0 Do ".repeat(100_000);
    pdf(page, &[(String::new(), draws), (form.into(), content)])
}

fn reads_as_in_process() {
    let reader = reader(limits());
    let mail = b"From: a@b.fr\r\nTo: c@d.fr\r\nSubject: x\r\nContent-Type: multipart/mixed; boundary=b\
        \r\n\r\n--b\r\n\r\nBonjour\r\n--b\r\nContent-Type: image/png; name=a.png\r\n\r\n\x89PNG\r\n--b--";
    let large = "ligne de texte\n".repeat(100_000);
    for bytes in [
        b"".as_slice(),
        b"Nom : Roy",
        mail,
        large.as_bytes(),
        b"\0\x01\x02",
    ] {
        let read = reader.read(&input(bytes)).unwrap();
        assert_eq!(read, extract(&input(bytes), &Budgets::default()));
    }
}

fn one_reader_serves_many_threads() {
    let reader = reader(limits());
    std::thread::scope(|scope| {
        for n in 0..4 {
            let reader = &reader;
            scope.spawn(move || {
                for i in 0..20 {
                    let text = format!("Lecteur : {n}.{i}");
                    let read = reader.read(&input(text.as_bytes())).unwrap();
                    assert_eq!(read.text.as_str(), text);
                }
            });
        }
    });
}

fn a_child_is_reused_and_replaced() {
    let reader = reader(ProcessLimits {
        documents: 2,
        ..limits()
    });
    for i in 0..7 {
        let text = format!("texte {i}");
        assert_eq!(
            reader.read(&input(text.as_bytes())).unwrap().text.as_str(),
            text
        );
    }
    assert_eq!(reader.started(), 4);
}

fn a_child_that_grew_is_replaced() {
    let reader = reader(ProcessLimits {
        // Any process is larger.
        resident_bytes: 1 << 10,
        ..limits()
    });
    for _ in 0..3 {
        assert!(reader.read(&input(b"texte")).is_ok());
    }
    assert_eq!(reader.started(), 3);
}

fn a_child_that_died_is_replaced() {
    let reader = reader(ProcessLimits {
        output_bytes: 1 << 10,
        ..limits()
    });
    assert!(reader.read(&input(b"texte")).is_ok());
    let text = "une ligne\n".repeat(1000);
    // Whoever was asked for too much is ended, as one that hangs is.
    assert!(reader.read(&input(text.as_bytes())).is_err());
    assert_eq!(reader.started(), 1);
    assert!(reader.read(&input(b"texte")).is_ok());
    assert_eq!(reader.started(), 2);
}

fn a_second_try_is_alone() {
    let wall = Duration::from_millis(400);
    let reader = misbehaving("hang", ProcessLimits { wall, ..limits() });
    let began = Instant::now();
    std::thread::scope(|scope| {
        scope.spawn(|| reader.read(&input(b"a")));
        scope.spawn(|| reader.read(&input(b"b")));
        scope.spawn(|| reader.read_alone(&input(b"c")));
        scope.spawn(|| reader.read_alone(&input(b"d")));
    });
    // Each takes all of its time: two together, or one after the other, and two alone.
    assert!(began.elapsed() >= wall * 3);
}

fn processor_time_is_limited() {
    // Its operators would be counted, and stop it before any clock does.
    let budgets = Budgets {
        operators: u64::MAX,
        ..Budgets::default()
    };
    let limits = ProcessLimits {
        cpu_seconds: 1,
        ..limits()
    };
    let reader = reader_with(limits, budgets);
    let fault = reader.read(&input(&slow_pdf())).unwrap_err();
    assert_eq!(fault.code(), "time-limit", "{fault}");
    // The next document gets a child and time of its own.
    assert!(reader.read(&input(b"texte")).is_ok());
}

fn memory_is_limited() {
    // An object stream is inflated while the file is opened, before anything can be measured.
    let bomb = deflate(std::iter::repeat_n(vec![b' '; 1 << 20], 1024));
    let dict = "/Type /ObjStm /N 1 /First 10 /Filter /FlateDecode".to_owned();
    let bytes = pdf("", &[(dict, bomb)]);
    let reader = reader(ProcessLimits {
        address_space_bytes: 400 << 20,
        ..limits()
    });
    match reader.read(&input(&bytes)) {
        // Should the parser come to leave the stream alone, nothing needs memory.
        Ok(read) => assert_eq!(read.layout.pages.len(), 1),
        Err(fault) => assert_eq!(fault.code(), "memory-limit", "{fault}"),
    }
    // A document whose text alone does not fit.
    let fault = reader.read(&input(&vec![b'x'; 120 << 20])).unwrap_err();
    assert_eq!(fault.code(), "memory-limit", "{fault}");
    assert!(reader.read(&input(b"texte")).is_ok());
}

fn wall_time_is_limited() {
    let reader = misbehaving(
        "hang",
        ProcessLimits {
            wall: Duration::from_millis(300),
            ..limits()
        },
    );
    // More than a pipe holds, so that writing blocks as well.
    let fault = reader.read(&input(&vec![b'x'; 1 << 20])).unwrap_err();
    assert_eq!(fault.code(), "time-limit", "{fault}");
}

fn a_crash_costs_one_document() {
    let fault = misbehaving("abort", limits())
        .read(&input(b"texte"))
        .unwrap_err();
    assert!(
        matches!(
            fault,
            ReadFault::Crashed {
                signal: Some(6),
                ..
            }
        ),
        "{fault}"
    );
    let fault = misbehaving("leave", limits())
        .read(&input(b"texte"))
        .unwrap_err();
    assert_eq!(fault.code(), "crashed", "{fault}");
    let fault = misbehaving("garbage", limits())
        .read(&input(b"texte"))
        .unwrap_err();
    assert_eq!(fault.code(), "protocol", "{fault}");
}

fn a_program_that_is_not_there_is_a_fault() {
    let reader = Reader::new(
        "/nowhere/at/all".into(),
        Vec::new(),
        limits(),
        Budgets::default(),
    );
    let fault = reader.read(&input(b"texte")).unwrap_err();
    assert_eq!(fault.code(), "start", "{fault}");
}

fn large_answers_are_refused() {
    let reader = reader(ProcessLimits {
        output_bytes: 1000,
        ..limits()
    });
    let text = "une ligne\n".repeat(1000);
    let fault = reader.read(&input(text.as_bytes())).unwrap_err();
    assert_eq!(fault.code(), "output-limit", "{fault}");
    assert!(reader.read(&input(b"texte")).is_ok());
}

fn a_confined_child_reads_as_well() {
    let reader = reader(limits());
    let confinement = reader.confinement().unwrap();
    // A pool of one: the same child reads, and its size is still known.
    let read = reader.read(&input(b"Nom : Roy")).unwrap();
    assert_eq!(read.text.as_str(), "Nom : Roy");
    if cfg!(target_os = "linux") {
        assert!(
            confinement.no_new_privileges && confinement.not_dumpable,
            "{confinement:?}"
        );
    }
}

fn a_confined_process_is_refused_all_else() {
    // Somebody listens, so that only a refusal explains that nobody comes.
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let said = child(&["attempt", &port]);
    let (confinement, attempts) = said.split_once('\n').unwrap();
    let confinement: Confinement = serde_json::from_str(confinement).unwrap();
    for attempt in attempts.lines() {
        let (what, ended) = attempt.split_once(": ").unwrap();
        let files = what.ends_with("file") || what.ends_with("folder");
        if what == "work" {
            assert_eq!(ended, format!("Ok({})", 32 << 20));
        } else if confinement.seccomp || files && confinement.landlock_abi.is_some() {
            assert_eq!(ended, "PermissionDenied", "{what}, {confinement:?}");
        }
    }
    assert_eq!(attempts.lines().count(), 10, "{said}");
}

fn a_program_run_by_a_confined_process_reads_what_it_may() {
    let ours = env!("CARGO_MANIFEST_DIR");
    let file = format!("{ours}/Cargo.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    assert_eq!(child(&["run", ours, "/bin/cat", &file]), text);
    let confined = reader(limits()).confinement().unwrap();
    if confined.landlock_abi.is_some() {
        assert_eq!(child(&["run", "/usr/share", "/bin/cat", &file]), "");
    }
}

//! The child process and its limits. This program is its own child: with the argument `serve` it
//! reads documents, with `misbehave` it answers as a broken child would.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "these are tests, though not ones that the compiler knows as such"
)]

use std::fs::{File, read_dir, write};
use std::io::{self, ErrorKind, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use extract::isolation::{Confine, Confinement, ProcessLimits, ReadFault, Reader, confine, serve};
use extract::{Budgets, Input, extract};
use flate2::Compression;
use flate2::write::ZlibEncoder;

type Case = (&'static str, fn());

const CASES: &[Case] = &[
    ("reads_as_in_process", reads_as_in_process),
    (
        "one_reader_serves_many_threads",
        one_reader_serves_many_threads,
    ),
    (
        "a_child_is_reused_and_replaced",
        a_child_is_reused_and_replaced,
    ),
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
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.first().map(String::as_str) {
        Some("serve") => {
            let limits = serde_json::from_str(&args[1]).unwrap();
            if serve(&limits).is_err() {
                std::process::exit(1);
            }
            return;
        }
        Some("misbehave") => return misbehave(&args[1]),
        Some("attempt") => return attempt(args[1].parse().unwrap()),
        Some("run") => return run(&args[1..]),
        _ => {}
    }
    // What test runners ask of a program: a list, or the cases whose name they give.
    if args.iter().any(|arg| arg == "--list") {
        if !args.iter().any(|arg| arg == "--ignored") {
            for (name, _) in CASES {
                println!("{name}: test");
            }
        }
        return;
    }
    let exact = args.iter().any(|arg| arg == "--exact");
    let wanted: Vec<&String> = args.iter().filter(|arg| !arg.starts_with("--")).collect();
    for (name, case) in CASES {
        let named = |w: &&String| {
            if exact {
                *w == name
            } else {
                name.contains(w.as_str())
            }
        };
        if wanted.is_empty() || wanted.iter().any(named) {
            println!("{name}");
            case();
        }
    }
}

fn misbehave(how: &str) {
    match how {
        "hang" => loop {
            std::thread::park();
        },
        "garbage" => std::io::stdout().write_all(&[0xff; 4096]).unwrap(),
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

/// Becomes `cat FILE`, confined: the second argument is the only folder to read.
fn run(args: &[String]) {
    confine(&Confine {
        read: vec![args[1].clone().into()],
        execute: programs(),
        write: Vec::new(),
    });
    let error = Command::new("/bin/cat").arg(&args[0]).exec();
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

fn reader(limits: ProcessLimits) -> Reader {
    let args = vec![
        "serve".into(),
        serde_json::to_string(&limits).unwrap().into(),
    ];
    let program = std::env::current_exe().unwrap();
    Reader::new(program, args, limits, Budgets::default())
}

fn misbehaving(how: &str, limits: ProcessLimits) -> Reader {
    let args = vec!["misbehave".into(), how.into()];
    let program = std::env::current_exe().unwrap();
    Reader::new(program, args, limits, Budgets::default())
}

fn input(bytes: &[u8]) -> Input<'_> {
    Input {
        bytes,
        file_name: None,
        media_type: None,
        ..Input::default()
    }
}

/// A one-page PDF with these objects after the first three (catalogue, pages, page with `/F0 Do`).
fn pdf(page: &str, objects: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut out = b"%PDF-1.7\n".to_vec();
    let mut add = |number: usize, body: &[u8]| {
        out.extend_from_slice(format!("{number} 0 obj\n").as_bytes());
        out.extend_from_slice(body);
        out.extend_from_slice(b"\nendobj\n");
    };
    add(1, b"<< /Type /Catalog /Pages 2 0 R >>");
    add(2, b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>");
    add(
        3,
        format!("<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 200] {page} >>").as_bytes(),
    );
    for (i, (dict, stream)) in objects.iter().enumerate() {
        let mut body = format!("<< {dict} /Length {} >>\nstream\n", stream.len()).into_bytes();
        body.extend_from_slice(stream);
        body.extend_from_slice(b"\nendstream");
        add(4 + i, &body);
    }
    out.extend_from_slice(b"trailer << /Root 1 0 R >>\nstartxref\n0\n%%EOF");
    out
}

fn deflate(data: impl Iterator<Item = Vec<u8>>) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    for part in data {
        encoder.write_all(&part).unwrap();
    }
    encoder.finish().unwrap()
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
}

fn processor_time_is_limited() {
    let reader = reader(ProcessLimits {
        cpu_seconds: 1,
        ..limits()
    });
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
    assert_eq!(fault.code(), "protocol", "{fault}");
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
    assert_eq!(child(&["run", &file, ours]), text);
    let confined = reader(limits()).confinement().unwrap();
    if confined.landlock_abi.is_some() {
        assert_eq!(child(&["run", &file, "/usr/share"]), "");
    }
}

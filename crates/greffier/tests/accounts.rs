//! Accounts at the console, and what the server then asks.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod common;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Stdio};

use common::Data;

const PASSWORD: &str = "pluie fine sur la mairie";

/// A town with a letter and an administrator.
fn town() -> Data {
    let data = Data::new();
    let lamp = data.file(
        "lampe.txt",
        "Le lampadaire de la rue du Moulin est éteint.\n",
    );
    data.run(&["ingest", "--pipeline", "forms", &lamp]).ended(0);
    data.run(&["review", "lampe", "--route", "voirie", "--by", "A. Martin"])
        .ended(0);
    add(&data, "root", &["--role", "administrator"]);
    data
}

fn add(data: &Data, name: &str, more: &[&str]) {
    let file = data.file("password", format!("{PASSWORD}\n"));
    let args = ["users", "add", name, "--password-file", &file];
    data.run(&[&args, more].concat()).ended(0);
}

fn token(data: &Data, name: &str, more: &[&str]) -> String {
    let args = ["users", "tokens", name, "--add", "test"];
    let ran = data.run(&[&args, more].concat()).ended(0);
    ran.stdout.trim().to_owned()
}

#[test]
fn accounts_are_opened_changed_and_closed() {
    let data = Data::new();
    let file = data.file("password", PASSWORD);
    let with = ["--password-file", file.as_str()];
    let add = |args: &[&str]| data.run(&[&["users", "add"], args, &with].concat());
    // The first may open others, else nobody could.
    add(&["a.martin", "--role", "agent:voirie"])
        .ended(1)
        .said(&["--role administrator"]);
    let weak = data.file("weak", "azerty123456");
    data.run(&[
        "users",
        "add",
        "root",
        "--role",
        "administrator",
        "--password-file",
        &weak,
    ])
    .ended(1)
    .said(&["choose another"]);
    add(&["root", "--role", "administrator"]).ended(0);
    add(&["root", "--role", "agent:voirie"])
        .ended(1)
        .said(&["`root`"]);
    add(&["x", "--role", "agent:nowhere"])
        .ended(1)
        .said(&["`nowhere`", "voirie"]);
    add(&["x", "--role", "agent:pipeline/nowhere"]).ended(1);
    add(&["x", "--role", "boss:*"]).ended(2);
    add(&["a b", "--role", "agent:voirie"]).ended(2);
    // A password that is neither in a file nor typed at a terminal.
    data.run(&["users", "add", "x", "--role", "agent:voirie"])
        .ended(1)
        .said(&["--password-file"]);
    add(&[
        "a.martin",
        "--name",
        "Anne Martin",
        "--role",
        "agent:voirie",
    ])
    .ended(0);
    data.run(&[
        "users",
        "role",
        "a.martin",
        "--give",
        "lead:ccas",
        "--take",
        "agent:voirie",
    ])
    .ended(0);
    data.run(&["users", "role", "a.martin", "--take", "agent:voirie"])
        .ended(1);
    for last in [
        &["users", "disable", "root"][..],
        &["users", "role", "root", "--take", "administrator"],
    ] {
        data.run(last).ended(1);
    }
    data.run(&["users", "disable", "a.martin"]).ended(0);
    let list = data.json(&["users"]);
    assert_eq!(list[0]["account"], "a.martin");
    assert_eq!(list[0]["name"], "Anne Martin");
    assert_eq!(list[0]["roles"], serde_json::json!(["lead:ccas"]));
    assert_eq!(list[0]["disabled"], true);
    let code = data.json(&["users", "code", "a.martin"]);
    assert_eq!(code["secret"].as_str().unwrap().len(), 32);
    let token = token(&data, "a.martin", &["--for", "hand-in", "--days", "7"]);
    assert_eq!(token.len(), 64);
    let tokens = data.json(&["users", "tokens", "a.martin"]);
    assert_eq!(tokens[0]["for"], serde_json::json!(["hand-in"]));
    data.run(&["users", "tokens", "a.martin", "--end", "test"])
        .ended(0);
    data.run(&["users", "tokens", "a.martin", "--end", "test"])
        .ended(1);
    let history = data.json(&["users", "history", "a.martin"]);
    let done: Vec<&str> = history
        .as_array()
        .unwrap()
        .iter()
        .map(|change| change["what"].as_str().unwrap())
        .collect();
    assert_eq!(
        done,
        [
            "add agent:voirie",
            "give lead:ccas, take agent:voirie",
            "disable",
            "code",
            "token test for hand-in",
            "token test ended",
        ]
    );
    // Nothing that serves is kept.
    let ledger = std::fs::read(data.path().join("greffier.db")).unwrap();
    let secret = code["secret"].as_str().unwrap();
    for text in [PASSWORD, &token, secret] {
        let held = ledger.windows(text.len()).any(|w| w == text.as_bytes());
        assert!(!held);
    }
}

/// `greffier serve`, ended with the test.
struct Serving {
    child: Child,
    address: String,
}

impl Serving {
    fn on(data: &Data, args: &[&str]) -> Self {
        let mut child = data
            .command(&[&["serve", "--listen", "127.0.0.1:0"], args].concat())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = lines
            .find_map(|line| {
                Some(
                    line.unwrap()
                        .strip_prefix("http://")?
                        .trim_end_matches('/')
                        .to_owned(),
                )
            })
            .unwrap();
        std::thread::spawn(move || for _ in lines {});
        Self { child, address }
    }

    fn ask(&self, head: &str, body: &[u8]) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let length = body.len();
        let head = format!(
            "{head}\r\nhost: {}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n",
            self.address
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_server_asks_who_comes_and_shows_what_is_theirs() {
    let data = town();
    add(&data, "anne", &["--role", "agent:voirie"]);
    add(&data, "accueil", &["--role", "agent:pipeline/forms"]);
    let mail = token(&data, "accueil", &["--for", "read", "--for", "hand-in"]);
    let robot = token(&data, "anne", &["--for", "read"]);
    data.run(&["work"]).ended(0);
    let serving = Serving::on(&data, &[]);
    let answer = serving.ask("GET / HTTP/1.1", b"");
    assert!(answer.starts_with("HTTP/1.1 303") && answer.contains("/sign-in"));
    assert!(
        serving
            .ask("GET /health/ready HTTP/1.1", b"")
            .contains("200 OK")
    );
    let form = format!(
        "account=anne&password={}&code=&to=/",
        PASSWORD.replace(' ', "+")
    );
    let head = format!(
        "POST /sign-in HTTP/1.1\r\norigin: http://{}\r\ncontent-type: application/x-www-form-urlencoded",
        serving.address
    );
    let answer = serving.ask(&head, form.as_bytes());
    assert!(answer.starts_with("HTTP/1.1 303"), "{answer}");
    let cookie = answer
        .lines()
        .find_map(|l| l.strip_prefix("set-cookie: "))
        .unwrap();
    let cookie = cookie.split(';').next().unwrap();
    let head = format!("GET /search?q=lampadaire HTTP/1.1\r\ncookie: {cookie}");
    let page = serving.ask(&head, b"");
    assert!(page.contains("/documents/doc_"), "{page}");
    // What is handed in is proposed to a service once it is read, and is in reach of that one alone.
    let body = br#"{"pipeline": "forms", "id": "acte", "file_name": "acte.txt", "content": {"inline": "SmUgZGVtYW5kZSB1biBhY3RlIGRlIG5haXNzYW5jZS4="}}"#;
    let send = |token: &str| {
        let head = format!(
            "POST /api/v1/documents HTTP/1.1\r\nauthorization: Bearer {token}\r\ncontent-type: application/json"
        );
        serving.ask(&head, body)
    };
    assert!(send(&robot).starts_with("HTTP/1.1 403"));
    let answer = send(&mail);
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    data.run(&["work"]).ended(0);
    let search = |token: &str, words: &str| {
        let head =
            format!("GET /api/v1/search?q={words} HTTP/1.1\r\nauthorization: Bearer {token}");
        serving.ask(&head, b"")
    };
    let found = search(&mail, "lampadaire");
    assert!(found.contains("\"name\":\"lampe\""), "{found}");
    assert!(search(&mail, "naissance").contains("\"name\":\"acte\""));
    assert!(search(&robot, "lampadaire").contains("\"name\":\"lampe\""));
    let nothing = search(&robot, "naissance");
    assert!(
        nothing.starts_with("HTTP/1.1 200") && nothing.contains("\"documents\":0"),
        "{nothing}"
    );
    let suggested = serving.ask(
        &format!("GET /api/v1/suggestions?q=naiss HTTP/1.1\r\nauthorization: Bearer {robot}"),
        b"",
    );
    assert!(suggested.contains("\"items\":[]"), "{suggested}");
    // Its owner's session ends when the account does.
    data.run(&["users", "disable", "anne"]).ended(0);
    let answer = serving.ask(&format!("GET / HTTP/1.1\r\ncookie: {cookie}"), b"");
    assert!(answer.starts_with("HTTP/1.1 303"));
    assert!(search(&robot, "lampadaire").starts_with("HTTP/1.1 401"));
}

#[test]
fn other_machines_are_not_served_without_accounts() {
    let data = Data::new();
    let everywhere = ["serve", "--listen", "0.0.0.0:0"];
    data.run(&everywhere).ended(1).said(&["greffier users add"]);
    add(&data, "root", &["--role", "administrator"]);
    data.run(&everywhere).ended(1).said(&["--host"]);
}

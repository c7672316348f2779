//! What the command line promises: exit codes, messages that say what to do, bad input that stops
//! nothing but itself, and the shapes that other programs read.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod common;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;

use common::{Data, Ran, fixture, greffier, root};
use serde_json::Value;

const LETTER: &str = "Madame, Monsieur,\n\nLe lampadaire devant le 4 rue du Moulin est éteint depuis lundi, \
                      et la chaussée est trouée. Pouvez-vous faire réparer la voirie ?\n\nAlix Perrin\n";

/// The members of a JSON array that answer to these names.
fn named(list: &Value) -> BTreeMap<String, Value> {
    list.as_array()
        .unwrap()
        .iter()
        .map(|d| (d["name"].as_str().unwrap().to_owned(), d.clone()))
        .collect()
}

#[test]
fn what_is_not_understood_is_said_with_what_would_be() {
    let data = Data::new();
    let letter = data.file("lettre.txt", LETTER);
    data.run(&["ingest", "--pipeline", "forms", &letter])
        .ended(0);
    let check = |args: &[&str], code: i32, words: &[&str]| {
        data.run(args).ended(code).said(words);
    };
    check(
        &["ingest", "--pipeline", "nope", &letter],
        1,
        &["`nope`", "archives", "field-reports", "forms"],
    );
    check(&["ingest", "--pipeline", "No Pe", &letter], 1, &["No Pe"]);
    check(&["ingest", "--pipeline", "forms"], 2, &["PATHS"]);
    check(
        &[
            "ingest",
            "--pipeline",
            "forms",
            "--received-at",
            "yesterday",
            &letter,
        ],
        1,
        &["yesterday"],
    );
    check(
        &["synthesise", "--week", "2026-W60"],
        2,
        &["2026-W60", "2026-W47"],
    );
    check(&["synthesise", "--week", "47"], 2, &["2026-W47"]);
    check(
        &["synthesise", "--pipeline", "archives", "--week", "2026-W47"],
        1,
        &["archives", "synthesis"],
    );
    check(
        &["review", "lettre", "--route", "nope", "--by", "A. Martin"],
        1,
        &["`nope`", "voirie", "urbanisme"],
    );
    check(&["review", "lettre", "--accept", "--by", " "], 1, &["--by"]);
    check(&["review", "lettre", "--by", "A. Martin"], 2, &["--accept"]);
    check(
        &["review", "nobody", "--accept", "--by", "A. Martin"],
        1,
        &["`nobody`", "greffier documents"],
    );
    check(&["inbox", "--service", "nope"], 1, &["`nope`", "voirie"]);
    check(&["show", "nobody"], 1, &["`nobody`", "greffier documents"]);
    check(&["why", "nobody"], 1, &["`nobody`"]);
    check(&["search", "x", "-k", "1001"], 2, &["1001"]);
    check(&["search", "--queries", "q.jsonl"], 2, &["--run"]);
    check(
        &["search", "--queries", "gone.jsonl", "--run", "r.trec"],
        1,
        &["gone.jsonl"],
    );
    check(
        &["train", "--pipeline", "forms", "--labelled", "gone.tsv"],
        1,
        &["gone.tsv"],
    );
    check(&["proof", "run_00"], 1, &["run_00"]);
    check(&["models", "import", "nope"], 1, &["`nope`"]);
    check(&["verify", "--checkpoint", "gone"], 1, &["gone"]);
    check(
        &["serve", "--listen", "0.0.0.0:0"],
        1,
        &["0.0.0.0", "127.0.0.1"],
    );

    let table = data.file("labelled.tsv", "texte\tservice\nabc\tvoirie\n");
    check(
        &["train", "--pipeline", "forms", "--labelled", &table],
        1,
        &["labelled.tsv:1", "`text`", "texte"],
    );
    let queries = data.file(
        "queries.jsonl",
        "{\"id\":\"1\",\"text\":\"a\"}\n{\"id\":2}\n",
    );
    check(
        &["search", "--queries", &queries, "--run", "r.trec"],
        1,
        &["queries.jsonl:2"],
    );
    let manifest = data.file("manifest.jsonl", "{\"path\":\"a\"}\nnot JSON\n");
    check(
        &[
            "ingest",
            "--pipeline",
            "forms",
            "--manifest",
            &manifest,
            &letter,
        ],
        1,
        &["manifest.jsonl:2"],
    );
}

#[test]
fn help_says_what_can_be_typed_and_what_codes_mean() {
    let help = Ran::of({
        let mut command = greffier();
        command.arg("--help");
        command
    })
    .ended(0);
    for word in ["Examples:", "Exit codes:", "ingest", "verify", "--data"] {
        assert!(help.stdout.contains(word), "no {word}");
    }
    Ran::of(greffier()).ended(2);
}

/// Holds a data directory as a process at work does.
fn at_work(data: &Data) -> File {
    let path = data.path().join("work.lock");
    let mut file = File::options()
        .create(true)
        .truncate(true)
        .write(true)
        .open(path)
        .unwrap();
    file.try_lock().expect("nobody else works here");
    write!(file, "{}", std::process::id()).unwrap();
    file
}

#[test]
fn one_works_and_everybody_reads_and_decides() {
    let data = Data::new();
    let letter = data.file("lettre.txt", LETTER);
    data.run(&["ingest", "--pipeline", "forms", &letter])
        .ended(0);

    let lock = at_work(&data);
    let pid = std::process::id().to_string();
    data.run(&["ingest", "--pipeline", "forms", &letter])
        .ended(5)
        .said(&[&pid, "data"]);
    data.run(&["work"]).ended(5).said(&[&pid]);
    for args in [
        ["documents", "--json"].as_slice(),
        &["inbox"],
        &["show", "lettre"],
        &["why", "lettre"],
        &["search", "lampadaire"],
        &["verify"],
        &["replay", "--all"],
        &[
            "review",
            "lettre",
            "--route",
            "voirie",
            "--by",
            "A. Martin",
            "--reason",
            "éclairage",
        ],
    ] {
        data.run(args).ended(0);
    }
    drop(lock);
    data.run(&["work"]).ended(0);
    let shown = data.json(&["show", "lettre"]);
    assert_eq!(
        (&shown["service"], &shown["decided"]),
        (&"voirie".into(), &true.into())
    );
    assert_eq!(shown["act"]["by"], "A. Martin");
    data.verified();
}

#[test]
fn what_cannot_be_taken_in_is_refused_and_the_rest_goes_on() {
    let data = Data::new();
    data.file("courrier/a.txt", LETTER);
    let huge = data.file("courrier/huge.pdf", "%PDF-1.7");
    File::options()
        .write(true)
        .open(&huge)
        .unwrap()
        .set_len(500 << 20)
        .unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink("..", data.beside("courrier/loop")).unwrap();
    let folder = data.beside("courrier").display().to_string();
    let gone = data.beside("vanished").display().to_string();

    let ran = data
        .run(&["--json", "ingest", "--pipeline", "archives", &gone, &folder])
        .ended(3);
    let ingested = ran.json();
    assert_eq!(
        (&ingested["new"], &ingested["owed"]),
        (&1.into(), &0.into()),
        "{ingested}"
    );
    let refused: BTreeMap<String, String> = ingested["refused"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| {
            (
                r["path"].as_str().unwrap().to_owned(),
                r["why"].as_str().unwrap().to_owned(),
            )
        })
        .collect();
    assert!(refused[&gone].contains("No such file"), "{refused:?}");
    assert!(refused[&huge].contains("500 MiB"), "{refused:?}");
    assert!(
        refused.keys().any(|path| path.ends_with("loop")),
        "{refused:?}"
    );
    assert_eq!(refused.len(), 3, "{refused:?}");
    data.verified();

    // A pipeline of rows has nothing to do with a letter.
    let letter = data.beside("courrier/a.txt").display().to_string();
    let ran = data
        .run(&["ingest", "--pipeline", "field-reports", &letter])
        .ended(3);
    ran.said(&["a.txt", "CSV"]);
}

#[test]
fn bad_files_are_kept_with_what_is_wrong_with_them() {
    /// Files of `fixtures/bad`, and what is noted or why they are set aside.
    const EXPECTED: [(&str, Option<&str>); 15] = [
        ("broken-boundary.eml", None),
        ("docx-named.pdf", Some("name-mismatch")),
        ("empty.pdf", Some("empty")),
        ("encrypted.pdf", Some("encrypted")),
        ("garbage.zip", Some("damaged-file")),
        ("image.png", None),
        ("loop.pdf", Some("damaged-file")),
        ("nested.html", None),
        ("nul.txt", Some("unknown-format")),
        ("pdf-named.docx", Some("name-mismatch")),
        ("random.pdf", Some("damaged-file")),
        ("truncated.docx", Some("damaged-file")),
        ("truncated.pdf", Some("damaged-file")),
        ("utf-16.txt", None),
        ("windows-1252.txt", Some("encoding-guessed")),
    ];
    let data = Data::new();
    let mut manifest = String::new();
    for (file, _) in EXPECTED {
        data.file(
            &format!("bad/{file}"),
            fs::read(fixture(&format!("bad/documents/{file}"))).unwrap(),
        );
        manifest.push_str(&format!("{{\"path\":\"{file}\",\"id\":\"{file}\"}}\n"));
    }
    data.file("bad/zero.txt", "");
    data.file("bad/good.txt", LETTER);
    let manifest = data.file("manifest.jsonl", manifest);
    let folder = data.beside("bad").display().to_string();
    let ran = data.run(&[
        "--json",
        "ingest",
        "--pipeline",
        "archives",
        "--manifest",
        &manifest,
        &folder,
    ]);
    assert!(matches!(ran.code, Some(0 | 3)), "{ran:?}");
    let ingested = ran.json();
    let whole = EXPECTED.len() as u64 + 2;
    let refused = ingested["refused"].as_array().unwrap().len() as u64;
    assert_eq!(
        ingested["new"].as_u64().unwrap() + refused,
        whole,
        "{ingested}"
    );
    assert_eq!(ingested["owed"], 0);

    let documents = named(&data.json(&["documents"]));
    let mut wrong = Vec::new();
    for (file, noted) in EXPECTED {
        let document = &documents[file];
        assert!(
            matches!(document["state"].as_str(), Some("done" | "quarantined")),
            "{document}"
        );
        let said: Vec<&str> = document["notes"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|n| n["code"].as_str())
            .chain(document["set_aside"].as_str())
            .collect();
        if noted.is_some_and(|noted| !said.contains(&noted)) {
            wrong.push(format!("{file}: {said:?}, expected {noted:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let found = data.json(&["search", "lampadaire", "--mode", "lexical"]);
    assert_eq!(named(&found).keys().collect::<Vec<_>>(), ["good"]);
    data.verified();
}

#[test]
fn a_data_directory_that_cannot_be_made_is_named() {
    let data = Data::new();
    let file = data.file("file", "not a folder");
    let mut command = greffier();
    command.args(["--data", &format!("{file}/data"), "init"]);
    Ran::of(command)
        .ended(1)
        .said(&["cannot make", "file/data"]);

    // Secrets of something else are not overwritten.
    let other = data.file("other-secret", "another secret");
    data.run(&["init", "--secret-file", &other])
        .ended(1)
        .said(&["other secrets", "empty directory"]);
}

/// A disk that is full, as a limit on the size of files: writing beyond it fails.
#[cfg(unix)]
#[test]
fn a_full_disk_is_said_and_loses_nothing() {
    let data = Data::new();
    for n in 0..30 {
        let text: String = (0..900)
            .map(|word| format!("mot{} ", (word * 7919 + n * 104_729) % 100_003))
            .collect();
        data.file(
            &format!("files/{n}.txt"),
            format!("Valmont, pièce {n}. {text}"),
        );
    }
    let files = data.beside("files").display().to_string();
    let ingest = data.command(&["ingest", "--pipeline", "archives", &files]);
    let typed: Vec<String> = std::iter::once(ingest.get_program())
        .chain(ingest.get_args())
        .map(|word| format!("'{}'", word.to_string_lossy()))
        .collect();
    let mut full = 0;
    for kibibytes in [4, 64, 256, 700, 1_500] {
        let mut limited = std::process::Command::new("bash");
        // Without the trap, the signal that the limit sends would kill instead of making writing fail.
        limited.args([
            "-c",
            &format!(
                "trap '' XFSZ; ulimit -f {kibibytes}; exec {}",
                typed.join(" ")
            ),
        ]);
        for (name, _) in
            std::env::vars_os().filter(|(n, _)| n.to_string_lossy().starts_with("GREFFIER_"))
        {
            limited.env_remove(name);
        }
        let ran = Ran::of(limited);
        match ran.code {
            Some(0) => {}
            Some(1) => {
                full += 1;
                assert!(
                    ["ledger", "store", "index", "cannot"]
                        .iter()
                        .any(|w| ran.stderr.contains(w)),
                    "{ran:?}"
                );
                ran.said(&["because"]);
            }
            other => panic!("ended with {other:?}: {ran:?}"),
        }
    }
    assert!(full >= 2, "only {full} of the limits were felt");
    let ingested = data.json(&["ingest", "--pipeline", "archives", &files]);
    assert_eq!(ingested["owed"], 0, "{ingested}");
    assert_eq!(
        data.documents()
            .iter()
            .filter(|d| d["state"] == "done")
            .count(),
        30
    );
    assert_eq!(data.verified()["owed"], 0);
    let found = data.json(&["search", "Valmont", "-k", "100", "--mode", "lexical"]);
    assert_eq!(found.as_array().unwrap().len(), 30);
}

/// Weights that came on a disk, or from a mirror: only what is pinned is taken over.
#[test]
fn models_come_from_a_folder_or_a_mirror_and_are_checked() {
    let data = Data::new();
    let runtime = data.beside("runtime");
    copy_folder(&root().join(".runtime"), &runtime);
    let carried = root().join("crates/inference/models/greffier-static-fr-en");
    let disk = data.beside("disk");
    copy_folder(&carried, &disk);
    let pipelines = data.beside("pipelines");
    copy_folder(&root().join("pipelines"), &pipelines);
    let registry = fs::read_to_string(pipelines.join("models.toml")).unwrap();
    let digests = registry
        .split("[models.greffier-static-fr-en.files]")
        .nth(1)
        .unwrap();
    let entry = |digests: &str| {
        format!(
            "{registry}\n[models.mirrored]\nversion = \"1\"\nsource = \"a disk\"\n\
             licence = \"Apache-2.0\"\nlanguages = [\"fr\"]\ndimension = 256\npooling = \"sum\"\n\
             prefix = \"\"\nmax_tokens = 512\naddress = \"file://{}/\"\n\n[models.mirrored.files]{digests}",
            disk.display()
        )
    };
    let (runtime_dir, pipelines_dir) = (
        runtime.display().to_string(),
        pipelines.display().to_string(),
    );
    let run = |args: &[&str]| {
        let mut all = vec!["--runtime", &runtime_dir, "--pipelines", &pipelines_dir];
        all.extend(args);
        data.run(&all)
    };
    // In no entry: said, with what to add.
    fs::write(disk.join("tokenizer.json"), "{}").unwrap();
    let disk_dir = disk.display().to_string();
    let offered = run(&["models", "import", &disk_dir])
        .ended(1)
        .said(&["models.toml"]);
    assert!(
        offered
            .stdout
            .contains("[models.\"disk\".files]\n\"model.onnx\" = \"sha256:")
    );
    // Not what is pinned: nothing is kept.
    fs::write(pipelines.join("models.toml"), entry(digests)).unwrap();
    run(&["models", "fetch", "mirrored"])
        .ended(1)
        .said(&["sha256:", "expected"]);
    assert!(!runtime.join("models/mirrored/tokenizer.json").exists());
    copy_folder(&carried, &disk);
    let taken = run(&["models", "import", &disk_dir]).ended(0);
    assert!(taken.stdout.contains("mirrored"));
    assert!(runtime.join("models/mirrored/model.onnx").is_file());
    fs::remove_dir_all(runtime.join("models/mirrored")).unwrap();
    run(&["models", "fetch", "mirrored"]).ended(0);
    run(&["models", "fetch", "greffier-static-fr-en"])
        .ended(1)
        .said(&["comes with the program"]);
    run(&["models", "import", "nowhere"])
        .ended(1)
        .said(&["nowhere", "mirrored"]);
    let listed = run(&["--json", "models"]).ended(0).json();
    let mirrored = listed
        .as_array()
        .unwrap()
        .iter()
        .find(|m| m["name"] == "mirrored");
    assert!(
        mirrored.unwrap()["state"]
            .as_str()
            .unwrap()
            .contains("verified"),
        "{listed}"
    );
}

#[test]
fn a_model_that_is_not_the_pinned_one_is_refused() {
    let data = Data::new();
    let runtime = data.beside("runtime");
    copy_folder(&root().join(".runtime"), &runtime);
    let flip = |file: &Path| {
        let mut bytes = fs::read(file).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(file, bytes).unwrap();
    };
    let dir = runtime.display().to_string();
    data.run(&["--runtime", &dir, "search", "lampadaire"])
        .ended(0);

    // A folder of the runtime goes before what comes with the program.
    let name = "greffier-static-fr-en";
    let carried = root().join("crates/inference/models").join(name);
    let own = runtime.join("models").join(name);
    copy_folder(&carried, &own);
    let model = own.join("model.onnx");
    flip(&model);
    data.run(&["--runtime", &dir, "search", "lampadaire"])
        .ended(1)
        .said(&["model.onnx", "sha256:", "expected"]);
    let listed = data
        .run(&["--runtime", &dir, "--json", "models"])
        .ended(0)
        .json();
    let states = listed.as_array().unwrap().iter();
    let state = |state: &serde_json::Value| state["state"].as_str().map(str::to_owned);
    assert!(
        states
            .filter_map(state)
            .any(|state| state.contains("expected sha256:")),
        "{listed}"
    );
    // Words need no model.
    data.run(&[
        "--runtime",
        &dir,
        "search",
        "lampadaire",
        "--mode",
        "lexical",
    ])
    .ended(0);

    flip(&model);
    let library = fs::read_dir(&runtime)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.is_file() && path.to_string_lossy().contains("onnxruntime"))
        .expect("ONNX Runtime is set up");
    flip(&library);
    data.run(&["--runtime", &dir, "search", "lampadaire"])
        .ended(1)
        .said(&["onnxruntime", "expected", "xtask setup"]);
    let nowhere = data.beside("nowhere").display().to_string();
    data.run(&["--runtime", &nowhere, "search", "lampadaire"])
        .ended(1)
        .said(&["nowhere", "xtask setup"]);
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from)
        .unwrap_or_else(|e| panic!("{}: {e}: run cargo xtask setup", from.display()))
    {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_folder(&entry.path(), &target);
        } else if entry.path().extension().is_none_or(|e| e != "safetensors") {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn a_pipeline_file_is_refused_with_the_line() {
    let data = Data::new();
    let source = fs::read_to_string(root().join("pipelines/forms.toml")).unwrap();
    let changed = |text: &str| {
        1 + source
            .lines()
            .zip(text.lines())
            .position(|(a, b)| a != b)
            .unwrap()
    };
    let check = |from: &str, to: &str, words: &[&str]| {
        assert!(source.contains(from), "forms.toml has no `{from}`");
        let text = source.replacen(from, to, 1);
        let line = changed(&text);
        let file = data.file("forms.toml", text);
        let said = data
            .run(&["pipelines", "check", &file])
            .ended(1)
            .said(words)
            .stderr;
        assert!(
            said.contains(&format!("forms.toml:{line}")) || said.contains(&format!("line {line},")),
            "line {line} is not named: {said}"
        );
    };
    check("title = ", "titel = ", &["titel", "expected"]);
    check(
        "id = \"cmi-mdph\"\nservice = \"mdph\"",
        "id = \"cmi-mdph\"\nservice = \"mdhp\"",
        &["mdhp"],
    );
    check(
        "stages = [\"extract\"",
        "stages = [\"extrait\"",
        &["extrait"],
    );
    check(
        "time_zone = \"Europe/Paris\"",
        "time_zone = \"Europe/Pari\"",
        &["Europe/Pari", "expected"],
    );
    check(
        "max_misrouting = 0.0",
        "max_misrouting = 1.0",
        &["max_misrouting", "expected"],
    );

    for name in ["forms", "field-reports", "archives"] {
        let file = root()
            .join(format!("pipelines/{name}.toml"))
            .display()
            .to_string();
        data.run(&["pipelines", "check", &file]).ended(0);
    }
    data.run(&["pipelines", "check", "gone.toml"])
        .ended(1)
        .said(&["gone.toml"]);
    // The other commands refuse a folder with a bad file too, before they touch anything.
    let folder = data.beside("pipelines");
    copy_folder(&root().join("pipelines"), &folder);
    fs::write(
        folder.join("forms.toml"),
        source.replacen("pipeline = \"forms\"", "pipeline = \"formes\"", 1),
    )
    .unwrap();
    data.run(&["--pipelines", &folder.display().to_string(), "documents"])
        .ended(1)
        .said(&["formes", "expected"]);
}

#[test]
fn what_was_changed_behind_its_back_is_named() {
    let data = Data::new();
    let letter = data.file("lettre.txt", LETTER);
    data.run(&["ingest", "--pipeline", "archives", &letter])
        .ended(0);
    let before = data.beside("before");
    copy_folder(&data.path(), &before);
    let second = data.file("seconde.txt", LETTER.replace("lundi", "mardi"));
    data.run(&["ingest", "--pipeline", "archives", &second])
        .ended(0);
    data.verified();
    let checkpoint = data.file("checkpoint", data.run(&["checkpoint"]).ended(0).stdout);
    data.run(&["verify", "--checkpoint", &checkpoint]).ended(0);

    // A backup put back is consistent with itself; only what was kept elsewhere tells.
    let mut rolled_back = greffier();
    rolled_back.arg("--data").arg(&before).args(["verify"]);
    Ran::of(rolled_back).ended(0);
    let mut rolled_back = greffier();
    rolled_back
        .arg("--data")
        .arg(&before)
        .args(["--json", "verify", "--checkpoint", &checkpoint]);
    assert!(!findings(&Ran::of(rolled_back).ended(4)).is_empty());

    // One byte of any artifact.
    let artifact = largest(&data.path().join("objects"));
    let mut bytes = fs::read(&artifact).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&artifact, &bytes).unwrap();
    let changed = findings(&data.run(&["--json", "verify"]).ended(4));
    fs::remove_file(&artifact).unwrap();
    let removed = findings(&data.run(&["--json", "verify"]).ended(4));
    let name = artifact.file_name().unwrap().to_string_lossy().into_owned();
    for found in [&changed, &removed] {
        assert!(
            found
                .iter()
                .any(|f| f.contains(&name[..12.min(name.len())])),
            "{name}: {found:?}"
        );
    }
    assert_ne!(changed, removed);
}

fn findings(ran: &Ran) -> Vec<String> {
    ran.json()["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(ToString::to_string)
        .collect()
}

fn largest(folder: &Path) -> std::path::PathBuf {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path)
            } else {
                files.push(path)
            }
        }
    }
    files.sort_by_key(|path| (fs::metadata(path).unwrap().len(), path.clone()));
    files.pop().expect("there are artifacts")
}

#[test]
fn other_programs_read_runs_and_classes() {
    let data = Data::new();
    let rows = data.file(
        "notes.tsv",
        "text\tid\ttitle\nLe marché couvert est restauré\tnote 1\tHalle\nLa rivière est en crue\tn/2\tCrue\n",
    );
    data.run(&[
        "ingest",
        "--pipeline",
        "archives",
        &rows,
        &data.file("stem.txt", "Le marché du samedi"),
    ])
    .ended(0);
    let queries = data.file(
        "queries.jsonl",
        "{\"id\":\"Q1\",\"text\":\"marché\"}\n{\"id\":\"Q2\",\"text\":\"crue\"}\n",
    );
    let run = data.beside("run.trec");
    data.run(&[
        "search",
        "--queries",
        &queries,
        "--run",
        &run.display().to_string(),
        "-k",
        "1000",
    ])
    .ended(0);
    let run = fs::read_to_string(run).unwrap();
    let mut last: Option<(String, u32, f64)> = None;
    let mut best = BTreeMap::new();
    for line in run.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let [query, "Q0", document, rank, score, "greffier"] = words[..] else {
            panic!("{line}")
        };
        let (rank, score): (u32, f64) = (rank.parse().unwrap(), score.parse().unwrap());
        match &last {
            Some((before, at, above)) if before == query => {
                assert!(rank == at + 1 && score <= *above, "{line}")
            }
            _ => assert_eq!(rank, 1, "{line}"),
        }
        best.entry(query.to_owned())
            .or_insert_with(|| document.to_owned());
        last = Some((query.to_owned(), rank, score));
    }
    assert_eq!(best["Q2"], "n%2F2", "external ids are percent-encoded");
    assert!(
        run.contains(" note%201 ") && run.contains(" stem "),
        "{run}"
    );

    let texts = data.file(
        "texts.tsv",
        format!(
            "text\n{}\nCarte mobilité inclusion\n",
            LETTER.replace('\n', " ")
        ),
    );
    let classes = data.beside("classes.jsonl");
    let args = [
        "classify",
        "--pipeline",
        "forms",
        "--in",
        &texts,
        "--out",
        &classes.display().to_string(),
    ];
    data.run(&args).ended(0);
    let lines = fs::read_to_string(classes).unwrap();
    let lines: Vec<Value> = lines
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    assert_eq!(lines.len(), 2);
    for line in &lines {
        assert!(
            ["automatic", "review", "unknown"].contains(&line["decision"].as_str().unwrap()),
            "{line}"
        );
        assert_eq!(line["label"], line["candidates"][0]["service"], "{line}");
        assert!(line["candidates"][0]["probability"].is_number(), "{line}");
        assert!(line.get("threshold").is_some(), "{line}");
    }
}

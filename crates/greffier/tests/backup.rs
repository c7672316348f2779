//! Everything of one authority is copied, and comes back from SQLite to PostgreSQL and again; what was
//! changed on the way is refused by name.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::postgres::Database;
use common::{Data, Ran, greffier};
use serde_json::Value;

/// A town with letters, a decision of a person, and a file that is neither ledger nor object.
fn town() -> Data {
    let data = Data::new();
    for n in 0..4 {
        let text = format!(
            "Valmont, dossier {n}.\n\nMadame, Monsieur, ma demande porte le numéro 2026-{n:05}.\n"
        );
        data.file(&format!("letters/piece-{n}.txt"), text);
    }
    let letters = data.beside("letters").display().to_string();
    data.run(&["ingest", "--pipeline", "archives", &letters])
        .ended(0);
    let form = data.file(
        "demande.txt",
        "Demande d’intervention de voirie : un nid-de-poule rue des Lilas.",
    );
    data.run(&["ingest", "--pipeline", "forms", &form]).ended(0);
    let of_forms = data.json(&["documents", "--pipeline", "forms"]);
    let id = of_forms[0]["id"].as_str().unwrap();
    let args = ["review", id, "--route", "voirie", "--by", "A. Martin"];
    data.run(&args).ended(0);
    fs::create_dir_all(data.path().join("promises")).unwrap();
    fs::write(data.path().join("promises/forms.noticed.json"), "{}").unwrap();
    data
}

/// A command on another data directory.
fn on(path: &Path, args: &[&str]) -> Command {
    let mut command = greffier();
    command
        .arg("--data")
        .arg(path)
        .args(["--lang", "en"])
        .args(args);
    command
}

fn json(mut command: Command) -> Value {
    command.arg("--json");
    Ran::of(command).ended(0).json()
}

fn backed_up(data: &Data, name: &str, more: &[&str]) -> (String, Value) {
    let dir = data.beside(name).display().to_string();
    let mut args = vec!["backup", &dir];
    args.extend(more);
    let said = data.json(&args);
    (dir, said)
}

fn manifest(dir: &str) -> Value {
    serde_json::from_slice(&fs::read(Path::new(dir).join("backup.json")).unwrap()).unwrap()
}

fn state(dir: &str) -> PathBuf {
    Path::new(dir).join(manifest(dir)["state"].as_str().unwrap())
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy_folder(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

#[test]
fn it_goes_from_sqlite_to_postgresql_and_back() {
    let data = town();
    let before = data.verified();
    let (first, said) = backed_up(&data, "first", &["--with-secrets"]);
    assert_eq!(said["log"]["root"], before["root"]);
    assert_eq!(said["records"], before["records"]);
    assert_eq!(said["lost"], serde_json::json!([]));

    let database = Database::new();
    let service = data.beside("service");
    let with = |args: &[&str]| {
        let mut command = on(&service, args);
        command.env("GREFFIER_DATABASE", &database.url);
        command
    };
    let restored = json(with(&["restore", &first]));
    assert_eq!(restored["verified"]["root"], before["root"]);
    assert_eq!(json(with(&["verify"]))["root"], before["root"]);
    assert!(!service.join("greffier.db").exists());
    assert!(service.join("promises/forms.noticed.json").exists());

    let second = data.beside("second").display().to_string();
    json(with(&["backup", &second, "--with-secrets"]));
    // The same to the byte, whichever database it came from.
    for part in ["tables", "log", "checkpoint", "objects", "authority"] {
        assert_eq!(manifest(&second)[part], manifest(&first)[part], "{part}");
    }

    let last = data.beside("last");
    let restored = json(on(&last, &["restore", &second]));
    assert_eq!(restored["verified"]["root"], before["root"]);
    assert_eq!(json(on(&last, &["documents"])), data.json(&["documents"]));
    let found = json(on(&last, &["search", "2026-00002", "-k", "1"]));
    assert_eq!(found.as_array().unwrap().len(), 1);
    // And it goes on.
    let letter = data.file("more.txt", "Valmont, une lettre de plus.");
    Ran::of(on(&last, &["ingest", "--pipeline", "archives", &letter])).ended(0);
    Ran::of(on(&last, &["verify"])).ended(0);
    Ran::of(on(&last, &["restore", &second]))
        .ended(1)
        .said(&["not empty", "--data"]);
    let again = data.beside("again");
    let mut full = on(&again, &["restore", &second]);
    full.env("GREFFIER_DATABASE", &database.url);
    Ran::of(full).ended(1).said(&["database is not empty"]);
}

#[test]
fn the_next_time_only_what_is_new_is_copied() {
    let data = town();
    let (dir, first) = backed_up(&data, "backup", &[]);
    assert_eq!(first["copied"], first["objects"]);
    let before = state(&dir);
    let (_, second) = backed_up(&data, "backup", &[]);
    assert_eq!(second["copied"], 0);
    assert_eq!(second["objects"], first["objects"]);
    assert!(!before.exists(), "the state before is of no use any more");
    let letter = data.file("new.txt", "Valmont, une nouvelle lettre.");
    data.run(&["ingest", "--pipeline", "archives", &letter])
        .ended(0);
    let (_, third) = backed_up(&data, "backup", &[]);
    let count = |said: &Value, what: &str| said[what].as_u64().unwrap();
    assert_eq!(
        count(&third, "objects") - count(&second, "objects"),
        count(&third, "copied")
    );
    assert!(count(&third, "copied") > 0);

    // What a backup left that was stopped before its manifest is finished by the next.
    let manifest = Path::new(&dir).join("backup.json");
    fs::remove_file(&manifest).unwrap();
    let elsewhere = data.beside("elsewhere");
    Ran::of(on(&elsewhere, &["restore", &dir]))
        .ended(1)
        .said(&["no finished backup", "greffier backup"]);
    assert!(!elsewhere.exists());
    let (_, finished) = backed_up(&data, "backup", &[]);
    assert_eq!(finished["objects"], third["objects"]);

    // Nobody else's folder, and none within the data directory.
    let other = data.beside("letters").display().to_string();
    data.run(&["backup", &other])
        .ended(1)
        .said(&["something else"]);
    let within = data.path().join("backup").display().to_string();
    data.run(&["backup", &within]).ended(1).said(&["within"]);
    let stranger = Data::new();
    let secret = stranger.file("secret-2", "another secret");
    let strange = stranger.beside("strange");
    Ran::of(on(&strange, &["init", "--secret-file", &secret])).ended(0);
    Ran::of(on(&strange, &["backup", &dir]))
        .ended(1)
        .said(&["another authority"]);
}

#[test]
fn without_the_keys_it_cannot_be_restored_and_says_so() {
    let data = town();
    let dir = data.beside("backup").display().to_string();
    data.run(&["backup", &dir])
        .ended(0)
        .said(&["WARNING", "secrets.json"]);
    assert!(
        files(Path::new(&dir))
            .iter()
            .all(|path| !path.ends_with("secrets.json"))
    );
    let target = data.beside("restored");
    Ran::of(on(&target, &["restore", &dir]))
        .ended(1)
        .said(&["secrets.json"]);
    fs::create_dir_all(&target).unwrap();
    let secret = data.file("secret-2", "another secret");
    Ran::of(on(&target, &["init", "--secret-file", &secret])).ended(0);
    let wrong = fs::read(target.join("secrets.json")).unwrap();
    fs::remove_dir_all(&target).unwrap();
    fs::create_dir_all(&target).unwrap();
    fs::write(target.join("secrets.json"), wrong).unwrap();
    Ran::of(on(&target, &["restore", &dir]))
        .ended(1)
        .said(&["another authority"]);
    fs::copy(
        data.path().join("secrets.json"),
        target.join("secrets.json"),
    )
    .unwrap();
    Ran::of(on(&target, &["restore", &dir])).ended(0);
    assert_eq!(
        json(on(&target, &["verify"]))["root"],
        data.verified()["root"]
    );
}

/// What happens to a file of a backup.
enum Harm {
    Cut,
    Change,
    Remove,
}

#[test]
fn what_was_changed_in_a_backup_is_named() {
    let data = town();
    let (good, _) = backed_up(&data, "backup", &["--with-secrets"]);
    let state = state(&good);
    let object = files(&Path::new(&good).join("objects")).pop().unwrap();
    let object = object.strip_prefix(&good).unwrap().to_owned();
    let in_state = |file: &str| state.strip_prefix(&good).unwrap().join(file);
    let cases = [
        (PathBuf::from("backup.json"), Harm::Cut),
        (in_state("tables/records.jsonl"), Harm::Cut),
        (in_state("tables/records.jsonl"), Harm::Change),
        (in_state("tables/settings.jsonl"), Harm::Change),
        (in_state("tables/log_nodes.jsonl"), Harm::Remove),
        (in_state("objects.jsonl"), Harm::Cut),
        (in_state("files/promises/forms.noticed.json"), Harm::Change),
        (in_state("secrets.json"), Harm::Change),
        (object.clone(), Harm::Change),
        (object.clone(), Harm::Cut),
        (object, Harm::Remove),
    ];
    for (n, (file, harm)) in cases.into_iter().enumerate() {
        let bad = data.beside(&format!("bad-{n}"));
        copy_folder(Path::new(&good), &bad);
        let path = bad.join(&file);
        let mut bytes = fs::read(&path).unwrap();
        match harm {
            Harm::Remove => fs::remove_file(&path).unwrap(),
            Harm::Cut => {
                bytes.truncate(bytes.len() / 2);
                fs::write(&path, bytes).unwrap();
            }
            Harm::Change => {
                let middle = bytes.len() / 2;
                bytes[middle] ^= 1;
                fs::write(&path, bytes).unwrap();
            }
        }
        let target = data.beside(&format!("target-{n}"));
        let name = file.file_name().unwrap().to_str().unwrap();
        let bad = bad.display().to_string();
        Ran::of(on(&target, &["restore", &bad]))
            .ended(1)
            .said(&[name]);
        assert!(!target.exists(), "{name}: something was restored");
    }
    // A whole one that says another root.
    let bad = data.beside("bad-root");
    copy_folder(Path::new(&good), &bad);
    let text = fs::read_to_string(bad.join("backup.json")).unwrap();
    let root = manifest(&good)["log"]["root"].as_str().unwrap().to_owned();
    let other = format!("sha256:{}", "0".repeat(64));
    fs::write(bad.join("backup.json"), text.replace(&root, &other)).unwrap();
    let bad = bad.display().to_string();
    Ran::of(on(&data.beside("target-root"), &["restore", &bad]))
        .ended(1)
        .said(&["root", &root, &other]);
}

#[test]
fn what_the_store_lost_is_said() {
    let data = town();
    let object = files(&data.path().join("objects")).remove(0);
    let name = object.file_name().unwrap().to_str().unwrap().to_owned();
    let kept = data.beside("kept");
    fs::rename(&object, &kept).unwrap();
    let dir = data.beside("backup").display().to_string();
    data.run(&["backup", &dir, "--with-secrets"])
        .ended(4)
        .said(&[&name[..12]]);
    // It comes back with its hole, which is named again.
    let target = data.beside("restored");
    Ran::of(on(&target, &["restore", &dir])).ended(4);
    let placed = data.beside("placed").display().to_string();
    data.run(&["migrate", "--to-objects", &placed])
        .ended(1)
        .said(&["verify"]);
    fs::rename(&kept, &object).unwrap();
    data.run(&["backup", &dir, "--with-secrets"]).ended(0);
    Ran::of(on(&data.beside("whole"), &["restore", &dir])).ended(0);
}

#[test]
fn a_restore_that_was_stopped_is_refused_and_finished() {
    let data = town();
    let root = data.verified()["root"].clone();
    let (dir, _) = backed_up(&data, "backup", &["--with-secrets"]);
    let (other, _) = backed_up(&data, "other", &["--with-secrets"]);
    let target = data.beside("restored");
    // As it is when it was killed before the ledger was in, and after.
    for without_ledger in [true, false] {
        let _ = fs::remove_dir_all(&target);
        Ran::of(on(&target, &["restore", &dir])).ended(0);
        let bytes = fs::read(Path::new(&dir).join("backup.json")).unwrap();
        let begun = serde_json::json!({
            "manifest": domain::Digest::of(&bytes).to_string(), "from": dir,
        });
        fs::write(target.join("restoring.json"), begun.to_string()).unwrap();
        if without_ledger {
            for file in ["greffier.db", "greffier.db-wal", "greffier.db-shm"] {
                let _ = fs::remove_file(target.join(file));
            }
            for object in files(&target.join("objects")).into_iter().step_by(2) {
                fs::remove_file(object).unwrap();
            }
        }
        for args in [&["documents"][..], &["work"], &["verify"]] {
            Ran::of(on(&target, args))
                .ended(1)
                .said(&["not finished", &format!("greffier restore {dir}")]);
        }
        Ran::of(on(&target, &["restore", &other]))
            .ended(1)
            .said(&["half restored", &dir]);
        Ran::of(on(&target, &["restore", &dir])).ended(0);
        assert!(!target.join("restoring.json").exists());
        assert_eq!(json(on(&target, &["verify"]))["root"], root);
    }
}

#[test]
fn a_data_directory_moves_to_a_server() {
    let data = town();
    let before = data.verified();
    let database = Database::new();
    let objects = data.beside("objects-elsewhere").display().to_string();
    let args = [
        "migrate",
        "--to-database",
        &database.url,
        "--to-objects",
        &objects,
    ];
    let moved = data.run(&args).ended(0);
    for word in [
        "Everything holds",
        "GREFFIER_DATABASE=postgres://",
        "GREFFIER_OBJECTS=",
    ] {
        assert!(
            moved.stdout.contains(word),
            "no `{word}` in {}",
            moved.stdout
        );
    }
    data.run(&["documents"]).ended(1).said(&[
        "is in postgres://",
        "GREFFIER_DATABASE",
        "index rebuild",
    ]);
    let with = |args: &[&str]| {
        let mut command = data.command(args);
        command.env("GREFFIER_DATABASE", &database.url);
        command
    };
    Ran::of(with(&["documents"]))
        .ended(1)
        .said(&["GREFFIER_OBJECTS"]);
    let with = |args: &[&str]| {
        let mut command = with(args);
        command.env("GREFFIER_OBJECTS", &objects);
        command
    };
    assert_eq!(json(with(&["verify"]))["root"], before["root"]);
    let letter = data.file("new.txt", "Valmont, une nouvelle lettre.");
    Ran::of(with(&["ingest", "--pipeline", "archives", &letter])).ended(0);
    let after = json(with(&["verify"]));
    assert!(after["records"].as_u64() > before["records"].as_u64());
    let args = ["migrate", "--to-database", &database.url];
    Ran::of(with(&args)).ended(1).said(&["already"]);
    // What was here stays as it was, for whoever goes back; only the index has gone on with the move.
    fs::remove_file(data.path().join("moved.json")).unwrap();
    data.run(&["index", "rebuild"]).ended(0);
    assert_eq!(data.verified()["root"], before["root"]);
    data.run(&args).ended(1).said(&["not empty"]);
}

#[cfg(not(feature = "s3"))]
#[test]
fn a_bucket_needs_a_build_that_knows_s3() {
    let data = Data::new();
    data.run(&["--objects", "s3://mairie/greffier", "documents"])
        .ended(1)
        .said(&["--features s3"]);
    data.run(&["--objects", "ftp://mairie", "documents"])
        .ended(1)
        .said(&["s3://bucket/prefix"]);
}

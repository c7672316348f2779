//! `backup`, `restore`, `migrate`: everything of one authority, copied and put elsewhere.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use domain::{Digest, Lang};
use pipeline::ledger::Ledger as _;
use pipeline::verify::Verification;
use store::SqlLedger;

use super::{Ending, trust};
use crate::args::Global;
use crate::backup::fill::{self, Held};
use crate::backup::{MANIFEST, Manifest, check, lines, write};
use crate::house::{House, lock_alone, only_ours, write_private};
use crate::moved::{self, Restoring, without_password};
use crate::objects::Place;
use crate::print;

/// Copies everything into a folder.
pub async fn backup(global: &Global, dir: &Path, with_secrets: bool) -> Result<Ending> {
    let lang = global.lang;
    let house = House::open_existing(global).await?;
    let started = Instant::now();
    let written = write::write(&house, dir, with_secrets, lang).await?;
    let manifest = &written.manifest;
    let (documents, records) = (manifest.rows("documents"), manifest.rows("records"));
    let objects = &manifest.objects;
    if global.json {
        print::json(&serde_json::json!({
            "backup": dir, "documents": documents, "records": records,
            "log": manifest.log, "objects": objects.count, "bytes": objects.bytes,
            "copied": written.copied, "erased": objects.erased, "lost": objects.lost,
            "files": manifest.files.len(), "with_secrets": with_secrets,
        }))?;
    } else {
        print::line(match lang {
            Lang::Fr => format!(
                "{} : {documents} documents, {records} enregistrements, {} objets ({} nouveaux), {} fichiers, relus, en {:.1} s",
                dir.display(),
                objects.count,
                written.copied,
                manifest.files.len(),
                started.elapsed().as_secs_f64()
            ),
            Lang::En => format!(
                "{}: {documents} documents, {records} records, {} objects ({} new), {} files, read again, in {:.1} s",
                dir.display(),
                objects.count,
                written.copied,
                manifest.files.len(),
                started.elapsed().as_secs_f64()
            ),
        });
        print::line(root_line(&manifest.log.root, lang));
    }
    if !with_secrets {
        print::note(match lang {
            Lang::Fr => format!(
                "ATTENTION : cette sauvegarde est ILLISIBLE sans {} : gardez-en une copie ailleurs, bien à l’abri (ou --with-secrets, et alors gardez la sauvegarde de même)",
                house.data.join("secrets.json").display()
            ),
            Lang::En => format!(
                "WARNING: this backup CANNOT BE READ without {}: keep a copy of it elsewhere, well guarded (or give --with-secrets, and guard the backup as well)",
                house.data.join("secrets.json").display()
            ),
        });
    }
    if objects.erased > 0 {
        print::note(match lang {
            Lang::Fr => format!(
                "{} objets de documents effacés n’y sont pas",
                objects.erased
            ),
            Lang::En => format!(
                "{} objects of erased documents are not in it",
                objects.erased
            ),
        });
    }
    for name in &objects.lost {
        print::note(match lang {
            Lang::Fr => format!("✗ l’objet {name} est nommé par le registre et introuvable"),
            Lang::En => format!("✗ object {name} is named by the ledger and is not in the store"),
        });
    }
    Ok(if objects.lost.is_empty() {
        Ending::Done
    } else {
        Ending::DoesNotHold
    })
}

/// Puts a backup into an empty place.
pub async fn restore(global: &Global, dir: &Path) -> Result<Ending> {
    let lang = global.lang;
    let data = &global.data;
    let manifest = Manifest::read(dir)?.with_context(|| {
        format!(
            "{} holds no finished backup (no {MANIFEST}): `greffier backup {}` makes or finishes one",
            dir.display(),
            dir.display()
        )
    })?;
    let restoring = Restoring {
        manifest: Digest::of(&manifest.to_bytes()?),
        from: std::path::absolute(dir)?,
    };
    let resumes = resumes(data, &restoring)?;
    check::check(dir, &manifest, lang).await?;

    std::fs::create_dir_all(data).with_context(|| format!("cannot make {}", data.display()))?;
    only_ours(data)?;
    let lock = lock_alone(data)?;
    let keys = secrets(data, dir, &manifest)?;
    let place = Place::of(global.objects.as_deref(), data)?;
    if !resumes {
        empty(global, &place).await?;
    }
    // From here on until it is taken back, nobody works here.
    moved::say_restoring(data, &restoring)?;
    let path = data.join("secrets.json");
    if !path.exists() {
        write_private(&path, &keys).with_context(|| format!("cannot write {}", path.display()))?;
    }
    let blobs = place.open()?;
    let ledger = open_ledger(global).await?;
    let list = check::list_of(dir, &manifest)?;
    let read = async |name| {
        let known = list.binary_search_by_key(&name, |(name, ..)| *name);
        let Some((_, bytes, digest)) = known.ok().and_then(|place| list.get(place)) else {
            return Ok(None);
        };
        let written = crate::backup::Sealed {
            bytes: *bytes,
            digest: *digest,
        };
        lines::whole(&crate::backup::object_path(dir, name), written).map(Some)
    };
    let names = list.iter().map(|(name, ..)| *name);
    let (copied, _) = fill::objects(names, &*blobs, read, lang).await?;
    let state = manifest.state_dir(dir);
    for file in &manifest.files {
        let bytes = lines::whole(&check::file_path(&state, &file.path)?, file.file)?;
        let path = data.join(&file.path);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)
                .with_context(|| format!("cannot make {}", folder.display()))?;
        }
        write_private(&path, &bytes).with_context(|| format!("cannot write {}", path.display()))?;
    }
    let expected = Held {
        documents: manifest.rows("documents"),
        records: manifest.rows("records"),
        log: manifest.log,
    };
    if !fill::from_backup(&ledger, dir, &manifest, lang).await? {
        fill::expect(&ledger, expected, lang).await?;
    }
    fill::sequence(&ledger).await?;
    ledger.close().await;
    drop(lock);

    let house = House::open_restored(global).await?;
    let verified = verified(&house, expected, manifest.checkpoint.as_deref(), lang).await?;
    moved::say_restored(data)?;
    report(global, "restored", copied, &verified)?;
    if !global.json {
        print::line(lang.pick(
            "L’index de recherche se refait à la prochaine recherche (ou greffier index rebuild).",
            "The search index is made again by the next search (or greffier index rebuild).",
        ));
    }
    Ok(ending(&verified))
}

/// Whether a restore of the same backup was begun here; refuses a place that holds anything else.
fn resumes(data: &Path, restoring: &Restoring) -> Result<bool> {
    match moved::restoring(data)? {
        Some(begun) if begun.manifest == restoring.manifest => return Ok(true),
        Some(begun) => bail!(
            "{} is half restored from another backup, {}: finish that, or remove what is there",
            data.display(),
            begun.from.display()
        ),
        None => {}
    }
    let entries = match std::fs::read_dir(data) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", data.display())),
    };
    for entry in entries {
        let name = entry?.file_name();
        // The keys may be there before the backup, which need not hold them.
        if name != "secrets.json" && name != "work.lock" {
            bail!(
                "{} is not empty (there is {}): give an empty or a new directory with --data",
                data.display(),
                name.display()
            );
        }
    }
    Ok(false)
}

/// Refuses a database and a place for objects, outside the data directory, that are not empty.
async fn empty(global: &Global, place: &Place) -> Result<()> {
    if let Some(url) = &global.database {
        let ledger = SqlLedger::open_service(url).await?;
        let is_empty = ledger.fill().await?.is_some();
        ledger.close().await;
        ensure!(is_empty, "the database is not empty: give an empty one");
    }
    if global.objects.is_some() {
        ensure!(
            place.open()?.names().await?.is_empty(),
            "there are objects in {place}: give an empty place with --objects"
        );
    }
    Ok(())
}

/// The keys: those in place, else those of the backup.
///
/// # Errors
/// When there are none, or they are of another authority.
fn secrets(data: &Path, dir: &Path, manifest: &Manifest) -> Result<Vec<u8>> {
    let path = data.join("secrets.json");
    let bytes = match (std::fs::read(&path), manifest.secrets) {
        (Ok(bytes), _) => bytes,
        (Err(error), written) if error.kind() == std::io::ErrorKind::NotFound => {
            let written = written.with_context(|| {
                format!(
                    "the backup was made without its keys: put secrets.json into {} first",
                    data.display()
                )
            })?;
            lines::whole(&manifest.state_dir(dir).join("secrets.json"), written)?
        }
        (Err(error), _) => {
            return Err(error).with_context(|| format!("cannot read {}", path.display()));
        }
    };
    let secrets =
        privacy::Secrets::from_json(&bytes).with_context(|| format!("in {}", path.display()))?;
    let of = hex::encode(secrets.authority_id());
    ensure!(
        of == manifest.authority,
        "{} is of another authority ({of}) than the backup ({})",
        path.display(),
        manifest.authority
    );
    Ok(bytes)
}

async fn open_ledger(global: &Global) -> Result<SqlLedger> {
    Ok(match &global.database {
        Some(url) => SqlLedger::open_service(url).await?,
        None => SqlLedger::open_embedded(&global.data.join("greffier.db")).await?,
    })
}

/// Moves the ledger, the objects or both elsewhere.
pub async fn migrate(
    global: &Global,
    to_database: Option<&str>,
    to_objects: Option<&str>,
) -> Result<Ending> {
    let lang = global.lang;
    let house = House::open_existing(global).await?;
    let _lock = house.lock()?;
    let to = Global {
        database: to_database.map(str::to_owned).or(global.database.clone()),
        objects: to_objects.map(str::to_owned).or(global.objects.clone()),
        ..global.clone()
    };
    let place = Place::of(to.objects.as_deref(), &to.data)?;
    ensure!(
        to_objects.is_none() || place != house.objects,
        "the objects are in {place} already"
    );
    ensure!(
        to_database.is_none() || to_database != global.database.as_deref(),
        "the ledger is in that database already"
    );
    // What can be refused is, before anything is copied.
    let blobs = place.open()?;
    let ledger = match to_database {
        Some(url) => Some(SqlLedger::open_service(url).await?),
        None => None,
    };
    pipeline::log::checkpoint(&house.desk.vault).await?;
    let mut snapshot = house.sql.snapshot().await?;
    let (held, survey) = fill::survey(&mut snapshot, lang)
        .await
        .context("the ledger does not hold: `greffier verify` names what")?;
    let mut copied = 0;
    if to_objects.is_some() {
        let names = survey
            .named()
            .iter()
            .filter(|(_, subject)| survey.has_key(**subject))
            .map(|(name, _)| *name);
        let read = async |name| Ok(house.desk.vault.blobs.get(name).await?);
        let (moved, lost) = fill::objects(names, &*blobs, read, lang).await?;
        ensure!(
            lost.is_empty(),
            "{} objects that the ledger names are not in {}, {} first: `greffier verify` says whose they are",
            lost.len(),
            house.objects,
            lost[0]
        );
        copied = moved;
    }
    if let Some(ledger) = &ledger {
        let unchanged = async || {
            let now = house.sql.counts().await?;
            ensure!(
                (now.documents, now.records) == (held.documents, held.records),
                "something was recorded meanwhile: stop `greffier serve` and whoever decides, and begin again"
            );
            Ok(())
        };
        if !fill::from_ledger(&mut snapshot, ledger, unchanged, lang).await? {
            fill::expect(ledger, held, lang).await?;
        }
        fill::sequence(ledger).await?;
        ledger.close().await;
    }
    snapshot.end().await?;

    let target = House::open_existing(&to).await?;
    let verified = verified(&target, held, None, lang).await?;
    if !verified.holds() {
        report(global, "moved", copied, &verified)?;
        return Ok(ending(&verified));
    }
    let mut moved = moved::moved(&house.data)?;
    moved.at = Some(house.desk.clock.now());
    moved.database = to_database.map(without_password).or(moved.database);
    moved.objects = to_objects.map(str::to_owned).or(moved.objects);
    moved::say_moved(&house.data, &moved)?;
    report(global, "moved", copied, &verified)?;
    if !global.json {
        print::line(lang.pick(
            "À régler désormais, pour toutes les commandes (ce qui était là n’a pas changé, et n’est plus ouvert) :",
            "From now on, for every command (what was here has not changed, and is not opened any more):",
        ));
        if let Some(url) = to_database {
            print::line(format!(
                "  export GREFFIER_DATABASE={}",
                without_password(url)
            ));
        }
        if let Some(place) = to_objects {
            print::line(format!("  export GREFFIER_OBJECTS={place}"));
        }
    }
    Ok(Ending::Done)
}

/// Checks everything as `verify` does, and that the log is the one that was copied.
async fn verified(
    house: &House,
    expected: Held,
    checkpoint: Option<&str>,
    lang: Lang,
) -> Result<Verification> {
    let mut v = trust::check(house, checkpoint, lang).await?;
    let size = expected.log.size;
    let log = house.sql.log_size().await?;
    if log < size {
        v.find(
            "log",
            format!("has {log} leaves, of {size} that were copied"),
        );
    } else if size > 0 {
        let root = pipeline::log::root(&house.desk.vault, size).await?;
        if root != expected.log.root {
            v.find(
                "log",
                format!(
                    "has the root {root} at size {size}, not {}",
                    expected.log.root
                ),
            );
        }
    }
    Ok(v)
}

fn report(global: &Global, done: &str, copied: u64, v: &Verification) -> Result<()> {
    if global.json {
        return print::json(&serde_json::json!({ "done": done, "copied": copied, "verified": v }));
    }
    trust::show(v, global.lang);
    Ok(())
}

fn root_line(root: &Digest, lang: Lang) -> String {
    format!(
        "{} {root}",
        lang.pick("racine du journal", "root of the log")
    )
}

fn ending(v: &Verification) -> Ending {
    if v.holds() {
        Ending::Done
    } else {
        Ending::DoesNotHold
    }
}

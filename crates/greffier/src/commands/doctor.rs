//! `doctor`: what is here, what is in force, and what to do about the rest.

use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::Result;
use broker::depth::{Depth, Purpose};
use domain::Lang;
use domain::message::Task;
use extract::Budgets;
use extract::isolation::{Confinement, ProcessLimits};
use extract::ocr::OcrSettings;
use search::Index;
use serde::Serialize;

use super::Ending;
use super::service::topology;
use crate::args::{Global, MaybeBroker};
use crate::house::{self, House, reading, recogniser};
use crate::print;

/// Less free space than this is too little.
const FREE_BYTES_MIN: u64 = 1 << 30;

/// How a check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum State {
    /// As it should be.
    Ok,
    /// Somebody should do something.
    ToDo,
    /// Not here; what needs it waits or is left out.
    Unavailable,
    /// Cannot be told from here.
    Unknown,
}

impl State {
    const fn say(self, lang: Lang) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::ToDo => lang.pick("à faire", "to do"),
            Self::Unavailable => lang.pick("indisponible", "unavailable"),
            Self::Unknown => lang.pick("inconnu", "unknown"),
        }
    }
}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Check {
    /// A stable name.
    name: &'static str,
    /// The same for people.
    what: &'static str,
    state: State,
    /// Whether nothing goes without it.
    essential: bool,
    /// What was found.
    found: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<String>,
}

/// The checks so far.
struct Doctor {
    lang: Lang,
    checks: Vec<Check>,
}

impl Doctor {
    fn add(&mut self, name: &'static str, what: [&'static str; 2], finding: Finding) {
        let [fr, en] = what;
        self.checks.push(Check {
            name,
            what: self.lang.pick(fr, en),
            state: finding.state,
            essential: finding.essential,
            found: finding.found,
            remedy: finding.remedy,
        });
    }
}

/// What a check found.
struct Finding {
    state: State,
    essential: bool,
    found: String,
    remedy: Option<String>,
}

impl Finding {
    fn ok(found: impl Into<String>) -> Self {
        Self {
            state: State::Ok,
            essential: false,
            found: found.into(),
            remedy: None,
        }
    }

    fn not(state: State, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            state,
            essential: false,
            found: found.into(),
            remedy: Some(remedy.into()),
        }
    }

    fn essential(self) -> Self {
        Self {
            essential: true,
            ..self
        }
    }
}

/// Looks at this machine and, where there is one, at the data directory.
///
/// # Errors
/// When the checks cannot be printed.
pub async fn doctor(global: &Global, at: &MaybeBroker) -> Result<Ending> {
    let lang = global.lang;
    let mut doctor = Doctor {
        lang,
        checks: Vec::new(),
    };
    let exists = global.data.is_dir();
    doctor.add(
        "data",
        ["dossier de données", "data directory"],
        data(&global.data, lang),
    );
    if let Some(place) = nearest(&global.data) {
        doctor.add("space", ["place libre", "free space"], space(&place, lang));
        doctor.add(
            "encryption",
            ["chiffrement du volume", "volume encryption"],
            encryption(&place, lang),
        );
    }
    let secrets = global.data.join("secrets.json");
    if secrets.is_file() {
        doctor.add("secrets", ["secrets", "secrets"], closed(&secrets, lang));
    }
    models(global, &mut doctor);
    doctor.add("ocr", ["OCR (Tesseract)", "OCR (Tesseract)"], ocr(lang));
    let (confinement, memory) = tokio::task::spawn_blocking({
        let threads = global.threads;
        move || (confinement(lang), memory(threads, lang))
    })
    .await?;
    doctor.add(
        "confinement",
        ["confinement de la lecture", "confinement of reading"],
        confinement,
    );
    doctor.add("memory", ["mémoire", "memory"], memory);
    if exists && secrets.is_file() {
        ledger(global, &mut doctor).await;
        let finding = match at.address() {
            Ok(None) => None,
            Ok(Some(address)) => Some(broker(global, &address, &at.queues.prefix).await),
            Err(error) => {
                Some(Finding::not(State::Unavailable, format!("{error:#}"), "--broker").essential())
            }
        };
        if let Some(finding) = finding {
            doctor.add("broker", ["RabbitMQ", "RabbitMQ"], finding);
        }
    }
    let missing = |c: &Check| c.essential && c.state != State::Ok;
    let ready = !doctor.checks.iter().any(missing);
    if global.json {
        print::json(&serde_json::json!({ "ready": ready, "checks": doctor.checks }))?;
    } else {
        let rows = doctor.checks.into_iter().map(|check| {
            vec![
                check.what.to_owned(),
                check.state.say(lang).to_owned(),
                check.found,
                check.remedy.unwrap_or_default(),
            ]
        });
        let header = [
            lang.pick("vérifié", "checked"),
            lang.pick("état", "state"),
            lang.pick("constat", "found"),
            lang.pick("que faire", "what to do"),
        ];
        print::table(&header, rows.collect());
        print::line(if ready {
            lang.pick(
                "Rien d’essentiel ne manque.",
                "Nothing essential is missing.",
            )
        } else {
            lang.pick("Il manque l’essentiel.", "Something essential is missing.")
        });
    }
    Ok(if ready {
        Ending::Done
    } else {
        Ending::NotReady
    })
}

/// The path, or the nearest folder above it that is there.
fn nearest(path: &Path) -> Option<PathBuf> {
    let path = std::path::absolute(path).ok()?;
    path.ancestors().find(|p| p.is_dir()).map(Path::to_owned)
}

fn data(dir: &Path, lang: Lang) -> Finding {
    let shown = dir.display().to_string();
    if !dir.is_dir() {
        let remedy = lang.pick(
            "greffier init le crée, ou --data DOSSIER en nomme un autre",
            "greffier init makes it, or --data DIR names another",
        );
        let found = match lang {
            Lang::Fr => format!("{shown} n’existe pas encore"),
            Lang::En => format!("{shown} does not exist yet"),
        };
        return Finding::not(State::ToDo, found, remedy);
    }
    let probe = dir.join(format!(".doctor-{}", std::process::id()));
    let written = std::fs::write(&probe, b"").and_then(|()| std::fs::remove_file(&probe));
    match written {
        Ok(()) => Finding::ok(shown),
        Err(error) => Finding::not(
            State::ToDo,
            format!("{shown} : {error}"),
            lang.pick(
                "donner à ce compte le droit d’y écrire",
                "give this account the right to write there",
            ),
        )
        .essential(),
    }
}

fn space(place: &Path, lang: Lang) -> Finding {
    let Ok(free) = fs4::available_space(place) else {
        let found = place.display().to_string();
        return Finding::not(State::Unknown, found, "");
    };
    let found = gibibytes(free, lang);
    if free < FREE_BYTES_MIN {
        let remedy = lang.pick("libérer de la place", "make room");
        return Finding::not(State::ToDo, found, remedy).essential();
    }
    Finding::ok(found)
}

fn gibibytes(bytes: u64, lang: Lang) -> String {
    let tenths = bytes.saturating_mul(10) >> 30;
    let (point, unit) = match lang {
        Lang::Fr => (',', "Gio"),
        Lang::En => ('.', "GiB"),
    };
    format!("{}{point}{} {unit}", tenths / 10, tenths % 10)
}

/// Whether the volume, or what it lies on, is encrypted by this system. What encrypts below it (a
/// hypervisor, the disk) does not show.
fn encryption(place: &Path, lang: Lang) -> Finding {
    let device = std::fs::metadata(place).ok().and_then(|meta| {
        // The two numbers of a device, as Linux packs them.
        let device = meta.dev();
        let major = (device >> 8) & 0xfff | (device >> 32) & !0xfff;
        let minor = device & 0xff | (device >> 12) & !0xff;
        std::fs::canonicalize(format!("/sys/dev/block/{major}:{minor}")).ok()
    });
    match device {
        Some(device) if encrypted(&device, 8) => Finding::ok("dm-crypt"),
        _ => Finding::not(
            State::Unknown,
            lang.pick("aucun dm-crypt visible d’ici", "no dm-crypt seen from here"),
            lang.pick(
                "mettre les données sur un volume chiffré (LUKS) : l’index et la base ne le sont pas d’eux-mêmes",
                "keep the data on an encrypted volume (LUKS): index and database are not by themselves",
            ),
        ),
    }
}

/// Whether a block device, or one that it is made of, is dm-crypt's.
fn encrypted(device: &Path, depth: u32) -> bool {
    let uuid = std::fs::read_to_string(device.join("dm/uuid")).unwrap_or_default();
    if uuid.starts_with("CRYPT-") {
        return true;
    }
    let Some(below) = depth.checked_sub(1) else {
        return false;
    };
    std::fs::read_dir(device.join("slaves"))
        .into_iter()
        .flatten()
        .filter_map(|entry| std::fs::canonicalize(entry.ok()?.path()).ok())
        .any(|slave| encrypted(&slave, below))
}

/// Whether a file is its owner's alone.
fn closed(file: &Path, lang: Lang) -> Finding {
    let shown = file.display();
    match std::fs::metadata(file) {
        Ok(meta) => {
            let mode = meta.permissions().mode() & 0o777;
            let found = format!("{shown} ({mode:03o})");
            if mode & 0o077 == 0 {
                Finding::ok(found)
            } else {
                Finding::not(State::ToDo, found, format!("chmod 600 {shown}")).essential()
            }
        }
        Err(error) => Finding::not(
            State::ToDo,
            format!("{shown} : {error}"),
            lang.pick("rendre ce fichier lisible", "make this file readable"),
        )
        .essential(),
    }
}

/// ONNX Runtime and every model that is pinned, loaded and compared with their digests.
fn models(global: &Global, doctor: &mut Doctor) {
    let remedy = "cargo xtask setup";
    let lacks = |error: &anyhow::Error| {
        Finding::not(State::Unavailable, format!("{error:#}"), remedy).essential()
    };
    let what = ["filières et modèles", "pipelines and models"];
    let models = match house::models(global, 1) {
        Ok((pipelines, models)) => {
            doctor.add(
                "pipelines",
                what,
                Finding::ok(pipelines.display().to_string()),
            );
            models
        }
        Err(error) => return doctor.add("pipelines", what, lacks(&error)),
    };
    let runtime = match models.runtime() {
        Ok(runtime) => Finding::ok(format!("{} ({})", runtime.version(), runtime.digest())),
        Err(error) => lacks(&error),
    };
    doctor.add("runtime", ["ONNX Runtime", "ONNX Runtime"], runtime);
    for name in models.registry.models.keys() {
        let finding = match models.encoder(name) {
            Ok(_) => Finding::ok(match models.encoder_digest(name) {
                Ok(digest) => format!("{name} ({digest})"),
                Err(_) => name.clone(),
            }),
            Err(error) => lacks(&error),
        };
        doctor.add("encoder", ["encodeur", "encoder"], finding);
    }
}

fn ocr(lang: Lang) -> Finding {
    let languages = OcrSettings::default().languages;
    match recogniser(&languages) {
        Ok(recogniser) => {
            let version = recogniser
                .found()
                .version
                .lines()
                .next()
                .unwrap_or_default();
            Finding::ok(format!("{version} ({})", languages.join(", ")))
        }
        Err(missing) => Finding::not(
            State::Unavailable,
            match lang {
                Lang::Fr => format!("{missing} : les pages en image attendent"),
                Lang::En => format!("{missing}: pages that are images wait"),
            },
            missing.remedy(),
        ),
    }
}

/// What a child that reads documents gave up, as it says.
fn confinement(lang: Lang) -> Finding {
    let confinement = match (reading().reader)(Budgets::default()).confinement() {
        Ok(confinement) => confinement,
        Err(fault) => {
            return Finding::not(
                State::Unavailable,
                pipeline::verify::chain(&fault),
                lang.pick(
                    "aucun document ne peut être lu : vérifier que le programme peut se lancer lui-même",
                    "no document can be read: see that the program can start itself",
                ),
            )
            .essential();
        }
    };
    let Confinement {
        landlock_abi,
        seccomp,
        no_new_privileges,
        not_dumpable,
    } = confinement;
    let yes = |held: bool| if held { "ok" } else { lang.pick("non", "no") };
    let landlock = landlock_abi.map_or_else(
        || lang.pick("non", "no").to_owned(),
        |abi| format!("ABI {abi}"),
    );
    let found = format!(
        "Landlock : {landlock} ; seccomp : {} ; no_new_privs : {} ; non-dumpable : {}",
        yes(seccomp),
        yes(no_new_privileges),
        yes(not_dumpable)
    );
    if confinement.is_full() {
        return Finding::ok(found);
    }
    Finding::not(
        State::ToDo,
        found,
        lang.pick(
            "un noyau Linux 5.13 ou plus récent, avec `landlock` dans lsm=, et seccomp permis au conteneur",
            "Linux 5.13 or newer, with `landlock` in lsm=, and seccomp allowed to the container",
        ),
    )
}

/// Whether all children at their limit fit the machine.
fn memory(threads: Option<usize>, lang: Lang) -> Finding {
    let threads = threads
        .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, std::num::NonZero::get))
        .max(1) as u64;
    let limit = ProcessLimits::default().address_space_bytes;
    let most = limit.saturating_mul(threads);
    let Some(total) = total_memory() else {
        let found = gibibytes(most, lang);
        return Finding::not(State::Unknown, found, "");
    };
    let found = match lang {
        Lang::Fr => format!(
            "{threads} lectures de {} au plus, sur {}",
            gibibytes(limit, lang),
            gibibytes(total, lang)
        ),
        Lang::En => format!(
            "{threads} readings of at most {}, of {}",
            gibibytes(limit, lang),
            gibibytes(total, lang)
        ),
    };
    if most <= total {
        return Finding::ok(found);
    }
    Finding::not(
        State::ToDo,
        found,
        format!("--threads {}", (total / limit).max(1)),
    )
}

/// Memory of the machine, in bytes.
fn total_memory() -> Option<u64> {
    let info = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = info.lines().find_map(|l| l.strip_prefix("MemTotal:"))?;
    let kibibytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    kibibytes.checked_mul(1024)
}

/// The data directory, opened: its ledger, what waits, its indexes.
async fn ledger(global: &Global, doctor: &mut Doctor) {
    let lang = doctor.lang;
    let what = ["registre", "ledger"];
    let lacks = |found: String| {
        Finding::not(
            State::Unavailable,
            found,
            lang.pick(
                "greffier verify dit ce qui ne tient pas",
                "greffier verify says what does not hold",
            ),
        )
        .essential()
    };
    let house = match House::open_existing(global).await {
        Ok(house) => house,
        Err(error) => return doctor.add("ledger", what, lacks(format!("{error:#}"))),
    };
    let ledger = &house.desk.vault.ledger;
    let (counts, owed, log) = match (
        ledger.counts().await,
        ledger.owed().await,
        ledger.log_size().await,
    ) {
        (Ok(counts), Ok(owed), Ok(log)) => (counts, owed, log),
        (Err(error), ..) | (_, Err(error), _) | (.., Err(error)) => {
            return doctor.add("ledger", what, lacks(pipeline::verify::chain(&error)));
        }
    };
    let found = match lang {
        Lang::Fr => format!("{} documents, {} actes", counts.documents, counts.records),
        Lang::En => format!("{} documents, {} records", counts.documents, counts.records),
    };
    doctor.add("ledger", what, Finding::ok(found));

    let waiting = owed
        .iter()
        .filter(|(task, _)| task.stage.as_str() == "ocr")
        .count();
    let what = ["en attente d’OCR", "waiting for OCR"];
    let found = waiting.to_string();
    let finding = if waiting == 0 {
        Finding::ok(found)
    } else {
        Finding::not(State::ToDo, found, "greffier work")
    };
    doctor.add("waiting-for-ocr", what, finding);
    let what = ["remis à plus tard", "put off"];
    doctor.add("put-off", what, put_off(&owed, lang));

    for collection in house.collections() {
        let dir = house.index_dir(&collection);
        if !dir.is_dir() {
            continue;
        }
        let finding = match Index::open(&dir) {
            Ok(index) => {
                let found = format!("{collection} : {} / {log}", index.position());
                match index.position().cmp(&log) {
                    std::cmp::Ordering::Equal => Finding::ok(found),
                    std::cmp::Ordering::Less => Finding::not(State::ToDo, found, "greffier work"),
                    std::cmp::Ordering::Greater => lacks(found),
                }
            }
            Err(error) => lacks(pipeline::verify::chain(&error)),
        };
        doctor.add("index", ["index", "index"], finding);
    }
}

/// Tasks that could not be done yet, by stage and reason.
fn put_off(owed: &[(Task, Option<String>)], lang: Lang) -> Finding {
    let mut reasons: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for (task, reason) in owed {
        if let Some(reason) = reason {
            *reasons.entry((task.stage.as_str(), reason)).or_default() += 1;
        }
    }
    if reasons.is_empty() {
        return Finding::ok("0");
    }
    let found: Vec<String> = reasons
        .into_iter()
        .map(|((stage, reason), tasks)| format!("{tasks} × {stage} ({reason})"))
        .collect();
    Finding::not(
        State::ToDo,
        found.join("; "),
        lang.pick(
            "lever ce que dit le motif ; greffier work reprend de lui-même",
            "mend what the reason says; greffier work takes it up again by itself",
        ),
    )
}

/// The broker: whether it answers, whether what waits there has somebody who takes it, and whether
/// something was parked.
async fn broker(global: &Global, address: &broker::Address, prefix: &str) -> Finding {
    let lang = global.lang;
    let house = match House::open_existing(global).await {
        Ok(house) => house,
        Err(error) => return Finding::not(State::Unknown, format!("{error:#}"), ""),
    };
    let topology = topology(&house, prefix);
    let depths: Vec<Depth> = match broker::depth::depths(address, &topology).await {
        Ok(depths) => depths,
        Err(error) => {
            let remedy = lang.pick(
                "vérifier l’adresse et le droit d’accès",
                "check the address and the right of access",
            );
            let found = pipeline::verify::chain(&error);
            return Finding::not(State::Unavailable, found, remedy).essential();
        }
    };
    let parked: u32 = depths
        .iter()
        .filter(|depth| depth.purpose == Purpose::Parked)
        .map(|depth| depth.messages)
        .sum();
    let waiting: u32 = depths.iter().map(|depth| depth.messages).sum::<u32>() - parked;
    let found = match lang {
        Lang::Fr => format!(
            "{} files, {waiting} en attente, {parked} mis à part",
            depths.len()
        ),
        Lang::En => format!(
            "{} queues, {waiting} waiting, {parked} parked",
            depths.len()
        ),
    };
    let abandoned: std::collections::BTreeSet<&str> = depths
        .iter()
        .filter(|depth| depth.messages > 0 && depth.consumers == 0)
        .filter_map(|depth| match &depth.purpose {
            Purpose::Work { stage, .. } => Some(stage.as_str()),
            _ => None,
        })
        .collect();
    if !abandoned.is_empty() {
        let stages: Vec<&str> = abandoned.into_iter().collect();
        let remedy = format!("greffier work --broker URL --stage {}", stages.join(","));
        return Finding::not(State::ToDo, found, remedy);
    }
    if parked > 0 {
        return Finding::not(State::ToDo, found, "greffier parked list");
    }
    Finding::ok(found)
}

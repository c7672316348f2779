//! One data directory, opened: its ledger, its blobs, its keys, its pipelines and its index.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use domain::{CollectionName, PipelineName};
use extract::isolation::{ProcessLimits, Reader};
use extract::ocr::{Found, Missing, Recogniser};
use pipeline::circumstances::{Build, SystemClock};
use pipeline::desk::Desk;
use pipeline::file::SourceFile;
use pipeline::ledger::Ledger;
use pipeline::pipelines::Pipelines;
use pipeline::vault::Vault;
use pipeline::worker::{Bench, Worker};
use privacy::Secrets;
use store::SqlLedger;

use crate::args::{Global, Password};
use crate::models::{Models, runtime_version};
use crate::moved;
use crate::objects::Place;
use crate::stages::{Reading, Workshop, assemble};

/// Another process works on the data directory.
#[derive(Debug, thiserror::Error)]
#[error("process {pid} works on {}: wait until it ends, or stop it", data.display())]
pub struct Busy {
    /// Which.
    pub pid: String,
    /// On what.
    pub data: PathBuf,
}

/// A data directory, opened.
pub struct House {
    /// The data directory.
    pub data: PathBuf,
    /// People's side: documents, reviews.
    pub desk: Desk,
    /// The models.
    pub models: Arc<Models>,
    /// The ledger, to be copied row by row.
    pub sql: SqlLedger,
    /// Where sealed artifacts are.
    pub objects: Place,
    /// The ledger, where it is in PostgreSQL: several processes may work on it.
    pub service: Option<SqlLedger>,
    /// Pipelines that were suspended when they were read, in the order of their names.
    pub suspended: Vec<PipelineName>,
    /// Working threads.
    pub threads: usize,
    has_password: bool,
}

/// Proof that this process is the one that works on the data directory; released when dropped,
/// and by the system when the process dies.
pub struct WorkLock(#[expect(dead_code, reason = "held for its lock")] File);

impl House {
    /// Opens a data directory that is there.
    ///
    /// # Errors
    /// As [`open`](Self::open), and when there is none: a mistyped name must not answer
    /// "everything holds".
    pub async fn open_existing(global: &Global) -> Result<Self> {
        let secrets = global.data.join("secrets.json");
        if !secrets.is_file() {
            bail!(
                "{} is no data directory: `greffier ingest` or `greffier init` makes one, --data DIR names another",
                global.data.display()
            );
        }
        Self::open(global).await
    }

    /// Opens a data directory, making what is missing.
    ///
    /// # Errors
    /// When something cannot be read or made, or a pipeline file is wrong.
    pub async fn open(global: &Global) -> Result<Self> {
        Self::open_with(global, None, Password::of_environment()).await
    }

    /// As [`open`](Self::open); a new directory derives its secrets from `secret_file`,
    /// and files that have a password are opened with `password`.
    ///
    /// # Errors
    /// As [`open`](Self::open), and when the directory already has other secrets.
    pub async fn open_with(
        global: &Global,
        secret_file: Option<&Path>,
        password: Option<Password>,
    ) -> Result<Self> {
        moved::refuse(global)?;
        Self::open_any(global, secret_file, password).await
    }

    /// Opens a data directory whose restore has not ended yet, to see whether it holds.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn open_restored(global: &Global) -> Result<Self> {
        Self::open_any(global, None, None).await
    }

    async fn open_any(
        global: &Global,
        secret_file: Option<&Path>,
        password: Option<Password>,
    ) -> Result<Self> {
        let data = global.data.clone();
        let make = |dir: &Path| {
            std::fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))
        };
        make(&data)?;
        only_ours(&data)?;
        let new = !data.join("secrets.json").exists();
        let secrets = Arc::new(secrets(&data, secret_file)?);
        let sql = match &global.database {
            Some(url) => SqlLedger::open_service(url).await?,
            None => SqlLedger::open_embedded(&data.join("greffier.db")).await?,
        };
        let ours = hex::encode(secrets.authority_id());
        let theirs = sql.authority_or(&ours).await?;
        if theirs != ours {
            bail!(
                "this ledger belongs to authority {theirs}, and {} has the keys of {ours}: copy the secrets.json of the former there, or name another database",
                data.display()
            );
        }
        if new && let Some(url) = &global.database {
            // Without its database this directory must not begin another ledger.
            crate::moved::say_begun(&data, url)?;
        }
        let service = global.database.is_some().then(|| sql.clone());
        let ledger: Arc<dyn Ledger> = Arc::new(sql.clone());
        let objects = Place::of(global.objects.as_deref(), &data)?;
        let blobs = objects.open()?;
        let threads = global.threads.unwrap_or_else(|| {
            std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
        });
        let (pipelines_dir, models) = models(global, threads)?;
        let models = Arc::new(models);
        let has_password = password.is_some();
        let shop = Workshop {
            models: models.clone(),
            reading: Arc::new(Reading {
                password,
                ..reading()
            }),
        };
        let (pipelines, suspended) = load_pipelines(&pipelines_dir, &data, &shop)?;
        let pipelines = Arc::new(pipelines);
        let build = Build {
            build: concat!("greffier ", env!("CARGO_PKG_VERSION")).to_owned(),
            platform: format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS),
            runtime: Some(runtime_version(&models)),
        };
        let vault = Vault {
            ledger,
            blobs,
            secrets,
        };
        let desk = Desk {
            vault,
            pipelines,
            clock: Arc::new(SystemClock),
            build,
            reach: domain::Reach::Everything,
        };
        Ok(Self {
            data,
            desk,
            models,
            sql,
            objects,
            service,
            suspended,
            threads,
            has_password,
        })
    }

    /// Whether a password was given for the files that have one.
    pub fn has_password(&self) -> bool {
        self.has_password
    }

    /// Takes the right to work on the data directory.
    ///
    /// # Errors
    /// [`Busy`] when another process has it.
    pub fn lock(&self) -> Result<WorkLock> {
        self.lock_with(File::try_lock)
    }

    /// Takes the right to work on the data directory beside others that do so, which a broker and
    /// PostgreSQL allow.
    ///
    /// # Errors
    /// [`Busy`] when a process works on it alone.
    pub fn lock_shared(&self) -> Result<WorkLock> {
        self.lock_with(File::try_lock_shared)
    }

    fn lock_with(&self, lock: fn(&File) -> Result<(), TryLockError>) -> Result<WorkLock> {
        lock_data(&self.data, lock)
    }

    /// A worker on this house.
    pub fn worker(&self) -> Worker {
        Worker {
            vault: self.desk.vault.clone(),
            pipelines: self.desk.pipelines.clone(),
            clock: self.desk.clock.clone(),
            build: self.desk.build.clone(),
            bench: Bench::BlockingThreads,
        }
    }

    /// The pipeline of this name.
    ///
    /// # Errors
    /// When there is none.
    pub fn pipeline(&self, name: &str) -> Result<&pipeline::pipelines::Pipeline> {
        let name: PipelineName = name.parse()?;
        Ok(self.desk.pipelines.get(&name)?)
    }

    /// Where the search index of a collection is.
    pub fn index_dir(&self, collection: &CollectionName) -> PathBuf {
        self.data.join("index").join(collection.as_str())
    }

    /// The encoder whose vectors a collection is searched by: that of the pipelines that feed it.
    ///
    /// # Errors
    /// When they have different ones: vectors of two encoders cannot be compared.
    pub fn encoder_of(&self, collection: &CollectionName) -> Result<String> {
        let mut encoders: Vec<String> = Vec::new();
        for pipeline in self.desk.pipelines.iter() {
            if pipeline.source.file.collection == *collection
                && let Some(encoder) = crate::stages::encoder_of(&pipeline.source)?
                && !encoders.contains(&encoder)
            {
                encoders.push(encoder);
            }
        }
        match encoders.as_slice() {
            [] => Ok(crate::stages::EmbedSettings::default().encoder),
            [encoder] => Ok(encoder.clone()),
            several => bail!(
                "the pipelines of collection {collection} embed with {}: give them one encoder",
                several.join(" and ")
            ),
        }
    }

    /// Every collection that a pipeline feeds.
    pub fn collections(&self) -> Vec<CollectionName> {
        let mut all: Vec<CollectionName> = self
            .desk
            .pipelines
            .iter()
            .map(|p| p.source.file.collection.clone())
            .collect();
        all.sort();
        all.dedup();
        all
    }
}

/// Takes the right to work on a data directory that is not opened yet.
///
/// # Errors
/// [`Busy`] when another process has it.
pub fn lock_alone(data: &Path) -> Result<WorkLock> {
    lock_data(data, File::try_lock)
}

fn lock_data(data: &Path, lock: fn(&File) -> Result<(), TryLockError>) -> Result<WorkLock> {
    let path = data.join("work.lock");
    let mut file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .open(&path)
        .with_context(|| format!("cannot open {}", path.display()))?;
    match lock(&file) {
        Ok(()) => {
            file.set_len(0)?;
            write!(file, "{}", std::process::id())?;
            Ok(WorkLock(file))
        }
        Err(TryLockError::WouldBlock) => {
            let mut pid = String::new();
            // Who holds the lock wrote its number; a number not yet written is said as such.
            let _ = file.read_to_string(&mut pid);
            let pid = if pid.trim().is_empty() {
                "?".to_owned()
            } else {
                pid.trim().to_owned()
            };
            Err(Busy {
                pid,
                data: data.to_owned(),
            }
            .into())
        }
        Err(TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("cannot lock {}", path.display()))
        }
    }
}

/// Documents are read by children of this very program.
pub fn reading() -> Reading {
    Reading {
        reader: Box::new(|budgets| {
            let program = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("greffier"));
            Reader::new(
                program,
                vec!["extract-child".into()],
                ProcessLimits::default(),
                budgets,
            )
        }),
        recogniser: Arc::new(recogniser),
        password: None,
    }
}

/// What recognises pages on this machine, started through this very program.
///
/// # Errors
/// What is missing.
pub fn recogniser(languages: &[String]) -> Result<Recogniser, Missing> {
    let program = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("greffier"));
    Ok(Recogniser::new(
        Found::look(languages)?,
        program,
        vec!["ocr-child".into()],
        recognition_limits(),
    ))
}

/// Limits on the recogniser, for one page.
pub fn recognition_limits() -> ProcessLimits {
    ProcessLimits {
        address_space_bytes: 2 << 30,
        open_files: 64,
        output_bytes: 64 << 20,
        ..ProcessLimits::default()
    }
}

/// Finds pipeline files and models: where asked, here, or beside the program and above it.
///
/// # Errors
/// When there are none.
pub fn models(global: &Global, threads: usize) -> Result<(PathBuf, Models)> {
    let pipelines = match &global.pipelines {
        Some(dir) => dir.clone(),
        None => places("pipelines", "/etc/greffier/pipelines").into_iter().find(|d| d.join("models.toml").is_file()).context(
            "no folder `pipelines` with a models.toml here or beside the program: give --pipelines DIR",
        )?,
    };
    let runtime = match &global.runtime {
        Some(dir) => vec![dir.clone()],
        None => places(".runtime", "/usr/lib/greffier"),
    };
    let models = Models::open(
        &pipelines.join("models.toml"),
        runtime,
        global.data.join("models"),
        threads,
    )?;
    Ok((pipelines, models))
}

/// Where a folder of this name may be, nearest first; an installed program's is where its package puts
/// it.
fn places(folder: &str, installed: &str) -> Vec<PathBuf> {
    let mut places = vec![PathBuf::from(folder)];
    if let Ok(program) = std::env::current_exe() {
        places.extend(
            program
                .ancestors()
                .skip(1)
                .take(4)
                .map(|dir| dir.join(folder)),
        );
        if program.starts_with("/usr") {
            places.push(PathBuf::from(installed));
        }
    }
    // A program built elsewhere than under its sources finds theirs.
    places.push(
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../..")
            .join(folder),
    );
    places
}

/// Every pipeline file of a folder, checked and assembled, and those that are suspended.
///
/// # Errors
/// With the file and line of the first thing wrong.
fn load_pipelines(
    dir: &Path,
    data: &Path,
    shop: &Workshop,
) -> Result<(Pipelines, Vec<PipelineName>)> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(dir)
        .with_context(|| format!("cannot read {}", dir.display()))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|e| e == "toml"))
        .filter(|path| path.file_name().is_some_and(|n| n != "models.toml"))
        .collect();
    files.sort();
    let (mut all, mut suspended) = (Vec::new(), Vec::new());
    for path in files {
        let mut source = SourceFile::load(&path)?;
        if crate::suspensions::in_force(data, &source.file.pipeline)?.is_some() {
            source.set_true("route", "review_everything");
            suspended.push(source.file.pipeline.clone());
        }
        crate::reconcilers::check(&source)?;
        all.push(assemble(Arc::new(source), shop)?);
    }
    suspended.sort();
    Ok((Pipelines::new(all), suspended))
}

/// The authority's secrets: those there are, or new ones.
fn secrets(data: &Path, secret_file: Option<&Path>) -> Result<Secrets> {
    let path = data.join("secrets.json");
    let from_file = match secret_file {
        Some(file) => {
            let bytes =
                std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
            Some(Secrets::derived(&bytes)?)
        }
        None => None,
    };
    match std::fs::read(&path) {
        Ok(bytes) => {
            let secrets =
                Secrets::from_json(&bytes).with_context(|| format!("in {}", path.display()))?;
            if let Some(wanted) = from_file
                && wanted.authority_id() != secrets.authority_id()
            {
                bail!(
                    "{} already has other secrets: choose an empty directory",
                    data.display()
                );
            }
            Ok(secrets)
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let secrets = match from_file {
                Some(secrets) => secrets,
                None => Secrets::random()?,
            };
            write_private(&path, secrets.to_json().as_bytes())
                .with_context(|| format!("cannot write {}", path.display()))?;
            Ok(secrets)
        }
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

/// Closes a folder to other people of the machine: the index in it holds words.
///
/// # Errors
/// When the system refuses.
pub fn only_ours(dir: &Path) -> Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let permissions = std::fs::Permissions::from_mode(0o700);
        std::fs::set_permissions(dir, permissions)
            .with_context(|| format!("cannot close {} to others", dir.display()))?;
    }
    Ok(())
}

/// Writes a file that only its owner can read, whole or not at all.
///
/// # Errors
/// When it cannot be written.
pub fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let part = path.with_extension(format!("part-{}", std::process::id()));
    let mut options = OpenOptions::new();
    options.create(true).truncate(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&part)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&part, path)
}

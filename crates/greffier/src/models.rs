//! The models in force: named by digest at once, loaded when first needed.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use domain::{Digest, PipelineName, Timestamp};
use inference::{Encoder, Head, Registry, Runtime};
use serde::Serialize;

/// Where models and the library that runs them are, and those already loaded.
pub struct Models {
    /// What `models.toml` pins.
    pub registry: Registry,
    runtime_dirs: Vec<PathBuf>,
    heads_dir: PathBuf,
    sessions: usize,
    encoders: Mutex<BTreeMap<String, Arc<Encoder>>>,
    heads: Mutex<Vec<Arc<Head>>>,
}

impl Models {
    /// Reads `models.toml`, at `registry_path`. `runtime_dirs` are where ONNX Runtime and encoders may be; heads are
    /// in the data directory, under `heads_dir`.
    pub fn open(
        registry_path: &Path,
        runtime_dirs: Vec<PathBuf>,
        heads_dir: PathBuf,
        sessions: usize,
    ) -> Result<Self> {
        let registry = Registry::load(registry_path)?;
        Ok(Self {
            registry,
            runtime_dirs,
            heads_dir,
            sessions,
            encoders: Mutex::default(),
            heads: Mutex::default(),
        })
    }

    /// ONNX Runtime, loaded once a process.
    pub fn runtime(&self) -> Result<Runtime> {
        Ok(Runtime::load(&self.registry.runtime, &self.runtime_dirs)?)
    }

    /// The folder of the first place that has an encoder of this name.
    pub fn folder(&self, name: &str) -> Result<PathBuf> {
        self.runtime_dirs
            .iter()
            .map(|dir| dir.join("models"))
            .find(|dir| dir.join(name).is_dir())
            .or_else(|| {
                // One that comes with the program needs no folder there.
                let dir = self.runtime_dirs.first()?;
                self.registry.carries(name).then(|| dir.join("models"))
            })
            .with_context(|| {
                let looked: Vec<String> = self
                    .runtime_dirs
                    .iter()
                    .map(|d| d.join("models").display().to_string())
                    .collect();
                format!(
                    "model `{name}` is in none of {}: run `cargo xtask setup`",
                    looked.join(", ")
                )
            })
    }

    /// Where a model that is fetched or imported is kept.
    pub fn keeping(&self) -> Result<PathBuf> {
        let dir = self.runtime_dirs.iter().find(|dir| dir.is_dir());
        let dir = dir.or(self.runtime_dirs.first());
        Ok(dir
            .context("no folder for models: name one with --runtime")?
            .join("models"))
    }

    /// The encoder of this name, loaded once.
    pub fn encoder(&self, name: &str) -> Result<Arc<Encoder>> {
        let mut loaded = self.encoders.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(encoder) = loaded.get(name) {
            return Ok(encoder.clone());
        }
        let models = self.folder(name)?;
        let encoder =
            Arc::new(
                self.registry
                    .encoder(name, &models, &self.runtime()?, self.sessions)?,
            );
        loaded.insert(name.to_owned(), encoder.clone());
        Ok(encoder)
    }

    /// The digest of the encoder of this name, without loading it.
    pub fn encoder_digest(&self, name: &str) -> Result<Digest> {
        Ok(self.registry.model(name)?.digest())
    }

    /// The digest of the head in force for a pipeline, if one was trained.
    pub fn head_digest(&self, pipeline: &PipelineName) -> Result<Option<Digest>> {
        let path = self.current(pipeline);
        match std::fs::read_to_string(&path) {
            Ok(text) => Ok(Some(
                text.trim()
                    .parse()
                    .with_context(|| format!("in {}", path.display()))?,
            )),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
        }
    }

    /// The head of this digest.
    pub fn head(&self, pipeline: &PipelineName, digest: Digest) -> Result<Arc<Head>> {
        let mut loaded = self.heads.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(head) = loaded.iter().find(|h| h.digest() == digest) {
            return Ok(head.clone());
        }
        let dir = self.head_dir(pipeline, digest);
        let head = Arc::new(Head::load(&dir, &self.runtime()?, Some(digest))?);
        loaded.push(head.clone());
        Ok(head)
    }

    /// Keeps a head beside those before it. It is not in force yet.
    pub fn keep(
        &self,
        pipeline: &PipelineName,
        head: &inference::head::TrainedHead,
    ) -> Result<Digest> {
        let staging = self.heads_dir.join(pipeline.as_str()).join("new");
        let digest = head.save(&staging)?;
        let dir = self.head_dir(pipeline, digest);
        if dir.is_dir() {
            std::fs::remove_dir_all(&staging)?;
        } else {
            std::fs::rename(&staging, &dir)
                .with_context(|| format!("cannot keep the head in {}", dir.display()))?;
        }
        Ok(digest)
    }

    /// Digests of the heads kept for a pipeline, in their order.
    pub fn kept(&self, pipeline: &PipelineName) -> Result<Vec<Digest>> {
        let folder = self.heads_dir.join(pipeline.as_str());
        let entries = match std::fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => {
                return Err(error).with_context(|| format!("cannot read {}", folder.display()));
            }
        };
        let mut digests = Vec::new();
        for entry in entries {
            let dir = entry
                .with_context(|| format!("cannot read {}", folder.display()))?
                .path();
            let Ok(card) = std::fs::read(dir.join("head.json")) else {
                continue;
            };
            let digest = Digest::of(&card);
            // A card changed since has another digest than its folder's name says.
            if self.head_dir(pipeline, digest) == dir {
                digests.push(digest);
            }
        }
        digests.sort_unstable();
        Ok(digests)
    }

    /// Puts a head that was kept in force: first the line that says who, when and why, at the end of
    /// `switches.jsonl`, then the switch. The head before stays, and can be put back likewise.
    pub fn put_in_force(&self, pipeline: &PipelineName, switch: &Switch) -> Result<()> {
        let journal = self
            .heads_dir
            .join(pipeline.as_str())
            .join("switches.jsonl");
        let mut line = serde_json::to_vec(switch)?;
        line.push(b'\n');
        std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&journal)
            .and_then(|mut file| file.write_all(&line).and_then(|()| file.sync_all()))
            .with_context(|| format!("cannot write {}", journal.display()))?;
        let path = self.current(pipeline);
        let part = path.with_extension("part");
        std::fs::write(&part, format!("{}\n", switch.to))
            .and_then(|()| std::fs::rename(&part, &path))
            .with_context(|| format!("cannot write {}", path.display()))
    }

    fn current(&self, pipeline: &PipelineName) -> PathBuf {
        self.heads_dir.join(pipeline.as_str()).join("in-force")
    }

    fn head_dir(&self, pipeline: &PipelineName, digest: Digest) -> PathBuf {
        let name = digest.to_string().replace("sha256:", "");
        self.heads_dir
            .join(pipeline.as_str())
            .join(&name[..name.len().min(24)])
    }
}

/// A line of `switches.jsonl`: which head was put in force, by whom.
#[derive(Debug, Serialize)]
pub struct Switch {
    /// `greffier.switch/1`.
    pub format: &'static str,
    /// When.
    pub at: Timestamp,
    /// The head in force before, if there was one.
    pub from: Option<Digest>,
    /// The head in force since.
    pub to: Digest,
    /// Who decided; absent for a first head, which is in force once learnt.
    pub by: Option<String>,
    /// Whether their identity was verified.
    pub authenticated: bool,
    /// Why.
    pub reason: Option<String>,
}

impl Switch {
    /// A switch by a person, or of a first head.
    pub fn new(at: Timestamp, from: Option<Digest>, to: Digest) -> Self {
        Self {
            format: "greffier.switch/1",
            at,
            from,
            to,
            by: None,
            authenticated: false,
            reason: None,
        }
    }
}

/// The version of ONNX Runtime that `models.toml` pins: the only one that is ever loaded.
pub fn runtime_version(models: &Models) -> String {
    format!(
        "{} {}",
        models.registry.runtime.name, models.registry.runtime.version
    )
}

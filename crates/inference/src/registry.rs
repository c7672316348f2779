//! The models we may load, each pinned by the digests of its files (`pipelines/models.toml`).
//!
//! A model is never a name: it is the digest of a manifest over all that decides its vectors
//! (files, pooling, prefix, dimension, longest input). The name only finds the entry.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use domain::Digest;
use serde::{Deserialize, Serialize};

use crate::convert::{ConvertError, bert_safetensors_to_onnx};
use crate::encoder::{Encoder, EncoderError};
use crate::runtime::Runtime;

/// The file that conversion makes.
pub(crate) const ONNX_FILE: &str = "model.onnx";
/// The tokenizer's file.
pub(crate) const TOKENIZER_FILE: &str = "tokenizer.json";

/// Why a model cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// A file is missing or unreadable.
    #[error("cannot read {}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The converted model cannot be kept.
    #[error("cannot write {}", path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The registry is not well formed.
    #[error("{} is not a model registry", path.display())]
    Format {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: toml::de::Error,
    },
    /// A name or an address that could lead elsewhere.
    #[error("{}: {what}", path.display())]
    Unsafe {
        /// Which registry.
        path: PathBuf,
        /// What it says, and what would do.
        what: String,
    },
    /// No entry of that name.
    #[error("no model `{name}` in the registry: known are {known}")]
    Unknown {
        /// Name asked for.
        name: String,
        /// Names there are.
        known: String,
    },
    /// A file is not the pinned one: the model is refused.
    #[error("{} has digest {found}, expected {expected}", file.display())]
    Digest {
        /// Which.
        file: PathBuf,
        /// Pinned.
        expected: Digest,
        /// Found.
        found: Digest,
    },
    /// The entry lacks a file that every encoder needs.
    #[error("model `{name}` pins no `{file}`")]
    Incomplete {
        /// Model.
        name: String,
        /// File.
        file: &'static str,
    },
    /// The weights cannot be converted.
    #[error("cannot convert model `{name}`")]
    Convert {
        /// Model.
        name: String,
        /// Why.
        #[source]
        source: ConvertError,
    },
    /// The files are right but do not make an encoder.
    #[error("cannot load model `{name}`")]
    Load {
        /// Model.
        name: String,
        /// Why.
        #[source]
        source: Box<EncoderError>,
    },
}

/// What `pipelines/models.toml` says. Unknown keys are refused, so that a typo is not a default.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registry {
    /// The library that runs the models.
    pub runtime: RuntimeSpec,
    /// Models by name.
    pub models: BTreeMap<String, ModelSpec>,
    /// Folder of the file that was read.
    #[serde(skip)]
    folder: PathBuf,
}

/// The pinned ONNX Runtime.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuntimeSpec {
    /// Name of the Python package that carries the library.
    pub name: String,
    /// Version of ONNX Runtime.
    pub version: String,
    /// SPDX licence.
    pub licence: String,
    /// Library by platform, as [`platform`](crate::runtime::platform) names it.
    pub platforms: BTreeMap<String, RuntimePlatform>,
}

/// The library of one platform.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuntimePlatform {
    /// File name of the wheel.
    pub wheel: String,
    /// Platform tag to ask the package index for.
    pub wheel_platform: String,
    /// Digest of the wheel.
    pub wheel_sha256: Digest,
    /// File name of the library.
    pub library: String,
    /// Digest of the library.
    pub sha256: Digest,
}

/// One encoder.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelSpec {
    /// Version of the published weights.
    pub version: String,
    /// Where the weights come from, for people.
    pub source: String,
    /// SPDX licence of the weights.
    pub licence: String,
    /// Languages it was trained on (BCP 47).
    pub languages: Vec<String>,
    /// Number of values in a vector.
    pub dimension: usize,
    /// How token vectors become one.
    pub pooling: Pooling,
    /// What is put before every text.
    pub prefix: String,
    /// Longest input, special tokens included; what follows is not read.
    pub max_tokens: usize,
    /// The package that carries the weights, when they come from outside.
    pub package: Option<PackageSpec>,
    /// The folder that holds the model's files, from that of the registry, when they come with the
    /// program.
    pub path: Option<PathBuf>,
    /// The address under which the files can be fetched by their names, ending in `/`. Nothing is
    /// ever fetched but when a person asks for it.
    pub address: Option<String>,
    /// Files of the running model and their digests.
    pub files: BTreeMap<String, Digest>,
    /// Files that `model.onnx` is converted from and their digests; none for a model that comes
    /// as it runs.
    #[serde(default)]
    pub sources: BTreeMap<String, Digest>,
}

/// How token vectors become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pooling {
    /// Mean over the tokens of the text.
    Mean,
    /// Vector of the first token.
    Cls,
    /// Sum of the rows of the distinct tokens, in integers: a static model.
    Sum,
}

/// A Python wheel used as a container of weights.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PackageSpec {
    /// Name in the package index.
    pub name: String,
    /// Version in the package index.
    pub version: String,
    /// File name of the wheel.
    pub wheel: String,
    /// Digest of the wheel.
    pub wheel_sha256: Digest,
    /// Folder of the wheel that holds the files.
    pub folder: String,
}

impl ModelSpec {
    /// The model's digest: SHA-256 of the RFC 8785 JSON of all that decides its vectors. The
    /// version of ONNX Runtime is a circumstance and is recorded apart.
    pub fn digest(&self) -> Digest {
        let manifest = serde_json::json!({
            "dimension": self.dimension,
            "files": self.files,
            "max_tokens": self.max_tokens,
            "pooling": self.pooling,
            "prefix": self.prefix,
            "role": "encoder",
        });
        // The keys above are in the order of RFC 8785 and no value is a float, so the plain
        // printer is already canonical, whether or not `Value` keeps the order of insertion.
        Digest::of(manifest.to_string().as_bytes())
    }
}

impl Registry {
    /// Reads the registry.
    ///
    /// # Errors
    /// When the file is unreadable or has an unknown, missing or ill-typed key.
    pub fn load(path: &Path) -> Result<Self, RegistryError> {
        let text = std::fs::read_to_string(path).map_err(|source| RegistryError::Read {
            path: path.into(),
            source,
        })?;
        let mut registry: Self = toml::from_str(&text).map_err(|source| RegistryError::Format {
            path: path.into(),
            source,
        })?;
        if let Some(what) = registry.unsafe_name() {
            return Err(RegistryError::Unsafe {
                path: path.into(),
                what,
            });
        }
        registry.folder = path.parent().unwrap_or(Path::new("")).into();
        Ok(registry)
    }

    /// A name of a model or a file that would lead out of its folder, or an address that is none.
    fn unsafe_name(&self) -> Option<String> {
        let plain = |name: &str| {
            let mut parts = Path::new(name).components();
            let one = matches!(parts.next(), Some(std::path::Component::Normal(_)));
            one && parts.next().is_none() && !name.starts_with('.')
        };
        for (name, spec) in &self.models {
            let mut files = spec.files.keys().chain(spec.sources.keys());
            if !plain(name) {
                return Some(format!("model `{name}`: a name is one plain word"));
            }
            if let Some(file) = files.find(|file| !plain(file)) {
                return Some(format!(
                    "file `{file}` of model `{name}`: a name without a folder"
                ));
            }
            if let Some(address) = &spec.address {
                let known = ["https://", "http://", "file://"];
                if !known.iter().any(|k| address.starts_with(k)) || !address.ends_with('/') {
                    return Some(format!(
                        "address `{address}` of model `{name}`: it begins with https://, http:// or file:// and ends with /"
                    ));
                }
            }
        }
        None
    }

    /// The entry of a model.
    ///
    /// # Errors
    /// When there is none.
    pub fn model(&self, name: &str) -> Result<&ModelSpec, RegistryError> {
        self.models.get(name).ok_or_else(|| RegistryError::Unknown {
            name: name.into(),
            known: self.models.keys().cloned().collect::<Vec<_>>().join(", "),
        })
    }

    /// Whether the files of a model come with the program, where the registry says.
    pub fn carries(&self, name: &str) -> bool {
        let path = self.models.get(name).and_then(|spec| spec.path.as_ref());
        path.is_some_and(|path| self.folder.join(path).is_dir())
    }

    /// Where the files of a model are: in `models_dir/NAME`, or where the registry says of a model
    /// that comes with the program.
    fn folder_of(&self, name: &str, spec: &ModelSpec, models_dir: &Path) -> PathBuf {
        let dir = models_dir.join(name);
        match &spec.path {
            Some(path) if !dir.join(ONNX_FILE).is_file() => self.folder.join(path),
            _ => dir,
        }
    }

    /// Makes `model.onnx` of a model from its published weights in `models_dir/NAME`, and checks
    /// both against their digests. Returns the path and whether it had to be made.
    ///
    /// # Errors
    /// When a source is missing or not the pinned one, or the result is not.
    pub fn import(&self, name: &str, models_dir: &Path) -> Result<(PathBuf, bool), RegistryError> {
        let spec = self.model(name)?;
        let dir = self.folder_of(name, spec, models_dir);
        let target = dir.join(ONNX_FILE);
        let expected = spec.pinned(name, ONNX_FILE)?;
        // What cannot be made is either right or refused.
        if spec.sources.is_empty() {
            return verified(&target, expected).map(|_| (target, false));
        }
        if target.is_file() && verified(&target, expected).is_ok() {
            return Ok((target, false));
        }
        for (file, digest) in &spec.sources {
            verified(&dir.join(file), *digest)?;
        }
        let bytes = bert_safetensors_to_onnx(&dir).map_err(|source| RegistryError::Convert {
            name: name.into(),
            source,
        })?;
        let found = Digest::of(&bytes);
        if found != expected {
            return Err(RegistryError::Digest {
                file: target,
                expected,
                found,
            });
        }
        // Renamed into place, so that an interrupted import leaves no half of a model; named after
        // the process, so that two imports at once do not write into one file.
        let part = dir.join(format!("{ONNX_FILE}.{}.part", std::process::id()));
        std::fs::write(&part, bytes)
            .and_then(|()| std::fs::rename(&part, &target))
            .map_err(|source| RegistryError::Write {
                path: target.clone(),
                source,
            })?;
        Ok((target, true))
    }

    /// What has to be there of a model before it can run: the files it runs with, or those they
    /// are made of, with their digests.
    ///
    /// # Errors
    /// When there is no such model.
    pub fn needed(&self, name: &str) -> Result<BTreeMap<&str, Digest>, RegistryError> {
        let spec = self.model(name)?;
        let made = (!spec.sources.is_empty()).then_some(ONNX_FILE);
        let files = spec.files.iter().chain(&spec.sources);
        Ok(files
            .filter(|(file, _)| Some(file.as_str()) != made)
            .map(|(file, digest)| (file.as_str(), *digest))
            .collect())
    }

    /// Keeps one file of a model in `models_dir/NAME`, if it is the pinned one.
    ///
    /// # Errors
    /// When it is not, or cannot be written.
    pub fn keep(
        &self,
        name: &str,
        file: &str,
        from: &Path,
        models_dir: &Path,
    ) -> Result<(), RegistryError> {
        let needed = self.needed(name)?;
        let expected = needed.get(file).copied().unwrap_or(Digest::of(b""));
        let bytes = verified(from, expected)?;
        let dir = models_dir.join(name);
        let target = dir.join(file);
        let part = dir.join(format!("{file}.{}.part", std::process::id()));
        std::fs::create_dir_all(&dir)
            .and_then(|()| std::fs::write(&part, bytes))
            .and_then(|()| std::fs::rename(&part, &target))
            .map_err(|source| RegistryError::Write {
                path: target.clone(),
                source,
            })
    }

    /// Takes over the models whose files are in `folder`, all of them and all as pinned, whatever
    /// the folder is called: weights that came on a disk. Returns their names.
    ///
    /// # Errors
    /// When a file cannot be written, or what is taken over cannot be made to run.
    pub fn adopt(&self, folder: &Path, models_dir: &Path) -> Result<Vec<String>, RegistryError> {
        let mut adopted = Vec::new();
        for name in self.models.keys() {
            let needed = self.needed(name)?;
            let whole = needed
                .iter()
                .all(|(file, digest)| verified(&folder.join(file), *digest).is_ok());
            if !whole {
                continue;
            }
            for file in needed.keys() {
                self.keep(name, file, &folder.join(file), models_dir)?;
            }
            self.import(name, models_dir)?;
            adopted.push(name.clone());
        }
        Ok(adopted)
    }

    /// The encoder `name`, of which at most `sessions` encode at the same time.
    ///
    /// # Errors
    /// When a file is missing or is not the pinned one, or the files do not make an encoder.
    pub fn encoder(
        &self,
        name: &str,
        models_dir: &Path,
        runtime: &Runtime,
        sessions: usize,
    ) -> Result<Encoder, RegistryError> {
        let spec = self.model(name)?;
        let dir = self.folder_of(name, spec, models_dir);
        for (file, digest) in &spec.files {
            if file != ONNX_FILE && file != TOKENIZER_FILE {
                verified(&dir.join(file), *digest)?;
            }
        }
        let onnx = verified(&dir.join(ONNX_FILE), spec.pinned(name, ONNX_FILE)?)?;
        let tokenizer = verified(
            &dir.join(TOKENIZER_FILE),
            spec.pinned(name, TOKENIZER_FILE)?,
        )?;
        Encoder::new(name, spec, onnx, tokenizer, runtime, sessions).map_err(|source| {
            RegistryError::Load {
                name: name.into(),
                source: Box::new(source),
            }
        })
    }
}

impl ModelSpec {
    fn pinned(&self, name: &str, file: &'static str) -> Result<Digest, RegistryError> {
        self.files
            .get(file)
            .copied()
            .ok_or_else(|| RegistryError::Incomplete {
                name: name.into(),
                file,
            })
    }
}

/// The bytes of `file`, if they are those pinned.
fn verified(file: &Path, expected: Digest) -> Result<Vec<u8>, RegistryError> {
    let bytes = std::fs::read(file).map_err(|source| RegistryError::Read {
        path: file.into(),
        source,
    })?;
    let found = Digest::of(&bytes);
    if found == expected {
        Ok(bytes)
    } else {
        Err(RegistryError::Digest {
            file: file.into(),
            expected,
            found,
        })
    }
}

//! ONNX Runtime: found, checked against its pinned digest, and loaded once per process.
//!
//! Nothing leaves the machine: telemetry is switched off in the environment, and the pinned
//! library, the only one that is loaded, has no uploader. Linux builds from 1.29 on have one that
//! only the variable `ORT_DISABLE_TELEMETRY=1`, read while the library loads, stops; a process
//! cannot set its own variables soundly once it has threads, so such a version is refused unless
//! the variable is already there.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use domain::Digest;
use ort::environment::Environment;
use ort::ep::ExecutionProviderDispatch;
use ort::session::Session;
use ort::session::builder::{GraphOptimizationLevel, SessionBuilder};

use crate::registry::RuntimeSpec;

/// Variable that stops the uploader of builds that have one.
const TELEMETRY_OFF: &str = "ORT_DISABLE_TELEMETRY";
/// First minor version of ONNX Runtime 1.x whose Linux builds carry an uploader.
const FIRST_MINOR_WITH_UPLOADER: u32 = 29;

static LOADED: Mutex<Option<Runtime>> = Mutex::new(None);

/// Why ONNX Runtime cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// The registry pins no library for this platform.
    #[error("no ONNX Runtime is pinned for {platform}: supported are {supported}")]
    Platform {
        /// Operating system and processor.
        platform: String,
        /// Those pinned.
        supported: String,
    },
    /// The library is in none of the directories.
    #[error(
        "{library} is in none of {looked}: run `cargo xtask setup`, or name its directory in GREFFIER_RUNTIME"
    )]
    Absent {
        /// File name looked for.
        library: String,
        /// Directories, separated by commas.
        looked: String,
    },
    /// The library cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The library is not the pinned one.
    #[error("{} has digest {found}, expected {expected}: run `cargo xtask setup`", path.display())]
    Digest {
        /// Which.
        path: PathBuf,
        /// Pinned.
        expected: Digest,
        /// Found.
        found: Digest,
    },
    /// A pinned version would send telemetry.
    #[error(
        "ONNX Runtime {version} carries a telemetry uploader: set {TELEMETRY_OFF}=1 before the start, or pin 1.28.0"
    )]
    Uploader {
        /// Version pinned.
        version: String,
    },
    /// Another library was loaded before in this process.
    #[error("this process already runs {loaded}, not {wanted}")]
    Other {
        /// Digest of the library in use.
        loaded: Digest,
        /// Digest asked for.
        wanted: Digest,
    },
    /// The system's loader refuses the library.
    #[error("cannot load {}", path.display())]
    Load {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// ONNX Runtime, loaded. Cheap to clone; all clones are the same environment.
#[derive(Clone, Debug)]
pub struct Runtime {
    environment: Environment,
    version: String,
    digest: Digest,
}

impl Runtime {
    /// Loads the library that `spec` pins from the first of `directories` that has it.
    ///
    /// Later calls in the same process return the environment of the first.
    ///
    /// # Errors
    /// When the platform is not pinned, the library is absent, has another digest, would send
    /// telemetry or does not load.
    pub fn load(spec: &RuntimeSpec, directories: &[PathBuf]) -> Result<Self, RuntimeError> {
        let key = platform();
        let platform = spec
            .platforms
            .get(&key)
            .ok_or_else(|| RuntimeError::Platform {
                platform: key,
                supported: spec
                    .platforms
                    .keys()
                    .cloned()
                    .collect::<Vec<_>>()
                    .join(", "),
            })?;
        let mut loaded = LOADED
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(runtime) = loaded.as_ref() {
            return if runtime.digest == platform.sha256 {
                Ok(runtime.clone())
            } else {
                Err(RuntimeError::Other {
                    loaded: runtime.digest,
                    wanted: platform.sha256,
                })
            };
        }
        let path = directories
            .iter()
            .map(|dir| dir.join(&platform.library))
            .find(|path| path.is_file())
            .ok_or_else(|| RuntimeError::Absent {
                library: platform.library.clone(),
                looked: directories
                    .iter()
                    .map(|d| d.display().to_string())
                    .collect::<Vec<_>>()
                    .join(", "),
            })?;
        verify(&path, platform.sha256)?;
        refuse_uploader(
            &spec.version,
            std::env::var_os(TELEMETRY_OFF).is_some_and(|v| v == "1"),
        )?;
        // `ort` takes a relative path as relative to the executable; ours are relative to nothing.
        let path = std::fs::canonicalize(&path).map_err(|source| RuntimeError::Read {
            path: path.clone(),
            source,
        })?;
        let environment = ort::init_from(&path)
            .map_err(|source| RuntimeError::Load {
                path: path.clone(),
                source: Box::new(source),
            })?
            .with_name("greffier")
            .with_telemetry(false)
            .build()
            .map_err(|source| RuntimeError::Load {
                path,
                source: Box::new(source),
            })?;
        let runtime = Self {
            environment,
            version: spec.version.clone(),
            digest: platform.sha256,
        };
        Ok(loaded.insert(runtime).clone())
    }

    /// Version of ONNX Runtime, which the circumstances of a record name: fp32 results differ
    /// between versions.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Digest of the library.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    pub(crate) fn environment(&self) -> Environment {
        self.environment.clone()
    }

    /// A session over a model in memory, of one thread, because the order of a sum must not depend
    /// on the machine's cores.
    pub(crate) fn session(&self, model: &[u8]) -> Result<Session, ort::Error> {
        let plain = |e: ort::Error<SessionBuilder>| ort::Error::new(e.to_string());
        Session::builder(&self.environment)?
            .with_optimization_level(GraphOptimizationLevel::Level3)
            .map_err(plain)?
            .with_intra_threads(1)
            .map_err(plain)?
            .with_execution_providers([no_arena()])
            .map_err(plain)?
            .commit_from_memory(model)
    }
}

/// The processor, without the arena, which would keep the memory of the longest text for ever.
pub(crate) fn no_arena() -> ExecutionProviderDispatch {
    ort::ep::CPU::default().with_arena_allocator(false).build()
}

/// This platform's key in the registry: operating system and processor, as `linux-x86_64`.
pub fn platform() -> String {
    format!("{}-{}", std::env::consts::OS, std::env::consts::ARCH)
}

fn verify(path: &Path, expected: Digest) -> Result<(), RuntimeError> {
    let bytes = std::fs::read(path).map_err(|source| RuntimeError::Read {
        path: path.to_path_buf(),
        source,
    })?;
    let found = Digest::of(&bytes);
    if found == expected {
        Ok(())
    } else {
        Err(RuntimeError::Digest {
            path: path.to_path_buf(),
            expected,
            found,
        })
    }
}

fn refuse_uploader(version: &str, switched_off: bool) -> Result<(), RuntimeError> {
    let minor = version
        .split('.')
        .nth(1)
        .and_then(|m| m.parse::<u32>().ok());
    match minor {
        Some(minor) if minor < FIRST_MINOR_WITH_UPLOADER || switched_off => Ok(()),
        _ => Err(RuntimeError::Uploader {
            version: version.into(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_with_an_uploader_need_the_variable() {
        for (version, off, accepted) in [
            ("1.28.0", false, true),
            ("1.29.0", false, false),
            ("1.29.0", true, true),
            ("1.31.2", false, false),
            ("?", true, false),
        ] {
            assert_eq!(
                refuse_uploader(version, off).is_ok(),
                accepted,
                "{version} {off}"
            );
        }
    }
}

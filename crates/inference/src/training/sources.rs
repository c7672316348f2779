//! The public sources that training and measuring read, each pinned by its SHA-256 digest.
//!
//! `models/sources.toml` lists them with their role, address and licence; the data itself is not
//! part of the project. A file with another digest is refused, so that what the model card says of
//! the data is true.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use domain::Digest;
use serde::Deserialize;

/// The list of sources of this version of the encoder.
pub const MANIFEST: &str = include_str!("../../models/sources.toml");

/// Why a source cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The list is not well formed.
    #[error("the list of sources is not well formed")]
    Manifest(#[from] toml::de::Error),
    /// No source of that name.
    #[error("no source `{0}` in the list")]
    Unknown(String),
    /// Training asked for a source that only measures.
    #[error("source `{0}` serves to measure only: its licence does not let it train")]
    MeasureOnly(String),
    /// A file is missing or unreadable.
    #[error("cannot read {}: get it from {url}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Where it was published.
        url: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file is not the one listed.
    #[error("{} has digest {found}, expected {expected}: get the listed version", path.display())]
    Digest {
        /// Which.
        path: PathBuf,
        /// Listed.
        expected: Digest,
        /// Found.
        found: Digest,
    },
    /// A file does not unpack to text.
    #[error("{} does not unpack to UTF-8 text", path.display())]
    Unpack {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A line is not what its file announces.
    #[error("{file}, line {line}: {problem}")]
    Line {
        /// Source and file.
        file: String,
        /// Counted from 1.
        line: usize,
        /// What is wrong.
        problem: String,
    },
}

/// What a source may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Its licence lets it train weights that are given away.
    Train,
    /// Trains, but for the part held out to measure.
    TrainAndMeasure,
    /// Measures only.
    Measure,
}

/// One public source.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// What it may be used for.
    pub role: Role,
    /// What it is, for people.
    pub title: String,
    /// Where it was published.
    pub url: String,
    /// Licence as its publisher names it.
    pub licence: String,
    /// What the licence asks to be said.
    pub attribution: String,
    /// Files below the data directory and their digests.
    pub files: BTreeMap<String, Digest>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    sources: BTreeMap<String, Source>,
}

/// The listed sources below one directory.
#[derive(Clone, Debug)]
pub struct Sources {
    directory: PathBuf,
    list: BTreeMap<String, Source>,
}

impl Sources {
    /// The sources of [`MANIFEST`] below `directory`; nothing is read yet.
    ///
    /// # Errors
    /// When the list is not well formed.
    pub fn open(directory: &Path) -> Result<Self, SourceError> {
        let manifest: Manifest = toml::from_str(MANIFEST)?;
        Ok(Self {
            directory: directory.into(),
            list: manifest.sources,
        })
    }

    /// Sources by name.
    pub fn list(&self) -> &BTreeMap<String, Source> {
        &self.list
    }

    /// Verifies every file of every source.
    ///
    /// # Errors
    /// When one is missing or is not the one listed.
    pub fn verify(&self) -> Result<(), SourceError> {
        for (name, source) in &self.list {
            for file in source.files.keys() {
                self.bytes(name, file)?;
            }
        }
        Ok(())
    }

    /// The text of a file of `name`, verified, and unpacked when its name ends in `.xz`.
    ///
    /// # Errors
    /// When it is not listed, missing, not the one listed, or not text.
    pub fn text(&self, name: &str, file: &str) -> Result<String, SourceError> {
        let bytes = self.bytes(name, file)?;
        let path = self.directory.join(file);
        let mut text = String::new();
        let read = if file.ends_with(".xz") {
            lzma_rust2::XzReader::new(bytes.as_slice(), true).read_to_string(&mut text)
        } else {
            bytes.as_slice().read_to_string(&mut text)
        };
        match read {
            Ok(_) => Ok(text),
            Err(source) => Err(SourceError::Unpack { path, source }),
        }
    }

    /// [`text`](Self::text) for training.
    ///
    /// # Errors
    /// As there, and when the source serves to measure only.
    pub fn training_text(&self, name: &str, file: &str) -> Result<String, SourceError> {
        if self.source(name)?.role == Role::Measure {
            return Err(SourceError::MeasureOnly(name.into()));
        }
        self.text(name, file)
    }

    fn source(&self, name: &str) -> Result<&Source, SourceError> {
        self.list
            .get(name)
            .ok_or_else(|| SourceError::Unknown(name.into()))
    }

    fn bytes(&self, name: &str, file: &str) -> Result<Vec<u8>, SourceError> {
        let source = self.source(name)?;
        let expected = *source
            .files
            .get(file)
            .ok_or_else(|| SourceError::Unknown(format!("{name}: {file}")))?;
        let path = self.directory.join(file);
        let bytes = std::fs::read(&path).map_err(|error| SourceError::Read {
            path: path.clone(),
            url: source.url.clone(),
            source: error,
        })?;
        let found = Digest::of(&bytes);
        if found == expected {
            Ok(bytes)
        } else {
            Err(SourceError::Digest {
                path,
                expected,
                found,
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_names_what_the_licences_ask_for() {
        let sources = Sources::open(Path::new("nowhere")).unwrap();
        assert_eq!(sources.list()["piaf"].role, Role::Measure);
        assert_eq!(sources.list()["stsb"].role, Role::Measure);
        assert!(!sources.list().contains_key("cnil"));
        for (name, source) in sources.list() {
            assert!(source.url.starts_with("https://"), "{name}");
            assert!(!source.files.is_empty(), "{name}");
            assert!(
                !source.licence.is_empty() && !source.attribution.is_empty(),
                "{name}"
            );
        }
    }

    #[test]
    fn what_only_measures_never_trains() {
        let sources = Sources::open(Path::new("nowhere")).unwrap();
        let refused = sources.training_text("piaf", "retrieval/piaf/questions.jsonl");
        assert!(
            matches!(refused, Err(SourceError::MeasureOnly(_))),
            "{refused:?}"
        );
    }

    #[test]
    fn a_file_that_is_absent_or_another_is_refused() {
        let data = tempfile::tempdir().unwrap();
        let sources = Sources::open(data.path()).unwrap();
        let file = "parallel/laws-en-fr.tsv.xz";
        let absent = sources.text("laws", file).unwrap_err();
        assert!(
            absent
                .to_string()
                .contains("https://github.com/justicecanada"),
            "{absent}"
        );
        std::fs::create_dir(data.path().join("parallel")).unwrap();
        std::fs::write(data.path().join(file), b"another").unwrap();
        let other = sources.text("laws", file);
        assert!(
            matches!(other, Err(SourceError::Digest { .. })),
            "{other:?}"
        );
        assert!(matches!(
            sources.verify(),
            Err(SourceError::Read { .. } | SourceError::Digest { .. })
        ));
    }
}

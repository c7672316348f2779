//! Files of lines, with their digests.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use domain::Digest;
use sha2::{Digest as _, Sha256};

use super::Sealed;

/// A new file of lines.
pub struct Writer {
    path: PathBuf,
    out: BufWriter<File>,
    hash: Sha256,
    bytes: u64,
}

impl Writer {
    /// Makes a file.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn new(path: &Path) -> Result<Self> {
        let file = File::create(path).with_context(|| format!("cannot make {}", path.display()))?;
        Ok(Self {
            path: path.to_owned(),
            out: BufWriter::new(file),
            hash: Sha256::new(),
            bytes: 0,
        })
    }

    /// Adds a line, given without its end.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn line(&mut self, line: &str) -> Result<()> {
        for part in [line.as_bytes(), b"\n"] {
            self.out
                .write_all(part)
                .with_context(|| format!("cannot write {}", self.path.display()))?;
            self.hash.update(part);
            self.bytes += part.len() as u64;
        }
        Ok(())
    }

    /// Ends the file, which lasts then.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn end(self) -> Result<Sealed> {
        let path = self.path;
        let file = self.out.into_inner().map_err(|error| error.into_error());
        file.and_then(|file| file.sync_all())
            .with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Sealed {
            bytes: self.bytes,
            digest: Digest::from_bytes(self.hash.finalize().into()),
        })
    }
}

/// A file of lines that must be what was written.
pub struct Reader {
    path: PathBuf,
    input: BufReader<File>,
    hash: Sha256,
    bytes: u64,
    number: u64,
}

impl Reader {
    /// Opens a file.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
        Ok(Self {
            path: path.to_owned(),
            input: BufReader::new(file),
            hash: Sha256::new(),
            bytes: 0,
            number: 0,
        })
    }

    /// The next line, without its end.
    ///
    /// # Errors
    /// When it cannot be read, or breaks off.
    pub fn line(&mut self) -> Result<Option<String>> {
        let mut line = Vec::new();
        let read = self.input.read_until(b'\n', &mut line);
        if read.with_context(|| format!("cannot read {}", self.path.display()))? == 0 {
            return Ok(None);
        }
        self.hash.update(&line);
        self.bytes += line.len() as u64;
        self.number += 1;
        if line.pop() != Some(b'\n') {
            bail!("{} breaks off at line {}", self.path.display(), self.number);
        }
        let line = String::from_utf8(line);
        Ok(Some(line.with_context(|| self.place())?))
    }

    /// The next lines, `most` at most; none at the end.
    ///
    /// # Errors
    /// As [`line`](Self::line).
    pub fn lines(&mut self, most: usize) -> Result<Vec<String>> {
        let mut lines = Vec::new();
        while lines.len() < most
            && let Some(line) = self.line()?
        {
            lines.push(line);
        }
        Ok(lines)
    }

    /// Where it is, for messages.
    pub fn place(&self) -> String {
        format!("{}, line {}", self.path.display(), self.number)
    }

    /// Once it was read to its end: whether it is what was written.
    ///
    /// # Errors
    /// When it is not.
    pub fn ended(self, written: Sealed) -> Result<()> {
        let read = Sealed {
            bytes: self.bytes,
            digest: Digest::from_bytes(self.hash.finalize().into()),
        };
        same(&self.path, read, written)
    }
}

/// A whole file, which must be what was written.
///
/// # Errors
/// When it cannot be read, or is not.
pub fn whole(path: &Path, written: Sealed) -> Result<Vec<u8>> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    same(path, sealed(&bytes), written)?;
    Ok(bytes)
}

/// What a file of these bytes is.
pub fn sealed(bytes: &[u8]) -> Sealed {
    Sealed {
        bytes: bytes.len() as u64,
        digest: Digest::of(bytes),
    }
}

fn same(path: &Path, read: Sealed, written: Sealed) -> Result<()> {
    if read != written {
        bail!(
            "{} is not what was copied: {} bytes, {}, instead of {} bytes, {}",
            path.display(),
            read.bytes,
            read.digest,
            written.bytes,
            written.digest
        );
    }
    Ok(())
}

//! Sealed artifacts as files: `objects/ab/<hexadecimal name>`, where `ab` begins the name.
//!
//! A file is written under a temporary name beside its place, synced, renamed, and its folder is
//! synced: after a crash at any moment it is there whole or not at all. The writer holds a lock on
//! the temporary file, which ends with it; opening removes the temporary files that nobody locks,
//! so that a second process never removes what a first one is writing.

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use domain::ArtifactName;
use pipeline::blobs::{BlobError, Blobs};

/// How the names of temporary files end.
const TEMPORARY: &str = ".part";

/// How often a write begins anew because another process took its temporary file for a dead one:
/// that needs an open between two system calls, once.
const TRIES: usize = 3;

/// Distinguishes the temporary files of this process.
static COUNTER: AtomicU64 = AtomicU64::new(0);

/// Sealed artifacts in a folder.
#[derive(Clone, Debug)]
pub struct FolderBlobs {
    objects: PathBuf,
}

impl FolderBlobs {
    /// Opens the store in `folder`, making `folder/objects` where needed and removing what a
    /// killed writer left half-written.
    ///
    /// # Errors
    /// When the folders cannot be made or read.
    pub fn open(folder: &Path) -> io::Result<Self> {
        let objects = folder.join("objects");
        fs::create_dir_all(&objects)?;
        // All sub-folders are made here, so that a write has only its own folder to sync.
        let mut made = false;
        for prefix in prefixes() {
            match fs::create_dir(objects.join(&prefix)) {
                Ok(()) => made = true,
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        if made {
            sync_folder(&objects)?;
            sync_folder(folder)?;
        }
        let blobs = Self { objects };
        for prefix in prefixes() {
            for entry in blobs
                .entries(&prefix)?
                .iter()
                .filter(|entry| entry.is_temporary)
            {
                remove_if_abandoned(&entry.path)?;
            }
        }
        Ok(blobs)
    }

    /// How many files or folders are here that this store did not put: neither artifacts at
    /// their place nor files being written.
    ///
    /// # Errors
    /// When a folder cannot be read.
    pub async fn strangers(&self) -> io::Result<u64> {
        let blobs = self.clone();
        on_a_thread(move || {
            let mut strangers = 0;
            for entry in fs::read_dir(&blobs.objects)? {
                let name = entry?.file_name();
                strangers += u64::from(!prefixes().any(|prefix| name == *prefix));
            }
            for prefix in prefixes() {
                for entry in blobs.entries(&prefix)? {
                    strangers += u64::from(entry.artifact.is_none() && !entry.is_temporary);
                }
            }
            Ok(strangers)
        })
        .await
    }

    fn folder(&self, name: ArtifactName) -> PathBuf {
        self.objects.join(&name.hex()[..2])
    }

    /// What is in a sub-folder, in the order of the file system.
    fn entries(&self, prefix: &str) -> io::Result<Vec<Entry>> {
        fs::read_dir(self.objects.join(prefix))?
            .map(|entry| {
                let entry = entry?;
                let is_file = entry.file_type()?.is_file();
                let name = entry.file_name().to_string_lossy().into_owned();
                let artifact = artifact(prefix, &name).filter(|_| is_file);
                let is_temporary = is_file && name.ends_with(TEMPORARY);
                Ok(Entry {
                    path: entry.path(),
                    artifact,
                    is_temporary,
                })
            })
            .collect()
    }

    /// Stores what `write` writes, unless the artifact is there.
    fn put_with(
        &self,
        name: ArtifactName,
        write: impl Fn(&mut File) -> io::Result<()>,
    ) -> io::Result<()> {
        let folder = self.folder(name);
        let place = folder.join(name.hex());
        if place.try_exists()? {
            // Whoever renamed it may not have synced the folder yet.
            return sync_folder(&folder);
        }
        let mut tries = 0;
        loop {
            tries += 1;
            let number = COUNTER.fetch_add(1, Ordering::Relaxed);
            let process = std::process::id();
            let temporary = folder.join(format!("{}.{process}-{number}{TEMPORARY}", name.hex()));
            let written = write_whole(&temporary, &write)
                .and_then(|file| fs::rename(&temporary, &place).map(|()| drop(file)));
            match written {
                Ok(()) => return sync_folder(&folder),
                Err(error) if error.kind() == ErrorKind::NotFound && tries < TRIES => {}
                Err(error) => {
                    // The first error says why; what is left is removed at the next open at worst.
                    let _ = fs::remove_file(&temporary);
                    return Err(error);
                }
            }
        }
    }
}

/// Something in a sub-folder.
struct Entry {
    path: PathBuf,
    artifact: Option<ArtifactName>,
    is_temporary: bool,
}

#[async_trait]
impl Blobs for FolderBlobs {
    async fn put(&self, name: ArtifactName, sealed: &[u8]) -> Result<(), BlobError> {
        let (blobs, sealed) = (self.clone(), sealed.to_vec());
        on_a_thread(move || blobs.put_with(name, |file| file.write_all(&sealed)))
            .await
            .map_err(cannot("write", name))
    }

    async fn get(&self, name: ArtifactName) -> Result<Option<Vec<u8>>, BlobError> {
        let place = self.folder(name).join(name.hex());
        on_a_thread(move || found(fs::read(place)))
            .await
            .map_err(cannot("read", name))
    }

    async fn remove(&self, name: ArtifactName) -> Result<(), BlobError> {
        let folder = self.folder(name);
        on_a_thread(move || {
            if found(fs::remove_file(folder.join(name.hex())))?.is_some() {
                sync_folder(&folder)?;
            }
            Ok(())
        })
        .await
        .map_err(cannot("remove", name))
    }

    async fn names(&self) -> Result<Vec<ArtifactName>, BlobError> {
        let blobs = self.clone();
        on_a_thread(move || {
            let mut names = Vec::new();
            for prefix in prefixes() {
                names.extend(
                    blobs
                        .entries(&prefix)?
                        .iter()
                        .filter_map(|entry| entry.artifact),
                );
            }
            names.sort_unstable();
            Ok(names)
        })
        .await
        .map_err(|source| BlobError::Unlistable {
            source: Box::new(source),
        })
    }
}

/// Names of the sub-folders, sorted.
fn prefixes() -> impl Iterator<Item = String> {
    (0..=u8::MAX).map(|byte| hex::encode([byte]))
}

/// The artifact whose file has this name in this sub-folder. Upper-case digits are a stranger's.
pub(crate) fn artifact(prefix: &str, file_name: &str) -> Option<ArtifactName> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(file_name, &mut bytes).ok()?;
    let name = ArtifactName::from_bytes(bytes);
    (file_name.starts_with(prefix) && name.hex() == file_name).then_some(name)
}

/// Writes and syncs a new file. It stays locked until it is dropped.
fn write_whole(path: &Path, write: impl Fn(&mut File) -> io::Result<()>) -> io::Result<File> {
    let mut file = File::create_new(path)?;
    file.lock()?;
    write(&mut file)?;
    file.sync_all()?;
    Ok(file)
}

fn remove_if_abandoned(temporary: &Path) -> io::Result<()> {
    let Some(file) = found(File::open(temporary))? else {
        return Ok(());
    };
    match file.try_lock() {
        Ok(()) => found(fs::remove_file(temporary)).map(drop),
        Err(TryLockError::WouldBlock) => Ok(()),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// `None` for what is not there.
fn found<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// File systems block: their calls run on threads kept for that.
async fn on_a_thread<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(stopped) => Err(io::Error::other(stopped)),
    }
}

fn cannot(doing: &'static str, name: ArtifactName) -> impl Fn(io::Error) -> BlobError {
    move |source| BlobError::Unavailable {
        doing,
        name,
        source: Box::new(source),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(byte: u8) -> ArtifactName {
        ArtifactName::from_bytes([byte; 32])
    }

    /// Files below the store, but the folders.
    fn files(folder: &Path) -> usize {
        let prefixes = fs::read_dir(folder.join("objects")).unwrap();
        prefixes
            .map(|prefix| fs::read_dir(prefix.unwrap().path()).unwrap().count())
            .sum()
    }

    #[tokio::test]
    async fn a_full_disk_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = FolderBlobs::open(folder.path()).unwrap();
        let full = |file: &mut File| {
            file.write_all(b"half of")?;
            Err(io::Error::from(ErrorKind::StorageFull))
        };
        let error = blobs.put_with(name(1), full).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StorageFull);
        assert_eq!(files(folder.path()), 0);
        assert_eq!(blobs.get(name(1)).await.unwrap(), None);
        blobs.put(name(1), b"all of it").await.unwrap();
        assert_eq!(
            blobs.get(name(1)).await.unwrap().as_deref(),
            Some(&b"all of it"[..])
        );
    }

    #[tokio::test]
    async fn what_the_file_system_refuses_is_unavailable() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = FolderBlobs::open(folder.path()).unwrap();
        fs::remove_dir(folder.path().join("objects/01")).unwrap();
        fs::write(folder.path().join("objects/01"), "in the way").unwrap();
        for error in [
            blobs.put(name(1), b"x").await.unwrap_err(),
            blobs.get(name(1)).await.unwrap_err(),
            blobs.names().await.unwrap_err(),
        ] {
            let (BlobError::Unavailable { source, .. } | BlobError::Unlistable { source }) = &error;
            assert!(!error.to_string().contains(&source.to_string()), "{error}");
        }
    }

    #[test]
    fn opening_removes_what_a_dead_writer_left_and_no_more() {
        let folder = tempfile::tempdir().unwrap();
        FolderBlobs::open(folder.path()).unwrap();
        let objects = folder.path().join("objects");
        let dead = objects.join(format!("01/{}.1-0.part", name(1).hex()));
        fs::write(&dead, "half").unwrap();
        let living = objects.join(format!("01/{}.1-1.part", name(1).hex()));
        let writer = write_whole(&living, |file| file.write_all(b"half")).unwrap();
        FolderBlobs::open(folder.path()).unwrap();
        assert!(!dead.exists());
        assert!(living.exists());
        drop(writer);
        FolderBlobs::open(folder.path()).unwrap();
        assert!(!living.exists());
    }

    #[tokio::test]
    async fn strangers_are_counted_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = FolderBlobs::open(folder.path()).unwrap();
        blobs.put(name(0xab), b"ours").await.unwrap();
        assert_eq!(blobs.strangers().await.unwrap(), 0);
        let objects = folder.path().join("objects");
        fs::write(objects.join("README"), "").unwrap();
        fs::write(objects.join("ab/notes.txt"), "").unwrap();
        fs::write(objects.join("00").join(name(0xab).hex()), "misplaced").unwrap();
        fs::write(objects.join("ab").join(name(0xab).hex().to_uppercase()), "").unwrap();
        fs::create_dir(objects.join("01").join(name(1).hex())).unwrap();
        assert_eq!(blobs.strangers().await.unwrap(), 5);
        FolderBlobs::open(folder.path()).unwrap();
        assert_eq!(blobs.strangers().await.unwrap(), 5);
    }
}

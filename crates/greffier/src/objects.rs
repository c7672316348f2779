//! Where sealed artifacts are: a folder, or a bucket of an S3-compatible store.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use pipeline::blobs::Blobs;
use store::{Bucket, BucketError, FolderBlobs, HAS_S3, ObjectBlobs};

/// Where sealed artifacts are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A folder of this machine.
    Folder(PathBuf),
    /// A bucket, and what the keys of objects begin with.
    Bucket {
        /// Its name.
        name: String,
        /// What keys begin with; may be empty.
        prefix: String,
    },
}

impl Place {
    /// Where `--objects` says, else in the data directory.
    ///
    /// # Errors
    /// When an address is neither a folder nor `s3://bucket/prefix`.
    pub fn of(asked: Option<&str>, data: &Path) -> Result<Self> {
        let Some(asked) = asked else {
            return Ok(Self::Folder(data.join("objects")));
        };
        let Some((scheme, rest)) = asked.split_once("://") else {
            ensure!(
                !asked.is_empty(),
                "--objects is empty: give a folder, or s3://bucket/prefix"
            );
            return Ok(Self::Folder(PathBuf::from(asked)));
        };
        let (name, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        if scheme != "s3" || name.is_empty() || !name.chars().all(plain) {
            bail!("`{asked}` is no place for objects: give a folder, or s3://bucket/prefix");
        }
        Ok(Self::Bucket {
            name: name.to_owned(),
            prefix: prefix.trim_matches('/').to_owned(),
        })
    }

    /// Opens it, making a folder that is not there.
    ///
    /// # Errors
    /// When it cannot be opened; without the feature `s3`, for a bucket.
    pub fn open(&self) -> Result<Arc<dyn Blobs>> {
        Ok(match self {
            Self::Folder(folder) => Arc::new(
                FolderBlobs::open(folder)
                    .with_context(|| format!("cannot open objects in {}", folder.display()))?,
            ),
            // Before credentials are asked for, which would be in vain.
            Self::Bucket { .. } if !HAS_S3 => return Err(BucketError::NotBuilt.into()),
            Self::Bucket { name, prefix } => {
                let bucket = bucket(name, prefix, &|name| std::env::var(name).ok())?;
                Arc::new(ObjectBlobs::open(&bucket)?)
            }
        })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(folder) => write!(f, "{}", folder.display()),
            Self::Bucket { name, prefix } => write!(f, "s3://{name}/{prefix}"),
        }
    }
}

/// A bucket as the usual `AWS_…` variables say: never the command line, which everybody on the
/// machine can read. Each may be named `AWS_…_FILE` instead and hold the path of a file.
fn bucket(name: &str, prefix: &str, env: &dyn Fn(&str) -> Option<String>) -> Result<Bucket> {
    let said = |variable: &str| -> Result<Option<String>> {
        let value = match (env(variable), env(&format!("{variable}_FILE"))) {
            (Some(value), _) => value,
            (None, Some(path)) => std::fs::read_to_string(&path)
                .with_context(|| format!("cannot read {path}, which {variable}_FILE names"))?,
            (None, None) => return Ok(None),
        };
        Ok(Some(value.trim().to_owned()).filter(|value| !value.is_empty()))
    };
    let needed = |variable: &str| {
        said(variable)?.with_context(|| {
            format!("s3://{name} needs {variable}, or {variable}_FILE with the path of a file")
        })
    };
    let first = |variables: &[&str]| -> Result<Option<String>> {
        for variable in variables {
            if let Some(value) = said(variable)? {
                return Ok(Some(value));
            }
        }
        Ok(None)
    };
    let endpoint = first(&["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"])?;
    let region = first(&["AWS_REGION", "AWS_DEFAULT_REGION"])?;
    // Stores of one's own have no regions; Amazon's answers for one only.
    let region = match (region, &endpoint) {
        (Some(region), _) => region,
        (None, Some(_)) => "us-east-1".to_owned(),
        (None, None) => needed("AWS_REGION")?,
    };
    let allow_http = said("AWS_ALLOW_HTTP")?.is_some_and(|said| said == "true" || said == "1");
    if let Some(endpoint) = endpoint.as_deref()
        && endpoint.starts_with("http://")
        && !allow_http
    {
        bail!(
            "{endpoint} is not encrypted: give an https:// address, or set AWS_ALLOW_HTTP=true where nobody listens"
        );
    }
    Ok(Bucket {
        name: name.to_owned(),
        prefix: prefix.to_owned(),
        region,
        endpoint,
        allow_http,
        access_key_id: needed("AWS_ACCESS_KEY_ID")?,
        secret_access_key: needed("AWS_SECRET_ACCESS_KEY")?,
        session_token: said("AWS_SESSION_TOKEN")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_folder_or_a_bucket() {
        let data = Path::new("data");
        let bucket = |name: &str, prefix: &str| {
            Some(Place::Bucket {
                name: name.into(),
                prefix: prefix.into(),
            })
        };
        let folder = |path: &str| Some(Place::Folder(path.into()));
        let check = |asked: Option<&str>, expected: Option<Place>| {
            assert_eq!(Place::of(asked, data).ok(), expected, "{asked:?}");
        };
        check(None, folder("data/objects"));
        check(Some("/srv/objects"), folder("/srv/objects"));
        check(Some("s3://mairie"), bucket("mairie", ""));
        check(Some("s3://mairie/"), bucket("mairie", ""));
        check(Some("s3://mairie/un/deux/"), bucket("mairie", "un/deux"));
        check(Some("s3:///un"), None);
        check(Some("s3://key:secret@mairie/un"), None);
        check(Some("gs://mairie"), None);
        check(Some(""), None);
    }

    #[test]
    fn credentials_come_from_variables_or_files() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "the secret\n").unwrap();
        let path = file.path().display().to_string();
        let env = |name: &str| match name {
            "AWS_ACCESS_KEY_ID" => Some("who".to_owned()),
            "AWS_SECRET_ACCESS_KEY_FILE" => Some(path.clone()),
            "AWS_ENDPOINT_URL" => Some("https://objects.example".to_owned()),
            _ => None,
        };
        let read = bucket("mairie", "un", &env).unwrap();
        assert_eq!(read.secret_access_key, "the secret");
        assert_eq!(read.endpoint.as_deref(), Some("https://objects.example"));
        assert_eq!((read.session_token, read.allow_http), (None, false));

        let without = |gone: &'static str| {
            let env = move |name: &str| env(name).filter(|_| name != gone);
            let error = bucket("mairie", "un", &env).unwrap_err();
            format!("{error:#}")
        };
        for gone in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY_FILE"] {
            assert!(without(gone).contains(gone.trim_end_matches("_FILE")));
        }
        assert!(without("AWS_ENDPOINT_URL").contains("AWS_REGION"));
        let open = |name: &str| match name {
            "AWS_ENDPOINT_URL" => Some("http://objects.example".to_owned()),
            name => env(name),
        };
        let error = bucket("mairie", "un", &open).unwrap_err();
        assert!(error.to_string().contains("AWS_ALLOW_HTTP"), "{error}");
    }
}

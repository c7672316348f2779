//! What parent and child say to each other. A frame is the length of its head (4 bytes, big
//! endian), the length of its body (8 bytes), the head as JSON, the body as bytes.

use std::io::{self, Read};

use domain::arrival::RowColumns;
use domain::{Layout, StoredText};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::Confinement;
use crate::ocr::{OcrSettings, Placing, Raster, Unrastered};
use crate::{Budgets, Child, Extraction};

/// Bytes before the head.
pub(super) const PREFIX: usize = 12;

/// What is asked of a document.
#[derive(Serialize, Deserialize)]
pub(super) enum Job {
    /// All of it, read.
    Read,
    /// One page of it, from 1, as an image.
    Raster { page: u32, settings: OcrSettings },
    /// Split into rows where it is a table; of workbooks only if they are wanted.
    Rows { workbooks: bool },
}

/// Head of a request; the body is the document.
#[derive(Serialize, Deserialize)]
pub(super) struct Request {
    pub(super) job: Job,
    pub(super) file_name: Option<String>,
    pub(super) media_type: Option<String>,
    pub(super) columns: Option<RowColumns>,
    pub(super) password: Option<String>,
    pub(super) budgets: Budgets,
}

/// Head of an answer; the body belongs to what is said.
#[derive(Serialize, Deserialize)]
pub(super) struct Answer {
    pub(super) state: State,
    pub(super) said: Said,
}

/// How the child is after a document.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(super) struct State {
    /// Its resident memory, in bytes.
    pub(super) resident_bytes: u64,
    /// What it gave up before the first document.
    pub(super) confinement: Confinement,
}

/// What is said of a document; the body is the text, then the children's bytes in order; or the
/// pixels.
#[derive(Serialize, Deserialize)]
pub(super) enum Said {
    /// The page has an image.
    Rastered {
        width: usize,
        height: usize,
        placing: Placing,
    },
    /// The page has none.
    Unrastered { why: Unrastered },
    /// The document was read.
    Read {
        layout: Box<Layout>,
        text_bytes: u64,
        children: Vec<ChildHead>,
    },
    /// The rows, as JSON in the body.
    Rows,
    /// A parser panicked; the child ends.
    Panicked,
}

#[derive(Serialize, Deserialize)]
pub(super) struct ChildHead {
    part: String,
    name: String,
    media_type: String,
    bytes: u64,
}

impl Said {
    /// The answer that says a raster, and its body.
    pub(super) fn rastered(raster: Result<Raster, Unrastered>) -> (Self, Vec<u8>) {
        match raster {
            Ok(Raster { image, placing }) => {
                let said = Self::Rastered {
                    width: image.width(),
                    height: image.height(),
                    placing,
                };
                (said, image.into_pixels())
            }
            Err(why) => (Self::Unrastered { why }, Vec::new()),
        }
    }

    /// The answer that says an extraction, and its body.
    pub(super) fn read(extraction: Extraction) -> (Self, Vec<u8>) {
        let Extraction {
            text,
            layout,
            children,
        } = extraction;
        let mut body = text.into_bytes();
        let text_bytes = body.len() as u64;
        let children = children
            .into_iter()
            .map(|child| {
                body.extend_from_slice(&child.bytes);
                ChildHead {
                    part: child.part,
                    name: child.name,
                    media_type: child.media_type,
                    bytes: child.bytes.len() as u64,
                }
            })
            .collect();
        let said = Self::Read {
            layout: Box::new(layout),
            text_bytes,
            children,
        };
        (said, body)
    }
}

/// Takes an answer's parts out of its body. `None` when they do not fit it.
pub(super) fn extraction(
    layout: Layout,
    text_bytes: u64,
    heads: Vec<ChildHead>,
    body: Vec<u8>,
) -> Option<Extraction> {
    let mut at = usize::try_from(text_bytes).ok()?;
    let text = body.get(..at)?.to_vec();
    let mut children = Vec::with_capacity(heads.len());
    for head in heads {
        let end = at.checked_add(usize::try_from(head.bytes).ok()?)?;
        children.push(Child {
            part: head.part,
            name: head.name,
            media_type: head.media_type,
            bytes: body.get(at..end)?.to_vec(),
        });
        at = end;
    }
    if at != body.len() {
        return None;
    }
    Some(Extraction {
        text: StoredText::from_bytes(text).ok()?,
        layout,
        children,
    })
}

/// The first bytes of a frame up to its body.
pub(super) fn head<T: Serialize>(head: &T, body_bytes: usize) -> io::Result<Vec<u8>> {
    let json = serde_json::to_vec(head).map_err(io::Error::other)?;
    let length = u32::try_from(json.len()).map_err(io::Error::other)?;
    let mut out = Vec::with_capacity(PREFIX + json.len());
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(&(body_bytes as u64).to_be_bytes());
    out.extend_from_slice(&json);
    Ok(out)
}

/// Lengths of head and body.
pub(super) fn lengths(prefix: [u8; PREFIX]) -> (u64, u64) {
    let [a, b, c, d, e, f, g, h, i, j, k, l] = prefix;
    (
        u64::from(u32::from_be_bytes([a, b, c, d])),
        u64::from_be_bytes([e, f, g, h, i, j, k, l]),
    )
}

/// Reads one frame; `None` when the other side closed the pipe between frames.
pub(super) fn read<T: DeserializeOwned>(from: &mut impl Read) -> io::Result<Option<(T, Vec<u8>)>> {
    let mut prefix = [0; PREFIX];
    match from.read(&mut prefix[..1])? {
        0 => return Ok(None),
        _ => from.read_exact(&mut prefix[1..])?,
    }
    let (head_bytes, body_bytes) = lengths(prefix);
    let json = exactly(from, head_bytes)?;
    let body = exactly(from, body_bytes)?;
    let head = serde_json::from_slice(&json).map_err(io::Error::other)?;
    Ok(Some((head, body)))
}

fn exactly(from: &mut impl Read, bytes: u64) -> io::Result<Vec<u8>> {
    let mut out = Vec::new();
    from.take(bytes).read_to_end(&mut out)?;
    if out.len() as u64 != bytes {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(out)
}

/// Reads the bytes as what a child and a parent may be told, for fuzzing: neither may be harmed by
/// the other.
#[cfg(fuzzing)]
pub fn frames(mut bytes: &[u8]) {
    let mut asked = bytes;
    while let Ok(Some((request, _))) = read::<Request>(&mut asked) {
        // What can be read can be written.
        assert!(head(&request, 0).is_ok());
    }
    while let Ok(Some((answer, body))) = read::<Answer>(&mut bytes) {
        let Answer { said, .. } = answer;
        if let Said::Read {
            layout,
            text_bytes,
            children,
        } = said
        {
            let length = body.len();
            if let Some(read) = extraction(*layout, text_bytes, children, body) {
                let children: usize = read.children.iter().map(|child| child.bytes.len()).sum();
                assert_eq!(read.text.as_str().len() + children, length);
            }
        }
    }
}

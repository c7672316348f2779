//! Precedents of a document: those most like it by their meaning that a person has decided about.

use domain::act::{Act, Verdict};
use domain::passage::VectorSet;
use domain::record::Record;
use domain::{Digest, DocumentId, Kind, Lang, ServiceId, SubjectId};

use crate::desk::{Desk, Opened};
use crate::error::Error;
use crate::vault::{Written, latest_among, latest_of};

/// Precedents that are shown.
pub const SHOWN: usize = 3;
/// Cosine below which one document says nothing of another.
const LEAST: f64 = 0.5;

/// A document that a person has decided about, and how like it another is.
#[derive(Clone, Debug, PartialEq)]
pub struct Precedent {
    /// Its id.
    pub id: DocumentId,
    /// The name people know it by.
    pub name: String,
    /// Where it went: what people call the service, or the authority it was forwarded to.
    pub to: String,
    /// The service, where it is one of the pipeline's.
    pub service: Option<ServiceId>,
    /// Cosine of the two, from -1 to 1.
    pub likeness: f64,
}

impl Precedent {
    /// How like it is, in words.
    pub fn say(&self, lang: Lang) -> &'static str {
        match self.likeness {
            x if x >= 0.9 => lang.pick("presque le même texte", "almost the same text"),
            x if x >= 0.75 => lang.pick("sujet très proche", "a very close matter"),
            x if x >= 0.6 => lang.pick("sujet proche", "a close matter"),
            _ => lang.pick("quelques points communs", "a few things in common"),
        }
    }
}

/// The meaning of a whole document, and the encoder that it is of.
struct Meaning {
    encoder: Option<Digest>,
    mean: Vec<f32>,
}

impl Desk {
    /// The closest of `candidates` that a person has decided about, in the same pipeline: at most
    /// [`SHOWN`], closest first. One that does not open is left out; `verify` names it.
    ///
    /// # Errors
    /// When the ledger does not answer, or the document's own vectors cannot be read.
    pub async fn precedents(
        &self,
        opened: &Opened,
        candidates: &[DocumentId],
    ) -> Result<Vec<Precedent>, Error> {
        let Some(written) = latest_of(&opened.records, Kind::Vectors) else {
            return Ok(Vec::new());
        };
        let Some(own) = self.meaning(opened.row.id, &written).await? else {
            return Ok(Vec::new());
        };
        let mut found = Vec::new();
        for id in candidates.iter().filter(|id| **id != opened.row.id) {
            match self.precedent(opened, &own, *id).await {
                Ok(precedent) => found.extend(precedent),
                Err(error) if error.is_passing() => return Err(error),
                Err(_) => {}
            }
        }
        found.sort_by(|a, b| b.likeness.total_cmp(&a.likeness).then(a.id.cmp(&b.id)));
        found.truncate(SHOWN);
        Ok(found)
    }

    async fn precedent(
        &self,
        of: &Opened,
        own: &Meaning,
        id: DocumentId,
    ) -> Result<Option<Precedent>, Error> {
        let row = self.row(id).await?;
        let decided = row.route.as_ref().is_some_and(|route| route.decided);
        if !decided || row.pipeline != of.row.pipeline {
            return Ok(None);
        }
        let subject = SubjectId::from(id);
        let records = self.vault.records(subject).await?;
        let same_encoder = |record: &Record| encoder_of(record) == own.encoder;
        let Some(written) = latest_among(&records, Kind::Vectors, same_encoder) else {
            return Ok(None);
        };
        let Some(meaning) = self.meaning(id, &written).await? else {
            return Ok(None);
        };
        let likeness = cosine(&own.mean, &meaning.mean);
        if likeness < LEAST {
            return Ok(None);
        }
        let envelope = self.vault.envelope(subject).await?;
        let act: Option<Act> = self
            .read_latest(subject, &envelope, &records, Kind::Act)
            .await?;
        let Some(act) = act else { return Ok(None) };
        let pipeline = self.pipelines.get(&row.pipeline)?;
        let service = act.verdict.service().cloned();
        let to = match &act.verdict {
            Verdict::NotForUs { to, .. } => to.clone(),
            _ => service
                .as_ref()
                .map(|id| pipeline.service_name(id))
                .unwrap_or_default(),
        };
        Ok(Some(Precedent {
            id,
            name: self.name(id).await?,
            to,
            service,
            likeness,
        }))
    }

    async fn meaning(&self, id: DocumentId, written: &Written) -> Result<Option<Meaning>, Error> {
        let subject = SubjectId::from(id);
        let envelope = self.vault.envelope(subject).await?;
        let bytes = self.vault.read(subject, &envelope, written.name).await?;
        let set = VectorSet::from_bytes(&bytes).map_err(|e| Error::WrongArtifact {
            name: written.name,
            subject,
            detail: e.to_string(),
        })?;
        let encoder = encoder_of(&written.record);
        Ok(set.mean().map(|mean| Meaning { encoder, mean }))
    }
}

/// Vectors of two encoders cannot be compared.
fn encoder_of(record: &Record) -> Option<Digest> {
    let mut models = record.statement().models.iter();
    models.find(|m| m.role == "encoder").map(|m| m.digest)
}

/// Of two vectors of length 1.
fn cosine(a: &[f32], b: &[f32]) -> f64 {
    if a.len() != b.len() {
        return 0.0;
    }
    a.iter()
        .zip(b)
        .map(|(x, y)| f64::from(*x) * f64::from(*y))
        .sum()
}

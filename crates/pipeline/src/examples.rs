//! What people decided, as examples to learn from.

use domain::{DocumentId, PipelineName, ServiceId};

use crate::desk::Desk;
use crate::error::Error;
use crate::ledger::{DocumentFilter, DocumentState};

/// A document that a person has decided about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    /// Its id.
    pub document: DocumentId,
    /// Its text.
    pub text: String,
    /// The service that answers. What is for another authority is no example of any service, unless
    /// one of the pipeline file stands for that authority.
    pub service: ServiceId,
}

impl Desk {
    /// The documents of a pipeline that a person has decided about, by reception, and how many more
    /// do not open any more and teach nothing; `verify` names them.
    ///
    /// # Errors
    /// When the ledger does not answer.
    pub async fn examples(&self, pipeline: &PipelineName) -> Result<(Vec<Example>, usize), Error> {
        let filter = DocumentFilter {
            pipeline: Some(pipeline.clone()),
            top_level: true,
            ..DocumentFilter::default()
        };
        let (mut examples, mut unreadable) = (Vec::new(), 0);
        for row in self.vault.ledger.documents(&filter).await? {
            let Some(service) = row
                .route
                .filter(|route| route.decided && row.state != DocumentState::Processing)
                .and_then(|route| route.service)
            else {
                continue;
            };
            match self.text(row.id).await {
                Ok(Some(text)) if !text.as_str().trim().is_empty() => examples.push(Example {
                    document: row.id,
                    text: text.as_str().to_owned(),
                    service,
                }),
                Ok(_) => {}
                Err(error) if error.is_passing() => return Err(error),
                Err(_) => unreadable += 1,
            }
        }
        Ok((examples, unreadable))
    }
}

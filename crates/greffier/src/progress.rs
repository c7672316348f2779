//! How far routing by itself is, read from the card of the head in force and from suspensions.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Result;
use inference::promise::Promise;
use pipeline::pipelines::Pipeline;
use pipeline::progress::{Progress, Reach, Watch};

use crate::house::House;
use crate::models::Models;
use crate::suspensions;
use crate::watch::Cause;

/// Looks at the models and the suspensions of a data directory.
pub struct HouseProgress {
    models: Arc<Models>,
    data: PathBuf,
}

impl HouseProgress {
    /// Of a house.
    pub fn of(house: &House) -> Self {
        Self {
            models: house.models.clone(),
            data: house.data.clone(),
        }
    }

    fn read(&self, pipeline: &Pipeline) -> Result<Progress> {
        let name = pipeline.name();
        if let Some(suspension) = suspensions::in_force(&self.data, name)? {
            let cause = suspension.cause.as_ref();
            return Ok(Progress::Suspended {
                precaution: cause.is_some_and(Cause::is_precaution),
            });
        }
        let Some(digest) = self.models.head_digest(name)? else {
            return Ok(Progress::NoModel);
        };
        let head = self.models.head(name, digest)?;
        let card = head.card();
        let mut alone = Vec::new();
        for service in &card.services {
            // What is learnt for a label that is no service any more is nobody's news.
            let known = pipeline.service(&service.label).ok();
            if let (Some(own), Some(known)) = (&service.own, known) {
                alone.push((known.id().clone(), reach(own)));
            }
        }
        Ok(Progress::Learnt {
            together: reach(&card.promise),
            alone,
        })
    }
}

fn reach(promise: &Promise) -> Reach {
    match promise {
        Promise::Kept { .. } => Reach::Reached,
        Promise::NotEnough { more, .. } => Reach::More(*more),
    }
}

impl Watch for HouseProgress {
    fn progress(
        &self,
        pipeline: &Pipeline,
    ) -> Result<Progress, Box<dyn std::error::Error + Send + Sync>> {
        Ok(self.read(pipeline)?)
    }
}

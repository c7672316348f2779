//! What people decide of themes: a series of records beside the themes of a week, which the themes of
//! the weeks that follow take up.

use std::collections::BTreeMap;

use domain::{IsoWeek, Kind, PipelineName, RunKey, canonical};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::desk::Desk;
use crate::duty::{Dated, TRIES, Writing};
use crate::error::Error;
use crate::intake::slug;
use crate::ledger::Edition;
use crate::pipelines::Pipeline;
use crate::rights::By;

/// The reconciler of themes, and the series of what people decide of them.
pub const THEMES: &str = "themes";
/// See [`THEMES`].
pub const THEME_ACT: &str = "theme-act";

impl Desk {
    /// The latest edition of the themes of each week, by week.
    ///
    /// # Errors
    /// When the ledger does not answer.
    pub async fn themes_editions(&self, pipeline: &PipelineName) -> Result<Vec<Edition>, Error> {
        let reconciler = slug(THEMES);
        let all = self.vault.ledger.editions(&reconciler, pipeline, None);
        let mut latest = BTreeMap::new();
        for edition in all.await? {
            latest.insert(edition.period.clone(), edition);
        }
        Ok(latest.into_values().collect())
    }

    /// What people decided of the themes of a week, oldest first.
    ///
    /// # Errors
    /// When the ledger or the store does not answer.
    pub async fn theme_acts<T: DeserializeOwned>(
        &self,
        pipeline: &PipelineName,
        week: IsoWeek,
    ) -> Result<Vec<Dated<T>>, Error> {
        self.series_of(THEME_ACT, pipeline, Some(week)).await
    }

    /// Records what `by` decides of the themes of a week; `edition` is the one they looked at.
    ///
    /// # Errors
    /// When nobody is named, or the ledger does not answer.
    pub async fn decide_theme<T: Serialize + DeserializeOwned>(
        &self,
        pipeline: &Pipeline,
        week: IsoWeek,
        edition: RunKey,
        by: By<'_>,
        act: &T,
    ) -> Result<(), Error> {
        if by.shown().trim().is_empty() {
            return Err(Error::NobodyNamed);
        }
        let secret = (self.vault.secrets).collection_secret(&pipeline.source.file.collection);
        let agent = by.agent(&secret);
        let bytes = canonical::to_bytes(act)?;
        for _ in 0..TRIES {
            let last = self.theme_acts::<T>(pipeline.name(), week).await?.pop();
            let written = Writing {
                activity: THEME_ACT,
                kind: Kind::ThemeAct,
                agent: agent.clone(),
                after: last.map_or(edition, |last| last.run),
            };
            if self
                .write_series(pipeline, &week.to_string(), written, &bytes)
                .await?
            {
                return Ok(());
            }
        }
        Err(Error::SeriesBusy(THEME_ACT))
    }
}

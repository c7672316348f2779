//! `reprocess`: a stage is run again on documents that are here, after its settings or its model
//! have changed. Where nothing has, the records answer and it costs nothing. What is taken up again
//! passes after what arrives meanwhile, and goes on by itself where it was stopped.

use anyhow::{Result, ensure};
use domain::message::{Class, Task};
use domain::{Lang, StageName};
use pipeline::ledger::{DocumentFilter, DocumentState};

use super::{Ending, documents, ingest};
use crate::args::{Global, Reprocess};
use crate::house::House;
use crate::print;

/// Runs `reprocess`.
pub async fn reprocess(global: &Global, args: &Reprocess) -> Result<Ending> {
    let house = House::open_existing(global).await?;
    let lock = house.lock()?;
    let pipeline = house.pipeline(&args.pipeline)?;
    let stage: Option<StageName> = args.stage.as_ref().map(|s| s.parse()).transpose()?;
    if let Some(stage) = &stage {
        let mut path = pipeline.path(false).chain(pipeline.path(true));
        ensure!(
            path.any(|known| known == stage),
            "pipeline {} has no stage `{stage}`: it has {}",
            pipeline.name(),
            pipeline
                .path(false)
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(", ")
        );
    }
    let mut rows = Vec::new();
    if args.documents.is_empty() {
        let filter = DocumentFilter {
            pipeline: Some(pipeline.name().clone()),
            ..DocumentFilter::default()
        };
        rows = house.desk.vault.ledger.documents(&filter).await?;
    }
    for name in &args.documents {
        let row = documents::find(&house, name).await?;
        ensure!(
            row.pipeline == *pipeline.name(),
            "{name} came by pipeline {}, not {}",
            row.pipeline,
            pipeline.name()
        );
        rows.push(row);
    }
    let bar = print::bar(
        rows.len() as u64,
        global
            .lang
            .pick("documents repris", "documents taken up again"),
    );
    let mut owed = 0;
    for row in rows
        .iter()
        .filter(|row| row.state != DocumentState::Processing)
    {
        bar.inc(1);
        let attachment = row.parent.is_some();
        // An attachment whose path lacks the stage has nothing to do again.
        let from = match &stage {
            Some(stage) => pipeline.path(attachment).find(|known| *known == stage),
            None => pipeline.first(attachment),
        };
        let Some(from) = from else {
            continue;
        };
        let records = house.desk.vault.records(row.id.into()).await?;
        let generations = records.iter().map(|(r, _)| r.statement().generation);
        house
            .desk
            .vault
            .ledger
            .owe(&Task {
                document: row.id.into(),
                pipeline: pipeline.name().clone(),
                stage: from.clone(),
                generation: generations.max().unwrap_or(0),
                // After the day's mail, however many they are.
                class: Class::Bulk,
            })
            .await?;
        owed += 1;
    }
    bar.finish_and_clear();
    print::note(match global.lang {
        Lang::Fr => format!("{owed} document(s) à reprendre"),
        Lang::En => format!("{owed} document(s) to take up again"),
    });
    drop(lock);
    // Interrupted from here on, `greffier work` goes on.
    ingest::work(global).await
}

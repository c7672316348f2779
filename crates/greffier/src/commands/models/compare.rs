//! `models compare`: what another encoder would change, seen before it does.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use domain::{CollectionName, DocumentId, Lang};
use inference::Encoder;
use search::{Change, Index, Query, Reader};
use serde::{Deserialize, Serialize};

use crate::args::Global;
use crate::commands::Ending;
use crate::house::House;
use crate::stages::{in_context, known_by};
use crate::{followers, print};

/// Documents whose titles are asked for when no queries are given.
const TITLES: usize = 200;
/// Documents compared of each answer.
const DEPTH: usize = 10;
/// Documents written in one commit.
const COMMIT: usize = 200;
/// Queries shown.
const SHOWN: usize = 5;

/// What would change.
#[derive(Debug, Serialize)]
struct Compared {
    collection: CollectionName,
    in_force: String,
    other: String,
    documents: usize,
    queries: usize,
    /// Queries whose first document would be another.
    first_changes: usize,
    /// Of the ten best documents, how many stay, in percent.
    kept: f64,
    /// The queries that would change most.
    examples: Vec<Example>,
}

#[derive(Debug, Serialize)]
struct Example {
    query: String,
    first: Option<DocumentId>,
    first_with_other: Option<DocumentId>,
    kept: usize,
}

#[derive(Deserialize)]
struct Line {
    text: String,
}

/// Compares the encoder of a collection with another.
pub(super) async fn compare(
    global: &Global,
    name: &str,
    collection: &CollectionName,
    queries: Option<&Path>,
) -> Result<Ending> {
    let house = House::open_existing(global).await?;
    let dir = house.index_dir(collection);
    ensure!(
        dir.is_dir(),
        "collection {collection} has no index: nothing to compare (greffier index status)"
    );
    let index = Index::open(&dir)?;
    let (in_force, digest) = followers::encoder_in(&house, collection, &index)?;
    ensure!(
        in_force != name,
        "collection {collection} is searched with {name} already"
    );
    let (old, new) = (
        house.models.encoder(&in_force)?,
        house.models.encoder(name)?,
    );
    let folder = tempfile::tempdir()?;
    let beside = Index::open(folder.path())?;
    let ids = index.documents()?;
    let bar = print::bar(
        ids.len() as u64,
        global.lang.pick("documents encodés", "documents encoded"),
    );
    let mut titles = Vec::new();
    {
        let mut writer = beside.writer()?;
        let mut changes = Vec::new();
        for (n, id) in ids.iter().enumerate() {
            let change = followers::change(&house.desk, collection, digest, (*id).into()).await?;
            if let Some(Change::Put(mut document)) = change {
                encode(&mut document, &new)?;
                titles.extend(document.title.clone().filter(|t| !t.trim().is_empty()));
                changes.push(Change::Put(document));
            }
            bar.inc(1);
            if changes.len() == COMMIT || n + 1 == ids.len() {
                writer.apply(std::mem::take(&mut changes), n as u64 + 1)?;
            }
        }
    }
    bar.finish_and_clear();
    let queries = match queries {
        Some(path) => std::fs::read_to_string(path)
            .with_context(|| format!("cannot read {}", path.display()))?
            .lines()
            .filter(|line| !line.trim().is_empty())
            .map(|line| Ok(serde_json::from_str::<Line>(line)?.text))
            .collect::<Result<Vec<_>>>()
            .with_context(|| format!("{}: expected {{\"text\": …}}", path.display()))?,
        None => {
            titles.truncate(TITLES);
            titles
        }
    };
    ensure!(
        !queries.is_empty(),
        "there is no query: give some with --queries FILE.jsonl"
    );
    let mut compared = Compared {
        collection: collection.clone(),
        in_force,
        other: name.to_owned(),
        documents: ids.len(),
        queries: queries.len(),
        first_changes: 0,
        kept: 0.0,
        examples: Vec::new(),
    };
    for query in queries {
        let before = best(&index, &old, &query)?;
        let after = best(&beside, &new, &query)?;
        let kept = before.iter().filter(|id| after.contains(id)).count();
        compared.first_changes += usize::from(before.first() != after.first());
        compared.kept += 100.0 * kept as f64
            / before.len().max(after.len()).max(1) as f64
            / compared.queries as f64;
        compared.examples.push(Example {
            query,
            first: before.first().copied(),
            first_with_other: after.first().copied(),
            kept,
        });
    }
    compared
        .examples
        .sort_by(|a, b| a.kept.cmp(&b.kept).then_with(|| a.query.cmp(&b.query)));
    let changes = |e: &Example| e.first != e.first_with_other;
    compared.examples.retain(changes);
    compared.examples.truncate(SHOWN);
    show(global, &house, &compared).await?;
    Ok(Ending::Done)
}

/// The vectors of a document by another encoder, of what the stage `embed` encodes by default.
fn encode(document: &mut search::IndexedDocument, encoder: &Encoder) -> Result<()> {
    let first = document.passages.first().map_or("", |p| p.text.as_str());
    let title = known_by(document.title.as_deref().unwrap_or_default(), first);
    let texts: Vec<String> = document
        .passages
        .iter()
        .map(|passage| in_context(title, &passage.text))
        .collect();
    for (passage, vector) in document.passages.iter_mut().zip(encoder.encode(&texts)?) {
        passage.vector = Some(vector);
    }
    Ok(())
}

fn best(index: &Index, encoder: &Encoder, text: &str) -> Result<Vec<DocumentId>> {
    let mut query = Query::new(text, Reader::All);
    query.limit = DEPTH;
    query.vector = encoder.encode(&[text.to_owned()])?.pop();
    Ok(index
        .search(&query)?
        .hits
        .into_iter()
        .map(|hit| hit.document)
        .collect())
}

async fn show(global: &Global, house: &House, compared: &Compared) -> Result<()> {
    if global.json {
        return print::json(compared);
    }
    let Compared {
        in_force,
        other,
        queries,
        first_changes,
        kept,
        ..
    } = compared;
    print::line(match global.lang {
        Lang::Fr => format!(
            "De {in_force} à {other} : pour {first_changes} recherches sur {queries}, le premier document changerait ; {kept:.0} % des dix premiers resteraient."
        ),
        Lang::En => format!(
            "From {in_force} to {other}: for {first_changes} of {queries} searches the first document would change; {kept:.0} % of the ten best would stay."
        ),
    });
    for example in &compared.examples {
        let mut names = Vec::new();
        for id in [example.first, example.first_with_other] {
            names.push(match id {
                Some(id) => house.desk.name(id).await?,
                None => "–".to_owned(),
            });
        }
        print::line(format!(
            "  « {} » : {} → {}",
            example.query, names[0], names[1]
        ));
    }
    print::line(match global.lang {
        Lang::Fr => format!(
            "Pour changer : encoder = \"{other}\" dans la filière, puis greffier reprocess --stage embed et greffier index rebuild."
        ),
        Lang::En => format!(
            "To switch: encoder = \"{other}\" in the pipeline, then greffier reprocess --stage embed and greffier index rebuild."
        ),
    });
    Ok(())
}

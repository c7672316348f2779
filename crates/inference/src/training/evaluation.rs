//! What an encoder is worth: similarity of sentences, and finding by meaning alone.
//!
//! Finding is measured on what training held out (`material`), on documents cut into passages of
//! about 700 bytes, each headed by its title; a document's score is that of its best passage.
//! nDCG@10 has linear gains (the grade) and is a mean over the queries.

use std::collections::BTreeMap;
use std::path::Path;

use ndarray::Array2;

use super::material::{self, Retrieval, need_is_held_out, sheet_is_held_out, titled_passages};
use super::sources::{SourceError, Sources};
use super::student::product;

/// Where the ranking is cut.
const DEPTH: usize = 10;

/// Why an encoder cannot be measured.
#[derive(Debug, thiserror::Error)]
pub enum MeasureError {
    /// It cannot encode.
    #[error("a text cannot be encoded")]
    Encode(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Its vectors are not of one length.
    #[error("the vectors are not of one length")]
    Shape(#[from] ndarray::ShapeError),
}

/// Texts to vectors of length 1.
pub type Encode<'a> = dyn Fn(&[String]) -> Result<Vec<Vec<f32>>, MeasureError> + 'a;

/// One figure.
#[derive(Clone, Debug)]
pub struct Figure {
    /// Of which set, and what.
    pub name: &'static str,
    /// Per cent.
    pub value: f64,
    /// Queries or pairs it is the mean of.
    pub of: usize,
}

impl std::fmt::Display for Figure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {:.2} ({})", self.name, self.value, self.of)
    }
}

/// Two sentences and their similarity, 0 to 5.
type ScoredPair = (String, String, f64);

/// Held-out queries of a retrieval set and its documents.
#[derive(Clone, Debug)]
pub struct Test {
    /// Name of the figure.
    pub name: &'static str,
    /// The set, with the held-out queries only.
    pub set: Retrieval,
}

/// Sentences and the documents that measuring reads.
#[derive(Clone, Debug)]
pub struct Tests {
    similarity: Vec<(&'static str, Vec<ScoredPair>)>,
    retrieval: Vec<Test>,
}

impl Tests {
    /// Reads them.
    ///
    /// # Errors
    /// When a source cannot be read.
    pub fn read(sources: &Sources) -> Result<Self, SourceError> {
        let mut service = material::retrieval(sources, "service-public")?;
        let relevance = &service.relevance;
        service.queries.retain(|query| {
            relevance
                .get(&query.id)
                .is_some_and(|right| right.keys().any(|id| sheet_is_held_out(id)))
        });
        let mut labour = material::retrieval(sources, "code-du-travail")?;
        labour
            .queries
            .retain(|query| query.need.is_some_and(need_is_held_out));
        Ok(Self {
            similarity: vec![
                (
                    "STSb dev, French (Spearman)",
                    material::similarity(sources, "fr")?,
                ),
                (
                    "STSb dev, English (Spearman)",
                    material::similarity(sources, "en")?,
                ),
            ],
            retrieval: vec![
                Test {
                    name: "service-public, held-out half (nDCG@10)",
                    set: service,
                },
                Test {
                    name: "code-du-travail, held-out half (nDCG@10)",
                    set: labour,
                },
                Test {
                    name: "piaf (nDCG@10)",
                    set: material::piaf(sources)?,
                },
            ],
        })
    }

    /// Writes each set as a folder of `corpus.jsonl`, `queries.jsonl` and `qrels.tsv`, for whatever
    /// searches to be measured on.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn write(&self, out: &Path) -> std::io::Result<()> {
        for Test { name, set } in &self.retrieval {
            let folder = out.join(name.split([',', ' ']).next().unwrap_or(name));
            std::fs::create_dir_all(&folder)?;
            let line = |value: serde_json::Value| format!("{value}\n");
            let documents = set.documents.iter();
            let corpus: String = documents
                .map(|d| line(serde_json::json!({ "id": d.id, "title": d.title, "text": d.text })))
                .collect();
            let queries: String = (set.queries.iter())
                .map(|q| line(serde_json::json!({ "id": q.id, "text": q.text })))
                .collect();
            let mut relevance = String::new();
            for (query, right) in &set.relevance {
                for (document, gain) in right {
                    relevance += &format!("{query}\t{document}\t{gain}\n");
                }
            }
            std::fs::write(folder.join("corpus.jsonl"), corpus)?;
            std::fs::write(folder.join("queries.jsonl"), queries)?;
            std::fs::write(folder.join("qrels.tsv"), relevance)?;
        }
        Ok(())
    }

    /// The figures of an encoder.
    ///
    /// # Errors
    /// When it cannot encode.
    pub fn measure(&self, encode: &Encode<'_>) -> Result<Vec<Figure>, MeasureError> {
        let mut figures = Vec::new();
        for (name, pairs) in &self.similarity {
            let side = |second: bool| -> Vec<String> {
                let text = |(one, other, _): &ScoredPair| {
                    if second { other.clone() } else { one.clone() }
                };
                pairs.iter().map(text).collect()
            };
            let (ones, others) = (encode(&side(false))?, encode(&side(true))?);
            let found: Vec<f64> = ones
                .iter()
                .zip(&others)
                .map(|(a, b)| a.iter().zip(b).map(|(a, b)| f64::from(a * b)).sum())
                .collect();
            let given: Vec<f64> = pairs.iter().map(|(_, _, score)| *score).collect();
            figures.push(Figure {
                name,
                value: 100.0 * spearman(&found, &given),
                of: pairs.len(),
            });
        }
        for test in &self.retrieval {
            figures.push(Figure {
                name: test.name,
                value: 100.0 * ndcg(&test.set, encode)?,
                of: test.set.queries.len(),
            });
        }
        Ok(figures)
    }
}

/// Mean nDCG@10 of a set by meaning alone.
fn ndcg(set: &Retrieval, encode: &Encode<'_>) -> Result<f64, MeasureError> {
    let mut owners = Vec::new();
    let mut passages = Vec::new();
    for (place, document) in set.documents.iter().enumerate() {
        for passage in titled_passages(document) {
            owners.push(place);
            passages.push(passage);
        }
    }
    let texts: Vec<String> = set.queries.iter().map(|query| query.text.clone()).collect();
    let passages = matrix(encode(&passages)?)?;
    let queries = matrix(encode(&texts)?)?;
    let scores = product(queries.view(), passages.t());
    let mut sum = 0.0;
    for (query, scores) in set.queries.iter().zip(scores.rows()) {
        let mut best: BTreeMap<usize, f32> = BTreeMap::new();
        for (owner, score) in owners.iter().zip(scores) {
            let best = best.entry(*owner).or_insert(f32::NEG_INFINITY);
            *best = best.max(*score);
        }
        let mut ranked: Vec<(usize, f32)> = best.into_iter().collect();
        ranked.sort_by(|(a, x), (b, y)| y.total_cmp(x).then(a.cmp(b)));
        let nothing = BTreeMap::new();
        let right = set.relevance.get(&query.id).unwrap_or(&nothing);
        let gain = |place: usize, grade: u32| f64::from(grade) / ((place + 2) as f64).log2();
        let found: f64 = ranked
            .iter()
            .take(DEPTH)
            .enumerate()
            .filter_map(|(place, (owner, _))| {
                Some(gain(place, *right.get(&set.documents[*owner].id)?))
            })
            .sum();
        let mut grades: Vec<u32> = right.values().copied().collect();
        grades.sort_by(|a, b| b.cmp(a));
        let ideal: f64 = grades
            .into_iter()
            .take(DEPTH)
            .enumerate()
            .map(|(place, grade)| gain(place, grade))
            .sum();
        if ideal > 0.0 {
            sum += found / ideal;
        }
    }
    Ok(sum / set.queries.len().max(1) as f64)
}

fn matrix(rows: Vec<Vec<f32>>) -> Result<Array2<f32>, ndarray::ShapeError> {
    let width = rows.first().map_or(0, Vec::len);
    Array2::from_shape_vec((rows.len(), width), rows.into_iter().flatten().collect())
}

/// Spearman's rank correlation; equal values share their mean rank.
pub fn spearman(a: &[f64], b: &[f64]) -> f64 {
    let (a, b) = (ranks(a), ranks(b));
    let mean = (a.len() as f64 + 1.0) / 2.0;
    let mut sums = [0.0; 3];
    for (a, b) in a.iter().zip(&b) {
        let (a, b) = (a - mean, b - mean);
        sums[0] += a * b;
        sums[1] += a * a;
        sums[2] += b * b;
    }
    sums[0] / (sums[1] * sums[2]).sqrt()
}

fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&i, &j| values[i].total_cmp(&values[j]));
    let mut ranks = vec![0.0; values.len()];
    let mut start = 0;
    while start < order.len() {
        let mut end = start + 1;
        while end < order.len() && values[order[end]] == values[order[start]] {
            end += 1;
        }
        for &place in &order[start..end] {
            ranks[place] = (start + end + 1) as f64 / 2.0;
        }
        start = end;
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::training::material::{Document, Query};

    #[test]
    fn ranks_are_correlated_not_values() {
        let one = [1.0, 2.0, 3.0, 4.0];
        assert!((spearman(&one, &[1.0, 8.0, 27.0, 64.0]) - 1.0).abs() < 1e-12);
        assert!((spearman(&one, &[4.0, 3.0, 2.0, 1.0]) + 1.0).abs() < 1e-12);
        // By hand: ranks 1, 2.5, 2.5, 4.
        let tied = spearman(&one, &[0.0, 1.0, 1.0, 2.0]);
        assert!((tied - 0.948_683_298).abs() < 1e-9, "{tied}");
    }

    #[test]
    fn the_gain_of_a_ranking_is_that_of_the_definition() {
        let document = |id: &str| Document {
            id: id.into(),
            title: String::new(),
            text: id.into(),
        };
        let set = Retrieval {
            documents: vec![document("a"), document("b"), document("c")],
            queries: vec![Query {
                id: "q".into(),
                text: "q".into(),
                need: None,
            }],
            relevance: BTreeMap::from([(
                "q".into(),
                BTreeMap::from([("a".into(), 1), ("c".into(), 3)]),
            )]),
        };
        // Ranked b, c, a.
        let encode = |texts: &[String]| -> Result<Vec<Vec<f32>>, MeasureError> {
            let score = |text: &String| match text.as_str() {
                "a" => 0.1,
                "b" => 0.9,
                "c" => 0.5,
                _ => 1.0,
            };
            Ok(texts.iter().map(|text| vec![score(text)]).collect())
        };
        let found = ndcg(&set, &encode).unwrap();
        let log = |place: f64| place.log2();
        let expected = (3.0 / log(3.0) + 1.0 / log(4.0)) / (3.0 / log(2.0) + 1.0 / log(3.0));
        assert!((found - expected).abs() < 1e-12, "{found} {expected}");
    }
}

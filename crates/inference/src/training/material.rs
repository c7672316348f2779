//! Sources to what training reads: translations, pairs that answer one another, held-out parts.
//!
//! Every choice is by a digest of the text or identifier, never by place or chance: what is chosen
//! does not change because a line moved.
//!
//! Held out, to measure what was never seen: half of the questions of service-public, with every
//! text of the sheets that answer them, and half of the needs of code-du-travail, with all their
//! wordings.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use domain::Digest;
use serde::Deserialize;

use super::sources::{SourceError, Sources};

/// Aligned units of laws that serve as translations, and whose English side the teacher encodes.
pub const LAWS: usize = 60_000;
/// Bytes of the shortest and longest English side of those.
const LAW_BYTES: std::ops::RangeInclusive<usize> = 12..=400;
/// Bytes of a passage at most, about; sentences are not cut below that.
pub const PASSAGE: usize = 700;
/// Bytes of the shortest passage that can answer.
const SHORTEST: usize = 80;

/// An English text and its French translation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Translation {
    /// English.
    pub en: String,
    /// French.
    pub fr: String,
}

/// A text and one that answers it, continues it or is named by it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// Question, title or beginning.
    pub query: String,
    /// Passage.
    pub passage: String,
    /// Pairs of one group answer one another's queries too.
    pub group: u64,
}

/// Pairs of one kind: the other passages of the kind are what a query must not find.
#[derive(Clone, Debug)]
pub struct Kind {
    /// What they are, for the figures.
    pub name: &'static str,
    /// The pairs.
    pub pairs: Vec<Pair>,
    /// Whether queries are short texts that people type, so that half of them get slips.
    pub typed: bool,
    /// How many times an epoch reads them, in tenths.
    pub share: usize,
}

/// A document of a retrieval set.
#[derive(Clone, Debug, Deserialize)]
pub struct Document {
    /// Identifier.
    pub id: String,
    /// Title; may be empty.
    pub title: String,
    /// Text; may be empty.
    pub text: String,
}

/// A query of a retrieval set.
#[derive(Clone, Debug, Deserialize)]
pub struct Query {
    /// Identifier.
    pub id: String,
    /// Text.
    pub text: String,
    /// Need that it words, in code-du-travail.
    #[serde(default)]
    pub need: Option<u32>,
}

/// A retrieval set.
#[derive(Clone, Debug)]
pub struct Retrieval {
    /// Documents.
    pub documents: Vec<Document>,
    /// Queries.
    pub queries: Vec<Query>,
    /// Relevance by query and document.
    pub relevance: BTreeMap<String, BTreeMap<String, u32>>,
}

/// A number that depends on the text only, evenly spread.
pub fn spread(text: &str) -> u64 {
    let mut first = [0; 8];
    first.copy_from_slice(&Digest::of(text.as_bytes()).as_bytes()[..8]);
    u64::from_be_bytes(first)
}

/// Whether a document of service-public is held out.
pub fn sheet_is_held_out(id: &str) -> bool {
    spread(&format!("service-public/{id}")).is_multiple_of(2)
}

/// Whether a need of code-du-travail is held out.
pub fn need_is_held_out(need: u32) -> bool {
    spread(&format!("code-du-travail/{need}")).is_multiple_of(2)
}

/// All of Tatoeba, then [`LAWS`] units of the laws, in a fixed order.
///
/// # Errors
/// When a source cannot be read.
pub fn translations(sources: &Sources) -> Result<Vec<Translation>, SourceError> {
    let mut all = Vec::new();
    let text = sources.training_text("tatoeba", "parallel/tatoeba-en-fr.tsv.xz")?;
    all.extend(aligned(&text));
    let text = sources.training_text("laws", "parallel/laws-en-fr.tsv.xz")?;
    let mut seen = HashSet::new();
    let mut laws: Vec<(u64, Translation)> = aligned(&text)
        .filter(|pair| LAW_BYTES.contains(&pair.en.len()) && pair.fr.len() <= 700)
        .filter(|pair| seen.insert(pair.en.clone()))
        .map(|pair| (spread(&pair.en), pair))
        .collect();
    laws.sort_by_key(|(place, _)| *place);
    all.extend(laws.into_iter().take(LAWS).map(|(_, pair)| pair));
    Ok(all)
}

/// The English sides, each once, in the order of their first appearance.
pub fn english(translations: &[Translation]) -> Vec<String> {
    let mut seen = HashSet::new();
    translations
        .iter()
        .filter(|pair| seen.insert(pair.en.as_str()))
        .map(|pair| pair.en.clone())
        .collect()
}

fn aligned(text: &str) -> impl Iterator<Item = Translation> {
    rows(text).filter_map(|row| match row.as_slice() {
        [en, fr] if !en.is_empty() && !fr.is_empty() => Some(Translation {
            en: (*en).to_owned(),
            fr: (*fr).to_owned(),
        }),
        _ => None,
    })
}

/// The columns of a tab-separated file, its header left out.
fn rows(text: &str) -> impl Iterator<Item = Vec<&str>> {
    text.lines().skip(1).map(|line| line.split('\t').collect())
}

/// A retrieval set laid out as `corpus.jsonl.xz`, `queries.jsonl`, `qrels.tsv`.
///
/// # Errors
/// When a file cannot be read or a line is not what it should be.
pub fn retrieval(sources: &Sources, name: &str) -> Result<Retrieval, SourceError> {
    let file = |file: &str| format!("retrieval/{name}/{file}");
    let documents = json_lines(&file("corpus.jsonl.xz"), sources, name)?;
    let queries = json_lines(&file("queries.jsonl"), sources, name)?;
    let path = file("qrels.tsv");
    let mut relevance: BTreeMap<String, BTreeMap<String, u32>> = BTreeMap::new();
    for (line, row) in rows(&sources.text(name, &path)?).enumerate() {
        let parsed = match row.as_slice() {
            [query, document, grade] => grade.parse().ok().map(|grade| (query, document, grade)),
            _ => None,
        };
        let (query, document, grade) = parsed.ok_or_else(|| SourceError::Line {
            file: path.clone(),
            line: line + 2,
            problem: "expected query, document and a whole number".into(),
        })?;
        relevance
            .entry((*query).to_owned())
            .or_default()
            .insert((*document).to_owned(), grade);
    }
    Ok(Retrieval {
        documents,
        queries,
        relevance,
    })
}

/// The questions of PIAF: each paragraph is a document.
///
/// # Errors
/// When the file cannot be read or a line is not what it should be.
pub fn piaf(sources: &Sources) -> Result<Retrieval, SourceError> {
    #[derive(Deserialize)]
    struct Line {
        question: String,
        paragraph: String,
    }
    let lines: Vec<Line> = json_lines("retrieval/piaf/questions.jsonl", sources, "piaf")?;
    let mut place: HashMap<String, usize> = HashMap::new();
    let mut set = Retrieval {
        documents: Vec::new(),
        queries: Vec::new(),
        relevance: BTreeMap::new(),
    };
    for (number, line) in lines.into_iter().enumerate() {
        let next = place.len();
        let document = *place.entry(line.paragraph.clone()).or_insert(next);
        if document == next {
            set.documents.push(Document {
                id: format!("p{document}"),
                title: String::new(),
                text: line.paragraph,
            });
        }
        let id = format!("q{number}");
        let right = BTreeMap::from([(format!("p{document}"), 1)]);
        set.relevance.insert(id.clone(), right);
        set.queries.push(Query {
            id,
            text: line.question,
            need: None,
        });
    }
    Ok(set)
}

/// Pairs of sentences and their similarity, 0 to 5.
///
/// # Errors
/// When the file cannot be read or a line is not what it should be.
pub fn similarity(
    sources: &Sources,
    language: &str,
) -> Result<Vec<(String, String, f64)>, SourceError> {
    let file = format!("similarity/stsb-{language}-dev.csv");
    let text = sources.text("stsb", &file)?;
    text.lines()
        .enumerate()
        .map(|(line, row)| {
            let mut cells = cells(row).into_iter();
            match (cells.next(), cells.next(), cells.next(), cells.next()) {
                (Some(one), Some(other), Some(score), None) => {
                    score.parse().ok().map(|score| (one, other, score))
                }
                _ => None,
            }
            .ok_or_else(|| SourceError::Line {
                file: file.clone(),
                line: line + 1,
                problem: "expected two sentences and a number".into(),
            })
        })
        .collect()
}

/// The cells of a line of comma-separated values (RFC 4180, no line breaks within cells).
fn cells(line: &str) -> Vec<String> {
    let mut cells = vec![String::new()];
    let mut quoted = false;
    let mut letters = line.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '"' if quoted && letters.peek() == Some(&'"') => {
                letters.next();
                push(&mut cells, '"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => cells.push(String::new()),
            _ => push(&mut cells, letter),
        }
    }
    cells
}

fn push(cells: &mut [String], letter: char) {
    if let Some(cell) = cells.last_mut() {
        cell.push(letter);
    }
}

fn json_lines<T: serde::de::DeserializeOwned>(
    file: &str,
    sources: &Sources,
    name: &str,
) -> Result<Vec<T>, SourceError> {
    sources
        .text(name, file)?
        .lines()
        .enumerate()
        .map(|(line, text)| {
            serde_json::from_str(text).map_err(|error| SourceError::Line {
                file: file.into(),
                line: line + 1,
                problem: error.to_string(),
            })
        })
        .collect()
}

/// `text` in passages of about [`PASSAGE`] bytes, cut between sentences or lines where it can be,
/// else between words.
pub fn passages(text: &str) -> Vec<&str> {
    let mut all = Vec::new();
    let mut rest = text.trim();
    while rest.len() > PASSAGE {
        let window = &rest[..rest.floor_char_boundary(PASSAGE)];
        let cut = [". ", ".\n", "? ", "! ", "\n", "; ", " "]
            .iter()
            .filter_map(|mark| {
                let at = window.rfind(mark)? + mark.len();
                (at > PASSAGE / 2).then_some(at)
            })
            .next()
            .unwrap_or(window.len());
        let (passage, after) = rest.split_at(cut);
        all.push(passage.trim());
        rest = after.trim();
    }
    if !rest.is_empty() {
        all.push(rest);
    }
    all
}

/// A document's passages, each headed by its title.
pub fn titled_passages(document: &Document) -> Vec<String> {
    let title = document.title.trim();
    let mut all: Vec<String> = passages(&document.text)
        .into_iter()
        .map(|passage| titled(title, passage))
        .collect();
    if all.is_empty() && !title.is_empty() {
        all.push(title.into());
    }
    all
}

fn titled(title: &str, passage: &str) -> String {
    if title.is_empty() {
        passage.into()
    } else {
        format!("{title}\n{passage}")
    }
}

/// The first sentence of a passage and what follows it, when both say something.
fn first_and_rest(passage: &str) -> Option<Pair> {
    let cut = sentence_ends(passage).find(|cut| (30..=300).contains(cut))?;
    let (first, rest) = passage.split_at(cut);
    pair(first, rest)
}

/// A sentence of a passage, chosen by the passage's digest, and the passage without it.
fn sentence_and_rest(passage: &str) -> Option<Pair> {
    let mut bounds: Vec<usize> = vec![0];
    bounds.extend(sentence_ends(passage));
    bounds.push(passage.len());
    bounds.dedup();
    let sentences: Vec<&str> = bounds.windows(2).map(|w| &passage[w[0]..w[1]]).collect();
    let long: Vec<usize> = (0..sentences.len())
        .filter(|&i| (30..=300).contains(&sentences[i].trim().len()))
        .collect();
    if long.is_empty() || sentences.len() < 2 {
        return None;
    }
    let chosen = long[(spread(passage) % long.len() as u64) as usize];
    let rest: String = sentences
        .iter()
        .enumerate()
        .filter(|(place, _)| *place != chosen)
        .map(|(_, sentence)| *sentence)
        .collect();
    pair(sentences[chosen], &rest)
}

/// Where sentences and lines end.
fn sentence_ends(text: &str) -> impl Iterator<Item = usize> {
    let bytes = text.as_bytes();
    (1..bytes.len()).filter(move |&at| {
        bytes[at - 1] == b'\n'
            || (bytes[at - 1] == b' ' && at > 1 && matches!(bytes[at - 2], b'.' | b'?' | b'!'))
    })
}

fn pair(query: &str, passage: &str) -> Option<Pair> {
    let (query, passage) = (query.trim(), passage.trim());
    (query.len() >= 8 && passage.len() >= SHORTEST).then(|| Pair {
        query: query.into(),
        passage: passage.into(),
        group: spread(query),
    })
}

#[derive(Deserialize)]
struct Prose {
    source: String,
    id: String,
    title: String,
    text: String,
}

#[derive(Deserialize)]
struct Article {
    code: String,
    section: String,
    text: String,
}

/// Sources of the administrative prose whose licence lets them train, by the beginning of their
/// name.
const FREE: [&str; 8] = [
    "service-public.fr",
    "travail-emploi.gouv.fr",
    "code du travail numérique",
    "legi-data",
    "Code civil",
    "guides.etalab.gouv.fr",
    "Ville de Montpellier",
    "service-public",
];

/// The pairs that retrieval is tuned on, by kind, each in a fixed order.
///
/// # Errors
/// When a source cannot be read.
pub fn kinds(sources: &Sources) -> Result<Vec<Kind>, SourceError> {
    let mut questions = Vec::new();
    let mut sheets = Vec::new();
    let mut neighbours = Vec::new();

    // service-public: questions and answers that are not held out; texts of the other sheets.
    let set = retrieval(sources, "service-public")?;
    let asked: BTreeSet<&str> = set
        .relevance
        .values()
        .flatten()
        .map(|(d, _)| d.as_str())
        .collect();
    let held: BTreeSet<String> = asked
        .iter()
        .filter(|id| sheet_is_held_out(id))
        .map(|id| (*id).to_owned())
        .collect();
    let is_held = |id: &str| held.contains(id.split(['_', '/']).next().unwrap_or(id));
    let texts: BTreeMap<&str, &Document> =
        set.documents.iter().map(|d| (d.id.as_str(), d)).collect();
    for query in &set.queries {
        for id in set
            .relevance
            .get(&query.id)
            .into_iter()
            .flat_map(BTreeMap::keys)
        {
            if let (false, Some(document)) = (is_held(id), texts.get(id.as_str())) {
                questions.extend(
                    passages(&document.text)
                        .into_iter()
                        .take(4)
                        .filter_map(|passage| pair(&query.text, passage)),
                );
            }
        }
    }
    for document in set.documents.iter().filter(|d| !is_held(&d.id)) {
        let cut = passages(&document.text);
        neighbours.extend(cut.iter().filter_map(|passage| sentence_and_rest(passage)));
        neighbours.extend(cut.windows(2).filter_map(|w| pair(w[0], w[1])));
        if !document.title.is_empty() {
            sheets.extend(
                cut.iter()
                    .filter_map(|passage| pair(&document.title, passage)),
            );
        }
    }

    // code-du-travail: wordings of needs that are not held out.
    let set = retrieval(sources, "code-du-travail")?;
    let texts: BTreeMap<&str, &Document> =
        set.documents.iter().map(|d| (d.id.as_str(), d)).collect();
    let mut needs = Vec::new();
    for query in &set.queries {
        if query.need.is_none_or(need_is_held_out) {
            continue;
        }
        let mut right: Vec<(&String, &u32)> = set
            .relevance
            .get(&query.id)
            .into_iter()
            .flatten()
            .filter(|(_, grade)| **grade >= 3)
            .collect();
        right.sort_by_key(|(id, grade)| {
            (
                std::cmp::Reverse(**grade),
                spread(&format!("{}{id}", query.id)),
            )
        });
        for (id, _) in right {
            let Some(document) = texts.get(id.as_str()) else {
                continue;
            };
            if document.title.starts_with("Article ") && document.text.is_empty() {
                continue;
            }
            let passage = titled_passages(document)
                .into_iter()
                .next()
                .unwrap_or_default();
            needs.push(Pair {
                query: query.text.clone(),
                passage,
                group: spread(&format!("need {:?}", query.need)),
            });
        }
    }
    for document in &set.documents {
        let cut = passages(&document.text);
        sheets.extend(
            cut.iter()
                .filter_map(|passage| pair(&document.title, passage)),
        );
        neighbours.extend(cut.iter().filter_map(|passage| sentence_and_rest(passage)));
    }

    // Administrative prose.
    let file = "prose/administration-fr.jsonl.xz";
    let prose: Vec<Prose> = json_lines(file, sources, "administration")?;
    for text in prose
        .iter()
        .filter(|text| FREE.iter().any(|name| text.source.starts_with(name)) && !is_held(&text.id))
    {
        let cut = passages(&text.text);
        let named = text.source.contains("questions-réponses")
            || text.source.contains("best_fiche")
            || text.source.starts_with("travail-emploi")
            || text.source.starts_with("code du travail numérique");
        if named {
            sheets.extend(cut.iter().filter_map(|passage| pair(&text.title, passage)));
        }
        neighbours.extend(cut.iter().filter_map(|passage| sentence_and_rest(passage)));
        neighbours.extend(cut.windows(2).filter_map(|w| pair(w[0], w[1])));
    }

    // Codes: the section names the article; articles of one section continue one another.
    let file = "prose/codes-fr.jsonl.xz";
    let articles: Vec<Article> = json_lines(file, sources, "codes")?;
    let mut sections = Vec::new();
    for article in &articles {
        let last = article.section.rsplit(" > ").next().unwrap_or_default();
        let last = last.split_once(" : ").map_or(last, |(_, name)| name);
        let cut = passages(&article.text);
        if let Some(first) = cut.first() {
            sections.extend(pair(&format!("{last} {}", article.code), first));
        }
        neighbours.extend(cut.iter().filter_map(|passage| sentence_and_rest(passage)));
    }
    for two in articles.windows(2) {
        if two[0].section == two[1].section
            && let (Some(one), Some(other)) = (
                passages(&two[0].text).last(),
                passages(&two[1].text).first(),
            )
        {
            neighbours.extend(pair(one, other));
        }
    }

    // Statements and questions of parliaments.
    let text = sources.training_text("amendements", "routing/fr-amendements-commissions.tsv.xz")?;
    let mut statements = Vec::new();
    for row in rows(&text) {
        let whole = row.first().copied().unwrap_or_default();
        if let Some(first) = passages(whole).first() {
            statements.extend(first_and_rest(first));
        }
        for passage in passages(whole).iter().skip(1).take(2) {
            statements.extend(sentence_and_rest(passage));
        }
    }
    let file = "reports/fr-questions-gouvernement.tsv.xz";
    for row in rows(&sources.training_text("questions-gouvernement", file)?) {
        if let [_, rubric, title, text, ..] = row.as_slice() {
            sheets.extend(
                passages(text)
                    .into_iter()
                    .take(3)
                    .filter_map(|passage| pair(&format!("{title} {rubric}"), passage)),
            );
        }
    }
    let text = sources.training_text("uk-questions", "routing/en-uk-departments.tsv.xz")?;
    let mut halves = Vec::new();
    for row in rows(&text) {
        let whole = row.first().copied().unwrap_or_default();
        let middle = whole.floor_char_boundary(whole.len() / 2);
        if let Some(cut) = whole[middle..].find(' ') {
            let (one, other) = whole.split_at(middle + cut);
            halves.extend(pair(one, other));
        }
    }

    // Laws: each unit and the next, in one language or across both.
    let text = sources.training_text("laws", "parallel/laws-en-fr.tsv.xz")?;
    let units: Vec<Translation> = aligned(&text).collect();
    let mut laws = Vec::new();
    let mut across = Vec::new();
    for two in units.windows(2) {
        let (one, next) = (&two[0], &two[1]);
        if one.en.len() < 16 || next.en.len() < SHORTEST || next.en.len() > 1_000 {
            continue;
        }
        match spread(&one.en) % 8 {
            0 | 1 => laws.extend(pair(&one.fr, &next.fr)),
            2 | 3 => laws.extend(pair(&one.en, &next.en)),
            4 => across.extend(pair(&one.fr, &next.en)),
            5 => across.extend(pair(&one.en, &next.fr)),
            _ => {}
        }
    }

    let kind = |name, pairs: Vec<Pair>, typed, share| {
        let mut seen = HashSet::new();
        let pairs = pairs
            .into_iter()
            .filter(|pair| seen.insert((spread(&pair.query), spread(&pair.passage))))
            .collect();
        Kind {
            name,
            pairs,
            typed,
            share,
        }
    };
    Ok(vec![
        kind("question to answer", questions, true, 20),
        kind("need to document", needs, true, 10),
        kind("title to passage", sheets, true, 20),
        kind("section to article", sections, false, 10),
        kind("passage to neighbour", neighbours, false, 10),
        kind("statement to rest", statements, false, 5),
        kind("question to rest", halves, false, 5),
        kind("unit to next", laws, false, 4),
        kind("unit to next, across languages", across, false, 4),
    ])
}

/// All that the tokenizer learns words from.
///
/// # Errors
/// When a source cannot be read.
pub fn prose(sources: &Sources) -> Result<Vec<String>, SourceError> {
    let mut all = Vec::new();
    let text = sources.training_text("tatoeba", "parallel/tatoeba-en-fr.tsv.xz")?;
    all.extend(aligned(&text).flat_map(|pair| [pair.en, pair.fr]));
    // A fifth of the laws, so that their register does not take most of the pieces.
    let text = sources.training_text("laws", "parallel/laws-en-fr.tsv.xz")?;
    all.extend(
        aligned(&text)
            .filter(|pair| spread(&pair.en).is_multiple_of(5))
            .flat_map(|pair| [pair.en, pair.fr]),
    );
    let prose: Vec<Prose> = json_lines(
        "prose/administration-fr.jsonl.xz",
        sources,
        "administration",
    )?;
    let free = |text: &Prose| FREE.iter().any(|name| text.source.starts_with(name));
    all.extend(prose.into_iter().filter(free).map(|text| text.text));
    let articles: Vec<Article> = json_lines("prose/codes-fr.jsonl.xz", sources, "codes")?;
    all.extend(articles.into_iter().map(|article| article.text));
    for (name, file) in [
        ("amendements", "routing/fr-amendements-commissions.tsv.xz"),
        ("uk-questions", "routing/en-uk-departments.tsv.xz"),
    ] {
        let text = sources.training_text(name, file)?;
        all.extend(rows(&text).filter_map(|row| row.first().map(|text| (*text).to_owned())));
    }
    for name in ["service-public", "code-du-travail"] {
        let set = retrieval(sources, name)?;
        all.extend(set.documents.into_iter().map(|d| titled(&d.title, &d.text)));
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passages_are_short_and_lose_no_word() {
        let text = "Le conseil délibère. ".repeat(100);
        let cut = passages(&text);
        assert!(
            cut.iter().all(|passage| passage.len() <= PASSAGE),
            "{cut:?}"
        );
        assert!(cut.iter().all(|passage| passage.ends_with('.')), "{cut:?}");
        let words = |text: &str| text.split_whitespace().count();
        assert_eq!(cut.iter().map(|p| words(p)).sum::<usize>(), words(&text));
        // A word longer than a passage is cut between letters.
        let long = "é".repeat(2 * PASSAGE);
        assert_eq!(passages(&long).concat(), long);
        assert!(passages(" \n").is_empty());
    }

    #[test]
    fn a_sentence_is_taken_out_of_its_passage() {
        let first = "La demande se fait en mairie, avant la fin du mois de mars, sur rendez-vous.";
        let rest = "Elle est gratuite. Il faut une pièce d'identité et un justificatif de domicile de moins d'un an.";
        let pair = first_and_rest(&format!("{first} {rest}")).unwrap();
        assert_eq!((pair.query.as_str(), pair.passage.as_str()), (first, rest));
        let pair = sentence_and_rest(&format!("{first} {rest}")).unwrap();
        assert!(!pair.passage.contains(&pair.query), "{pair:?}");
        assert_eq!(sentence_and_rest("Sans suite."), None);
    }

    #[test]
    fn cells_are_read_with_their_quotes() {
        assert_eq!(cells(r#""a, ""b""",c,5.0"#), [r#"a, "b""#, "c", "5.0"]);
        assert_eq!(cells("a,,"), ["a", "", ""]);
    }

    #[test]
    fn halves_are_halves() {
        let held = (0..1_000).filter(|need| need_is_held_out(*need)).count();
        assert!((400..600).contains(&held), "{held}");
    }
}

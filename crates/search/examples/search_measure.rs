#![allow(missing_docs, clippy::all, clippy::unwrap_used, clippy::print_stdout)]
use domain::*;
use search::*;
use std::io::BufRead;
fn main() {
    for set in std::env::args().skip(1) {
        let dir = tempfile::tempdir().unwrap();
        let index = Index::open(dir.path()).unwrap();
        let mut docs: std::collections::BTreeMap<String, IndexedDocument> = Default::default();
        let mut names = std::collections::HashMap::new();
        let t = std::time::Instant::now();
        for line in std::io::BufReader::new(
            std::fs::File::open(format!("/tmp/ret/{set}.passages.jsonl")).unwrap(),
        )
        .lines()
        {
            let v: serde_json::Value = serde_json::from_str(&line.unwrap()).unwrap();
            let id = v["doc"].as_str().unwrap().to_owned();
            let n = docs.len() as u128;
            let d = docs.entry(id.clone()).or_insert_with(|| {
                let did = DocumentId::from_bytes(n.to_be_bytes());
                names.insert(did, id);
                IndexedDocument {
                    id: did,
                    name: String::new(),
                    title: v["title"].as_str().map(str::to_owned),
                    pipeline: "p".parse().unwrap(),
                    service: None,
                    language: Some("fr".into()),
                    media_type: "text/plain".into(),
                    received_at: Timestamp::from_micros(0).unwrap(),
                    text_version: ArtifactName::from_bytes([0; 32]),
                    passages: vec![],
                }
            });
            let n = d.passages.len() as u32;
            d.passages.push(IndexedPassage {
                span: Span::new(n, n + 1),
                page: 1,
                text: v["text"].as_str().unwrap().to_owned(),
                section: None,
                vector: None,
            });
        }
        let mut w = index.writer().unwrap();
        w.apply(docs.into_values().map(Change::Put).collect(), 1)
            .unwrap();
        let built = t.elapsed();
        let t = std::time::Instant::now();
        let mut out = String::new();
        let mut n = 0;
        for line in std::io::BufReader::new(
            std::fs::File::open(format!("/tmp/ret/{set}.queries.jsonl")).unwrap(),
        )
        .lines()
        {
            let v: serde_json::Value = serde_json::from_str(&line.unwrap()).unwrap();
            let mut q = Query::new(v["text"].as_str().unwrap(), Reader::All);
            q.mode = Mode::Lexical;
            let r = index.search(&q).unwrap();
            let ids: Vec<_> = r.hits.iter().map(|h| names[&h.document].clone()).collect();
            out += &serde_json::json!({"q": v["id"], "ids": ids, "exact": r.hits.iter().map(|h| h.exact).collect::<Vec<_>>()}).to_string();
            out += "\n";
            n += 1;
        }
        std::fs::write(format!("/tmp/ret/{set}.run.jsonl"), out).unwrap();
        println!(
            "{set}: {:?} build {built:?}, {:?} a query",
            index.stats().unwrap(),
            t.elapsed() / n
        );
    }
}

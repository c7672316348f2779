//! throw-away
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]
use inference::head::*;
use inference::*;
use std::path::*;
use std::time::Instant;
fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let reg = Registry::load(&root.join("pipelines/models.toml")).unwrap();
    let rt = Runtime::load(&reg.runtime, &[root.join(".runtime")]).unwrap();
    let t = Instant::now();
    println!(
        "{:?} {:?}",
        reg.import("all-minilm-l6-v2", &root.join(".runtime/models")),
        t.elapsed()
    );
    let t = Instant::now();
    let enc = reg
        .encoder("all-minilm-l6-v2", &root.join(".runtime/models"), &rt, 2)
        .unwrap();
    println!("load {:?} {} {}", t.elapsed(), enc.digest(), rt.version());
    let file = std::env::args().nth(1).unwrap();
    let text = std::fs::read_to_string(&file).unwrap();
    let rows: Vec<(String, String, bool)> = text
        .lines()
        .map(|l| {
            let mut p = l.split('\t');
            (
                p.next().unwrap().into(),
                p.next().unwrap().into(),
                p.next().unwrap() == "train",
            )
        })
        .collect();
    let cache = format!("{file}.vec");
    let vectors: Vec<Vec<f32>> = if let Ok(b) = std::fs::read(&cache) {
        b.chunks_exact(384 * 4)
            .map(|c| {
                c.chunks_exact(4)
                    .map(|x| f32::from_le_bytes([x[0], x[1], x[2], x[3]]))
                    .collect()
            })
            .collect()
    } else {
        let t = Instant::now();
        let texts: Vec<String> = rows.iter().map(|r| r.0.clone()).collect();
        let (a, b) = texts.split_at(texts.len() / 2);
        let v = std::thread::scope(|s| {
            let h = s.spawn(|| enc.encode(a).unwrap());
            let mut w = enc.encode(b).unwrap();
            let mut v = h.join().unwrap();
            v.append(&mut w);
            v
        });
        println!("encode {} in {:?}", v.len(), t.elapsed());
        std::fs::write(
            &cache,
            v.iter()
                .flatten()
                .flat_map(|x| x.to_le_bytes())
                .collect::<Vec<u8>>(),
        )
        .unwrap();
        v
    };
    let examples: Vec<Example> = rows
        .iter()
        .zip(&vectors)
        .filter(|(r, _)| r.2)
        .map(|(r, v)| Example {
            text: &r.0,
            vector: v,
            label: &r.1,
            validated: true,
        })
        .collect();
    let configs: Vec<String> = std::env::args().skip(2).collect();
    for c in configs {
        let s: TrainSettings = serde_json::from_str(&c).unwrap();
        let t = Instant::now();
        let h = train(&examples, &s, enc.digest()).unwrap();
        let el = t.elapsed();
        let card = h.card();
        let dir = std::env::temp_dir().join("inf-head");
        h.save(&dir).unwrap();
        let head = Head::load(&dir, &rt, None).unwrap();
        let test: Vec<(&str, &[f32])> = rows
            .iter()
            .zip(&vectors)
            .filter(|(r, _)| !r.2)
            .map(|(r, v)| (r.0.as_str(), v.as_slice()))
            .collect();
        let t = Instant::now();
        let out = head.classify(&test).unwrap();
        let ct = t.elapsed();
        let right = out
            .iter()
            .zip(rows.iter().filter(|r| !r.2))
            .filter(|(o, r)| o[0].label == r.1)
            .count();
        let thr = head.threshold().unwrap_or(2.0);
        let auto: Vec<bool> = out
            .iter()
            .zip(rows.iter().filter(|r| !r.2))
            .filter(|(o, _)| o[0].probability >= thr)
            .map(|(o, r)| o[0].label == r.1)
            .collect();
        println!(
            "{c}\n  train {el:?} acc {:.4} oof {:?} cost {} scale {} T {:.3} promise {:?}",
            right as f64 / test.len() as f64,
            card.out_of_fold,
            card.cost,
            card.dense_scale,
            card.temperature,
            card.promise
        );
        println!(
            "  classify {:?} each; auto {} wrong {}; onnx {} bytes",
            ct / test.len() as u32,
            auto.len(),
            auto.iter().filter(|x| !**x).count(),
            std::fs::metadata(dir.join("head.onnx")).unwrap().len()
        );
    }
}

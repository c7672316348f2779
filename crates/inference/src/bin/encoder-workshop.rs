//! Trains and measures the encoder of our own.
use std::path::PathBuf;
use std::time::Instant;
use inference::training::{chance::Chance, course::{self, Settings, Lessons}, evaluation::Tests, material, sources::Sources, teacher, vocabulary};
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().collect();
    let data = PathBuf::from(&args[2]);
    let out = PathBuf::from(&args[3]);
    let start = Instant::now();
    let say = |what: &str| eprintln!("{:7.1} {what}", start.elapsed().as_secs_f32());
    let sources = Sources::open(&data)?;
    sources.verify()?;
    let registry = inference::Registry::load("pipelines/models.toml".as_ref())?;
    let models = PathBuf::from(".runtime/models");
    let runtime = inference::Runtime::load(&registry.runtime, &[PathBuf::from(".runtime")])?;
    if args[1] == "minilm" {
        let encoder = registry.encoder("all-minilm-l6-v2", &models, &runtime, 2)?;
        let tests = Tests::read(&sources)?;
        let encode = |texts: &[String]| {
            use rayon::prelude::*;
            Ok(texts.par_chunks(8).map(|c| encoder.encode(c)).collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
        };
        for f in tests.measure(&encode)? { say(&format!("{f:?}")); }
        return Ok(());
    }
    let set = |name: &str, default: f64| std::env::var(name).ok().and_then(|v| v.parse().ok()).unwrap_or(default);
    let path = out.join("tokenizer.json");
    let tokenizer = if path.exists() {
        tokenizers::Tokenizer::from_file(&path).map_err(|e| e.to_string())?
    } else {
        let prose = material::prose(&sources)?;
        say("prose");
        let texts: Vec<&str> = prose.iter().map(String::as_str).collect();
        let t = vocabulary::train(&texts)?;
        t.save(&path, false).map_err(|e| e.to_string())?;
        say("tokenizer");
        t
    };
    if args[1] == "tokenizer" { return Ok(()); }
    let mut settings = Settings::default();
    settings.distil_epochs = set("DE", settings.distil_epochs as f64) as usize;
    settings.tune_epochs = set("TE", settings.tune_epochs as f64) as usize;
    settings.distil_rate = set("DR", settings.distil_rate as f64) as f32;
    settings.tune_rate = set("TR", settings.tune_rate as f64) as f32;
    settings.scale = set("SCALE", settings.scale as f64) as f32;
    settings.keep = set("KEEP", settings.keep as f64) as f32;
    let n = set("N", 1e9) as usize;
    let mut all = material::translations(&sources)?;
    all.truncate(n);
    let en = material::english(&all);
    let taught = teacher::read_only(&en, &out.join("teacher.bin"))?;
    let keep: std::collections::HashSet<&String> = en.iter().zip(&taught).filter(|(_, v)| v.is_some()).map(|(t, _)| t).collect();
    all.retain(|p| keep.contains(&p.en));
    let flat: Vec<f32> = taught.iter().flatten().flatten().copied().collect();
    let taught = ndarray::Array2::from_shape_vec((keep.len(), 384), flat)?;
    say(&format!("{} translations, {} taught", all.len(), keep.len()));
    let lessons = Lessons::new(&tokenizer, &all, taught, settings.longest)?;
    let kinds = material::kinds(&sources)?;
    for k in &kinds { say(&format!("{} {}  {:?}", k.name, k.pairs.len(), k.pairs.get(k.pairs.len()/2))); }
    let mut chance = Chance::new(settings.seed);
    let mut student = course::beginner(&lessons, tokenizer.get_vocab_size(true), &mut chance);
    let tests = Tests::read(&sources)?;
    let measure = |student: &inference::training::student::Student| -> Result<(), Box<dyn std::error::Error>> {
        let encode = |texts: &[String]| {
            let mut bags = inference::training::student::Bags::default();
            for t in texts { bags.push(&vocabulary::pieces(&tokenizer, t)?); }
            let v = student.vectors(&bags);
            Ok(v.unit.rows().into_iter().map(|r| r.to_vec()).collect())
        };
        for f in tests.measure(&encode)? { say(&format!("   {:45} {:.2}", f.name, f.value)); }
        Ok(())
    };
    say("beginner");
    measure(&student)?;
    let progress = |what: &str, step: usize, steps: usize| if what.contains(' ') { say(&format!("{what} {step}/{steps}")) };
    course::distil(&mut student, &lessons, &settings, &mut chance, &progress);
    measure(&student)?;
    course::tune(&mut student, &tokenizer, &lessons, &kinds, &settings, &mut chance, &progress)?;
    measure(&student)?;
    Ok(())
}

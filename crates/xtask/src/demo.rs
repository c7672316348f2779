//! `cargo xtask demo`: from file to proof on the fixtures, for a person to read.

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::program::{self, Program, Workspace};

/// Says that a data directory is a demonstration's and may be emptied.
const MARKER: &str = "DEMONSTRATION";
/// The week of the field reports that is shown.
pub(crate) const WEEK: &str = "2026-W47";
/// Secrets that are the same each time.
pub(crate) const INIT: [&str; 3] = ["init", "--secret-file", "fixtures/demo.secret"];
/// The classifier learns.
pub(crate) const TRAIN: [&str; 5] = [
    "train",
    "--pipeline",
    "forms",
    "--labelled",
    "fixtures/forms/labelled.tsv",
];
/// Mail, six weeks of field reports, archives.
pub(crate) const ARRIVALS: [&[&str]; 3] = [
    &[
        "ingest",
        "--pipeline",
        "forms",
        "fixtures/forms/documents",
        "--manifest",
        "fixtures/forms/manifest.jsonl",
    ],
    &[
        "ingest",
        "--pipeline",
        "field-reports",
        "fixtures/field-reports/reports.jsonl",
    ],
    &[
        "ingest",
        "--pipeline",
        "archives",
        "fixtures/archives/documents",
        "--manifest",
        "fixtures/archives/manifest.jsonl",
    ],
];
/// Why a document goes by itself where the classifier alone proposes it.
const ABOVE_THRESHOLD: &str = "assez sûr, d’après les mots du texte";
/// Searches: what is shown by each, the query, the mode.
const SEARCHES: [(&str, &str, &str); 3] = [
    (
        "par le sens",
        "éteindre les lampadaires après minuit",
        "hybrid",
    ),
    (
        "en anglais",
        "cycle path on the disused railway line",
        "hybrid",
    ),
    ("par le numéro", "délibération 2024-118", "hybrid"),
];

/// Runs the demonstration in the data directory `data`.
///
/// # Errors
/// With the command to run again, when a step fails.
pub(crate) fn run(workspace: &Workspace, data: &Path) -> Result<ExitCode> {
    // The shell's folder, not the repository's root, is where a relative path starts.
    let data = std::path::absolute(data).context("cannot tell where the data directory is")?;
    program::set_up_if_needed(workspace)?;
    let greffier = workspace.build()?;
    empty(&data)?;
    let mut show = Show {
        greffier: &greffier,
        data: workspace.shown(&data),
        started: Instant::now(),
        step: 0,
    };

    show.title("Un répertoire de données, ses secrets et ses clés")?;
    show.run(&INIT)?;
    show.title("Le classement apprend de textes étiquetés")?;
    show.run(&TRAIN)?;
    show.title("Arrivent : le courrier, six semaines de remontées de terrain, les archives")?;
    for args in ARRIVALS {
        show.run(args)?;
    }
    show.title(
        "Où va chaque demande : ce qui est proposé, ce qui attend une personne, et pourquoi",
    )?;
    show.run(&["inbox"])?;
    show.title("Ce qui n'attend pas lundi : les alertes de la semaine")?;
    // The synthesis also finds what rose: made first, so that its alerts are in the list.
    let synthesis = show.command(&["synthesise", "--week", WEEK]);
    let text = show.heard(synthesis)?;
    show.run(&["alerts", "--week", WEEK])?;
    show.title("La synthèse de la semaine")?;
    say(text.trim_end())?;
    for (how, query, mode) in SEARCHES {
        show.title(&format!("Chercher {how} : {query}"))?;
        show.run(&[
            "search",
            query,
            "--pipeline",
            "archives",
            "-k",
            "3",
            "--mode",
            mode,
        ])?;
    }
    let explained = show.routed()?;
    show.title(&format!("Pourquoi {explained} va là où il va"))?;
    show.run(&["why", &explained])?;
    show.title("Tout se vérifie")?;
    show.run(&["verify"])?;
    show.next()?;
    Ok(ExitCode::SUCCESS)
}

/// Makes the data directory anew. One that is no demonstration's is never touched.
fn empty(data: &Path) -> Result<()> {
    if data.exists() {
        let in_use = fs::read_dir(data)
            .with_context(|| format!("cannot read {}", data.display()))?
            .next()
            .is_some();
        ensure!(
            !in_use || data.join(MARKER).is_file(),
            "{} holds something else than a demonstration: choose another folder with --data",
            data.display()
        );
        fs::remove_dir_all(data).with_context(|| format!("cannot empty {}", data.display()))?;
    }
    fs::create_dir_all(data).with_context(|| format!("cannot make {}", data.display()))?;
    let marker = data.join(MARKER);
    let text = "Fait par `cargo xtask demo`, qui vide ce dossier à chaque fois.\n";
    fs::write(&marker, text).with_context(|| format!("cannot write {}", marker.display()))
}

struct Show<'a> {
    greffier: &'a Program<'a>,
    data: String,
    started: Instant,
    step: u32,
}

impl Show<'_> {
    fn title(&mut self, text: &str) -> Result<()> {
        self.step += 1;
        let line = format!(
            "{}. {text}   [{}]",
            self.step,
            seconds(self.started.elapsed())
        );
        say(&format!("\n{line}\n{}", "━".repeat(line.chars().count())))
    }

    fn command(&self, args: &[&str]) -> Command {
        self.greffier
            .command(["--data", &self.data, "--lang", "fr"].iter().chain(args))
    }

    /// Runs a step, whose output goes where ours does. Documents set aside do not stop it.
    fn run(&self, args: &[&str]) -> Result<()> {
        let mut command = self.command(args);
        say(&format!("$ {}", self.greffier.typed(&command)))?;
        let done = command.status().context("cannot run greffier")?;
        if !matches!(done.code(), Some(0 | 3)) {
            return self.failed(&command);
        }
        Ok(())
    }

    /// Runs a step and returns what it prints.
    fn heard(&self, mut command: Command) -> Result<String> {
        let out = command
            .stderr(Stdio::inherit())
            .output()
            .context("cannot run greffier")?;
        if !out.status.success() {
            self.failed(&command)?;
        }
        String::from_utf8(out.stdout).context("greffier prints something else than UTF-8")
    }

    fn failed(&self, command: &Command) -> Result<()> {
        bail!(
            "step {} failed: run it again with\n  {}\nor all of it with\n  cargo xtask demo",
            self.step,
            self.greffier.typed(command)
        )
    }

    /// A document that goes by itself to the service the classifier proposes; else one that a rule
    /// sends; else the first.
    fn routed(&self) -> Result<String> {
        let listed = self.heard(self.command(&["inbox", "--json"]))?;
        let listed: Vec<serde_json::Value> =
            serde_json::from_str(&listed).context("the inbox is not JSON")?;
        let automatic = || listed.iter().filter(|d| d["outcome"] == "automatic");
        let why = |d: &serde_json::Value| d["why"].as_str().unwrap_or_default().to_owned();
        let chosen = automatic()
            .find(|d| why(d) == ABOVE_THRESHOLD)
            .or_else(|| automatic().next())
            .or(listed.first());
        let name = chosen
            .and_then(|d| d["name"].as_str())
            .context("the inbox is empty")?;
        Ok(name.to_owned())
    }

    fn next(&self) -> Result<()> {
        let waits = self.heard(self.command(&["inbox", "--json"]))?;
        let waits: Vec<serde_json::Value> =
            serde_json::from_str(&waits).context("the inbox is not JSON")?;
        let waiting = waits
            .iter()
            .find(|d| d["outcome"] == "review")
            .and_then(|d| d["name"].as_str());
        let typed = |args: &[&str]| {
            format!(
                "  {}",
                self.greffier.typed(
                    &self
                        .greffier
                        .command(["--data", &self.data].iter().chain(args))
                )
            )
        };
        let mut lines = vec![format!(
            "\nFini en {}. À essayer maintenant :",
            seconds(self.started.elapsed())
        )];
        if let Some(name) = waiting {
            lines.push(format!(
                "• décider pour un document qui attend ({name}), en votre nom :"
            ));
            lines.push(typed(&[
                "review",
                name,
                "--accept",
                "--by",
                "Camille Martin",
            ]));
        }
        lines.push("• voir tout cela dans un navigateur, sur cette machine seulement :".into());
        lines.push(typed(&["serve"]));
        lines.push("• vos propres documents, dans un répertoire à part :".into());
        let own = [
            "--data",
            "greffier-data",
            "ingest",
            "--pipeline",
            "archives",
            "MON-DOSSIER",
        ];
        lines.push(format!(
            "  {}",
            self.greffier.typed(&self.greffier.command(own))
        ));
        lines.push("• refaire chaque calcul et comparer octet par octet :".into());
        lines.push(typed(&["replay", "--all"]));
        say(&lines.join("\n"))
    }
}

/// Prints for the person who reads. Flushed, because children print to the same place.
fn say(text: &str) -> Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}")
        .and_then(|()| out.flush())
        .context("cannot write to standard output")
}

fn seconds(elapsed: Duration) -> String {
    format!("{:.1} s", elapsed.as_secs_f64()).replace('.', ",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_demonstration_is_emptied() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        empty(&data).unwrap();
        fs::write(data.join("greffier.db"), "old").unwrap();
        empty(&data).unwrap();
        assert!(!data.join("greffier.db").exists());

        fs::remove_file(data.join(MARKER)).unwrap();
        empty(&data).expect("an empty folder may become a demonstration");
        fs::remove_file(data.join(MARKER)).unwrap();
        fs::write(data.join("greffier.db"), "somebody's").unwrap();
        let refused = empty(&data).unwrap_err().to_string();
        assert!(refused.contains("--data"), "{refused}");
        assert!(data.join("greffier.db").exists());
    }
}

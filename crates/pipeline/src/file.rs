//! Pipeline files: what a person writes, checked, with the line of whatever is wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use domain::arrival::RowColumns;
use domain::message::Class;
use domain::time::Zone;
use domain::{CollectionName, Delay, FormId, PipelineName, RuleId, ServiceId, StageName};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use toml::Spanned;

/// A pipeline, as its file says.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Greffier pipeline file")]
pub struct PipelineFile {
    /// Name of the pipeline, also the name of its file.
    pub pipeline: PipelineName,
    /// What people call it.
    pub title: String,
    /// The collection it feeds: the scope of identity, rights and retention.
    pub collection: CollectionName,
    /// The IANA time zone in which weeks are counted.
    #[serde(default = "default_time_zone")]
    #[schemars(with = "String")]
    time_zone: Spanned<String>,
    /// What it takes: whole files, rows of tables (one document a row), or both.
    pub accepts: Vec<Accepts>,
    /// How soon its tasks are done.
    #[serde(default)]
    pub class: Class,
    /// Stages, in order.
    #[schemars(with = "Vec<StageName>")]
    pub stages: Vec<Spanned<StageName>>,
    /// Stages for attachments, which travel with the document they came in.
    #[serde(default)]
    #[schemars(with = "Vec<StageName>")]
    pub attachment_stages: Vec<Spanned<StageName>>,
    /// Which columns mean what, in tables.
    #[serde(default)]
    pub rows: RowColumns,
    /// What people title the columns of tables, by the name that this file knows a column by:
    /// neither case, accents nor signs count.
    #[serde(default)]
    pub columns: BTreeMap<String, Vec<String>>,
    /// Settings of stages, by stage. Each stage documents its own.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, serde_json::Value>")]
    pub stage: BTreeMap<StageName, Spanned<toml::Table>>,
    /// Reconcilers: what is made of a period.
    #[serde(default)]
    pub reconcile: BTreeMap<StageName, ReconcilerEntry>,
    /// Until when documents are to be answered.
    #[serde(default)]
    pub deadlines: Deadlines,
    /// Services that receive documents.
    #[serde(default)]
    pub services: Vec<Service>,
    /// Forms it knows.
    #[serde(default)]
    pub forms: Vec<Form>,
    /// Rules, tried in order before the model.
    #[serde(default)]
    pub rules: Vec<Rule>,
}

/// What a pipeline takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Accepts {
    /// Files, one document each.
    Files,
    /// Tables (CSV, TSV, JSON Lines), one document a row.
    Rows,
}

/// One reconciler of a pipeline.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReconcilerEntry {
    /// When it is due by itself: `monday 08:00`, `hourly`, or `on-arrival`.
    #[schemars(with = "String")]
    schedule: Spanned<String>,
    /// Its settings.
    #[serde(default = "empty_table")]
    #[schemars(with = "BTreeMap<String, serde_json::Value>")]
    pub settings: Spanned<toml::Table>,
}

impl ReconcilerEntry {
    /// When it is due by itself.
    pub fn schedule(&self) -> &str {
        self.schedule.get_ref()
    }
}

/// Until when documents are to be answered, counted in days from their reception.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Deadlines {
    /// What is of no known form, or of one that says nothing else. Silence means something after
    /// two months (CRPA L231-1 and L231-4).
    pub within: Delay,
    /// What is to be answered within this is never drawn to be looked at for the measure alone.
    pub never_drawn_within: Delay,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            within: Delay::months(2),
            never_drawn_within: Delay::days(15),
        }
    }
}

/// An organisational unit that receives documents.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// Its id.
    #[schemars(with = "ServiceId")]
    id: Spanned<ServiceId>,
    /// What people call it.
    pub name: String,
    /// What it does, in the words that people who write to it use.
    pub description: String,
    /// Where to reach it.
    #[serde(default)]
    pub contact: Option<String>,
    /// Not ours: the document is forwarded and the person told (CRPA L114-2).
    #[serde(default)]
    pub external: bool,
}

impl Service {
    /// Its id.
    pub fn id(&self) -> &ServiceId {
        self.id.get_ref()
    }
}

/// A form the pipeline knows.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Form {
    /// Its id.
    #[schemars(with = "FormId")]
    id: Spanned<FormId>,
    /// What people call it.
    pub title: String,
    /// The service it is for.
    #[schemars(with = "ServiceId")]
    service: Spanned<ServiceId>,
    /// The text that requires it, with its article.
    #[serde(default)]
    pub legal_basis: Option<String>,
    /// Its clock, shown as written.
    #[serde(default)]
    pub clock: Option<String>,
    /// Within how long it is to be answered: `2 mois`, `15 jours`, `1 month`, `10 days`. Without it,
    /// that of `deadlines`.
    #[serde(default)]
    pub within: Option<Delay>,
    /// How it is recognised.
    pub recognise: Recognise,
    /// Its fields.
    #[serde(default)]
    pub fields: Vec<FormField>,
    /// Its pieces.
    #[serde(default)]
    pub pieces: Vec<Piece>,
}

impl Form {
    /// Its id.
    pub fn id(&self) -> &FormId {
        self.id.get_ref()
    }

    /// The service it is for.
    pub fn service(&self) -> &ServiceId {
        self.service.get_ref()
    }
}

/// How a form is recognised: by all of its `fields`, or by one of its `titles`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Recognise {
    /// Names of form fields that must all be there.
    #[serde(default)]
    pub fields: Vec<String>,
    /// Phrases of the subject or first lines; accents and case are folded.
    #[serde(default)]
    pub titles: Vec<String>,
    /// Fingerprints of its templates, as `greffier extract` says them: they tell a version of a form
    /// whatever its fields are called and its title says.
    #[serde(default)]
    pub fingerprints: Vec<String>,
}

/// A field of a form.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FormField {
    /// Its name in the file.
    pub name: String,
    /// What people call it.
    pub label: String,
    /// Other labels that letters use for it.
    #[serde(default)]
    pub labels: Vec<String>,
    /// The format of its value.
    #[serde(default)]
    pub format: FieldFormat,
    /// Whether it must be filled.
    #[serde(default)]
    pub required: bool,
    /// The name of a field of the same form that must agree with it: of a day, the one that it must
    /// not precede; of a social security number, its bearer's day of birth.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub agrees_with: Option<Spanned<String>>,
}

/// The format of a field's value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FieldFormat {
    /// Anything.
    #[default]
    Text,
    /// A day.
    Date,
    /// A sum of money.
    Amount,
    /// A company's SIRET, with its key (Luhn).
    Siret,
    /// A bank account, with its key (ISO 13616).
    Iban,
    /// A social security number, with its key.
    Nir,
    /// A phone number.
    Phone,
    /// An e-mail address.
    Email,
    /// Five digits, of a département that exists; the commune may follow.
    Postcode,
    /// A postcode and its commune.
    Town,
}

impl FieldFormat {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Text,
        Self::Date,
        Self::Amount,
        Self::Siret,
        Self::Iban,
        Self::Nir,
        Self::Phone,
        Self::Email,
        Self::Postcode,
        Self::Town,
    ];

    /// The word in pipeline files.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Date => "date",
            Self::Amount => "amount",
            Self::Siret => "siret",
            Self::Iban => "iban",
            Self::Nir => "nir",
            Self::Phone => "phone",
            Self::Email => "email",
            Self::Postcode => "postcode",
            Self::Town => "town",
        }
    }
}

/// A piece that goes with a form.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Piece {
    /// What people call it.
    pub name: String,
    /// Words that tell it in a file name or a list of enclosures.
    pub words: Vec<String>,
    /// Whether it must be there. Ask only pieces that a text requires (CRPA L113-12).
    #[serde(default)]
    pub required: bool,
}

/// A rule: if what it looks at is there, the document is for its service.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Its id.
    #[schemars(with = "RuleId")]
    id: Spanned<RuleId>,
    /// The service it names.
    #[schemars(with = "ServiceId")]
    service: Spanned<ServiceId>,
    /// Phrases, one of which must be in the text; accents and case are folded.
    #[serde(default)]
    pub any: Vec<String>,
    /// Phrases that must all be in the text.
    #[serde(default)]
    pub all: Vec<String>,
    /// The end of the sender's address.
    #[serde(default)]
    pub sender: Option<String>,
    /// The end of a recipient's address.
    #[serde(default)]
    pub recipient: Option<String>,
    /// Places, one of which must be in a field that says where: an address, a street, a
    /// neighbourhood, a commune; accents and case are folded.
    #[serde(default)]
    pub place: Vec<String>,
    /// A form the document was recognised as.
    #[serde(default)]
    #[schemars(with = "Option<FormId>")]
    form: Option<Spanned<FormId>>,
}

impl Rule {
    /// Its id.
    pub fn id(&self) -> &RuleId {
        self.id.get_ref()
    }

    /// The service it names.
    pub fn service(&self) -> &ServiceId {
        self.service.get_ref()
    }

    /// The form it looks for.
    pub fn form(&self) -> Option<&FormId> {
        self.form.as_ref().map(Spanned::get_ref)
    }
}

fn default_time_zone() -> Spanned<String> {
    Spanned::new(0..0, "Europe/Paris".to_owned())
}

fn empty_table() -> Spanned<toml::Table> {
    Spanned::new(0..0, toml::Table::new())
}

/// What is wrong with a pipeline file.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It cannot be read.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It is not TOML, or a key or a value is not known. The message has the line.
    #[error("{file}: {message}")]
    Syntax {
        /// Which file.
        file: String,
        /// The line, what was found, what was expected.
        message: String,
    },
    /// It says something that cannot be.
    #[error("{file}:{line}: {found}: expected {expected}")]
    Meaning {
        /// Which file.
        file: String,
        /// The line, from 1.
        line: usize,
        /// What it says.
        found: String,
        /// What would be right.
        expected: String,
    },
}

/// A pipeline file with its text, so that whoever finds something wrong can name the line.
#[derive(Clone, Debug)]
pub struct SourceFile {
    /// What it says.
    pub file: PipelineFile,
    name: String,
    text: String,
}

impl SourceFile {
    /// Turns a setting of a stage on whatever the file says, as when a promise is suspended.
    pub fn set_true(&mut self, stage: &str, key: &str) {
        let Ok(stage) = stage.parse::<StageName>() else {
            return;
        };
        let table = self.file.stage.entry(stage);
        let table = table.or_insert_with(|| Spanned::new(0..0, toml::Table::new()));
        table.get_mut().insert(key.to_owned(), true.into());
    }

    /// Reads and checks a file.
    ///
    /// # Errors
    /// When it cannot be read, or says something that cannot be.
    pub fn load(path: &Path) -> Result<Self, FileError> {
        let text = std::fs::read_to_string(path).map_err(|source| FileError::Unreadable {
            path: path.to_owned(),
            source,
        })?;
        let source = Self::parse(&path.display().to_string(), text)?;
        let stem = path.file_stem().and_then(|stem| stem.to_str());
        let pipeline = &source.file.pipeline;
        if stem != Some(pipeline.as_str()) {
            return Err(source.wrong_in(
                0,
                "pipeline",
                format!("pipeline `{pipeline}` is in a file of another name"),
                format!("{pipeline}.toml, or `pipeline` as the file is called"),
            ));
        }
        Ok(source)
    }

    /// Checks a text.
    ///
    /// # Errors
    /// When it says something that cannot be.
    pub fn parse(name: &str, text: String) -> Result<Self, FileError> {
        let file: PipelineFile = toml::from_str(&text).map_err(|e| FileError::Syntax {
            file: name.to_owned(),
            message: e.to_string().trim_end().to_owned(),
        })?;
        let source = Self {
            file,
            name: name.to_owned(),
            text,
        };
        source.check()?;
        Ok(source)
    }

    /// The name it was read under.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The time zone of its weeks, and its name.
    pub fn zone(&self) -> (Zone, &str) {
        let name = self.file.time_zone.get_ref();
        (name.parse().unwrap_or_else(|_| Zone::paris()), name)
    }

    /// An error at the byte `at`.
    pub fn wrong_at(&self, at: usize, found: String, expected: impl Into<String>) -> FileError {
        let line = 1 + self
            .text
            .as_bytes()
            .iter()
            .take(at)
            .filter(|b| **b == b'\n')
            .count();
        FileError::Meaning {
            file: self.name.clone(),
            line,
            found,
            expected: expected.into(),
        }
    }

    /// Where the `n`th table of this header begins, from 1: for errors about one of several.
    pub fn nth(&self, header: &str, n: usize) -> Option<usize> {
        let mut offset = 0;
        let mut seen = 0;
        for line in self.text.split_inclusive('\n') {
            seen += usize::from(line.trim_start().starts_with(header));
            if seen == n {
                return Some(offset);
            }
            offset += line.len();
        }
        None
    }

    /// An error about `key` in a table of settings that starts at the byte `at`.
    pub fn wrong_in(
        &self,
        at: usize,
        key: &str,
        found: String,
        expected: impl Into<String>,
    ) -> FileError {
        let key_at = self.text.get(at..).and_then(|rest| {
            let mut offset = at;
            for (n, line) in rest.split_inclusive('\n').enumerate() {
                let trimmed = line.trim_start();
                if n > 0 && trimmed.starts_with('[') {
                    return None;
                }
                if let Some(rest) = trimmed.strip_prefix(key)
                    && rest.trim_start().starts_with('=')
                {
                    return Some(offset);
                }
                offset += line.len();
            }
            None
        });
        self.wrong_at(key_at.unwrap_or(at), found, expected)
    }

    /// Whether the fields that must agree are such that they can be compared.
    fn agree(&self, form: &Form) -> Result<(), FileError> {
        for field in &form.fields {
            let Some(with) = &field.agrees_with else {
                continue;
            };
            let day = |f: &&FormField| f.name == *with.get_ref() && f.format == FieldFormat::Date;
            let compared = matches!(field.format, FieldFormat::Date | FieldFormat::Nir);
            if !compared || field.name == *with.get_ref() || !form.fields.iter().any(|f| day(&f)) {
                return Err(self.wrong_at(
                    with.span().start,
                    format!("`{}` agrees with `{}`", field.name, with.get_ref()),
                    "a field of format date or nir that names another field of the same form, of format date",
                ));
            }
        }
        Ok(())
    }

    fn check(&self) -> Result<(), FileError> {
        let file = &self.file;
        let zone = &file.time_zone;
        if zone.get_ref().parse::<Zone>().is_err() {
            return Err(self.wrong_at(
                zone.span().start,
                format!("time_zone `{}` is not known", zone.get_ref()),
                "a name of the IANA database such as Europe/Paris",
            ));
        }
        if file.accepts.is_empty() {
            return Err(self.wrong_in(
                0,
                "accepts",
                "accepts nothing".into(),
                "files, rows or both",
            ));
        }
        if file.stages.is_empty() {
            return Err(self.wrong_in(0, "stages", "no stage".into(), "at least `extract`"));
        }
        for list in [&file.stages, &file.attachment_stages] {
            let mut seen = BTreeSet::new();
            for stage in list {
                if !seen.insert(stage.get_ref()) {
                    return Err(self.wrong_at(
                        stage.span().start,
                        format!("stage `{}` stands twice", stage.get_ref()),
                        "each stage once",
                    ));
                }
            }
        }
        for (name, table) in &file.stage {
            let used = file
                .stages
                .iter()
                .chain(&file.attachment_stages)
                .any(|s| s.get_ref() == name);
            if !used {
                return Err(self.wrong_at(
                    table.span().start,
                    format!("settings for `{name}`, which is not among its stages"),
                    "settings of a stage in `stages`",
                ));
            }
        }
        for (name, entry) in &file.reconcile {
            if !known_schedule(entry.schedule()) {
                return Err(self.wrong_at(
                    entry.schedule.span().start,
                    format!("schedule `{}` of `{name}` is not known", entry.schedule()),
                    "on-arrival, hourly, or a day and a time such as `monday 08:00`",
                ));
            }
        }
        let services = self.unique("service", file.services.iter().map(|s| &s.id))?;
        self.unique("form", file.forms.iter().map(|f| &f.id))?;
        self.unique("rule", file.rules.iter().map(|r| &r.id))?;
        let known = |service: &Spanned<ServiceId>, of: String| {
            if services.contains(service.get_ref().as_str()) {
                return Ok(());
            }
            let list: Vec<&str> = services.iter().copied().collect();
            Err(self.wrong_at(
                service.span().start,
                format!("{of} names the unknown service `{}`", service.get_ref()),
                if list.is_empty() {
                    "a [[services]] with this id".to_owned()
                } else {
                    format!("one of {}", list.join(", "))
                },
            ))
        };
        for form in &file.forms {
            known(&form.service, format!("form `{}`", form.id()))?;
            let Recognise {
                fields,
                titles,
                fingerprints,
            } = &form.recognise;
            if fields.is_empty() && titles.is_empty() && fingerprints.is_empty() {
                return Err(self.wrong_at(
                    form.id.span().start,
                    format!("form `{}` can never be recognised", form.id()),
                    "`recognise.fields`, `recognise.titles` or `recognise.fingerprints`",
                ));
            }
            self.agree(form)?;
        }
        for rule in &file.rules {
            known(&rule.service, format!("rule `{}`", rule.id()))?;
            if let Some(form) = &rule.form
                && !file.forms.iter().any(|f| f.id() == form.get_ref())
            {
                return Err(self.wrong_at(
                    form.span().start,
                    format!(
                        "rule `{}` names the unknown form `{}`",
                        rule.id(),
                        form.get_ref()
                    ),
                    "the id of a [[forms]]",
                ));
            }
            let phrases = rule.any.iter().chain(&rule.all).chain(&rule.place);
            if phrases
                .into_iter()
                .any(|phrase| !phrase.chars().any(char::is_alphanumeric))
            {
                return Err(self.wrong_at(
                    rule.id.span().start,
                    format!("rule `{}` looks for an empty phrase", rule.id()),
                    "words in each phrase of any, all and place",
                ));
            }
            let looks = !rule.any.is_empty()
                || !rule.all.is_empty()
                || rule.sender.is_some()
                || rule.recipient.is_some()
                || !rule.place.is_empty()
                || rule.form.is_some();
            if !looks {
                return Err(self.wrong_at(
                    rule.id.span().start,
                    format!("rule `{}` looks at nothing", rule.id()),
                    "any, all, sender, recipient, place or form",
                ));
            }
        }
        Ok(())
    }

    fn unique<'a, T: AsRefStr + 'a>(
        &self,
        what: &str,
        ids: impl Iterator<Item = &'a Spanned<T>>,
    ) -> Result<BTreeSet<&'a str>, FileError> {
        let mut seen = BTreeSet::new();
        for id in ids {
            if !seen.insert(id.get_ref().text()) {
                return Err(self.wrong_at(
                    id.span().start,
                    format!("{what} `{}` stands twice", id.get_ref().text()),
                    "each id once",
                ));
            }
        }
        Ok(seen)
    }
}

trait AsRefStr {
    fn text(&self) -> &str;
}

impl AsRefStr for ServiceId {
    fn text(&self) -> &str {
        self.as_str()
    }
}

impl AsRefStr for FormId {
    fn text(&self) -> &str {
        self.as_str()
    }
}

impl AsRefStr for RuleId {
    fn text(&self) -> &str {
        self.as_str()
    }
}

fn known_schedule(schedule: &str) -> bool {
    matches!(schedule, "on-arrival" | "hourly") || weekly(schedule).is_some()
}

/// The days after Monday and the time (`07:00`) of a schedule that comes once a week, such as
/// `monday 07:00`; `None` for another schedule.
pub fn weekly(schedule: &str) -> Option<(u8, &str)> {
    let (day, time) = schedule.split_once(' ')?;
    let after_monday = match day {
        "monday" => 0,
        "tuesday" => 1,
        "wednesday" => 2,
        "thursday" => 3,
        "friday" => 4,
        "saturday" => 5,
        "sunday" => 6,
        _ => return None,
    };
    let (hour, minute) = time.split_once(':')?;
    let number =
        |text: &str, below: u8| text.len() == 2 && text.parse::<u8>().is_ok_and(|n| n < below);
    (number(hour, 24) && number(minute, 60)).then_some((after_monday, time))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: &str = r#"
pipeline = "forms"
title = "Formulaires"
collection = "forms"
accepts = ["files"]
stages = ["extract", "route"]

[[services]]
id = "voirie"
name = "Voirie"
description = "routes et éclairage"
"#;

    /// What parsing `BASE` followed by `more` says, from its last colon-separated place on.
    fn check(more: &str, expected: &str) {
        let error = SourceFile::parse("forms.toml", format!("{BASE}{more}")).unwrap_err();
        let text = error.to_string();
        assert!(text.contains(expected), "{text}");
    }

    #[test]
    fn a_minimal_file_is_enough() {
        let source = SourceFile::parse("forms.toml", BASE.to_owned()).unwrap();
        assert_eq!(source.zone().1, "Europe/Paris");
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line_and_what_was_expected() {
        check("colour = 3\n", "line 12");
        check("colour = 3\n", "unknown field `colour`");
        check(
            "[[rules]]\nid = \"r\"\nservice = \"voiri\"\nany = [\"x\"]\n",
            "forms.toml:14: rule `r` names the unknown service `voiri`: expected one of voirie",
        );
        check(
            "[[rules]]\nid = \"r\"\nservice = \"voirie\"\n",
            "rule `r` looks at nothing",
        );
        check(
            "[[rules]]\nid = \"r\"\nservice = \"voirie\"\nplace = [\" - \"]\n",
            "rule `r` looks for an empty phrase",
        );
        check(
            "[stage.embed]\nbatch = 1\n",
            "settings for `embed`, which is not among its stages",
        );
        check(
            "[[services]]\nid = \"voirie\"\nname = \"V\"\ndescription = \"\"\n",
            "forms.toml:13: service `voirie` stands twice",
        );
        check(
            "[reconcile.alert]\nschedule = \"lundi\"\n",
            "forms.toml:13: schedule `lundi`",
        );
        check(
            "[[forms]]\nid = \"f\"\ntitle = \"F\"\nservice = \"voirie\"\nrecognise = {}\n",
            "can never be recognised",
        );
        let agrees = |with: &str, format: &str| {
            format!(
                "[[forms]]\nid = \"f\"\ntitle = \"F\"\nservice = \"voirie\"\nrecognise = {{ titles = [\"f\"] }}\n\
                 [[forms.fields]]\nname = \"fin\"\nlabel = \"Fin\"\nformat = \"{format}\"\nagrees_with = \"{with}\"\n\
                 [[forms.fields]]\nname = \"nom\"\nlabel = \"Nom\"\n"
            )
        };
        check(
            &agrees("debut", "date"),
            "forms.toml:21: `fin` agrees with `debut`",
        );
        check(&agrees("nom", "date"), "of format date");
        check(&agrees("fin", "date"), "another field");
        check(&agrees("nom", "text"), "`fin` agrees with `nom`");
        check(
            "[[services]]\nid = \"Voirie 2\"\nname = \"V\"\ndescription = \"\"\n",
            "lower-case ASCII",
        );
    }

    #[test]
    fn time_limits_are_checked_with_their_line() {
        check("[deadlines]\nwithin = \"2 moi\"\n", "line 13");
        check("[deadlines]\nwithin = \"2 moi\"\n", "`2 mois`, `15 jours`");
        check("[deadlines]\nsoon = \"2 mois\"\n", "unknown field `soon`");
        let form = "[[forms]]\nid = \"f\"\ntitle = \"F\"\nservice = \"voirie\"\nrecognise = { titles = [\"f\"] }\n";
        check(&format!("{form}within = \"sous 1 mois\"\n"), "line 17");
        let source = SourceFile::parse("f", format!("{BASE}{form}within = \"1 mois\"\n")).unwrap();
        assert_eq!(source.file.forms[0].within, Some(Delay::months(1)));
        assert_eq!(source.file.deadlines.within, Delay::months(2));
    }

    #[test]
    fn a_setting_is_found_in_its_own_table() {
        let text = format!("{BASE}\n[stage.route]\nmax = 1\n\n[stage.extract]\nmax = 2\n");
        let source = SourceFile::parse("f", text).unwrap();
        let at = source.file.stage[&"extract".parse().unwrap()].span().start;
        let error = source.wrong_in(at, "max", "2".into(), "1");
        assert!(error.to_string().starts_with("f:17:"), "{error}");
    }
}

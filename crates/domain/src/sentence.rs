//! The only sentences Greffier can say of people's words: a quote, or a template filled by a named
//! query. Nothing else can be built, not even by reading a file.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::catalogue::Lang;
use crate::{ArtifactName, DocumentId, Span};

/// Why a part of a quote is hidden.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum MaskKind {
    /// A person's name.
    Name,
    /// A phone number.
    Phone,
    /// An e-mail address.
    Email,
    /// A social security number (NIR).
    Nir,
    /// A bank account (IBAN).
    Iban,
}

impl MaskKind {
    /// What stands in its place.
    pub const fn placeholder(self) -> &'static str {
        match self {
            Self::Name => "[nom]",
            Self::Phone => "[téléphone]",
            Self::Email => "[courriel]",
            Self::Nir => "[NIR]",
            Self::Iban => "[IBAN]",
        }
    }
}

/// A part of a stored text that is replaced when it is quoted.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub struct Mask {
    /// First byte in the stored text.
    pub start: u32,
    /// First byte after it.
    pub end: u32,
    /// Why.
    pub kind: MaskKind,
}

impl Mask {
    /// Its range.
    pub const fn span(&self) -> Span {
        Span::new(self.start, self.end)
    }
}

/// A quote: a range of a stored text, with what is masked in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// The document quoted.
    pub document: DocumentId,
    /// The artifact that holds its text.
    pub text_version: ArtifactName,
    /// First byte.
    pub start: u32,
    /// First byte after the quote.
    pub end: u32,
    /// The range with masks applied.
    pub text: String,
    /// What is masked, in order, within the range.
    pub masks: Vec<Mask>,
}

/// A range that cannot be quoted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EvidenceError {
    /// The range is not within the text, or cuts a character.
    #[error("bytes {start} to {end} are not a range of characters of the text")]
    Range {
        /// First byte.
        start: u32,
        /// First byte after.
        end: u32,
    },
    /// A mask is outside the range, cuts a character or overlaps another.
    #[error("mask {start} to {end} is not within the quote, or overlaps another")]
    Mask {
        /// First byte.
        start: u32,
        /// First byte after.
        end: u32,
    },
    /// The quote says something else than the text.
    #[error("the quote is not what bytes {start} to {end} of the text say")]
    Different {
        /// First byte.
        start: u32,
        /// First byte after.
        end: u32,
    },
}

impl Evidence {
    /// Quotes `span` of `text`, hiding the masks that lie within it.
    ///
    /// # Errors
    /// When the span or a mask is not a range of characters of the text.
    pub fn quote(
        document: DocumentId,
        text_version: ArtifactName,
        text: &str,
        span: Span,
        masks: &[Mask],
    ) -> Result<Self, EvidenceError> {
        let masks: Vec<Mask> = masks
            .iter()
            .filter(|m| span.overlaps(m.span()))
            .copied()
            .collect();
        let shown = Self::apply(text, span, &masks)?;
        Ok(Self {
            document,
            text_version,
            start: span.start,
            end: span.end,
            text: shown,
            masks,
        })
    }

    /// Re-reads the quote in `text`.
    ///
    /// # Errors
    /// When the text does not say what is quoted.
    pub fn verify(&self, text: &str) -> Result<(), EvidenceError> {
        let span = Span {
            start: self.start,
            end: self.end,
        };
        if Self::apply(text, span, &self.masks)? == self.text {
            Ok(())
        } else {
            Err(EvidenceError::Different {
                start: self.start,
                end: self.end,
            })
        }
    }

    /// The range quoted.
    pub const fn span(&self) -> Span {
        Span::new(self.start, self.end)
    }

    fn apply(text: &str, span: Span, masks: &[Mask]) -> Result<String, EvidenceError> {
        let range = EvidenceError::Range {
            start: span.start,
            end: span.end,
        };
        if span.of(text).is_none() {
            return Err(range);
        }
        let mut shown = String::new();
        let mut at = span.start;
        for mask in masks {
            let error = EvidenceError::Mask {
                start: mask.start,
                end: mask.end,
            };
            if mask.start < at || mask.end > span.end || mask.start >= mask.end {
                return Err(error);
            }
            let before = Span::new(at, mask.start).of(text).ok_or(error)?;
            shown.push_str(before);
            shown.push_str(mask.kind.placeholder());
            at = mask.end;
        }
        let last = masks.last().map_or(range, |m| EvidenceError::Mask {
            start: m.start,
            end: m.end,
        });
        shown.push_str(Span::new(at, span.end).of(text).ok_or(last)?);
        Ok(shown)
    }
}

/// A value that a query counted or found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Value {
    /// How many.
    Count(i64),
    /// A name that stands in the data: a theme, a place, a team.
    Name(String),
}

impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Count(n) => write!(f, "{n}"),
            Self::Name(name) => f.write_str(name),
        }
    }
}

macro_rules! templates {
    ($($(#[$doc:meta])* $name:ident => $fr:literal, $en:literal;)*) => {
        /// The sentences that can be filled by a query. `{name}` stands for a value, one whose
        /// name ends in `_tenths` for a tenth of it, and `{name|one|many}` for the word that goes
        /// with it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        #[serde(rename_all = "kebab-case")]
        pub enum Template {
            $($(#[$doc])* $name,)*
        }

        impl Template {
            /// Every template.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The sentence with its holes.
            pub const fn text(self, lang: Lang) -> &'static str {
                match (self, lang) {
                    $((Self::$name, Lang::Fr) => $fr, (Self::$name, Lang::En) => $en,)*
                }
            }
        }
    };
}

templates! {
    /// How many reports, of how many teams, how many with a note.
    ReportsReceived =>
        "{reports} {reports|remontée reçue|remontées reçues} de {teams} {teams|équipe|équipes} ; {notes} {notes|porte|portent} une note.",
        "{reports} {reports|report|reports} received from {teams} {teams|team|teams}; {notes} {notes|carries|carry} a note.";
    /// The week before, for comparison.
    ReportsBefore =>
        "La semaine précédente : {reports} {reports|remontée|remontées}.",
        "The week before: {reports} {reports|report|reports}.";
    /// People met.
    PeopleMet =>
        "{people} {people|personne rencontrée ou accompagnée|personnes rencontrées ou accompagnées}, dont {first} pour la première fois.",
        "{people} {people|person|people} met or helped, {first} of them for the first time.";
    /// Minutes spent.
    TimeSpent => "Durée déclarée : {hours} h {minutes} min.", "Time declared: {hours} h {minutes} min.";
    /// Nothing to report.
    NothingToReport =>
        "{reports} {reports|remontée dit|remontées disent} qu’il n’y a rien à signaler.",
        "{reports} {reports|report says|reports say} that there is nothing to report.";
    /// Size of a theme.
    ThemeSize =>
        "« {theme} » : {reports} {reports|remontée|remontées}, {teams} {teams|équipe|équipes}, {places} {places|lieu|lieux}.",
        "“{theme}”: {reports} {reports|report|reports}, {teams} {teams|team|teams}, {places} {places|place|places}.";
    /// A theme over the weeks, oldest first.
    ThemeHistory =>
        "Semaines précédentes, de la plus ancienne à la plus récente : {history}.",
        "Weeks before, oldest first: {history}.";
    /// A theme that rose beyond what its history explains.
    ThemeRose =>
        "« {theme} » en hausse : {observed} {observed|remontée|remontées} pour {expected_tenths} attendues d’après {weeks} {weeks|semaine|semaines}.",
        "“{theme}” is rising: {observed} {observed|report|reports} where {expected_tenths} were expected from {weeks} {weeks|week|weeks}.";
    /// Too little data to speak of a trend.
    ThemeTooSmall =>
        "Effectifs trop faibles pour parler d’une tendance ({observed} cette semaine, {weeks} {weeks|semaine|semaines} d’historique).",
        "Too few cases to speak of a trend ({observed} this week, {weeks} {weeks|week|weeks} of history).";
    /// A theme never seen before.
    ThemeNew =>
        "Nouveau : « {theme} » n’apparaît dans aucune des {weeks} semaines précédentes ; {reports} {reports|remontée|remontées} cette semaine.",
        "New: “{theme}” appears in none of the {weeks} weeks before; {reports} {reports|report|reports} this week.";
    /// A team that sent nothing.
    TeamSilent => "L’équipe {team} n’a rien transmis cette semaine.", "Team {team} sent nothing this week.";
    /// Reports that no theme covers.
    Uncovered =>
        "{reports} {reports|remontée avec une note ne relève|remontées avec une note ne relèvent} d’aucun thème connu.",
        "{reports} {reports|report with a note belongs|reports with a note belong} to no known theme.";
    /// Reports that came in after their own week.
    Late =>
        "{reports} {reports|remontée porte sur une semaine antérieure et est comptée ici, à sa réception|remontées portent sur une semaine antérieure et sont comptées ici, à leur réception}.",
        "{reports} {reports|report is about an earlier week and is counted here, when it was received|reports are about an earlier week and are counted here, when they were received}.";
    /// A report that answers an earlier one.
    FollowUp =>
        "{reports} {reports|remontée répond|remontées répondent} à une remontée antérieure.",
        "{reports} {reports|report answers|reports answer} an earlier one.";
    /// An urgent report, by its own field.
    UrgentField =>
        "Remontée {report} ({team}, {place}) déclarée « {urgency} » par son auteur.",
        "Report {report} ({team}, {place}) declared “{urgency}” by its author.";
    /// An urgent report, by its words.
    UrgentWords =>
        "Remontée {report} ({team}, {place}) contient : {words}.",
        "Report {report} ({team}, {place}) contains: {words}.";
    /// A child may be in danger.
    ChildInDanger =>
        "Enfant en danger possible : remontée {report} ({team}, {place}), mots relevés : {words}. Transmission sans délai (CASF, art. L226-2-1) : suivre la procédure locale.",
        "A child may be in danger: report {report} ({team}, {place}), words found: {words}. To be passed on without delay (CASF, art. L226-2-1): follow the local procedure.";
    /// An urgent report, by a rule or by what it resembles.
    UrgentSigns =>
        "Remontée {report} ({team}, {place}) : signes d’urgence dans la note, à lire sans attendre.",
        "Report {report} ({team}, {place}): signs of urgency in its note, to be read without waiting.";
    /// A child may be in danger, by a rule or by what a report resembles.
    ChildSigns =>
        "Enfant en danger possible : remontée {report} ({team}, {place}), signes dans la note. Transmission sans délai (CASF, art. L226-2-1) : suivre la procédure locale.",
        "A child may be in danger: report {report} ({team}, {place}), signs in its note. To be passed on without delay (CASF, art. L226-2-1): follow the local procedure.";
    /// Several mentions at one place within some days.
    RepeatedMentions =>
        "« {theme} » : {reports} mentions en {days} jours (lieu : {place}).",
        "“{theme}”: {reports} mentions within {days} days (place: {place}).";
    /// A theme that is never ignored.
    WatchedTheme =>
        "« {theme} » : {reports} {reports|remontée|remontées} (thème surveillé, seuil {threshold}).",
        "“{theme}”: {reports} {reports|report|reports} (watched theme, threshold {threshold}).";
}

impl Template {
    /// The names of the holes.
    pub fn holes(self) -> BTreeSet<&'static str> {
        self.text(Lang::Fr)
            .split('{')
            .skip(1)
            .filter_map(|rest| rest.split_once('}'))
            .map(|(hole, _)| hole.split('|').next().unwrap_or(hole))
            .collect()
    }
}

/// A named query and what it was asked with. The verifier runs it again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Query {
    /// Its name: `reports`, `theme-size`.
    pub name: String,
    /// What it was asked with: the theme, the place.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, String>,
}

/// A template filled by a query.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "UncheckedCounted", deny_unknown_fields)]
#[schemars(!try_from)]
pub struct Counted {
    template: Template,
    query: Query,
    values: BTreeMap<String, Value>,
    documents: Vec<DocumentId>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UncheckedCounted {
    template: Template,
    query: Query,
    values: BTreeMap<String, Value>,
    documents: Vec<DocumentId>,
}

/// Values that do not fill the template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("template {template:?} has holes {expected:?}, the query gave {given:?}")]
pub struct UnfilledTemplate {
    template: Template,
    expected: BTreeSet<&'static str>,
    given: BTreeSet<String>,
}

impl Counted {
    /// The template.
    pub const fn template(&self) -> Template {
        self.template
    }

    /// The query that filled it.
    pub const fn query(&self) -> &Query {
        &self.query
    }

    /// What the query answered.
    pub const fn values(&self) -> &BTreeMap<String, Value> {
        &self.values
    }

    /// The documents counted.
    pub fn documents(&self) -> &[DocumentId] {
        &self.documents
    }

    /// The sentence in words.
    pub fn text(&self, lang: Lang) -> String {
        let mut rest = self.template.text(lang);
        let mut out = String::with_capacity(rest.len());
        while let Some((before, after)) = rest.split_once('{') {
            out.push_str(before);
            let (hole, next) = after.split_once('}').unwrap_or((after, ""));
            self.fill(hole, lang, &mut out);
            rest = next;
        }
        out.push_str(rest);
        out
    }

    fn fill(&self, hole: &str, lang: Lang, out: &mut String) {
        let mut parts = hole.split('|');
        let name = parts.next().unwrap_or(hole);
        match (self.values.get(name), parts.next(), parts.next()) {
            (Some(Value::Count(n)), Some(one), Some(many)) => {
                // French counts zero as one; English does not.
                let singular = if lang == Lang::Fr {
                    n.abs() < 2
                } else {
                    *n == 1
                };
                out.push_str(if singular { one } else { many });
            }
            (Some(Value::Count(n)), ..) if name.ends_with("_tenths") => {
                let mark = lang.pick(",", ".");
                out.push_str(&format!("{}{mark}{}", n / 10, (n % 10).abs()));
            }
            (Some(value), ..) => out.push_str(&value.to_string()),
            (None, ..) => out.push('…'),
        }
    }
}

impl TryFrom<UncheckedCounted> for Counted {
    type Error = UnfilledTemplate;

    fn try_from(c: UncheckedCounted) -> Result<Self, UnfilledTemplate> {
        let expected = c.template.holes();
        if expected
            .iter()
            .copied()
            .eq(c.values.keys().map(String::as_str))
        {
            Ok(Self {
                template: c.template,
                query: c.query,
                values: c.values,
                documents: c.documents,
            })
        } else {
            Err(UnfilledTemplate {
                template: c.template,
                expected,
                given: c.values.into_keys().collect(),
            })
        }
    }
}

/// A sentence: a quote, or a template filled by a query.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Sentence {
    /// A quote.
    Quote(Evidence),
    /// A counted figure.
    Counted(Counted),
}

impl Sentence {
    /// A template filled by a query over `documents`.
    ///
    /// # Errors
    /// When the values are not exactly the template's holes.
    pub fn counted(
        template: Template,
        query: Query,
        values: BTreeMap<String, Value>,
        documents: Vec<DocumentId>,
    ) -> Result<Self, UnfilledTemplate> {
        UncheckedCounted {
            template,
            query,
            values,
            documents,
        }
        .try_into()
        .map(Self::Counted)
    }

    /// The sentence in words; quotes in the quotation marks of the language.
    pub fn text(&self, lang: Lang) -> String {
        match (self, lang) {
            (Self::Quote(e), Lang::Fr) => format!("« {} »", e.text.trim()),
            (Self::Quote(e), Lang::En) => format!("“{}”", e.text.trim()),
            (Self::Counted(c), lang) => c.text(lang),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document() -> DocumentId {
        DocumentId::from_bytes([1; 16])
    }

    #[test]
    fn a_quote_hides_what_is_masked_and_is_verified_against_the_text() {
        let text = "Bas du 12. Mme Durand n’ose plus sortir.";
        let start = text.find("Mme").unwrap() as u32;
        let mask = Mask {
            start,
            end: start + "Mme Durand".len() as u32,
            kind: MaskKind::Name,
        };
        let version = ArtifactName::from_bytes([2; 32]);
        let span = Span::new(start, text.len() as u32);
        let mut quote = Evidence::quote(document(), version, text, span, &[mask]).unwrap();
        assert_eq!(quote.text, "[nom] n’ose plus sortir.");
        assert_eq!(quote.verify(text), Ok(()));
        quote.text = "[nom] ose sortir.".into();
        assert!(matches!(
            quote.verify(text),
            Err(EvidenceError::Different { .. })
        ));
        quote.end = 9_999;
        assert!(matches!(
            quote.verify(text),
            Err(EvidenceError::Range { .. })
        ));
    }

    #[test]
    fn a_mask_that_crosses_the_edge_of_a_quote_is_refused() {
        let mask = Mask {
            start: 0,
            end: 4,
            kind: MaskKind::Name,
        };
        let version = ArtifactName::from_bytes([2; 32]);
        let quote = Evidence::quote(document(), version, "abcdefgh", Span::new(2, 8), &[mask]);
        assert!(matches!(quote, Err(EvidenceError::Mask { .. })));
    }

    #[test]
    fn a_template_without_its_values_cannot_be_built_nor_read() {
        let query = Query {
            name: "team-silent".into(),
            parameters: BTreeMap::new(),
        };
        assert!(Sentence::counted(Template::TeamSilent, query, BTreeMap::new(), vec![]).is_err());
        let json = r#"{"counted":{"template":"team-silent","query":{"name":"q"},"values":{},"documents":[]}}"#;
        assert!(serde_json::from_str::<Sentence>(json).is_err());
    }

    #[test]
    fn both_languages_have_the_same_holes() {
        for template in Template::ALL {
            let holes = |lang: Lang| {
                template
                    .text(lang)
                    .split('{')
                    .skip(1)
                    .filter_map(|rest| rest.split_once('}'))
                    .map(|(hole, _)| hole.split('|').next().unwrap_or(hole).to_owned())
                    .collect::<BTreeSet<_>>()
            };
            assert_eq!(holes(Lang::Fr), holes(Lang::En), "{template:?}");
        }
    }

    #[test]
    fn counts_choose_their_words_and_tenths_their_mark() {
        let fill = |n: i64| {
            let query = Query {
                name: "theme-rose".into(),
                parameters: BTreeMap::new(),
            };
            let values = BTreeMap::from([
                ("theme".to_owned(), Value::Name("bruit".into())),
                ("observed".to_owned(), Value::Count(n)),
                ("expected_tenths".to_owned(), Value::Count(22)),
                ("weeks".to_owned(), Value::Count(5)),
            ]);
            Sentence::counted(Template::ThemeRose, query, values, vec![]).unwrap()
        };
        assert_eq!(
            fill(7).text(Lang::Fr),
            "« bruit » en hausse : 7 remontées pour 2,2 attendues d’après 5 semaines."
        );
        assert!(fill(0).text(Lang::Fr).contains("0 remontée pour"));
        assert!(fill(0).text(Lang::En).contains("0 reports where 2.2"));
        assert!(fill(1).text(Lang::En).contains("1 report where"));
    }

    #[test]
    fn fills_every_hole() {
        let query = Query {
            name: "team-silent".into(),
            parameters: BTreeMap::new(),
        };
        let values = BTreeMap::from([("team".to_owned(), Value::Name("Nord".into()))]);
        let sentence = Sentence::counted(Template::TeamSilent, query, values, vec![]).unwrap();
        assert_eq!(
            sentence.text(Lang::Fr),
            "L’équipe Nord n’a rien transmis cette semaine."
        );
    }
}

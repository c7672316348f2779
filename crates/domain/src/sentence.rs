//! The only sentences Greffier can say of people's words: a quote, or a template filled by a named
//! query. Nothing else can be built, not even by reading a file.

use std::borrow::Cow;
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
    /// What tells a dwelling from others: number in the street, building, floor, door.
    Address,
    /// A street, a residence.
    Place,
    /// A date of birth.
    Birth,
    /// An age.
    Age,
    /// A number that an administration or a bank gave somebody, or a code that opens something.
    Number,
    /// A licence plate.
    Plate,
    /// An account on a social network.
    Handle,
    /// The name of who wrote the report.
    Agent,
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
            Self::Address => "[adresse]",
            Self::Place => "[lieu]",
            Self::Birth => "[date de naissance]",
            Self::Age => "[âge]",
            Self::Number => "[numéro]",
            Self::Plate => "[plaque]",
            Self::Handle => "[compte]",
            Self::Agent => "[agent]",
        }
    }
}

/// What stands for a name wherever it is read, within a collection and a window of time: five
/// characters of Crockford's base 32, "K7F3Q".
///
/// It has 25 bits: among 500 people, two share one with a probability below 0.4 %.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(into = "String", try_from = "String")]
#[schemars(with = "String")]
pub struct Pseudonym(u32);

/// A text that is no pseudonym.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no pseudonym: expected five of the digits and capitals without I, L, O and U")]
pub struct PseudonymError(String);

impl Pseudonym {
    const DIGITS: &'static [u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    const LENGTH: usize = 5;

    /// The pseudonym of the first 25 bits of a keyed hash.
    pub const fn from_bytes(hash: [u8; 4]) -> Self {
        Self(u32::from_be_bytes(hash) >> 7)
    }
}

impl std::fmt::Display for Pseudonym {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        (0..Self::LENGTH).rev().try_for_each(|place| {
            let digit = (self.0 >> (5 * place)) & 31;
            write!(f, "{}", char::from(Self::DIGITS[digit as usize]))
        })
    }
}

impl std::fmt::Debug for Pseudonym {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

impl From<Pseudonym> for String {
    fn from(pseudonym: Pseudonym) -> Self {
        pseudonym.to_string()
    }
}

impl TryFrom<String> for Pseudonym {
    type Error = PseudonymError;

    fn try_from(text: String) -> Result<Self, PseudonymError> {
        let value = (text.len() == Self::LENGTH)
            .then(|| {
                text.bytes().try_fold(0u32, |value, c| {
                    let digit = Self::DIGITS.iter().position(|d| *d == c)?;
                    Some(value << 5 | digit as u32)
                })
            })
            .flatten();
        value.map(Self).ok_or(PseudonymError(text))
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
    /// Who it is, for those who follow cases without names; absent, the name is only hidden.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pseudonym: Option<Pseudonym>,
}

impl Mask {
    /// A mask that hides and says no more.
    pub const fn new(start: u32, end: u32, kind: MaskKind) -> Self {
        Self {
            start,
            end,
            kind,
            pseudonym: None,
        }
    }

    /// Its range.
    pub const fn span(&self) -> Span {
        Span::new(self.start, self.end)
    }

    /// What stands in its place: `[nom]`, or `[personne K7F3Q]`.
    pub fn replacement(&self) -> Cow<'static, str> {
        match self.pseudonym {
            Some(pseudonym) => Cow::Owned(format!("[personne {pseudonym}]")),
            None => Cow::Borrowed(self.kind.placeholder()),
        }
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
            shown.push_str(&mask.replacement());
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
    /// The same at one place.
    ThemeRoseAt =>
        "« {theme} » en hausse (lieu : {place}) : {observed} {observed|remontée|remontées} pour {expected_tenths} attendues d’après {weeks} {weeks|semaine|semaines}.",
        "“{theme}” is rising (place: {place}): {observed} {observed|report|reports} where {expected_tenths} were expected from {weeks} {weeks|week|weeks}.";
    /// The same in the reports of one team.
    ThemeRoseIn =>
        "« {theme} » en hausse (équipe {team}) : {observed} {observed|remontée|remontées} pour {expected_tenths} attendues d’après {weeks} {weeks|semaine|semaines}.",
        "“{theme}” is rising (team {team}): {observed} {observed|report|reports} where {expected_tenths} were expected from {weeks} {weeks|week|weeks}.";
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
    /// A theme of too few reports to say how many, for who reads from outside.
    ThemeSmall =>
        "« {theme} » : moins de {limit} remontées.",
        "“{theme}”: fewer than {limit} reports.";
    /// Reports that are not quoted: too few of their theme at their place.
    SmallCells =>
        "{reports} {reports|remontée n’est pas citée|remontées ne sont pas citées} : moins de {limit} sur le même thème au même lieu.",
        "{reports} {reports|report is not quoted|reports are not quoted}: fewer than {limit} on the same theme at the same place.";
    /// Sentences that are not quoted: they describe somebody.
    QuotesWithheld =>
        "{sentences} {sentences|phrase n’est pas citée : elle pourrait désigner quelqu’un sans le nommer|phrases ne sont pas citées : elles pourraient désigner quelqu’un sans le nommer}.",
        "{sentences} {sentences|sentence is not quoted: it might point at somebody without a name|sentences are not quoted: they might point at somebody without a name}.";
    /// A version without alerts.
    AlertsElsewhere =>
        "Les alertes ne figurent pas dans cette version : elles vont aux personnes désignées pour les recevoir.",
        "Alerts are not in this version: they go to the people named to receive them.";
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
        let end = start + "Mme Durand".len() as u32;
        let mask = Mask::new(start, end, MaskKind::Name);
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
    fn a_pseudonym_stands_in_the_quote_and_is_read_again_with_it() {
        let text = "Mme Durand revient.";
        let pseudonym = Pseudonym::from_bytes([0xff, 0x00, 0x55, 0x80]);
        assert_eq!(pseudonym.to_string(), "ZW05B");
        assert_eq!(Pseudonym::try_from("ZW05B".to_owned()), Ok(pseudonym));
        for wrong in ["ZW05", "ZW05BC", "ZWO5B", "zw05b", "ZW05\u{e9}"] {
            assert!(Pseudonym::try_from(wrong.to_owned()).is_err(), "{wrong}");
        }
        let mask = Mask {
            pseudonym: Some(pseudonym),
            ..Mask::new(4, 10, MaskKind::Name)
        };
        let version = ArtifactName::from_bytes([2; 32]);
        let span = Span::new(0, text.len() as u32);
        let quote = Evidence::quote(document(), version, text, span, &[mask]).unwrap();
        assert_eq!(quote.text, "Mme [personne ZW05B] revient.");
        let json = serde_json::to_string(&quote).unwrap();
        let read: Evidence = serde_json::from_str(&json).unwrap();
        assert_eq!((&read, read.verify(text)), (&quote, Ok(())));
        // Written before pseudonyms.
        let mask: Mask = serde_json::from_str(r#"{"start":4,"end":10,"kind":"name"}"#).unwrap();
        assert_eq!(mask, Mask::new(4, 10, MaskKind::Name));
    }

    #[test]
    fn a_mask_that_crosses_the_edge_of_a_quote_is_refused() {
        let mask = Mask::new(0, 4, MaskKind::Name);
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

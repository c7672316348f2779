//! The words shown to people, French first, English second: one catalogue for the terminal, the
//! pages and the documents that leave the house.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::alert::AlertKind;
use crate::decision::{Method, ReviewCause};
use crate::record::RunOutcome;
use crate::synthesis::Trend;
use crate::{NoteCode, Outcome};

/// What people call the language of a text, given its tag; one that has no name here as it is.
pub fn language_said(tag: &str, lang: Lang) -> &str {
    match tag {
        "fr" => lang.pick("français", "French"),
        "en" => lang.pick("anglais", "English"),
        other => other,
    }
}

/// A language of the interface.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Lang {
    /// French, the first.
    #[default]
    Fr,
    /// English.
    En,
}

impl Lang {
    /// The one of the two that is in this language.
    pub const fn pick(self, fr: &'static str, en: &'static str) -> &'static str {
        match self {
            Self::Fr => fr,
            Self::En => en,
        }
    }
}

impl std::str::FromStr for Lang {
    type Err = UnknownLang;

    fn from_str(text: &str) -> Result<Self, UnknownLang> {
        match text {
            "fr" => Ok(Self::Fr),
            "en" => Ok(Self::En),
            other => Err(UnknownLang(other.to_owned())),
        }
    }
}

/// A language the interface does not speak.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a language of the interface: expected fr or en")]
pub struct UnknownLang(String);

/// What has a word for people in each language.
pub trait Said {
    /// The word.
    fn say(&self, lang: Lang) -> &'static str;
}

impl Said for Outcome {
    fn say(&self, lang: Lang) -> &'static str {
        match self {
            Self::Automatic => lang.pick("proposé", "proposed"),
            Self::Review => lang.pick("à vérifier", "to check"),
            Self::Unknown => lang.pick("je ne sais pas", "I do not know"),
        }
    }
}

impl Said for RunOutcome {
    fn say(&self, lang: Lang) -> &'static str {
        match self {
            Self::Done => lang.pick("fait", "done"),
            Self::Quarantine => lang.pick("mis de côté", "set aside"),
        }
    }
}

impl Said for ReviewCause {
    fn say(&self, lang: Lang) -> &'static str {
        match self {
            Self::BelowThreshold => lang.pick("pas assez sûr", "not sure enough"),
            Self::NoPromiseYet => lang.pick(
                "trop peu de documents validés",
                "too few validated documents",
            ),
            Self::NoModel => lang.pick("aucun modèle appris", "no model trained"),
            Self::Conflict => lang.pick(
                "la règle et le modèle ne sont pas d’accord",
                "rule and model disagree",
            ),
            Self::NothingRead => lang.pick("rien n’a pu être lu", "nothing could be read"),
            Self::NothingAlike => lang.pick("rien de ressemblant", "nothing alike"),
            Self::SeveralServices => {
                lang.pick("plusieurs services concernés", "several services concerned")
            }
            Self::PartlyRead => lang.pick("lu en partie seulement", "read only in part"),
            Self::Policy => lang.pick("tout est vérifié ici", "everything is reviewed here"),
        }
    }
}

impl Said for Method {
    fn say(&self, lang: Lang) -> &'static str {
        match self {
            Self::Trained => lang.pick("modèle appris", "trained model"),
            Self::Descriptions => lang.pick(
                "ressemblance aux descriptions",
                "resemblance to descriptions",
            ),
            Self::Nothing => lang.pick("rien à comparer", "nothing to compare"),
        }
    }
}

impl Said for Trend {
    fn say(&self, lang: Lang) -> &'static str {
        match self {
            Self::New => lang.pick("nouveau", "new"),
            Self::Rising => lang.pick("en hausse", "rising"),
            Self::Steady => lang.pick("stable", "steady"),
            Self::TooFew => lang.pick("effectifs trop faibles", "too few cases"),
        }
    }
}

impl Said for AlertKind {
    fn say(&self, lang: Lang) -> &'static str {
        match self {
            Self::ChildInDanger => lang.pick("enfant en danger", "child in danger"),
            Self::Urgent => lang.pick("urgent", "urgent"),
            Self::WatchedTheme => lang.pick("thème surveillé", "watched theme"),
            Self::RepeatedMentions => lang.pick("mentions répétées", "repeated mentions"),
            Self::Rising => lang.pick("en hausse", "rising"),
            Self::NewTheme => lang.pick("nouveau thème", "new theme"),
        }
    }
}

impl Said for NoteCode {
    fn say(&self, lang: Lang) -> &'static str {
        match self {
            Self::Empty => lang.pick("fichier vide", "empty file"),
            Self::NotReadableYet => lang.pick("format pas encore lu", "not readable yet"),
            Self::UnknownFormat => lang.pick("format inconnu", "unknown format"),
            Self::Encrypted => lang.pick("protégé par un mot de passe", "password needed"),
            Self::DamagedFile => lang.pick("fichier endommagé", "damaged file"),
            Self::DamagedPage => lang.pick("page endommagée", "damaged page"),
            Self::NeedsOcr => lang.pick("image à lire par OCR", "image that needs OCR"),
            Self::GarbledText => lang.pick("couche de texte illisible", "garbled text layer"),
            Self::BudgetReached => lang.pick(
                "limite atteinte, la suite n’a pas été lue",
                "limit reached, the rest was not read",
            ),
            Self::NameMismatch => lang.pick(
                "le nom ne correspond pas au contenu",
                "the name contradicts the content",
            ),
            Self::InvalidBytes => {
                lang.pick("octets illisibles remplacés", "unreadable bytes replaced")
            }
            Self::EncodingGuessed => lang.pick("encodage deviné", "encoding guessed"),
            Self::RaggedRow => {
                lang.pick("ligne de longueur inattendue", "row of unexpected length")
            }
            Self::AttachmentUnreadable => lang.pick(
                "pièce jointe illisible",
                "attachment could not be taken out",
            ),
            Self::ReadByOcr => lang.pick("lu par OCR", "read by OCR"),
            Self::LowConfidence => lang.pick(
                "lecture par OCR peu sûre, à vérifier",
                "OCR is unsure, to be checked",
            ),
            Self::Turned => lang.pick("page redressée pour être lue", "page turned to be read"),
            Self::Signed => lang.pick(
                "signature présente, non vérifiée",
                "signature present, not validated",
            ),
            Self::NestedTooDeep => lang.pick(
                "fichiers imbriqués trop profondément",
                "files nested too deeply",
            ),
            Self::HiddenText => lang.pick("contenu masqué, lu aussi", "hidden content, read too"),
            Self::UnexpandedReference => lang.pick(
                "renvoi laissé tel quel, son texte n’est pas lu",
                "reference left as it is, its text is not read",
            ),
        }
    }
}

//! How far routing by itself is: what people are told while there are too few validated documents for
//! any promise, without a word of statistics.

use domain::{Lang, ServiceId};

use crate::pipelines::Pipeline;

/// How far it is for some documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Documents go by themselves where the model is sure enough.
    Reached,
    /// So many more validated documents, without an error, are needed.
    More(usize),
}

/// How far it is for a pipeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Everything goes to people: the promise was suspended, and nobody has taken it up again.
    Suspended {
        /// Nothing was proven: it is a precaution.
        precaution: bool,
    },
    /// Nothing was learnt yet.
    NoModel,
    /// Something was.
    Learnt {
        /// For the services that have too few documents of their own, taken together.
        together: Reach,
        /// For those that have enough of their own, by id.
        alone: Vec<(ServiceId, Reach)>,
    },
}

impl Progress {
    /// In words: a line for the pipeline, then one for each service that has its own.
    pub fn say(&self, pipeline: &Pipeline, lang: Lang) -> Vec<String> {
        let (together, alone) = match self {
            Self::Suspended { precaution: true } => {
                return vec![
                    lang.pick(
                        "L’envoi automatique est suspendu par précaution : les décisions des personnes s’écartent de ce que le logiciel attend. Tout passe par une personne.",
                        "Automatic routing is suspended as a precaution: what people decide differs from what the software expects. Everything goes to people.",
                    )
                    .to_owned(),
                ];
            }
            Self::Suspended { precaution: false } => {
                return vec![
                    lang.pick(
                        "L’envoi automatique est suspendu : trop d’erreurs ont été constatées. Tout passe par une personne.",
                        "Automatic routing is suspended: too many errors were found. Everything goes to people.",
                    )
                    .to_owned(),
                ];
            }
            Self::NoModel => {
                return vec![
                    lang.pick(
                        "Rien n’a encore été appris ici : seules les règles et les formulaires connus envoient d’eux-mêmes.",
                        "Nothing was learnt here yet: only rules and known forms route by themselves.",
                    )
                    .to_owned(),
                ];
            }
            Self::Learnt { together, alone } => (together, alone),
        };
        let colon = lang.pick("\u{a0}: ", ": ");
        let whose = if alone.is_empty() {
            lang.pick("Tous services réunis", "All services together")
        } else {
            lang.pick("Autres services réunis", "The other services together")
        };
        let mut lines = vec![format!("{whose}{colon}{}", together.say(lang))];
        lines.extend(alone.iter().map(|(service, reach)| {
            let name = pipeline.service_name(service);
            format!("{name}{colon}{}", reach.say(lang))
        }));
        lines
    }
}

impl Reach {
    fn say(self, lang: Lang) -> String {
        match (self, lang) {
            (Self::Reached, lang) => lang
                .pick(
                    "envoi automatique quand le logiciel est assez sûr",
                    "routed automatically where the software is sure enough",
                )
                .to_owned(),
            (Self::More(1), Lang::Fr) => {
                "encore 1 document validé, sans erreur, avant l’envoi automatique".to_owned()
            }
            (Self::More(n), Lang::Fr) => {
                format!("encore {n} documents validés, sans erreur, avant l’envoi automatique")
            }
            (Self::More(1), Lang::En) => {
                "1 more validated document, without an error, before automatic routing".to_owned()
            }
            (Self::More(n), Lang::En) => {
                format!("{n} more validated documents, without an error, before automatic routing")
            }
        }
    }
}

/// Knows how far each pipeline is.
pub trait Watch: Send + Sync {
    /// How far the pipeline of this name is.
    ///
    /// # Errors
    /// When what was learnt cannot be read; the text goes to the log.
    fn progress(
        &self,
        pipeline: &Pipeline,
    ) -> Result<Progress, Box<dyn std::error::Error + Send + Sync>>;
}

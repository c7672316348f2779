//! Stages that obey what is written in the document, one order a line:
//!
//! | line | what happens |
//! |---|---|
//! | `child: TEXT` | a document of TEXT is found within; `child: child: x` nests |
//! | `panic STAGE` | the stage panics |
//! | `refuse STAGE` | the stage sets the document aside as `refused` |
//! | `scan STAGE` | the stage wants a tool, and asks for patience until there is one |
//! | `undeclared STAGE` | the stage writes something it did not declare |
//! | `lampadaire` | the route is automatic, to `voirie` |
//! | `mystery` | there is no route |
//! | anything else | the route is a review, by `etat-civil` |

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use domain::decision::{DecisionFormat, Method, ReviewCause};
use domain::layout::{Page, Points};
use domain::passage::{PassageSetFormat, VectorSet};
use domain::{
    Attachment, Candidate, Decision, Kind, Layout, ModelRef, Outcome, Passage, PassageSet,
    Probability, Reason, Span, StageName, StoredText,
};
use pipeline::ledger::RouteView;
use pipeline::stage::{Child, Fault, Inputs, Output, Stage};

/// How long a stage without its tool asks to wait.
pub(crate) const PATIENCE_SECONDS: u32 = 30;

/// Something that a stage needs and that may be there later.
#[derive(Clone)]
pub(crate) struct Tool(Arc<AtomicBool>);

impl Tool {
    /// A tool that is there.
    pub(crate) fn at_hand() -> Self {
        Self(Arc::new(AtomicBool::new(true)))
    }

    /// Puts the tool there, or takes it away.
    pub(crate) fn set(&self, at_hand: bool) {
        self.0.store(at_hand, Ordering::SeqCst);
    }

    pub(crate) fn is_at_hand(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

pub(crate) type Work = Arc<dyn Fn(&Inputs) -> Result<Output, Fault> + Send + Sync>;

/// A stage made of a closure.
#[derive(Clone)]
pub(crate) struct Toy {
    /// Its name.
    pub(crate) name: &'static str,
    /// Its version.
    pub(crate) version: u32,
    /// Its settings.
    pub(crate) settings: serde_json::Value,
    /// Its models.
    pub(crate) models: Vec<ModelRef>,
    pub(crate) inputs: &'static [Kind],
    pub(crate) outputs: &'static [Kind],
    pub(crate) work: Work,
}

impl Toy {
    /// Does `work` instead, under the same name and version.
    pub(crate) fn doing(
        mut self,
        work: impl Fn(&Self, &Inputs) -> Result<Output, Fault> + Send + Sync + 'static,
    ) -> Self {
        let before = self.clone();
        self.work = Arc::new(move |inputs| work(&before, inputs));
        self
    }
}

impl Stage for Toy {
    fn name(&self) -> StageName {
        self.name.parse().unwrap()
    }

    fn version(&self) -> u32 {
        self.version
    }

    fn inputs(&self) -> &'static [Kind] {
        self.inputs
    }

    fn outputs(&self) -> &'static [Kind] {
        self.outputs
    }

    fn settings(&self) -> &serde_json::Value {
        &self.settings
    }

    fn models(&self) -> Vec<ModelRef> {
        self.models.clone()
    }

    fn run(&self, inputs: &Inputs) -> Result<Output, Fault> {
        (self.work)(inputs)
    }

    fn route(&self, artifacts: &[(Kind, Vec<u8>)]) -> Option<RouteView> {
        let (_, bytes) = artifacts.iter().find(|(kind, _)| *kind == Kind::Decision)?;
        let decision: Decision = serde_json::from_slice(bytes).ok()?;
        let first = decision.candidates.first();
        Some(RouteView::proposed(
            decision.outcome,
            decision.service,
            first.map_or(Probability::ZERO, |candidate| candidate.probability),
        ))
    }
}

/// The stages of the house.
pub(crate) fn all(tool: &Tool) -> Vec<Arc<dyn Stage>> {
    vec![
        Arc::new(extract(tool)),
        Arc::new(split(tool)),
        Arc::new(route(tool)),
    ]
}

/// Takes the text and the children out of the bytes.
pub(crate) fn extract(tool: &Tool) -> Toy {
    toy(
        "extract",
        &[Kind::Raw],
        &[Kind::Text, Kind::Layout],
        tool,
        |inputs| {
            let raw = inputs.text(Kind::Raw)?;
            // An empty second page, so that the text is never the very bytes that came in.
            let (text, spans) = StoredText::from_pages(&[raw, ""]);
            let mut layout = Layout::empty("text/plain");
            layout.title = raw
                .lines()
                .find_map(|line| line.strip_prefix("title: "))
                .map(str::to_owned);
            layout
                .pages
                .extend((1..).zip(spans).map(|(number, span)| Page {
                    number,
                    width: Points::default(),
                    height: Points::default(),
                    span,
                    read_by: domain::ReadBy::Text,
                    blocks: Vec::new(),
                }));
            let children: Vec<Child> = children_of(raw)
                .map(|(part, bytes)| Child {
                    name: format!("piece-{part}.txt"),
                    part,
                    media_type: "text/plain".into(),
                    bytes: bytes.as_bytes().to_vec(),
                })
                .collect();
            layout.attachments = children
                .iter()
                .map(|child| Attachment {
                    name: child.name.clone(),
                    part: child.part.clone(),
                    media_type: child.media_type.clone(),
                    size: child.bytes.len() as u64,
                })
                .collect();
            let layout = domain::canonical::to_bytes(&layout)?;
            Ok(Output {
                artifacts: vec![(Kind::Text, text.into_bytes()), (Kind::Layout, layout)],
                children,
                quality: None,
            })
        },
    )
}

/// Makes a passage of every line.
pub(crate) fn split(tool: &Tool) -> Toy {
    toy("split", &[Kind::Text], &[Kind::Passages], tool, |inputs| {
        let mut passages = Vec::new();
        let mut start = 0;
        for line in inputs.text(Kind::Text)?.split_inclusive('\n') {
            let end = start + line.len() as u32;
            passages.push(Passage {
                language: None,
                start,
                end,
                page: 1,
                section: None,
            });
            start = end;
        }
        let set = PassageSet {
            format: PassageSetFormat::V1,
            text_version: inputs.name(Kind::Text)?,
            passages,
        };
        Output::json(Kind::Passages, &set)
    })
}

/// Makes a vector of the text: its length and a one, brought to length one.
pub(crate) fn embed(tool: &Tool) -> Toy {
    toy("embed", &[Kind::Text], &[Kind::Vectors], tool, |inputs| {
        let length = inputs.text(Kind::Text)?.len() as f32;
        let norm = length.hypot(1.0);
        let set = VectorSet {
            dimension: 2,
            vectors: vec![vec![length / norm, 1.0 / norm]],
        };
        Ok(Output::of(Kind::Vectors, set.to_bytes()))
    })
}

/// Decides where the document goes.
pub(crate) fn route(tool: &Tool) -> Toy {
    toy(
        "route",
        &[Kind::Text, Kind::Passages],
        &[Kind::Decision],
        tool,
        |inputs| {
            inputs.json::<PassageSet>(Kind::Passages)?;
            let text = inputs.text(Kind::Text)?;
            let service = service_of(text);
            let (outcome, percent, review) = match service {
                Some("voirie") => (Outcome::Automatic, 97, None),
                Some(_) => (Outcome::Review, 61, Some(ReviewCause::NoPromiseYet)),
                None => (Outcome::Unknown, 0, Some(ReviewCause::NothingAlike)),
            };
            let candidate = |service: &str| Candidate {
                service: service.parse().unwrap(),
                probability: Probability::from_millionths(percent * 10_000),
            };
            let at = text.find("lampadaire").unwrap_or(0) as u32;
            let word = Span::new(at, at + "lampadaire".len() as u32);
            let decision = Decision {
                format: DecisionFormat::V1,
                outcome,
                service: service.map(|s| s.parse().unwrap()),
                rule: (service == Some("voirie")).then(|| "lampadaire".parse().unwrap()),
                candidates: service.map(candidate).into_iter().collect(),
                method: Method::Descriptions,
                threshold: None,
                likely: None,
                reasons: match service {
                    Some("voirie") => vec![Reason::Rule {
                        rule: "lampadaire".parse().unwrap(),
                        service: "voirie".parse().unwrap(),
                        spans: vec![word],
                        matched: "lampadaire".into(),
                    }],
                    Some(_) => vec![Reason::Meaning {
                        weight_thousandths: 1_250,
                    }],
                    None => Vec::new(),
                },
                review: review.into_iter().collect(),
            };
            Output::json(Kind::Decision, &decision)
        },
    )
}

/// The parts found within a text.
pub(crate) fn children_of(text: &str) -> impl Iterator<Item = (String, &str)> {
    let found = text.lines().filter_map(|line| line.strip_prefix("child: "));
    found
        .enumerate()
        .map(|(i, bytes)| ((i + 1).to_string(), bytes))
}

/// The service that a text is for.
pub(crate) fn service_of(text: &str) -> Option<&'static str> {
    if text
        .lines()
        .any(|line| line.contains("lampadaire") && !line.starts_with("child: "))
    {
        Some("voirie")
    } else if text.contains("mystery") {
        None
    } else {
        Some("etat-civil")
    }
}

/// Whether a text gives this order to this stage.
pub(crate) fn is_told(text: &str, order: &str, stage: &str) -> bool {
    text.lines().any(|line| {
        line.strip_prefix(order)
            .is_some_and(|rest| rest.trim() == stage)
    })
}

fn toy(
    name: &'static str,
    inputs: &'static [Kind],
    outputs: &'static [Kind],
    tool: &Tool,
    work: impl Fn(&Inputs) -> Result<Output, Fault> + Send + Sync + 'static,
) -> Toy {
    let (first, tool) = (inputs[0], tool.clone());
    let obey = move |inputs: &Inputs| {
        let text = inputs.text(first)?;
        if is_told(text, "scan", name) && !tool.is_at_hand() {
            return Err(Fault::RetryAfter {
                after_seconds: PATIENCE_SECONDS,
                reason: "needs-tool".into(),
                go_on: false,
            });
        }
        if is_told(text, "panic", name) {
            // As a panic, but without the message that the panic hook would print.
            std::panic::resume_unwind(Box::new("told to panic"));
        }
        if is_told(text, "refuse", name) {
            return Err(Fault::Quarantine {
                reason: "refused".into(),
                detail: "as told".into(),
            });
        }
        if is_told(text, "undeclared", name) {
            return Ok(Output::of(Kind::Alerts, Vec::new()));
        }
        work(inputs)
    };
    Toy {
        name,
        version: 1,
        settings: serde_json::json!({"toy": name}),
        models: Vec::new(),
        inputs,
        outputs,
        work: Arc::new(obey),
    }
}

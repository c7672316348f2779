//! Stages that obey what is written in the document, one order a line:
//!
//! | line | what happens |
//! |---|---|
//! | `title: TEXT` | the document's title |
//! | `field LABEL: VALUE` | a field, without a value when there is none |
//! | `note CODE PAGE` | a note on a page |
//! | `child: TEXT` | a document of TEXT is found within |
//! | `sketch N` | of 252 minima, N are those of every such document |
//! | `refuse STAGE` | the stage sets the document aside |
//!
//! A text with "subvention" is a form that lacks things and is for the vie associative, to be
//! reviewed; with "lampadaire" a rule sends it to the voirie; any other is unknown.

use std::sync::Arc;

use domain::decision::{DecisionFormat, Method, ReviewCause};
use domain::form::CompletenessFormat;
use domain::layout::{Page, Points};
use domain::{
    Attachment, Candidate, Completeness, Decision, Field, FieldKind, Kind, Layout, Missing,
    ModelRef, Note, Outcome, Probability, Reason, Span, StageName, StoredText, Threshold,
};
use pipeline::ledger::RouteView;
use pipeline::stage::{Child, Fault, Inputs, Output, Stage};

struct Toy {
    name: &'static str,
    inputs: &'static [Kind],
    outputs: &'static [Kind],
    settings: serde_json::Value,
    work: fn(&Inputs) -> Result<Output, Fault>,
}

impl Stage for Toy {
    fn name(&self) -> StageName {
        self.name.parse().unwrap()
    }

    fn version(&self) -> u32 {
        1
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
        Vec::new()
    }

    fn run(&self, inputs: &Inputs) -> Result<Output, Fault> {
        let order = format!("refuse {}", self.name);
        if inputs
            .text(self.inputs[0])?
            .lines()
            .any(|line| line == order)
        {
            return Err(Fault::Quarantine {
                reason: "time-limit".into(),
                detail: "as told".into(),
            });
        }
        (self.work)(inputs)
    }

    fn route(&self, artifacts: &[(Kind, Vec<u8>)]) -> Option<RouteView> {
        let (_, bytes) = artifacts.iter().find(|(kind, _)| *kind == Kind::Decision)?;
        let decision: Decision = serde_json::from_slice(bytes).ok()?;
        let first = decision.candidates.first();
        Some(RouteView::proposed(
            decision.outcome,
            decision.service,
            first.map_or(Probability::ZERO, |c| c.probability),
        ))
    }
}

/// The stages of the office.
pub(crate) fn all() -> Vec<Arc<dyn Stage>> {
    let toy = |name, inputs, outputs, work| -> Arc<dyn Stage> {
        Arc::new(Toy {
            name,
            inputs,
            outputs,
            settings: serde_json::json!({"toy": name}),
            work,
        })
    };
    vec![
        toy(
            "extract",
            &[Kind::Raw],
            &[Kind::Text, Kind::Layout],
            extract,
        ),
        toy("sketch", &[Kind::Text], &[Kind::Sketch], sketch),
        toy(
            "check",
            &[Kind::Text, Kind::Layout],
            &[Kind::Completeness],
            check,
        ),
        toy("route", &[Kind::Text], &[Kind::Decision], route),
    ]
}

fn sketch(inputs: &Inputs) -> Result<Output, Fault> {
    let text = inputs.text(Kind::Text)?;
    let minima = text
        .lines()
        .find_map(|line| line.strip_prefix("sketch ")?.parse::<u32>().ok())
        .map_or_else(Vec::new, |equal| {
            let own = 1_000 * (1 + text.len() as u32);
            (0..domain::sketch::VALUES as u32)
                .map(|i| if i < equal { i } else { own + i })
                .collect()
        });
    let sketch = domain::Sketch {
        format: domain::sketch::SketchFormat::V1,
        text_version: inputs.name(Kind::Text)?,
        runs: 300,
        too_short: minima.is_empty(),
        minima,
    };
    Output::json(Kind::Sketch, &sketch)
}

fn extract(inputs: &Inputs) -> Result<Output, Fault> {
    let raw = inputs.text(Kind::Raw)?;
    let pages: Vec<&str> = raw.split('\u{c}').collect();
    let (text, spans) = StoredText::from_pages(&pages);
    let mut layout = Layout::empty("text/plain");
    layout.language = Some("fr".into());
    layout.pages = (1..)
        .zip(spans)
        .map(|(number, span)| Page {
            number,
            width: Points::default(),
            height: Points::default(),
            span,
            read_by: domain::ReadBy::Text,
            blocks: Vec::new(),
        })
        .collect();
    let mut children = Vec::new();
    for line in raw.lines() {
        if let Some(title) = line.strip_prefix("title: ") {
            layout.title = Some(title.to_owned());
        } else if let Some((label, value)) = line
            .strip_prefix("field ")
            .and_then(|rest| rest.split_once(": "))
        {
            layout.fields.push(field(label, value));
        } else if let Some((code, page)) = line
            .strip_prefix("note ")
            .and_then(|rest| rest.split_once(' '))
        {
            let code = serde_json::from_value(code.into()).unwrap();
            layout
                .notes
                .push(Note::page(code, page.parse().unwrap(), None));
        } else if let Some(bytes) = line.strip_prefix("child: ") {
            let part = (children.len() + 1).to_string();
            layout.attachments.push(Attachment {
                name: format!("piece-{part}.txt"),
                part: part.clone(),
                media_type: "text/plain".into(),
                size: bytes.len() as u64,
            });
            children.push(Child {
                name: format!("piece-{part}.txt"),
                part,
                media_type: "text/plain".into(),
                bytes: bytes.as_bytes().to_vec(),
            });
        }
    }
    let layout = domain::canonical::to_bytes(&layout)?;
    let artifacts = vec![(Kind::Text, text.into_bytes()), (Kind::Layout, layout)];
    Ok(Output {
        artifacts,
        children,
        quality: None,
    })
}

fn field(label: &str, value: &str) -> Field {
    Field {
        name: label.to_lowercase(),
        label: Some(label.to_owned()),
        kind: FieldKind::Pair,
        value: Some(value.to_owned()).filter(|v| !v.is_empty()),
        checked: None,
        options: Vec::new(),
        page: Some(1),
        bbox: None,
        span: None,
        required: false,
        read_only: false,
        inferred: true,
    }
}

fn check(inputs: &Inputs) -> Result<Output, Fault> {
    let is_form = inputs.text(Kind::Text)?.contains("subvention");
    let missing = if is_form {
        vec![
            Missing::Field {
                at: None,
                name: "budget".into(),
                label: "Budget".into(),
            },
            Missing::Format {
                at: None,
                name: "siret".into(),
                label: "SIRET".into(),
                expected: "siret".into(),
                span: None,
            },
            Missing::Piece { name: "RIB".into() },
        ]
    } else {
        Vec::new()
    };
    let completeness = Completeness {
        format: CompletenessFormat::V1,
        form: is_form.then(|| "subvention".parse().unwrap()),
        recognised_by: is_form.then(|| "demande de subvention".to_owned()),
        present: Vec::new(),
        pieces: Vec::new(),
        missing,
    };
    Output::json(Kind::Completeness, &completeness)
}

fn candidate(service: &str, percent: u32) -> Candidate {
    let probability = Probability::from_millionths(percent * 10_000);
    Candidate {
        service: service.parse().unwrap(),
        probability,
    }
}

fn spans_of(text: &str, word: &str) -> Vec<Span> {
    let found = text.match_indices(word);
    found
        .map(|(at, w)| Span::new(at as u32, (at + w.len()) as u32))
        .collect()
}

fn route(inputs: &Inputs) -> Result<Output, Fault> {
    let text = inputs.text(Kind::Text)?;
    let mut decision = Decision {
        format: DecisionFormat::V1,
        outcome: Outcome::Unknown,
        service: None,
        rule: None,
        candidates: vec![candidate("etat-civil", 21), candidate("voirie", 20)],
        method: Method::Descriptions,
        threshold: None,
        likely: None,
        reasons: Vec::new(),
        review: vec![ReviewCause::NothingAlike],
    };
    if text.contains("lampadaire") {
        decision.outcome = Outcome::Automatic;
        decision.service = Some("voirie".parse().unwrap());
        decision.rule = Some("lampadaire".parse().unwrap());
        decision.candidates = vec![candidate("voirie", 97)];
        decision.reasons = vec![Reason::Rule {
            rule: "lampadaire".parse().unwrap(),
            service: "voirie".parse().unwrap(),
            spans: spans_of(text, "lampadaire"),
            matched: "lampadaire".into(),
        }];
        decision.review = Vec::new();
    } else if text.contains("subvention") {
        decision.outcome = Outcome::Review;
        decision.service = Some("vie-associative".parse().unwrap());
        decision.candidates = vec![
            candidate("vie-associative", 82),
            candidate("ccas", 11),
            candidate("voirie", 4),
        ];
        decision.method = Method::Trained;
        decision.threshold = Some(Threshold {
            value: None,
            max_misrouting: Probability::from_millionths(30_000),
            confidence: Probability::from_millionths(950_000),
            validated: 60,
            needed: Some(39),
        });
        decision.reasons = vec![
            Reason::Words {
                spans: spans_of(text, "subvention"),
                weight_thousandths: 2_340,
            },
            Reason::Words {
                spans: spans_of(text, "euros"),
                weight_thousandths: -410,
            },
            Reason::Meaning {
                weight_thousandths: 1_250,
            },
            Reason::Prior {
                weight_thousandths: -300,
            },
        ];
        decision.review = vec![ReviewCause::NoPromiseYet];
    }
    Output::json(Kind::Decision, &decision)
}

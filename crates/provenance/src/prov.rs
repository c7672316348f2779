//! Records as PROV-JSON (W3C Member Submission, 24 April 2013), for tools that draw or check
//! provenance: artifacts and models are entities, runs and acts are activities, software and people
//! are agents.
//!
//! Names are those of the records: keyed, hence meaningless outside the authority that made them. No
//! content and no name of a person is in them.

use domain::record::{Agent, Named, Statement};
use domain::{Record, RunKey};
use serde_json::{Map, Value, json};

/// What every name here begins with.
const PREFIX: &str = "greffier";
/// A namespace of our own that resolves nowhere.
const NAMESPACE: &str = "urn:greffier:";

/// A document of PROV-JSON over records of any subjects, with the leaf of each in the log once it is
/// there. The same records in the same order give the same document.
pub fn prov_json<'a>(records: impl IntoIterator<Item = (&'a Record, Option<u64>)>) -> Value {
    let mut document = Document::default();
    for (record, leaf) in records {
        document.record(record, leaf);
    }
    document.into_value()
}

#[derive(Default)]
struct Document {
    entities: Map<String, Value>,
    activities: Map<String, Value>,
    agents: Map<String, Value>,
    used: Vec<Value>,
    generated: Vec<Value>,
    associated: Vec<Value>,
    derived: Vec<Value>,
    informed: Vec<Value>,
}

impl Document {
    fn record(&mut self, record: &Record, leaf: Option<u64>) {
        let statement = record.statement();
        let circumstances = record.circumstances();
        let run = activity(statement.run_key, statement.generation);
        let mut facts = json!({
            "prov:type": statement.activity.as_str(),
            "prov:startTime": circumstances.started_at.to_string(),
            "prov:endTime": circumstances.ended_at.to_string(),
            "greffier:subject": statement.subject.to_string(),
            "greffier:settings": statement.settings.to_string(),
            "greffier:outcome": json!(statement.outcome),
            "greffier:platform": circumstances.platform,
        });
        let mut add = |key: &str, value: Option<Value>| {
            if let (Some(value), Some(facts)) = (value, facts.as_object_mut()) {
                facts.insert(key.to_owned(), value);
            }
        };
        add("greffier:leaf", leaf.map(Value::from));
        add("greffier:period", statement.period.clone().map(Value::from));
        add("greffier:reason", statement.reason.clone().map(Value::from));
        add(
            "greffier:runtime",
            circumstances.runtime.clone().map(Value::from),
        );
        self.activities.insert(run.clone(), facts);
        self.agent(statement, &circumstances.build, &run);
        for input in &statement.inputs {
            let entity = self.artifact(statement, input);
            self.used.push(json!({
                "prov:activity": run, "prov:entity": entity, "prov:role": input.kind.as_str(),
            }));
        }
        for model in &statement.models {
            let entity = name("model", &model.digest.to_string());
            self.entities.insert(
                entity.clone(),
                json!({ "prov:type": "model", "greffier:role": model.role }),
            );
            self.used.push(json!({
                "prov:activity": run, "prov:entity": entity, "prov:role": model.role,
            }));
        }
        for output in &statement.outputs {
            let entity = self.artifact(statement, output);
            self.generated.push(json!({
                "prov:entity": entity, "prov:activity": run, "prov:role": output.kind.as_str(),
                "prov:time": circumstances.ended_at.to_string(),
            }));
            for input in &statement.inputs {
                let source = artifact(statement, input);
                self.derived.push(json!({
                    "prov:generatedEntity": entity, "prov:usedEntity": source, "prov:activity": run,
                }));
            }
        }
        for read in &statement.input_runs {
            self.informed.push(json!({
                "prov:informed": run, "prov:informant": name("run", &read.to_string()),
            }));
        }
    }

    fn agent(&mut self, statement: &Statement, build: &str, run: &str) {
        let kind = |kind: &str| json!({ "$": kind, "type": "prov:QUALIFIED_NAME" });
        let (agent, facts) = match &statement.agent {
            Agent::Software { version } => (
                name(
                    "software",
                    &format!("{build}/{}/{version}", statement.activity.as_str()),
                ),
                json!({
                    "prov:type": kind("prov:SoftwareAgent"),
                    "greffier:build": build,
                    "greffier:version": version,
                }),
            ),
            Agent::Person { id, authenticated } => (
                name("person", &id.to_string()),
                json!({
                    "prov:type": kind("prov:Person"),
                    "greffier:authenticated": authenticated,
                }),
            ),
        };
        self.agents.insert(agent.clone(), facts);
        self.associated
            .push(json!({ "prov:activity": run, "prov:agent": agent }));
    }

    fn artifact(&mut self, statement: &Statement, named: &Named) -> String {
        let entity = artifact(statement, named);
        self.entities.insert(
            entity.clone(),
            json!({
                "prov:type": named.kind.as_str(),
                "greffier:subject": statement.subject.to_string(),
            }),
        );
        entity
    }

    fn into_value(self) -> Value {
        let mut out = Map::new();
        out.insert("prefix".to_owned(), json!({ PREFIX: NAMESPACE }));
        for (kind, named) in [
            ("entity", self.entities),
            ("activity", self.activities),
            ("agent", self.agents),
        ] {
            if !named.is_empty() {
                out.insert(kind.to_owned(), Value::Object(named));
            }
        }
        for (kind, relations) in [
            ("used", self.used),
            ("wasGeneratedBy", self.generated),
            ("wasAssociatedWith", self.associated),
            ("wasDerivedFrom", self.derived),
            ("wasInformedBy", self.informed),
        ] {
            if relations.is_empty() {
                continue;
            }
            // Relations without a name of their own are numbered as blank nodes, each kind apart.
            let numbered = relations
                .into_iter()
                .enumerate()
                .map(|(n, relation)| (format!("_:{kind}{n}"), relation));
            out.insert(kind.to_owned(), Value::Object(numbered.collect()));
        }
        Value::Object(out)
    }
}

/// Runs of a higher generation are other runs.
fn activity(run: RunKey, generation: u32) -> String {
    match generation {
        0 => name("run", &run.to_string()),
        _ => name("run", &format!("{run}/{generation}")),
    }
}

/// Names of artifacts are salted by document: equal names of two subjects are two entities.
fn artifact(statement: &Statement, named: &Named) -> String {
    name("artifact", &format!("{}/{}", statement.subject, named.name))
}

/// A qualified name: what a local part must not hold is made a hyphen.
fn name(kind: &str, local: &str) -> String {
    let local: String = local
        .chars()
        .map(|c| match c {
            c if c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '/') => c,
            _ => '-',
        })
        .collect();
    format!("{PREFIX}:{kind}/{local}")
}

#[cfg(test)]
mod tests {
    use domain::record::{Circumstances, Kind, ModelRef, RunOutcome};
    use domain::{ArtifactName, Digest, PersonId, SubjectId, Timestamp};

    use super::*;

    fn record(activity: &str, agent: Agent, inputs: &[u8], outputs: &[u8]) -> Record {
        let named = |bytes: &[u8]| {
            bytes
                .iter()
                .map(|b| Named {
                    kind: Kind::Text,
                    name: ArtifactName::from_bytes([*b; 32]),
                })
                .collect()
        };
        Record::new(
            Statement {
                subject: SubjectId::from_bytes([1; 16]),
                activity: activity.parse().unwrap(),
                agent,
                run_key: RunKey::from_bytes([outputs[0]; 32]),
                generation: 0,
                inputs: named(inputs),
                input_runs: Vec::new(),
                period: None,
                settings: Digest::of(b"settings"),
                models: vec![ModelRef {
                    role: "encoder".to_owned(),
                    digest: Digest::of(b"model"),
                }],
                outcome: RunOutcome::Done,
                reason: None,
                outputs: named(outputs),
                children: Vec::new(),
                quality: None,
            },
            Circumstances {
                started_at: Timestamp::from_micros(0).unwrap(),
                ended_at: Timestamp::from_micros(1).unwrap(),
                attempt: 1,
                build: "greffier 0.1.0".to_owned(),
                platform: "x86_64-linux".to_owned(),
                runtime: None,
            },
        )
    }

    #[test]
    fn every_relation_names_what_is_declared() {
        let software = record("split", Agent::Software { version: 3 }, &[2], &[3]);
        let person = record(
            "review",
            Agent::Person {
                id: PersonId::from_bytes([9; 16]),
                authenticated: true,
            },
            &[3],
            &[4],
        );
        let prov = prov_json([(&software, Some(7)), (&person, None)]);
        let declared = |kind: &str, name: &Value| {
            prov[kind]
                .as_object()
                .unwrap()
                .contains_key(name.as_str().unwrap())
        };
        for used in prov["used"].as_object().unwrap().values() {
            assert!(declared("activity", &used["prov:activity"]), "{used}");
            assert!(declared("entity", &used["prov:entity"]), "{used}");
        }
        for made in prov["wasGeneratedBy"].as_object().unwrap().values() {
            assert!(declared("activity", &made["prov:activity"]), "{made}");
            assert!(declared("entity", &made["prov:entity"]), "{made}");
        }
        for by in prov["wasAssociatedWith"].as_object().unwrap().values() {
            assert!(declared("agent", &by["prov:agent"]), "{by}");
        }
        let derived = prov["wasDerivedFrom"].as_object().unwrap();
        assert_eq!(derived.len(), 2, "{prov:#}");
        // What a person decided leads back through the machine's output to what it read.
        let chain: Vec<_> = derived
            .values()
            .map(|d| (&d["prov:usedEntity"], &d["prov:generatedEntity"]))
            .collect();
        assert_eq!(chain[0].1, chain[1].0);
        assert_eq!(prov["entity"].as_object().unwrap().len(), 4);
        assert_eq!(prov["agent"].as_object().unwrap().len(), 2);
        assert_eq!(prov["prefix"]["greffier"], "urn:greffier:");
    }
}

//! The pipelines in force: their files, with their stages ready to work.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::message::Task;
use domain::{
    Day, Delay, FormId, Kind, PipelineName, Probability, ServiceId, StageName, Timestamp,
};

use crate::error::Error;
use crate::file::{FileError, Form, Service, SourceFile};
use crate::stage::Stage;

/// One pipeline.
#[derive(Clone)]
pub struct Pipeline {
    /// Its file.
    pub source: Arc<SourceFile>,
    stages: BTreeMap<StageName, Arc<dyn Stage>>,
}

/// Unless the pipeline file says otherwise, one automatic routing in twenty is looked at.
pub const AUDIT_SHARE: f64 = 0.05;

impl Pipeline {
    /// A pipeline whose stages are ready.
    ///
    /// # Errors
    /// When a stage reads what no stage before it writes.
    pub fn new(source: Arc<SourceFile>, stages: Vec<Arc<dyn Stage>>) -> Result<Self, FileError> {
        let stages: BTreeMap<StageName, Arc<dyn Stage>> =
            stages.into_iter().map(|s| (s.name(), s)).collect();
        for list in [&source.file.stages, &source.file.attachment_stages] {
            let mut written = vec![Kind::Raw, Kind::Arrival];
            for name in list {
                let Some(stage) = stages.get(name.get_ref()) else {
                    return Err(source.wrong_at(
                        name.span().start,
                        format!("stage `{}` is not known", name.get_ref()),
                        format!("one of {}", known(stages.keys())),
                    ));
                };
                for kind in stage.inputs() {
                    if !written.contains(kind) {
                        return Err(source.wrong_at(
                            name.span().start,
                            format!(
                                "stage `{}` reads {}, which no stage before it writes",
                                name.get_ref(),
                                kind.as_str()
                            ),
                            "stages in the order of what they read",
                        ));
                    }
                }
                written.extend(stage.outputs());
            }
        }
        Ok(Self { source, stages })
    }

    /// Its name.
    pub fn name(&self) -> &PipelineName {
        &self.source.file.pipeline
    }

    /// The share of documents routed by themselves that a person looks at all the same, without
    /// knowing which: the only fair measure of how many go astray.
    pub fn audit_share(&self) -> Probability {
        let route: Option<StageName> = "route".parse().ok();
        let table = route.and_then(|route| self.source.file.stage.get(&route));
        let share = table.and_then(|table| {
            let share = table.get_ref().get("audit_share")?;
            // `1` is all and `0` is none, as `1.0` and `0.0` are.
            let whole = || share.as_integer().map(|share| share as f64);
            share.as_float().or_else(whole)
        });
        Probability::from_f64(share.unwrap_or(AUDIT_SHARE))
    }

    /// The form of this id, unless the file has it no more.
    pub fn form(&self, id: &FormId) -> Option<&Form> {
        self.source.file.forms.iter().find(|f| f.id() == id)
    }

    /// The day until which what was received then is to be answered, given the form it was
    /// recognised as.
    pub fn deadline(&self, form: Option<&FormId>, received_at: Timestamp) -> Day {
        let otherwise = self.source.file.deadlines.within;
        let within = form.and_then(|id| self.form(id)?.within);
        self.delayed(within.unwrap_or(otherwise), received_at)
    }

    /// Whether there is time enough to draw such a document for the measure alone.
    pub fn may_be_drawn(&self, form: Option<&FormId>, received_at: Timestamp) -> bool {
        let shortest = self.source.file.deadlines.never_drawn_within;
        self.deadline(form, received_at) > self.delayed(shortest, received_at)
    }

    fn delayed(&self, delay: Delay, received_at: Timestamp) -> Day {
        delay.after(Day::of(received_at, &self.source.zone().0))
    }

    /// The stage of this name.
    pub fn stage(&self, name: &StageName) -> Option<&Arc<dyn Stage>> {
        self.stages.get(name)
    }

    /// The stages a document goes through: fewer for an attachment.
    pub fn path(&self, attachment: bool) -> impl Iterator<Item = &StageName> {
        let list = if attachment {
            &self.source.file.attachment_stages
        } else {
            &self.source.file.stages
        };
        list.iter().map(toml::Spanned::get_ref)
    }

    /// The first stage of a document.
    pub fn first(&self, attachment: bool) -> Option<&StageName> {
        self.path(attachment).next()
    }

    /// What follows a task.
    pub fn after(&self, task: &Task, attachment: bool) -> Option<Task> {
        let stage = self
            .path(attachment)
            .skip_while(|s| **s != task.stage)
            .nth(1)?;
        Some(Task {
            stage: stage.clone(),
            ..task.clone()
        })
    }

    /// The service of this id, or that people call so; accents and case are folded.
    ///
    /// # Errors
    /// When there is none.
    pub fn service(&self, id: &str) -> Result<&Service, Error> {
        let services = &self.source.file.services;
        let by_id = services.iter().find(|s| s.id().as_str() == id);
        let name = domain::text::fold(id.trim());
        by_id
            .or_else(|| {
                services
                    .iter()
                    .find(|s| domain::text::fold(&s.name) == name)
            })
            .ok_or_else(|| Error::NoSuchService {
                pipeline: self.name().clone(),
                service: id.to_owned(),
                known: known(self.source.file.services.iter().map(Service::id)),
            })
    }

    /// What people call a service.
    pub fn service_name(&self, id: &ServiceId) -> String {
        self.service(id.as_str())
            .map_or_else(|_| id.to_string(), |s| s.name.clone())
    }
}

/// The pipelines in force, by name.
#[derive(Clone, Default)]
pub struct Pipelines(BTreeMap<PipelineName, Pipeline>);

impl Pipelines {
    /// These pipelines.
    pub fn new(pipelines: Vec<Pipeline>) -> Self {
        Self(
            pipelines
                .into_iter()
                .map(|p| (p.name().clone(), p))
                .collect(),
        )
    }

    /// The pipeline of this name.
    ///
    /// # Errors
    /// When there is none.
    pub fn get(&self, name: &PipelineName) -> Result<&Pipeline, Error> {
        self.0.get(name).ok_or_else(|| Error::NoSuchPipeline {
            name: name.clone(),
            known: known(self.0.keys()),
        })
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Pipeline> {
        self.0.values()
    }
}

fn known<T: ToString>(names: impl Iterator<Item = T>) -> String {
    let list: Vec<String> = names.map(|n| n.to_string()).collect();
    if list.is_empty() {
        "none".to_owned()
    } else {
        list.join(", ")
    }
}

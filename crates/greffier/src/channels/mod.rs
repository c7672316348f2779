//! What goes out to a person: an e-mail through the relay that a pipeline file declares, or a POST to
//! the address it declares. Neither carries anything of a report: which alert, its kind, and where
//! it is read.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result};
use domain::catalogue::Said as _;
use domain::event::{AlertRaised, AlertRef, EditionWritten, Happened, ResultEvent};
use domain::message::{JsonContentType, SpecVersion};
use domain::{Alert, Channel, Lang};
use lettre::message::Mailbox;
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor};
use pipeline::duty::WeekAlerts;
use pipeline::pipelines::Pipeline;
use web::outgoing::Endpoint;

use crate::house::House;
use crate::reconcilers::TellSettings;

/// How long a relay may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// The longest reason of a failure that is kept, in characters.
const REASON_CHARS_MAX: usize = 200;

/// An e-mail address.
///
/// # Errors
/// When it is none.
pub fn mailbox(text: &str) -> Result<Mailbox, lettre::address::AddressError> {
    text.trim().parse()
}

/// Host and port of a relay.
///
/// # Errors
/// What is expected.
pub fn relay(text: &str) -> Result<(String, u16), &'static str> {
    let wrong = "host:port of a relay, such as 127.0.0.1:25";
    let (host, port) = text.trim().rsplit_once(':').ok_or(wrong)?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']');
    if host.is_empty() || !host.chars().all(plain) {
        return Err(wrong);
    }
    let port = port.parse().map_err(|_| wrong)?;
    Ok((host.trim_matches(['[', ']']).to_owned(), port))
}

/// What is said of one alert.
#[derive(Clone, Debug)]
pub struct Message {
    subject: String,
    text: String,
    event: ResultEvent,
}

impl Message {
    /// What is said of `alert`, at this level of its escalation.
    ///
    /// # Errors
    /// When the ledger does not answer.
    pub async fn new(
        house: &House,
        pipeline: &Pipeline,
        week: &WeekAlerts,
        alert: &Alert,
        level: u32,
    ) -> Result<Self> {
        let source = &pipeline.source;
        let (telling, _) = crate::reconcilers::telling(source)?;
        let page = telling.pages.as_ref().map(|pages| {
            let period = &week.edition.period;
            let pages = pages.trim_end_matches('/');
            format!(
                "{pages}/synthesis/{}/{period}#{}",
                pipeline.name(),
                alert.id
            )
        });
        let event = event(house, pipeline, week, (alert, level), page.clone()).await?;
        Ok(Self {
            subject: subject(alert, level),
            text: text(alert, &source.file.title, page.as_deref()),
            event,
        })
    }
}

fn subject(alert: &Alert, level: u32) -> String {
    let kind = alert.kind.say(Lang::Fr);
    let delay = match alert.kind.is_without_delay() {
        true => ", sans délai",
        false => "",
    };
    let again = match level {
        0 => "",
        _ => " (personne ne l’a encore prise en charge)",
    };
    format!("Alerte : {kind}{delay}{again}")
}

/// French first, then English; nothing of the report.
fn text(alert: &Alert, title: &str, page: Option<&str>) -> String {
    let mut text = String::new();
    for lang in [Lang::Fr, Lang::En] {
        let colon = lang.pick("\u{a0}: ", ": ");
        let line = |label: &str, value: &str| format!("{label}{colon}{value}\n");
        text += &line(lang.pick("Alerte", "Alert"), alert.kind.say(lang));
        text += &line(lang.pick("Référence", "Reference"), &alert.id.to_string());
        text += &line(lang.pick("Circuit", "Pipeline"), title);
        if alert.kind.is_without_delay() {
            text += lang.pick(
                "Transmission sans délai (CASF, art. L226-2-1) : suivre la procédure locale.\n",
                "To be passed on without delay (CASF, art. L226-2-1): follow the local procedure.\n",
            );
        }
        if let Some(procedure) = &alert.procedure {
            text += &line(lang.pick("Procédure", "Procedure"), procedure);
        }
        match page {
            Some(page) => {
                text += &line(
                    lang.pick("À lire et à prendre en charge", "Read it and take it on"),
                    page,
                )
            }
            None => {
                text += lang.pick(
                    "À lire et à prendre en charge sur la page des alertes.\n",
                    "Read it and take it on on the page of alerts.\n",
                );
            }
        }
        text.push('\n');
    }
    text
}

async fn event(
    house: &House,
    pipeline: &Pipeline,
    week: &WeekAlerts,
    (alert, level): (&Alert, u32),
    page: Option<String>,
) -> Result<ResultEvent> {
    let edition = &week.edition;
    let ledger = &house.desk.vault.ledger;
    let stored = ledger.record(edition.run_key, 0).await?;
    let leaf = match stored.and_then(|record| record.leaf_index) {
        Some(leaf) => leaf,
        None => {
            pipeline::log::sequence(&house.desk.vault).await?;
            let stored = ledger.record(edition.run_key, 0).await?;
            stored
                .and_then(|record| record.leaf_index)
                .context("the record of the alerts has no place in the log")?
        }
    };
    let raised = AlertRaised {
        edition: EditionWritten {
            period: edition.period.clone(),
            number: edition.number,
            artifact: edition.artifact,
            run: edition.run_key,
            leaf,
        },
        alerts: [(alert.kind, 1)].into(),
        alert: Some(AlertRef {
            id: alert.id,
            kind: alert.kind,
            without_delay: alert.kind.is_without_delay(),
            level,
            page,
        }),
    };
    Ok(ResultEvent {
        specversion: SpecVersion::V1,
        id: format!("{}/{level}", alert.id),
        source: format!("/greffier/{}", pipeline.name()),
        datacontenttype: JsonContentType::Json,
        subject: Some(edition.subject),
        time: edition.made_at,
        what: Happened::AlertRaised(raised),
    })
}

/// The channels of a pipeline, during one round.
pub struct Channels<'a> {
    telling: &'a TellSettings,
    /// Who did not answer in this round: the relay, or an address.
    silent: BTreeSet<String>,
}

impl<'a> Channels<'a> {
    /// Those of these settings.
    pub fn new(telling: &'a TellSettings) -> Self {
        Self {
            telling,
            silent: BTreeSet::new(),
        }
    }

    fn place(&self, channel: Channel, person: &str) -> Option<String> {
        match channel {
            Channel::Page => None,
            Channel::Mail => self.telling.mail.as_ref().map(|mail| mail.relay.clone()),
            Channel::Webhook => self.reached(person).and_then(|p| p.webhook.clone()),
        }
    }

    fn reached(&self, person: &str) -> Option<&crate::reconcilers::tell::Reached> {
        self.telling.people.iter().find(|p| p.name == person)
    }

    /// Whether whoever carries it did not answer before in this round.
    pub fn is_silent(&self, channel: Channel, person: &str) -> bool {
        self.place(channel, person)
            .is_some_and(|place| self.silent.contains(&place))
    }

    /// Sends it. Returns why it did not get through.
    ///
    /// # Errors
    /// A short reason, for people.
    pub async fn send(
        &mut self,
        channel: Channel,
        person: &str,
        message: &Message,
    ) -> Result<(), String> {
        let sent = match channel {
            Channel::Page => Ok(()),
            Channel::Mail => self.mail(person, message).await,
            Channel::Webhook => self.hook(person, message).await,
        };
        sent.map_err(|failure| {
            if failure.silent
                && let Some(place) = self.place(channel, person)
            {
                self.silent.insert(place);
            }
            failure.reason.chars().take(REASON_CHARS_MAX).collect()
        })
    }

    async fn mail(&self, person: &str, message: &Message) -> Result<(), Failure> {
        let missing = || Failure::said("no address or no relay is declared any more");
        let mail = self.telling.mail.as_ref().ok_or_else(missing)?;
        let to = self.reached(person).and_then(|p| p.mail.as_ref());
        let to = mailbox(to.ok_or_else(missing)?).map_err(|e| Failure::said(&e))?;
        let from = mailbox(&mail.from).map_err(|e| Failure::said(&e))?;
        let (host, port) = relay(&mail.relay).map_err(|e| Failure::said(&e))?;
        let domain = from.email.domain();
        let letter = lettre::Message::builder()
            // The same when it is sent again, so that mail software shows it once.
            .message_id(Some(format!(
                "<{}@{domain}>",
                message.event.id.replace('/', ".")
            )))
            .from(from.clone())
            .to(to)
            .subject(message.subject.clone())
            .header(lettre::message::header::ContentType::TEXT_PLAIN)
            .body(message.text.clone())
            .map_err(|e| Failure::said(&e))?;
        let transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host)
            .port(port)
            .timeout(Some(ANSWER_WITHIN))
            .build();
        let sent = tokio::time::timeout(2 * ANSWER_WITHIN, transport.send(letter)).await;
        match sent {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(Failure {
                // A relay that refuses this one letter may take the next.
                silent: !error.is_permanent() && !error.is_transient(),
                reason: pipeline::verify::chain(&error),
            }),
            Err(_) => Err(Failure::silent(&"the relay does not answer")),
        }
    }

    async fn hook(&self, person: &str, message: &Message) -> Result<(), Failure> {
        let hook = self.reached(person).and_then(|p| p.webhook.as_ref());
        let hook = hook.ok_or_else(|| Failure::said("no address is declared any more"))?;
        let endpoint: Endpoint = hook.parse().map_err(|e| Failure::said(&e))?;
        let body = serde_json::to_vec(&message.event).map_err(|e| Failure::said(&e))?;
        let taken = endpoint
            .post("", "application/cloudevents+json; charset=utf-8", &body)
            .await;
        taken.map_err(|error| Failure {
            silent: error.is_away(),
            reason: pipeline::verify::chain(&error),
        })
    }
}

/// Why something did not get through.
struct Failure {
    /// Nobody answered: whoever is next will find the same.
    silent: bool,
    reason: String,
}

impl Failure {
    fn said(reason: &(impl ToString + ?Sized)) -> Self {
        Self {
            silent: false,
            reason: reason.to_string(),
        }
    }

    fn silent(reason: &impl ToString) -> Self {
        Self {
            silent: true,
            reason: reason.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relay_is_a_host_and_a_port() {
        assert_eq!(relay("127.0.0.1:25"), Ok(("127.0.0.1".into(), 25)));
        assert_eq!(relay("[::1]:2525"), Ok(("::1".into(), 2525)));
        for wrong in ["", "x", ":25", "x:y", "smtp://x:25", "a b:25"] {
            assert!(relay(wrong).is_err(), "{wrong}");
        }
    }
}

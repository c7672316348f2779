//! How the API answers: JSON with an entity tag, pages of a list, and the same answer again.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::{Digest, DocumentId, Timestamp};
use pipeline::accounts::Reply;
use pipeline::rights::Person;
use serde::Serialize;

use crate::Office;
use crate::problem::Problem;
use crate::visit::Visit;

/// How many are listed unless asked otherwise.
pub(crate) const LIMIT: usize = 50;
/// How many are listed at most.
pub(crate) const LIMIT_MAX: usize = 100;
/// The longest key that a sender gives a request, in bytes.
const KEY_MAX: usize = 200;

/// JSON, with the entity tag of its bytes; nothing when the sender holds it already.
pub(super) fn json<T: Serialize>(headers: &HeaderMap, value: &T) -> Result<Response, Problem> {
    let body = serde_json::to_vec(value).map_err(|e| Problem::broken("write JSON", &e))?;
    let tag = tag_of(Digest::of(&body));
    Ok(tagged(headers, &tag, body))
}

/// JSON, with a tag that was made otherwise.
pub(super) fn json_tagged<T: Serialize>(
    headers: &HeaderMap,
    tag: &str,
    value: &T,
) -> Result<Response, Problem> {
    let body = serde_json::to_vec(value).map_err(|e| Problem::broken("write JSON", &e))?;
    Ok(tagged(headers, tag, body))
}

fn tagged(headers: &HeaderMap, tag: &str, body: Vec<u8>) -> Response {
    let held = headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok());
    let mut response = if names(held, tag, true) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(header::CONTENT_TYPE, "application/json")], body).into_response()
    };
    if let Ok(tag) = HeaderValue::from_str(tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

/// An entity tag.
pub(super) fn tag_of(digest: Digest) -> String {
    let hex = digest.to_string();
    let hex = hex.strip_prefix("sha256:").unwrap_or(&hex);
    format!("\"{}\"", hex.get(..32).unwrap_or(hex))
}

/// Whether one of the lists names this tag, or any. Weak tags count where only reading is at stake
/// (RFC 9110, section 13.1).
fn names<'a>(lists: impl Iterator<Item = &'a str>, tag: &str, weak: bool) -> bool {
    let mut all = lists.flat_map(|list| list.split(',')).map(str::trim);
    all.any(|one| one == "*" || one == tag || (weak && one.strip_prefix("W/") == Some(tag)))
}

/// Looks that the sender saw what holds: `If-Match`.
pub(super) fn saw(headers: &HeaderMap, tag: &str) -> Result<(), Problem> {
    let seen: Vec<&str> = headers
        .get_all(header::IF_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .collect();
    if seen.is_empty() {
        return Err(Problem::NoTag);
    }
    match names(seen.into_iter(), tag, false) {
        true => Ok(()),
        false => Err(Problem::Changed),
    }
}

/// How many are asked for.
pub(super) fn limit(visit: &Visit) -> Result<usize, Problem> {
    match visit.asked("limit") {
        None => Ok(LIMIT),
        Some(text) => text
            .parse()
            .ok()
            .filter(|n| (1..=LIMIT_MAX).contains(n))
            .ok_or(Problem::BadAddress),
    }
}

/// A value of the query that must be one where it is given.
pub(super) fn asked<T: std::str::FromStr>(visit: &Visit, name: &str) -> Result<Option<T>, Problem> {
    let read = |text: &str| text.parse().map_err(|_| Problem::BadAddress);
    visit.asked(name).map(read).transpose()
}

/// Where a page of a list ended, as it is handed over.
pub(super) fn cursor(at: Timestamp, id: DocumentId) -> String {
    format!("{}_{id}", at.micros())
}

/// Where the last page ended.
pub(super) fn after(visit: &Visit) -> Result<Option<(Timestamp, DocumentId)>, Problem> {
    let Some(text) = visit.asked("after") else {
        return Ok(None);
    };
    let (at, id) = text.split_once('_').ok_or(Problem::BadAddress)?;
    let at = at.parse().ok().and_then(Timestamp::from_micros);
    match (at, id.parse()) {
        (Some(at), Ok(id)) => Ok(Some((at, id))),
        _ => Err(Problem::BadAddress),
    }
}

/// Whoever is known: what changes something is done in a name.
pub(super) fn someone(visit: &Visit) -> Result<&Person, Problem> {
    visit.present.who.person().ok_or(Problem::Unknown)
}

/// A request that its sender may send again.
pub(super) struct Once<'a> {
    office: &'a Office,
    person: &'a Person,
    key: Option<String>,
    asked: Digest,
}

impl<'a> Once<'a> {
    /// What is asked, by whom, under the key that they give it.
    pub(super) fn of(
        office: &'a Office,
        person: &'a Person,
        headers: &HeaderMap,
        asked: &[u8],
    ) -> Result<Self, Problem> {
        let mut keys = headers.get_all("idempotency-key").iter();
        let key = match (keys.next(), keys.next()) {
            (None, _) => None,
            (Some(key), None) => {
                let key = key.to_str().unwrap_or_default();
                let plain = key.bytes().all(|b| b.is_ascii_graphic());
                if key.is_empty() || key.len() > KEY_MAX || !plain {
                    return Err(Problem::BadKey);
                }
                Some(key.to_owned())
            }
            _ => return Err(Problem::BadKey),
        };
        Ok(Self {
            office,
            person,
            key,
            asked: Digest::of(asked),
        })
    }

    /// The key, when there is one.
    pub(super) fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    /// What was answered when it was sent before.
    pub(super) async fn before(&self) -> Result<Option<Response>, Problem> {
        let Some(key) = &self.key else {
            return Ok(None);
        };
        let accounts = &self.office.gate.accounts;
        let now = self.office.gate.now();
        let old = now.plus_micros(-pipeline::gate::REMEMBERED);
        let reply = accounts.reply(&self.person.account, key).await?;
        match reply.filter(|reply| reply.at > old) {
            None => Ok(None),
            Some(reply) if reply.asked != *self.asked.as_bytes() => Err(Problem::OtherRequest),
            Some(reply) => {
                let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::OK);
                let kind = [
                    (header::CONTENT_TYPE.as_str(), "application/json"),
                    ("idempotency-replayed", "true"),
                ];
                Ok(Some((status, kind, reply.body).into_response()))
            }
        }
    }

    /// Answers, and keeps the answer.
    pub(super) async fn answer<T: Serialize>(
        &self,
        status: StatusCode,
        value: &T,
    ) -> Result<Response, Problem> {
        let body = serde_json::to_string(value).map_err(|e| Problem::broken("write JSON", &e))?;
        if let Some(key) = &self.key {
            let now = self.office.gate.now();
            let accounts = &self.office.gate.accounts;
            let before = now.plus_micros(-pipeline::gate::REMEMBERED);
            accounts.tidy(now, before).await?;
            let reply = Reply {
                account: self.person.account.clone(),
                key: key.clone(),
                asked: *self.asked.as_bytes(),
                status: status.as_u16(),
                body: body.clone(),
                at: now,
            };
            accounts.keep_reply(&reply).await?;
        }
        let kind = [(header::CONTENT_TYPE, "application/json")];
        Ok((status, kind, body).into_response())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_named_in_lists() {
        let check = |list: &str, weak: bool, expected: bool| {
            assert_eq!(names([list].into_iter(), "\"a\"", weak), expected, "{list}");
        };
        check("\"a\"", false, true);
        check("\"b\", \"a\"", false, true);
        check("*", false, true);
        check("W/\"a\"", true, true);
        check("W/\"a\"", false, false);
        check("a", true, false);
        check("", true, false);
    }
}

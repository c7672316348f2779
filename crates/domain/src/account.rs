//! Who may sign in, and what they may do: roles, each over a part of the house.
//!
//! A *grant* is a role over a scope: `agent:voirie`. What someone may read is the *reach* of their
//! grants, and what they may do follows from the roles; both are decided here and nowhere else, so
//! that pages, lists, search, exports and the API cannot disagree.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{PipelineName, ServiceId};

/// What an account was said to be and cannot.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no {what}: expected {expected}")]
pub struct AccountError {
    /// What was given.
    pub text: String,
    /// What it should have been.
    pub what: &'static str,
    /// How that is written.
    pub expected: &'static str,
}

/// The name that a person signs in with: `a.martin`. Not the name that is shown.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct AccountName(String);

impl AccountName {
    /// The longest, in bytes.
    pub const MAX: usize = 64;

    /// The name as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AccountName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for AccountName {
    type Err = AccountError;

    /// Capitals are made small: nobody remembers which they had.
    fn from_str(text: &str) -> Result<Self, AccountError> {
        let name = text.trim().to_ascii_lowercase();
        let plain =
            |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'_');
        let begins = name
            .bytes()
            .next()
            .is_some_and(|b| b.is_ascii_alphanumeric());
        if begins && name.len() <= Self::MAX && name.bytes().all(plain) {
            Ok(Self(name))
        } else {
            Err(AccountError {
                text: text.chars().take(80).collect(),
                what: "account name",
                expected: "1 to 64 letters without accents, digits, points, hyphens or underscores, such as a.martin",
            })
        }
    }
}

impl From<AccountName> for String {
    fn from(name: AccountName) -> Self {
        name.0
    }
}

impl TryFrom<String> for AccountName {
    type Error = AccountError;

    fn try_from(text: String) -> Result<Self, AccountError> {
        text.parse()
    }
}

/// What a person does here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Reads and decides.
    Agent,
    /// As an agent, and sees who opened what.
    Lead,
    /// Reads everything, who opened it included, and changes nothing.
    Auditor,
    /// Manages accounts, and reads no document.
    Administrator,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Agent, Self::Lead, Self::Auditor, Self::Administrator];

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Lead => "lead",
            Self::Auditor => "auditor",
            Self::Administrator => "administrator",
        }
    }

    /// Whether documents are read in this role.
    pub const fn reads(self) -> bool {
        !matches!(self, Self::Administrator)
    }

    /// Whether documents are decided about in this role.
    pub const fn decides(self) -> bool {
        matches!(self, Self::Agent | Self::Lead)
    }

    /// Whether who opened a document is told in this role.
    pub const fn oversees(self) -> bool {
        matches!(self, Self::Lead | Self::Auditor)
    }
}

/// Over what a role is held.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// The whole house.
    Everything,
    /// The documents that are proposed to, or decided for, a service.
    Service(ServiceId),
    /// All documents of a pipeline, those that wait for a service included, and what is made of
    /// them: alerts and syntheses.
    Pipeline(PipelineName),
}

/// What stands before the name of a pipeline.
const PIPELINE: &str = "pipeline/";

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everything => f.write_str("*"),
            Self::Service(id) => write!(f, "{id}"),
            Self::Pipeline(name) => write!(f, "{PIPELINE}{name}"),
        }
    }
}

/// A role, over a scope: `agent:voirie`, `lead:pipeline/field-reports`, `auditor:*`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Grant {
    /// The role.
    pub role: Role,
    /// Over what.
    pub scope: Scope,
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.role.as_str(), self.scope)
    }
}

impl FromStr for Grant {
    type Err = AccountError;

    fn from_str(text: &str) -> Result<Self, AccountError> {
        let wrong = || AccountError {
            text: text.chars().take(80).collect(),
            what: "role",
            expected: "agent, lead or auditor over a service (agent:voirie), a pipeline (agent:pipeline/forms) or all (auditor:*), or administrator",
        };
        let (role, scope) = match text.split_once(':') {
            Some((role, scope)) => (role, Some(scope)),
            None => (text, None),
        };
        let role = Role::ALL
            .into_iter()
            .find(|r| r.as_str() == role)
            .ok_or_else(wrong)?;
        let scope = match scope {
            Some("*") => Scope::Everything,
            // Over what nothing is read in it, there is nothing to say.
            None if role == Role::Administrator => Scope::Everything,
            None => return Err(wrong()),
            Some(_) if role == Role::Administrator => return Err(wrong()),
            Some(scope) => match scope.strip_prefix(PIPELINE) {
                Some(name) => Scope::Pipeline(name.parse().map_err(|_| wrong())?),
                None => Scope::Service(scope.parse().map_err(|_| wrong())?),
            },
        };
        Ok(Self { role, scope })
    }
}

impl From<Grant> for String {
    fn from(grant: Grant) -> Self {
        grant.to_string()
    }
}

impl TryFrom<String> for Grant {
    type Error = AccountError;

    fn try_from(text: String) -> Result<Self, AccountError> {
        text.parse()
    }
}

/// The documents that someone may come to: a filter of every query, never something that is asked
/// afterwards.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// All of them.
    #[default]
    Everything,
    /// Those of these services and of these pipelines; none, when there are none.
    Part {
        /// Proposed to, or decided for, one of these services: whole, in part or as a copy.
        services: BTreeSet<ServiceId>,
        /// Whole pipelines.
        pipelines: BTreeSet<PipelineName>,
    },
}

impl Reach {
    /// No document.
    pub const fn nothing() -> Self {
        Self::Part {
            services: BTreeSet::new(),
            pipelines: BTreeSet::new(),
        }
    }

    /// What those of `grants` reach whose role is one of those asked for.
    pub fn of<'a>(grants: impl IntoIterator<Item = &'a Grant>, asked: fn(Role) -> bool) -> Self {
        let (mut services, mut pipelines) = (BTreeSet::new(), BTreeSet::new());
        for grant in grants.into_iter().filter(|grant| asked(grant.role)) {
            match &grant.scope {
                Scope::Everything => return Self::Everything,
                Scope::Service(id) => drop(services.insert(id.clone())),
                Scope::Pipeline(name) => drop(pipelines.insert(name.clone())),
            }
        }
        Self::Part {
            services,
            pipelines,
        }
    }

    /// Whether a document is within it: one of this pipeline, which these services have.
    pub fn holds<'a>(
        &self,
        pipeline: &PipelineName,
        of: impl IntoIterator<Item = &'a ServiceId>,
    ) -> bool {
        match self {
            Self::Everything => true,
            Self::Part {
                services,
                pipelines,
            } => pipelines.contains(pipeline) || of.into_iter().any(|id| services.contains(id)),
        }
    }

    /// Whether all of a pipeline is within it.
    pub fn holds_all_of(&self, pipeline: &PipelineName) -> bool {
        self.holds(pipeline, [])
    }

    /// Whether no document can be within it.
    pub fn is_nothing(&self) -> bool {
        *self == Self::nothing()
    }
}

/// What a token of the API may be used for, of what its account may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TokenScope {
    /// Reads.
    Read,
    /// Decides about documents.
    Decide,
    /// Hands documents in.
    HandIn,
}

impl TokenScope {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Read, Self::Decide, Self::HandIn];

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Decide => "decide",
            Self::HandIn => "hand-in",
        }
    }
}

impl FromStr for TokenScope {
    type Err = AccountError;

    fn from_str(text: &str) -> Result<Self, AccountError> {
        Self::ALL
            .into_iter()
            .find(|scope| scope.as_str() == text)
            .ok_or_else(|| AccountError {
                text: text.chars().take(80).collect(),
                what: "use of a token",
                expected: "read, decide or hand-in",
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain_and_small() {
        let read = |text: &str| text.parse::<AccountName>().map(|n| n.to_string());
        assert_eq!(read(" A.Martin "), Ok("a.martin".to_owned()));
        for wrong in ["", " ", ".a", "a b", "é", "a/b", "a\nb", &"x".repeat(65)] {
            assert!(read(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn grants_read_what_they_write() {
        for text in [
            "agent:voirie",
            "lead:pipeline/field-reports",
            "auditor:*",
            "administrator:*",
        ] {
            let grant: Grant = text.parse().unwrap();
            assert_eq!(grant.to_string(), text);
        }
        assert_eq!(
            "administrator".parse::<Grant>(),
            "administrator:*".parse::<Grant>()
        );
        for wrong in [
            "agent",
            "agent:",
            "boss:*",
            "agent:Voirie",
            "administrator:voirie",
            "agent:pipeline/",
            "",
        ] {
            assert!(wrong.parse::<Grant>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_reach_is_the_sum_of_grants() {
        let grants: Vec<Grant> = ["agent:voirie", "auditor:pipeline/forms", "administrator"]
            .iter()
            .map(|g| g.parse().unwrap())
            .collect();
        let (forms, archives): (PipelineName, PipelineName) =
            ("forms".parse().unwrap(), "archives".parse().unwrap());
        let (voirie, ccas): (ServiceId, ServiceId) =
            ("voirie".parse().unwrap(), "ccas".parse().unwrap());
        let reads = Reach::of(&grants, Role::reads);
        assert!(reads.holds(&archives, [&voirie]));
        assert!(reads.holds(&forms, [&ccas]));
        assert!(reads.holds_all_of(&forms));
        assert!(!reads.holds(&archives, [&ccas]));
        let decides = Reach::of(&grants, Role::decides);
        assert!(!decides.holds(&forms, [&ccas]));
        let administrator: Grant = "administrator".parse().unwrap();
        assert!(Reach::of([&administrator], Role::reads).is_nothing());
        let all: Grant = "auditor:*".parse().unwrap();
        assert_eq!(Reach::of([&all], Role::reads), Reach::Everything);
        assert!(Reach::of([&all], Role::decides).is_nothing());
    }
}

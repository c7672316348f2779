//! What whoever is here may read and do. The only place where that is decided: pages, lists, search,
//! exports and the API ask here, and hand the reach on as a filter of their queries.

use std::collections::BTreeSet;

use domain::{AccountName, Agent, Grant, Reach, Role, TokenScope};
use privacy::CollectionSecret;

/// Someone who is known: signed in, or with a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// The name they sign in with.
    pub account: AccountName,
    /// The name that others read.
    pub shown: String,
    /// What they may do, over what.
    pub grants: Vec<Grant>,
    /// For what the token serves that they showed; everything for whoever signed in.
    pub uses: Option<BTreeSet<TokenScope>>,
}

impl Person {
    fn may_use(&self, what: TokenScope) -> bool {
        self.uses.as_ref().is_none_or(|uses| uses.contains(&what))
    }

    fn reach(&self, asked: fn(Role) -> bool, what: TokenScope) -> Reach {
        if self.may_use(what) {
            Reach::of(&self.grants, asked)
        } else {
            Reach::nothing()
        }
    }
}

/// Whoever is here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Who {
    /// Someone who has not signed in where people do: nothing is for them.
    #[default]
    Nobody,
    /// Nobody signs in yet: whoever is at this machine.
    Anyone,
    /// Someone who is known.
    Person(Person),
}

impl Who {
    /// Whoever is known.
    pub const fn person(&self) -> Option<&Person> {
        match self {
            Self::Nobody | Self::Anyone => None,
            Self::Person(person) => Some(person),
        }
    }

    /// The documents they may read.
    pub fn reads(&self) -> Reach {
        match self {
            Self::Nobody => Reach::nothing(),
            Self::Anyone => Reach::Everything,
            Self::Person(person) => person.reach(Role::reads, TokenScope::Read),
        }
    }

    /// The documents they may decide about.
    pub fn decides(&self) -> Reach {
        match self {
            Self::Nobody => Reach::nothing(),
            Self::Anyone => Reach::Everything,
            Self::Person(person) => person.reach(Role::decides, TokenScope::Decide),
        }
    }

    /// The pipelines they may hand documents in to: those they decide about as a whole.
    pub fn hands_in(&self) -> Reach {
        match self {
            Self::Nobody => Reach::nothing(),
            Self::Anyone => Reach::Everything,
            Self::Person(person) => person.reach(Role::decides, TokenScope::HandIn),
        }
    }

    /// The documents of which they are told who opened them.
    pub fn oversees(&self) -> Reach {
        match self {
            Self::Nobody => Reach::nothing(),
            Self::Anyone => Reach::Everything,
            Self::Person(person) => person.reach(Role::oversees, TokenScope::Read),
        }
    }
}

/// Whose decision it is.
#[derive(Clone, Copy, Debug)]
pub enum By<'a> {
    /// Someone who gave this name, which nobody verified.
    Named(&'a str),
    /// Someone who is known.
    Person(&'a Person),
}

impl By<'_> {
    /// The name that is kept with what they did.
    pub fn shown(&self) -> &str {
        match self {
            Self::Named(name) => name,
            Self::Person(person) => &person.shown,
        }
    }

    /// What tells them from others: names may be the same, accounts are not.
    pub fn told_by(&self) -> String {
        match self {
            Self::Named(name) => (*name).to_owned(),
            // No name that is typed has such a sign in it and stands alone.
            Self::Person(person) => format!("account:{}", person.account),
        }
    }

    /// Who acted, as a record says it.
    pub fn agent(&self, secret: &CollectionSecret) -> Agent {
        Agent::Person {
            id: secret.person_pseudonym(&self.told_by()),
            authenticated: self.is_authenticated(),
        }
    }

    /// Whether they are known.
    pub const fn is_authenticated(&self) -> bool {
        matches!(self, Self::Person(_))
    }
}

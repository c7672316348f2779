//! What is hidden of what was found, for whom.
//!
//! | reader | names | places and ages | who wrote the report |
//! |---|---|---|---|
//! | team | pseudonyms | shown | shown |
//! | hierarchy | `[nom]` | shown | `[agent]` |
//! | partners | `[nom]` | hidden | `[agent]` |
//!
//! What identifies directly (numbers, phones, doors) is hidden from everybody.

use domain::audience::Audience;
use domain::sentence::{Mask, MaskKind, Pseudonym};
use domain::text::fold;

use crate::collection::Pseudonyms;
use crate::identifiers::{Found, IdentifierKind};

/// How a text is masked.
#[derive(Clone, Debug, Default)]
pub struct Masking {
    /// Hide streets, residences, buildings.
    pub places: bool,
    /// Hide ages.
    pub ages: bool,
    /// Names that follow a person from report to report; absent, a name is only hidden.
    pub pseudonyms: Option<Pseudonyms>,
    /// Who wrote the report, as it says: their name in it is no inhabitant's.
    pub agents: Vec<String>,
    /// Show the names of [`Masking::agents`].
    pub show_agents: bool,
}

impl Masking {
    /// How a text is masked for an audience; `pseudonyms` are for the team alone.
    pub fn for_audience(audience: Audience, pseudonyms: Option<Pseudonyms>) -> Self {
        Self {
            places: audience == Audience::Partners,
            ages: audience == Audience::Partners,
            pseudonyms: pseudonyms.filter(|_| audience == Audience::Team),
            agents: Vec::new(),
            show_agents: audience == Audience::Team,
        }
    }

    /// The same, for a report that these people wrote.
    #[must_use]
    pub fn written_by(mut self, agents: Vec<String>) -> Self {
        self.agents = agents;
        self
    }

    /// The masks of `text`, in order; `found` is what [`find`](crate::identifiers::find) found in
    /// it.
    pub fn masks(&self, text: &str, found: &[Found]) -> Vec<Mask> {
        let agents: Vec<String> = self.agents.iter().filter_map(|a| name_key(a)).collect();
        let mut masks: Vec<Mask> = Vec::with_capacity(found.len());
        for found in found {
            let shown = match found.kind {
                IdentifierKind::Place => !self.places,
                IdentifierKind::Age => !self.ages,
                _ => false,
            };
            let Some(kind) = found.kind.mask_kind().filter(|_| !shown) else {
                continue;
            };
            let mut mask = Mask::new(found.span.start, found.span.end, kind);
            if kind == MaskKind::Name {
                let name = found.span.of(text).unwrap_or_default();
                let key = name_key(name);
                if key.as_ref().is_some_and(|key| agents.contains(key)) {
                    if self.show_agents {
                        continue;
                    }
                    mask.kind = MaskKind::Agent;
                } else {
                    mask.pseudonym = self.pseudonym(key);
                }
            }
            // "12 bis rue des Lilas, bât. C" is one address where the street is hidden too.
            if let Some(last) = masks.last_mut()
                && is_place(last.kind)
                && is_place(mask.kind)
                && text
                    .get(last.end as usize..mask.start as usize)
                    .is_some_and(|gap| gap.chars().all(|c| c.is_whitespace() || c == ','))
            {
                last.end = mask.end;
                last.kind = MaskKind::Address;
                continue;
            }
            masks.push(mask);
        }
        masks
    }

    fn pseudonym(&self, key: Option<String>) -> Option<Pseudonym> {
        Some(self.pseudonyms.as_ref()?.of(&key?))
    }
}

const fn is_place(kind: MaskKind) -> bool {
    matches!(kind, MaskKind::Address | MaskKind::Place)
}

/// A name for comparing: case, accents, hyphens and the order of its words don't matter, so that
/// "DUPONT Marie" is "Marie Dupont". `None` for initials, which name too many people to follow one.
pub fn name_key(name: &str) -> Option<String> {
    let folded = fold(name);
    let mut words: Vec<&str> = folded
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect();
    words.sort_unstable();
    let named = words.iter().any(|word| word.chars().count() >= 2);
    named.then(|| words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identifiers::find;
    use crate::keyed::SecretKey;

    fn shown(masking: &Masking, text: &str) -> String {
        let mut out = String::new();
        let mut at = 0;
        for mask in masking.masks(text, &find(text)) {
            out.push_str(&text[at..mask.start as usize]);
            out.push_str(&mask.replacement());
            at = mask.end as usize;
        }
        out + &text[at..]
    }

    fn team(window: &str) -> Masking {
        let secret = crate::CollectionSecret::new(SecretKey::from_bytes([3; 32]));
        Masking::for_audience(Audience::Team, Some(secret.pseudonyms(window)))
    }

    const NOTE: &str =
        "Mme Dupont, 84 ans, au 12 bis rue des Lilas, bât. C. Vue avec Karim, tél. 06 12 34 56 78.";

    #[test]
    fn each_audience_has_its_masks() {
        let said = shown(&team("2026"), NOTE);
        assert!(said.starts_with("Mme [personne "), "{said}");
        assert!(
            said.ends_with("tél. [téléphone].")
                && said.contains("au [adresse] rue des Lilas, [adresse]. Vue"),
            "{said}"
        );
        let hierarchy = Masking::for_audience(Audience::Hierarchy, None);
        assert_eq!(
            shown(&hierarchy, NOTE),
            "Mme [nom], 84 ans, au [adresse] rue des Lilas, [adresse]. Vue avec [nom], tél. [téléphone]."
        );
        let partners = Masking::for_audience(Audience::Partners, None);
        assert_eq!(
            shown(&partners, NOTE),
            "Mme [nom], [âge], au [adresse]. Vue avec [nom], tél. [téléphone]."
        );
        assert_eq!(
            shown(&partners, "Rue des Lilas, trois voitures."),
            "[lieu], trois voitures."
        );
    }

    #[test]
    fn a_person_is_followed_however_the_name_is_written() {
        let one = |name: &str, window: &str| shown(&team(window), name);
        assert_eq!(one("Mme Dupont", "2026"), one("Mme DUPONT", "2026"));
        assert_eq!(
            one("M. DUPONT Marié-Jean", "2026").len(),
            one("M. Dupont", "2026").len()
        );
        let key = |name| name_key(name).unwrap();
        assert_eq!(key("DUPONT Hélène"), key("Helene Dupont"));
        assert_ne!(one("Mme Dupont", "2026"), one("Mme Durand", "2026"));
        // Another year, another pseudonym.
        assert_ne!(one("Mme Dupont", "2026"), one("Mme Dupont", "2027"));
        // An initial names too many people.
        assert_eq!(one("Mme D.", "2026"), "Mme [nom]");
        assert_eq!(name_key("J.-P."), None);
    }

    #[test]
    fn who_wrote_the_report_is_no_inhabitant() {
        let note = "Vu avec Sofia Belkacem, puis M. Haddad.";
        let by = |masking: Masking| shown(&masking.written_by(vec!["BELKACEM Sofia".into()]), note);
        assert!(by(team("2026")).starts_with("Vu avec Sofia Belkacem, puis M. [personne "));
        assert_eq!(
            by(Masking::for_audience(Audience::Hierarchy, None)),
            "Vu avec [agent], puis M. [nom]."
        );
    }
}

//! What reading has to say, in words: notes with their pages put together, and the quality sheet.

use crate::catalogue::{Lang, Said as _};
use crate::layout::{Note, NoteCode};
use crate::quality::Quality;

/// Notes in words, one sentence a kind, in the order of the notes: "lu par OCR, pages 1 à 12".
pub fn notes(notes: &[Note], lang: Lang) -> Vec<String> {
    let mut groups: Vec<(&Note, Vec<u32>)> = Vec::new();
    for note in notes {
        // By how much a page was turned, or how unsure it is, is for the page, not for the list.
        let alike = |other: &Note| {
            let by_page = [NoteCode::Turned, NoteCode::LowConfidence].contains(&note.code);
            other.code == note.code && (by_page || other.detail == note.detail)
        };
        let group = groups.iter_mut().find(|(first, _)| alike(first));
        match (group, note.page) {
            (Some((first, pages)), page) if first.page.is_some() == page.is_some() => {
                pages.extend(page);
            }
            (_, page) => groups.push((note, page.into_iter().collect())),
        }
    }
    groups
        .into_iter()
        .map(|(note, pages)| {
            let mut sentence = note.code.say(lang).to_owned();
            if !pages.is_empty() {
                sentence.push_str(", ");
                sentence.push_str(&page_list(pages, lang));
            }
            if let Some(detail) = detail(note, lang) {
                sentence.push_str(lang.pick(" : ", ": "));
                sentence.push_str(&detail);
            }
            sentence
        })
        .collect()
}

/// The detail as people read it; some details are codes for programs only.
fn detail(note: &Note, lang: Lang) -> Option<String> {
    let detail = note.detail.as_deref()?;
    let words = match (note.code, detail) {
        (NoteCode::ReadByOcr, "image") => lang.pick("page en image", "the page is an image"),
        (NoteCode::ReadByOcr, _) => lang.pick("texte illisible", "garbled text"),
        (NoteCode::Turned | NoteCode::LowConfidence, _) => return None,
        // What a person can do about it.
        (NoteCode::Encrypted, format @ ("Office" | "XLS")) => {
            let what_to_do = lang.pick(
                "à enregistrer sans mot de passe puis à redéposer",
                "to be saved without a password and handed in again",
            );
            return Some(format!("{format}, {what_to_do}"));
        }
        (NoteCode::BudgetReached, detail) if detail.ends_with(" left out") => {
            let said = lang.pick(" de plus laissés de côté", " more left out");
            return Some(detail.replace(" left out", said));
        }
        (_, detail) => return Some(in_words(detail, lang)),
    };
    Some(words.to_owned())
}

/// Details as notes have them, and in French.
const DETAILS: [(&str, &str); 19] = [
    (
        "wrong password: give the right one with --password or GREFFIER_PASSWORD",
        "mot de passe faux, donnez le bon par --password ou GREFFIER_PASSWORD",
    ),
    (
        "password: give it with --password or GREFFIER_PASSWORD",
        "à donner par --password ou GREFFIER_PASSWORD",
    ),
    ("unsupported encryption", "chiffrement inconnu"),
    ("shifted letters", "lettres décalées"),
    ("letters of no language", "lettres d’aucune langue"),
    ("accented letters", "lettres accentuées"),
    ("glyphs without characters", "signes sans caractères"),
    ("private codes", "codes privés"),
    ("letters are drawings", "lettres dessinées"),
    ("words beside an image", "mots à côté d’une image"),
    ("layer", "calque"),
    ("no page could be found", "aucune page trouvée"),
    ("the end of the file is missing", "la fin du fichier manque"),
    ("picture", "image"),
    ("frames after the first", "images après la première"),
    ("unclosed element", "élément non fermé"),
    ("transfer encoding", "codage de transfert"),
    ("formulas without a result", "formules sans résultat"),
    ("shared texts missing", "textes partagés absents"),
];

/// A detail in a language: what has no words of its own stays as it is, and so do counts.
fn in_words(detail: &str, lang: Lang) -> String {
    if lang == Lang::En {
        return detail.to_owned();
    }
    if let Some(count) = detail.strip_suffix(" of the name of another") {
        return format!("{count} du même nom qu’un autre");
    }
    let (said, count) = match detail.rsplit_once(": ") {
        Some((said, count)) if count.bytes().all(|b| b.is_ascii_digit()) => (said, Some(count)),
        _ => (detail, None),
    };
    let words = DETAILS
        .iter()
        .find(|(known, _)| *known == said)
        .map_or(said, |(_, words)| words);
    match count {
        Some(count) => format!("{words} : {count}"),
        None => words.to_owned(),
    }
}

/// "page 3", "pages 1 à 3, 7".
fn page_list(mut pages: Vec<u32>, lang: Lang) -> String {
    pages.sort_unstable();
    pages.dedup();
    let mut runs: Vec<(u32, u32)> = Vec::new();
    for page in &pages {
        match runs.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(*page) => *last = *page,
            _ => runs.push((*page, *page)),
        }
    }
    let runs: Vec<String> = runs
        .into_iter()
        .map(|(first, last)| match last - first {
            0 => first.to_string(),
            1 => format!("{first}, {last}"),
            _ => format!("{first} {} {last}", lang.pick("à", "to")),
        })
        .collect();
    let word = if pages.len() == 1 { "page" } else { "pages" };
    format!("{word} {}", runs.join(", "))
}

impl Quality {
    /// The sheet in one line: "3 pages : 2 lues, 1 par OCR (sûre à 87 %)".
    pub fn say(&self, lang: Lang) -> String {
        let fr = lang == Lang::Fr;
        let mut parts = Vec::new();
        if self.read_as_text > 0 {
            let text = if fr {
                format!(
                    "{} lue{} dans le fichier",
                    self.read_as_text,
                    s(self.read_as_text)
                )
            } else {
                format!("{} read from the file", self.read_as_text)
            };
            parts.push(text);
        }
        if self.read_by_ocr > 0 {
            let sure = match self.confidence_percent {
                Some(percent) if fr => format!(" (confiance {percent} %)"),
                Some(percent) => format!(" (confidence {percent} %)"),
                None if fr => " (aucun texte reconnu)".to_owned(),
                None => " (no text recognised)".to_owned(),
            };
            let by = lang.pick("par OCR", "by OCR");
            parts.push(format!("{} {by}{sure}", self.read_by_ocr));
        }
        if self.waiting_for_ocr > 0 {
            let waiting = match (fr, self.waiting_for_ocr) {
                (true, 1) => "attend l’OCR",
                (true, _) => "attendent l’OCR",
                (false, 1) => "waits for OCR",
                (false, _) => "wait for OCR",
            };
            parts.push(format!("{} {waiting}", self.waiting_for_ocr));
        }
        if self.partly_read > 0 {
            let partly = if fr {
                format!("{} lue{} en partie", self.partly_read, s(self.partly_read))
            } else {
                format!("{} read in part", self.partly_read)
            };
            parts.push(partly);
        }
        let pages = format!("{} page{}", self.pages, s(self.pages));
        if parts.is_empty() && self.pages == 0 && self.left_out.is_empty() {
            let own = "aucune page à lui : ce qu’il contient est dans ses pièces jointes";
            return lang
                .pick(
                    own,
                    "no page of its own: what it holds is in its attachments",
                )
                .to_owned();
        }
        if parts.is_empty() {
            parts.push(lang.pick("rien n’a été lu", "nothing was read").to_owned());
        }
        format!("{pages}{}{}", lang.pick(" : ", ": "), parts.join(", "))
    }

    /// What a person should know before relying on the text, if anything.
    pub fn warning(&self, lang: Lang) -> Option<String> {
        let unsure = self.confidence_percent.is_some_and(|p| p < UNSURE_PERCENT)
            || (self.read_by_ocr > 0 && self.confidence_percent.is_none());
        let wrong = self.waits_for_ocr() || self.partly_read > 0 || unsure;
        wrong.then(|| self.say(lang))
    }
}

/// Under this, people are told how sure OCR is.
const UNSURE_PERCENT: u8 = 80;

const fn s(count: u32) -> &'static str {
    if count > 1 { "s" } else { "" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn details_are_said_in_french() {
        let told = |detail: &str| in_words(detail, Lang::Fr);
        assert_eq!(told("shifted letters"), "lettres décalées");
        assert_eq!(
            told("formulas without a result: 12"),
            "formules sans résultat : 12"
        );
        assert_eq!(
            told("1 of the name of another"),
            "1 du même nom qu’un autre"
        );
        assert_eq!(told("stream_bytes 67108864"), "stream_bytes 67108864");
        assert_eq!(in_words("layer", Lang::En), "layer");
    }

    #[test]
    fn pages_are_put_together() {
        let told = [
            Note::document(NoteCode::Signed, None),
            Note::page(NoteCode::ReadByOcr, 1, "image".to_owned()),
            Note::page(NoteCode::ReadByOcr, 2, "image".to_owned()),
            Note::page(NoteCode::ReadByOcr, 3, "image".to_owned()),
            Note::page(NoteCode::ReadByOcr, 7, "garbled".to_owned()),
            Note::page(NoteCode::Turned, 2, "180.0".to_owned()),
            Note::page(NoteCode::Turned, 7, "2.1".to_owned()),
        ];
        assert_eq!(
            notes(&told, Lang::Fr),
            [
                "signature présente, non vérifiée",
                "lu par OCR, pages 1 à 3 : page en image",
                "lu par OCR, page 7 : texte illisible",
                "page redressée pour être lue, pages 2, 7",
            ]
        );
    }

    #[test]
    fn a_sheet_is_said_in_one_line() {
        let sheet = Quality {
            pages: 4,
            read_as_text: 2,
            read_by_ocr: 1,
            waiting_for_ocr: 1,
            confidence_percent: Some(87),
            ..Quality::default()
        };
        assert_eq!(
            sheet.say(Lang::Fr),
            "4 pages : 2 lues dans le fichier, 1 par OCR (confiance 87 %), 1 attend l’OCR"
        );
        assert!(sheet.warning(Lang::En).is_some());
        let fine = Quality {
            pages: 1,
            read_as_text: 1,
            ..Quality::default()
        };
        assert_eq!(fine.say(Lang::En), "1 page: 1 read from the file");
        assert_eq!(fine.warning(Lang::Fr), None);
    }
}

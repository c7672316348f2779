//! Values as people read them.

use askama::Template;
use axum::response::{Html, IntoResponse, Response};
use domain::form::Clash;
use domain::{
    Day, Field, FieldKind, IsoWeek, Lang, Layout, Missing, Note, NoteCode, Span, Timestamp,
};
use jiff::tz::TimeZone;
use pipeline::pipelines::Pipeline;

use crate::problem::Problem;
use crate::words::Words;

/// A template as a response.
pub(crate) fn render(page: &impl Template) -> Response {
    match page.render() {
        Ok(html) => Html(html).into_response(),
        Err(error) => Problem::broken("render", &error).into_response(),
    }
}

/// A moment for people and for machines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    /// RFC 3339.
    pub(crate) iso: String,
    /// `18/11/2026 à 09:30`; a midnight is a day.
    pub(crate) text: String,
}

/// Tells moments in one zone and one language.
#[derive(Clone, Debug)]
pub(crate) struct Calendar {
    zone: TimeZone,
    lang: Lang,
}

impl Calendar {
    /// Of a pipeline; of France without one.
    pub(crate) fn of(pipeline: Option<&Pipeline>, lang: Lang) -> Self {
        let name = pipeline.map_or("Europe/Paris", |p| p.source.zone().1);
        Self {
            zone: TimeZone::get(name).unwrap_or(TimeZone::UTC),
            lang,
        }
    }

    /// A moment, to the minute.
    pub(crate) fn moment(&self, at: Timestamp) -> Moment {
        let iso = at.to_string();
        let Ok(moment) = jiff::Timestamp::from_microsecond(at.micros()) else {
            return Moment {
                text: iso.clone(),
                iso,
            };
        };
        let local = moment.to_zoned(self.zone.clone());
        let day = self.day(local.date());
        let text = match (local.time() == jiff::civil::Time::midnight(), self.lang) {
            (true, _) => day,
            (false, Lang::Fr) => format!("{day} à {:02}:{:02}", local.hour(), local.minute()),
            (false, Lang::En) => format!("{day}, {:02}:{:02}", local.hour(), local.minute()),
        };
        Moment { iso, text }
    }

    fn day(&self, day: jiff::civil::Date) -> String {
        Day::new(day.year(), day.month(), day.day())
            .map_or_else(|| day.to_string(), |day| day.say_whole(self.lang))
    }

    /// The first of two days, without what the last one says again.
    fn up_to(&self, first: jiff::civil::Date, last: jiff::civil::Date) -> String {
        let whole = self.day(first);
        let words_kept = match (first.year() == last.year(), first.month() == last.month()) {
            (true, true) => 1,
            (true, false) => 2,
            (false, _) => 3,
        };
        whole
            .split(' ')
            .take(words_kept)
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// `semaine 47 de 2026, du 16 au 22 novembre 2026`
    pub(crate) fn week(&self, week: IsoWeek) -> String {
        let written = week.to_string();
        let (year, number) = written.split_once("-W").unwrap_or((&written, ""));
        let number = number.trim_start_matches('0');
        let (first, last) = week.days();
        let (first, last) = match (first.parse(), last.parse()) {
            (Ok(first), Ok(last)) => (self.up_to(first, last), self.day(last)),
            _ => (first, last),
        };
        match self.lang {
            Lang::Fr => format!("semaine {number} de {year}, du {first} au {last}"),
            Lang::En => format!("week {number} of {year}, {first} to {last}"),
        }
    }
}

/// A part of a text: plain, or marked with what it is marked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    /// The text.
    pub(crate) text: String,
    /// Whether it is marked.
    pub(crate) marked: bool,
    /// The anchor of a mark.
    pub(crate) anchor: String,
}

/// Cuts `text`, which starts at byte `offset` of the whole, into parts, marking the ranges `spans`
/// of the whole. Ranges that overlap or touch are one mark; those that are not of characters of
/// the text are left out. Marks are called `m` and the byte they start at.
pub(crate) fn parts(text: &str, offset: u32, spans: &[Span]) -> Vec<Part> {
    let within = Span::new(offset, offset.saturating_add(text.len() as u32));
    let mut marks: Vec<Span> = spans
        .iter()
        .filter(|s| !s.is_empty() && s.overlaps(within))
        .map(|s| {
            let (start, end) = (s.start.max(within.start), s.end.min(within.end));
            Span::new(start - offset, end - offset)
        })
        .filter(|s| s.of(text).is_some())
        .collect();
    marks.sort();
    let mut merged: Vec<Span> = Vec::with_capacity(marks.len());
    for mark in marks {
        match merged.last_mut() {
            Some(last) if mark.start <= last.end => last.end = last.end.max(mark.end),
            _ => merged.push(mark),
        }
    }
    let mut parts = Vec::with_capacity(2 * merged.len() + 1);
    let mut at = 0;
    let mut push = |span: Span, marked: bool| {
        if let Some(text) = span.of(text).filter(|t| !t.is_empty()) {
            let anchor = anchor(span.start + offset);
            parts.push(Part {
                text: text.to_owned(),
                marked,
                anchor,
            });
        }
    };
    for mark in merged {
        push(Span::new(at, mark.start), false);
        push(mark, true);
        at = mark.end;
    }
    push(Span::new(at, text.len() as u32), false);
    parts
}

/// The anchor of a mark that starts there.
pub(crate) fn anchor(start: u32) -> String {
    format!("m{start}")
}

/// Something missing, in words.
pub(crate) fn missing(missing: &Missing, w: Words) -> String {
    match missing {
        Missing::Field { label, .. } => w.field_missing(label),
        Missing::Format {
            label, expected, ..
        } => w.field_malformed(label, format_of(expected, w)),
        Missing::Inconsistent {
            label, with, clash, ..
        } => match clash {
            Clash::Before => w.field_too_early(label, with),
            Clash::Birth => w.field_of_another(label, with),
        },
        Missing::Piece { name } => w.piece_missing(name),
    }
}

fn format_of(expected: &str, w: Words) -> &str {
    match expected {
        "date" => w.a_date(),
        "amount" => w.an_amount(),
        "siret" => w.a_siret(),
        "iban" => w.an_iban(),
        "nir" => w.a_nir(),
        "phone" => w.a_phone(),
        "email" => w.an_email(),
        "town" => w.a_town(),
        "postcode" => w.a_postcode(),
        other => other,
    }
}

/// What reading has to say of a document, in a list: first what a person should know before relying
/// on the text, which stands for the notes of its pages.
pub(crate) fn remarks(layout: &Layout, lang: Lang) -> Vec<String> {
    const BY_PAGE: [NoteCode; 4] = [
        NoteCode::ReadByOcr,
        NoteCode::LowConfidence,
        NoteCode::NeedsOcr,
        NoteCode::Turned,
    ];
    let warning = layout.quality.as_ref().and_then(|q| q.warning(lang));
    let others: Vec<Note> = layout
        .notes
        .iter()
        .filter(|note| layout.quality.is_none() || !BY_PAGE.contains(&note.code))
        .cloned()
        .collect();
    let others = domain::told::notes(&others, lang);
    warning.into_iter().chain(others).collect()
}

/// Why a document was set aside, in words; a code that is not known as it is.
pub(crate) fn set_aside(reason: &str, w: Words) -> String {
    match reason {
        "time-limit" => w.time_limit(),
        "memory-limit" => w.memory_limit(),
        "output-limit" => w.output_limit(),
        "crashed" | "panic" | "protocol" => w.crashed(),
        "broken-input" | "broken-output" | "undeclared-output" => w.broken_data(),
        other => return other.to_owned(),
    }
    .to_owned()
}

/// The value of a field, in words; `None` when it is empty.
pub(crate) fn value(field: &Field, w: Words) -> Option<String> {
    match (field.kind, field.checked) {
        (FieldKind::Checkbox | FieldKind::Radio, Some(false)) => None,
        (FieldKind::Checkbox, Some(true)) => Some(w.ticked().to_owned()),
        _ => field
            .value
            .as_deref()
            .map(str::trim)
            .filter(|v| !v.is_empty())
            .map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, offset: u32, spans: &[(u32, u32)], expected: &str) {
        let spans: Vec<Span> = spans
            .iter()
            .map(|(a, b)| Span { start: *a, end: *b })
            .collect();
        let shown: String = parts(text, offset, &spans)
            .into_iter()
            .map(|p| {
                if p.marked {
                    format!("[{}:{}]", p.anchor, p.text)
                } else {
                    p.text
                }
            })
            .collect();
        assert_eq!(shown, expected);
    }

    #[test]
    fn marks_are_merged_clipped_and_never_cut_a_character() {
        check("le lampadaire", 0, &[(3, 13)], "le [m3:lampadaire]");
        check("le lampadaire", 100, &[(103, 113)], "le [m103:lampadaire]");
        check("abcdef", 0, &[(4, 5), (1, 3), (2, 4)], "a[m1:bcde]f");
        check("abcdef", 10, &[(0, 12), (15, 99)], "[m10:ab]cde[m15:f]");
        check("été", 0, &[(1, 3)], "été");
        check("été", 0, &[(0, 2)], "[m0:é]té");
        check(
            "abc",
            0,
            &[(9, 2), (2, 2), (7, 9), (0, u32::MAX)],
            "[m0:abc]",
        );
        check("", 0, &[(0, 1)], "");
    }

    #[test]
    fn moments_are_local_and_a_midnight_is_a_day() {
        let fr = Calendar::of(None, Lang::Fr);
        let say = |at: &str| fr.moment(at.parse().unwrap()).text;
        assert_eq!(say("2026-11-18T08:30:00Z"), "18 novembre 2026 à 09:30");
        assert_eq!(say("2026-07-31T22:00:00Z"), "1er août 2026");
        assert_eq!(
            fr.week("2026-W01".parse().unwrap()),
            "semaine 1 de 2026, du 29 décembre 2025 au 4 janvier 2026"
        );
        let en = Calendar::of(None, Lang::En);
        let week = |written: &str| en.week(written.parse().unwrap());
        assert_eq!(week("2026-W47"), "week 47 of 2026, 16 to 22 November 2026");
        assert_eq!(
            week("2026-W49"),
            "week 49 of 2026, 30 November to 6 December 2026"
        );
    }
}

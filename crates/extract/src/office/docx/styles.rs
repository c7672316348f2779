//! What a paragraph's style and numbering mean: its role, and the number or bullet that is printed
//! before it and stands nowhere in its text.

use std::collections::BTreeMap;

use domain::BlockRole;

use crate::draft::Draft;
use crate::office::xml::{self, CONTINUE, Node, Tag};

/// Styles are based on one another at most this deep.
const BASED_ON_MAX: usize = 16;

/// Word knows nine levels of numbering.
const LEVELS: usize = 9;

/// A number is printed with at most this many characters.
const NUMBER_CHARACTERS_MAX: usize = 40;

#[derive(Default)]
struct Style {
    name: String,
    based_on: Option<String>,
    outline: Option<u32>,
    list: Option<String>,
    level: Option<String>,
}

/// A level of a list: what is printed before its paragraphs.
#[derive(Clone, Default)]
struct Level {
    start: u32,
    format: String,
    /// `%1.%2.` or a bullet.
    text: String,
}

/// See the module.
#[derive(Default)]
pub(super) struct Styles {
    styles: BTreeMap<String, Style>,
    default: Option<String>,
    /// Levels by abstract list.
    lists: BTreeMap<String, [Level; LEVELS]>,
    /// Abstract list by list.
    instances: BTreeMap<String, String>,
    /// Where each abstract list stands: the last number said, by level.
    counters: BTreeMap<String, [Option<u32>; LEVELS]>,
    /// Lists that begin again, and from where.
    restarts: BTreeMap<String, BTreeMap<usize, u32>>,
}

impl Styles {
    pub(super) fn read_styles(&mut self, text: &str, draft: &mut Draft) {
        let mut id = None::<String>;
        xml::walk(text, "word/styles.xml", draft, |node, _| {
            match node {
                Node::Start(tag) if tag.name() == "style" => {
                    id = tag
                        .attribute("styleId")
                        .filter(|_| tag.attribute("type").as_deref() == Some("paragraph"));
                    if let Some(id) = &id {
                        if matches!(tag.attribute("default").as_deref(), Some("1" | "true")) {
                            self.default = Some(id.clone());
                        }
                        self.styles.insert(id.clone(), Style::default());
                    }
                }
                Node::Start(tag) => {
                    if let Some(style) = id.as_ref().and_then(|id| self.styles.get_mut(id)) {
                        style.property(&tag);
                    }
                }
                Node::End(name) if name.as_str() == "style" => id = None,
                _ => {}
            }
            CONTINUE
        });
    }

    pub(super) fn read_numbering(&mut self, text: &str, draft: &mut Draft) {
        let (mut list, mut instance, mut level) = (None::<String>, None::<String>, 0usize);
        xml::walk(text, "word/numbering.xml", draft, |node, _| {
            let Node::Start(tag) = node else {
                return CONTINUE;
            };
            let value = || tag.attribute("val");
            match tag.name() {
                "abstractNum" => {
                    list = tag.attribute("abstractNumId");
                    instance = None;
                    if let Some(list) = &list {
                        self.lists.entry(list.clone()).or_default();
                    }
                }
                "num" => {
                    list = None;
                    instance = tag.attribute("numId");
                }
                "abstractNumId" => {
                    if let (Some(instance), Some(list)) = (&instance, value()) {
                        self.instances.insert(instance.clone(), list);
                    }
                }
                "lvl" | "lvlOverride" => {
                    level = tag
                        .attribute("ilvl")
                        .and_then(|level| level.parse().ok())
                        .unwrap_or(LEVELS);
                }
                "startOverride" => {
                    if let (Some(instance), Some(start)) =
                        (&instance, value().and_then(|n| n.parse().ok()))
                    {
                        self.restarts
                            .entry(instance.clone())
                            .or_default()
                            .insert(level, start);
                    }
                }
                name => {
                    let levels = list.as_ref().and_then(|list| self.lists.get_mut(list));
                    if let Some(found) = levels.and_then(|levels| levels.get_mut(level)) {
                        match name {
                            "start" => {
                                found.start = value().and_then(|n| n.parse().ok()).unwrap_or(0)
                            }
                            "numFmt" => found.format = value().unwrap_or_default(),
                            "lvlText" => found.text = value().unwrap_or_default(),
                            _ => {}
                        }
                    }
                }
            }
            CONTINUE
        });
    }

    /// The style and those it is based on.
    fn chain<'s>(&'s self, style: Option<&'s str>) -> impl Iterator<Item = &'s Style> {
        let first = style.or(self.default.as_deref());
        std::iter::successors(first.and_then(|id| self.styles.get(id)), |style| {
            self.styles.get(style.based_on.as_deref()?)
        })
        .take(BASED_ON_MAX)
    }

    /// What a paragraph of this style is; `outline` is the level that it says itself.
    pub(super) fn role(&self, style: Option<&str>, outline: Option<u32>) -> BlockRole {
        let of_level = |level: u32| match level {
            0 => Some(BlockRole::Heading),
            1..9 => Some(BlockRole::Subheading),
            _ => None,
        };
        if let Some(role) = outline.and_then(of_level) {
            return role;
        }
        for style in self.chain(style) {
            let name = style.name.to_lowercase();
            let named = match name.as_str() {
                "title" | "titre" => Some(BlockRole::Title),
                "subtitle" | "sous-titre" => Some(BlockRole::Heading),
                name => ["heading ", "titre "].iter().find_map(|start| {
                    let level: u32 = name.strip_prefix(start)?.trim().parse().ok()?;
                    of_level(level.checked_sub(1)?)
                }),
            };
            if let Some(role) = named.or(style.outline.and_then(of_level)) {
                return role;
            }
        }
        BlockRole::Text
    }

    /// Counts a paragraph of a list and returns what is printed before it. `list` is the list and
    /// the level that the paragraph says itself.
    pub(super) fn number(
        &mut self,
        style: Option<&str>,
        list: (Option<&str>, Option<&str>),
    ) -> Option<String> {
        let styled = self.chain(style).find(|style| style.list.is_some());
        let instance = list.0.or(styled.and_then(|style| style.list.as_deref()))?;
        let level: usize = list
            .1
            .or(styled.and_then(|style| style.level.as_deref()))
            .map_or(Some(0), |level| level.parse().ok())?;
        // The list 0 says: none after all.
        if instance == "0" || level >= LEVELS {
            return None;
        }
        let instance = instance.to_owned();
        let id = self.instances.get(&instance)?.clone();
        let levels = self.lists.get(&id)?;
        let counters = self.counters.entry(id).or_default();
        if let Some(starts) = self.restarts.remove(&instance) {
            for (level, start) in starts {
                if let Some(counter) = counters.get_mut(level) {
                    *counter = start.checked_sub(1);
                }
            }
        }
        let counter = counters.get_mut(level)?;
        let start = levels.get(level)?.start;
        *counter = Some(counter.map_or(start, |n| n.saturating_add(1)));
        for deeper in counters.iter_mut().skip(level + 1) {
            *deeper = None;
        }
        let number = |n: usize| -> Option<String> {
            let level = levels.get(n)?;
            let value = counters.get(n).copied().flatten().unwrap_or(level.start);
            Some(print(value, &level.format))
        };
        let Level { format, text, .. } = levels.get(level)?;
        match format.as_str() {
            "none" => return None,
            // Bullets are characters of symbol fonts: all say the same.
            "bullet" => {
                return Some(if text.trim().is_empty() {
                    return None;
                } else {
                    "•".into()
                });
            }
            _ => {}
        }
        let mut printed = String::new();
        let mut characters = text.chars();
        while let Some(c) = characters.next() {
            match c {
                '%' => {
                    let digit = characters.next()?.to_digit(10)? as usize;
                    printed.push_str(&number(digit.checked_sub(1)?)?);
                }
                c => printed.push(c),
            }
        }
        let printed = printed.trim();
        let fits = !printed.is_empty() && printed.chars().count() <= NUMBER_CHARACTERS_MAX;
        fits.then(|| printed.to_owned())
    }
}

impl Style {
    fn property(&mut self, tag: &Tag) {
        let value = || tag.attribute("val");
        match tag.name() {
            "name" => self.name = value().unwrap_or_default(),
            "basedOn" => self.based_on = value(),
            "outlineLvl" => self.outline = value().and_then(|level| level.parse().ok()),
            "numId" => self.list = value(),
            "ilvl" => self.level = value(),
            _ => {}
        }
    }
}

/// A number in a format of Word.
fn print(n: u32, format: &str) -> String {
    match format {
        "lowerLetter" => letters(n),
        "upperLetter" => letters(n).to_uppercase(),
        "lowerRoman" => roman(n).to_lowercase(),
        "upperRoman" => roman(n),
        "decimalZero" => format!("{n:02}"),
        "ordinal" => match n {
            1 => "1er".into(),
            n => format!("{n}e"),
        },
        _ => n.to_string(),
    }
}

/// a, b … z, aa, bb: Word doubles the letter.
fn letters(n: u32) -> String {
    let Some(n) = n.checked_sub(1) else {
        return "0".into();
    };
    let letter = char::from(b'a' + u8::try_from(n % 26).unwrap_or(0));
    String::from(letter).repeat((n / 26 + 1).min(4) as usize)
}

fn roman(n: u32) -> String {
    const NUMERALS: [(u32, &str); 13] = [
        (1000, "M"),
        (900, "CM"),
        (500, "D"),
        (400, "CD"),
        (100, "C"),
        (90, "XC"),
        (50, "L"),
        (40, "XL"),
        (10, "X"),
        (9, "IX"),
        (5, "V"),
        (4, "IV"),
        (1, "I"),
    ];
    if n == 0 || n > 3999 {
        return n.to_string();
    }
    let (mut left, mut out) = (n, String::new());
    for (value, numeral) in NUMERALS {
        while left >= value {
            out.push_str(numeral);
            left -= value;
        }
    }
    out
}

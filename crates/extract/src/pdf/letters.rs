//! Whether letters make words: finds text layers whose characters are not those that people see.
//!
//! A font whose map of characters is wrong gives text that is well-formed and means nothing. Pairs
//! of neighbouring letters tell: each pair costs as many bits as it is rare in French and English,
//! whichever has it more often. Prose of either costs 3 bits a pair, prose of other languages in
//! Latin letters 3.5 to 5, letters that were exchanged 6 to 7. Letters that were all moved by one
//! number of places cost 3 again once they are moved back, which nothing else does.

/// Bits of each pair, from 0 to 15 in hexadecimal: a line for the first letter, a column for the
/// second; the first line and column are the limits of a word. Counted over prose of French
/// administrations and English statutes.
const BITS: [&[u8; 27]; 27] = [
    b"f3443357647a456337542555eac",
    b"3c645a65b386452b5834344785b",
    b"73ac82dfe35f28a49f3353aff3f",
    b"53f5829d44f95ab2975724bff6f",
    b"14c981b8b3afa7a49f56d38bf7f",
    b"15844566879b543a67334569786",
    b"13ebd34df2ff8fa27f3655dff7f",
    b"13fcc1b854ff5834cf3694acf9f",
    b"32bab1efc3ffaa63af8766faf6d",
    b"45645355fabb452376433d5f8f7",
    b"84ec71decbefadb19f89b1effef",
    b"169a92b5d2df7253ac4599b4ded",
    b"22d84178f3fd3bc4bbc6657cf4f",
    b"425e92eef3fff4633fe6c5fffcf",
    b"25d43364d5a58855caa3267ff5e",
    b"38656837a49a54275a254256a6f",
    b"62dab2ac55ff38d34f2754cff8f",
    b"aceddbefdcffeeccbfcc80fffef",
    b"23a65286c3d985646c644678f6f",
    b"14c6a38d44db98b457c434ebf9f",
    b"24f9f2cc22ff88a3bf3565d9f5c",
    b"2535538894ac442a5a233f5f5ce",
    b"83fff1feb2ffbde2bf5fb7fff9f",
    b"23b5949b22df89449c5588a1ccd",
    b"14e2d2ef93ffcec638cc38aff5f",
    b"039581f8a6ff85574d838b9daff",
    b"02dcc1bdc5ffbdb5cfbb95eefdb",
];

/// Fewer pairs say too little, even when moving them back makes words of them.
const SHIFTED_MIN: u32 = 30;

/// Mean bits above which letters may have been moved, and below which moving them back explains it.
const SHIFTED_BITS: f32 = 4.4;
const RESTORED_BITS: f32 = 3.7;
const RESTORED_GAIN: f32 = 1.2;

/// Fewer pairs say too little, and less than this may be names, codes or another language.
const NONSENSE_MIN: u32 = 150;
const NONSENSE_BITS: f32 = 5.6;

/// What is wrong with letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fault {
    /// Each is another, some places further in the alphabet.
    Shifted,
    /// They are those of no language.
    Nonsense,
    /// Those with accents are missing or wrong.
    Accents,
}

impl Fault {
    /// The detail of the note.
    pub(super) fn detail(self) -> &'static str {
        match self {
            Self::Shifted => "shifted letters",
            Self::Nonsense => "letters of no language",
            Self::Accents => "accented letters",
        }
    }
}

/// Counts of pairs of letters.
#[derive(Clone, Debug)]
pub(super) struct Pairs {
    counts: Vec<u32>,
    total: u32,
    /// The word that is being read, as numbers of letters.
    word: Vec<u8>,
    /// It has a digit or a letter that is not Latin.
    is_code: bool,
}

impl Default for Pairs {
    fn default() -> Self {
        Self {
            counts: vec![0; 27 * 27],
            total: 0,
            word: Vec::new(),
            is_code: false,
        }
    }
}

impl Pairs {
    /// Number of pairs counted.
    pub(super) fn total(&self) -> u32 {
        self.total
    }

    /// Goes on with a word, or ends it at what is no letter.
    pub(super) fn add(&mut self, c: char) {
        match c {
            'a'..='z' => self.word.push(c as u8 - b'a' + 1),
            'A'..='Z' => self.word.push(c as u8 - b'A' + 1),
            _ if c.is_ascii_digit() => self.is_code = true,
            _ if c.is_alphabetic() => match base(c) {
                Some(letters) => self.word.extend(letters.bytes().map(|b| b - b'a' + 1)),
                None => self.is_code = true,
            },
            // A combining accent belongs to the letter before.
            '\u{300}'..='\u{36f}' => {}
            _ => self.end_word(),
        }
    }

    /// Ends the word. Codes and single letters are not words.
    pub(super) fn end_word(&mut self) {
        let mut word = std::mem::take(&mut self.word);
        if !self.is_code && (2..=40).contains(&word.len()) {
            let mut before = 0;
            for letter in word.iter().copied().chain([0]) {
                self.count(before, letter);
                before = letter;
            }
        }
        word.clear();
        self.word = word;
        self.is_code = false;
    }

    /// Takes over what others counted.
    pub(super) fn extend(&mut self, other: &Self) {
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count = count.saturating_add(*more);
        }
        self.total = self.total.saturating_add(other.total);
    }

    fn count(&mut self, first: u8, second: u8) {
        if let Some(count) = self
            .counts
            .get_mut(usize::from(first) * 27 + usize::from(second))
        {
            *count = count.saturating_add(1);
            self.total = self.total.saturating_add(1);
        }
    }

    /// Mean bits of a pair when every letter is moved by `places`.
    fn bits(&self, places: usize) -> f32 {
        let moved = |letter: usize| match letter {
            0 => 0,
            letter => (letter - 1 + places) % 26 + 1,
        };
        let mut sum = 0u64;
        for (first, counts) in self.counts.chunks(27).enumerate() {
            let row = BITS.get(moved(first)).copied().unwrap_or(&[b'0'; 27]);
            for (second, count) in counts.iter().enumerate() {
                if *count > 0 {
                    let bits = row.get(moved(second)).map_or(0, |digit| hex(*digit));
                    sum += u64::from(*count) * u64::from(bits);
                }
            }
        }
        sum as f32 / self.total.max(1) as f32
    }

    /// What is wrong with these letters, if it can be told.
    pub(super) fn fault(&self) -> Option<Fault> {
        if self.total < SHIFTED_MIN {
            return None;
        }
        let bits = self.bits(0);
        if bits < SHIFTED_BITS {
            return None;
        }
        let restored = (1..26).map(|n| self.bits(n)).fold(f32::MAX, f32::min);
        if restored <= RESTORED_BITS && bits - restored >= RESTORED_GAIN {
            return Some(Fault::Shifted);
        }
        (self.total >= NONSENSE_MIN && bits >= NONSENSE_BITS).then_some(Fault::Nonsense)
    }
}

fn hex(digit: u8) -> u8 {
    match digit {
        b'a'..=b'f' => digit - b'a' + 10,
        digit => digit.saturating_sub(b'0'),
    }
}

/// The plain letters of a Latin letter with a mark.
fn base(c: char) -> Option<&'static str> {
    Some(match c {
        'à' | 'á' | 'â' | 'ã' | 'ä' | 'å' | 'À' | 'Á' | 'Â' | 'Ã' | 'Ä' | 'Å' => "a",
        'ç' | 'Ç' => "c",
        'è' | 'é' | 'ê' | 'ë' | 'È' | 'É' | 'Ê' | 'Ë' => "e",
        'ì' | 'í' | 'î' | 'ï' | 'Ì' | 'Í' | 'Î' | 'Ï' | 'ı' => "i",
        'ñ' | 'Ñ' => "n",
        'ò' | 'ó' | 'ô' | 'õ' | 'ö' | 'Ò' | 'Ó' | 'Ô' | 'Õ' | 'Ö' => "o",
        'ù' | 'ú' | 'û' | 'ü' | 'Ù' | 'Ú' | 'Û' | 'Ü' => "u",
        'ÿ' | 'ý' | 'Ÿ' | 'Ý' => "y",
        'œ' | 'Œ' => "oe",
        'æ' | 'Æ' => "ae",
        'ß' => "ss",
        _ => return None,
    })
}

/// Words of French administrations without the letters that have accents. None is a word, a name
/// or an abbreviation.
const WITHOUT_ACCENTS: [&str; 32] = [
    "aprs",
    "arrt",
    "bnficiaire",
    "complmentaire",
    "dcembre",
    "dcision",
    "dclaration",
    "dcret",
    "dlai",
    "dlibration",
    "dlibre",
    "dpartement",
    "dpenses",
    "dpt",
    "fvrier",
    "galement",
    "gnral",
    "gnrale",
    "intrt",
    "mtropole",
    "numro",
    "prcise",
    "prfecture",
    "prfet",
    "procdure",
    "prsent",
    "prsente",
    "ralisation",
    "rglement",
    "scurit",
    "socit",
    "tlphone",
];

/// Letters of the shortest and of the longest of them.
const WITHOUT_ACCENTS_LETTERS: std::ops::RangeInclusive<usize> = 3..=13;

/// This many different ones are no accident.
const WITHOUT_ACCENTS_MIN: usize = 3;

/// Signs within words: this many, and one for this many letters. French has an accent every thirty
/// letters.
const WITHIN_MIN: usize = 5;
const WITHIN_SHARE: usize = 100;

/// Whether letters with accents are missing from a page or are something else.
pub(super) fn accents_are_wrong<'a>(lines: impl Iterator<Item = &'a str>) -> bool {
    let (mut letters, mut within) = (0, 0);
    let mut missing: Vec<&str> = Vec::new();
    let mut word = String::new();
    for line in lines {
        // Addresses of the web have all kinds of signs.
        if line.contains("://") || line.contains("www.") {
            continue;
        }
        let (mut two, mut one) = (' ', ' ');
        for c in line.chars().chain([' ']) {
            within += usize::from(is_odd(one) && two.is_lowercase() && c.is_lowercase());
            (two, one) = (one, c);
            if c.is_alphabetic() {
                letters += 1;
                match c.is_ascii() {
                    true => word.push(c.to_ascii_lowercase()),
                    false => word.extend(c.to_lowercase()),
                }
                continue;
            }
            if WITHOUT_ACCENTS_LETTERS.contains(&word.len())
                && let Ok(at) = WITHOUT_ACCENTS.binary_search(&word.as_str())
                && let Some(known) = WITHOUT_ACCENTS.get(at)
                && !missing.contains(known)
            {
                missing.push(known);
            }
            word.clear();
        }
    }
    missing.len() >= WITHOUT_ACCENTS_MIN
        || (within >= WITHIN_MIN && within * WITHIN_SHARE >= letters)
}

/// What never stands between two small letters of a word.
fn is_odd(c: char) -> bool {
    match c {
        '\u{fffd}'
        | '?'
        | '¿'
        | '¬'
        | '¤'
        | '§'
        | '¶'
        | '†'
        | '‡'
        | '±'
        | '©'
        | '®'
        | '¨'
        | '\u{80}'..='\u{9f}' => true,
        c => !c.is_ascii() && c.is_uppercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRENCH: &str = "Autre demande : la commission examine les dossiers complets dans un délai \
        de deux mois ; toute pièce manquante est demandée par courrier au représentant légal de \
        l'association avant la date limite. Les membres présents délibèrent et votent à main levée.";

    fn fault(text: &str) -> Option<Fault> {
        let mut pairs = Pairs::default();
        text.chars().for_each(|c| pairs.add(c));
        pairs.end_word();
        pairs.fault()
    }

    fn moved(text: &str, places: u8) -> String {
        let turn = |c: u8, from: u8| char::from((c - from + places) % 26 + from);
        text.chars()
            .map(|c| match c {
                'a'..='z' => turn(c as u8, b'a'),
                'A'..='Z' => turn(c as u8, b'A'),
                c => c,
            })
            .collect()
    }

    #[test]
    fn every_shift_is_noticed() {
        let short = "Autre demande, commission des associations du quartier";
        for places in 1..26 {
            assert_eq!(
                fault(&moved(FRENCH, places)),
                Some(Fault::Shifted),
                "{places}"
            );
            assert_eq!(
                fault(&moved(short, places)),
                Some(Fault::Shifted),
                "{places}"
            );
            let capitals = moved(FRENCH, places).to_uppercase();
            assert_eq!(fault(&capitals), Some(Fault::Shifted), "{places}");
        }
        // Moved by codes, not by letters: the last ones leave the alphabet.
        let codes: String = FRENCH
            .chars()
            .map(|c| {
                if c.is_ascii() {
                    char::from(c as u8 + 2)
                } else {
                    c
                }
            })
            .collect();
        assert_eq!(fault(&codes.replace('"', " ")), Some(Fault::Shifted));
    }

    #[test]
    fn exchanged_letters_are_noticed() {
        // A few exchanges among two hundred happen to look like a language.
        let (mut seed, mut noticed) = (7u64, 0);
        for _ in 0..200 {
            let mut order: Vec<u8> = (b'a'..=b'z').collect();
            for last in (1..order.len()).rev() {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                order.swap(last, (seed >> 33) as usize % (last + 1));
            }
            let mut pairs = Pairs::default();
            for c in FRENCH.chars().map(|c| c.to_ascii_lowercase()) {
                let exchanged = order.get((c as usize).wrapping_sub(usize::from(b'a')));
                pairs.add(exchanged.map_or(c, |letter| char::from(*letter)));
            }
            noticed += usize::from(pairs.bits(0) > 4.7);
        }
        assert!(noticed >= 190, "{noticed} of 200");
    }

    #[test]
    fn what_makes_sense_is_left_alone() {
        let check = |text: &str| assert_eq!(fault(&text.repeat(4)), None, "{text}");
        check(FRENCH);
        check(&FRENCH.to_uppercase());
        check("The committee considers every complete application within two months of its date. ");
        check("Wszyscy ludzie rodzą się wolni i równi pod względem swej godności i swych praw. ");
        check("Alle Menschen sind frei und gleich an Würde und Rechten geboren. ");
        check("Kaikki ihmiset syntyvät vapaina ja tasavertaisina arvoltaan ja oikeuksiltaan. ");
        check("SIRET APE NAF CERFA RCS TVA INSEE CNRS CPAM URSSAF CAF MSA RSA AAH DGFIP SDIS PLU ");
        check("75X12 AB345CD 12,50 EUR 1 024,00 FR7630001007941234567890185 ");
        check("Kowalczyk Przybylski Nguyen Schwartz Zhang Krzysztof Martin Durand Lefèvre Petit ");
        check("عربي नमस्ते 中文 ");
    }

    #[test]
    fn accents_that_went_wrong_are_noticed() {
        let check = |text: &str, wrong: bool| {
            assert_eq!(accents_are_wrong([text].into_iter()), wrong, "{text}");
        };
        let text = "Après la délibération générale, le présent règlement précise le délai réservé \
                    à la société.";
        check(text, false);
        check(&text.replace(['é', 'è'], ""), true);
        check(&text.replace(['é', 'è'], "\u{fffd}"), true);
        check(&text.replace('é', "È"), true);
        check(
            "Apres la deliberation generale, le present reglement precise le delai.",
            false,
        );
        check(
            "Les habitant·e·s, les élu.e.s, Mme Anne Lefèvre ; OuiCar, iPhone, eBay ?",
            false,
        );
    }

    #[test]
    fn the_list_of_words_is_in_order() {
        assert!(WITHOUT_ACCENTS.is_sorted());
        let lengths = WITHOUT_ACCENTS.map(str::len);
        assert_eq!(lengths.iter().min(), Some(WITHOUT_ACCENTS_LETTERS.start()));
        assert_eq!(lengths.iter().max(), Some(WITHOUT_ACCENTS_LETTERS.end()));
    }
}

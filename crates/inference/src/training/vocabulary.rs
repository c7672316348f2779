//! The tokenizer: pieces of words of both languages, with the unigram model (Kudo 2018).
//!
//! Texts are put in NFKC and lower case, accents kept, and what is neither letter, digit nor one
//! of a few signs becomes a space: "l'école" then has the word of "école", and "mise-à-pied" those
//! of "mise à pied", which matters to a sum of pieces that knows no order.
//!
//! The trainer of the `tokenizers` crate sums in parallel and walks tables in an order that chance
//! decides. Here it gets sorted words, one thread, and the scores of letters that it lists by
//! chance are put in order afterwards.

use std::collections::BTreeMap;

use rayon::prelude::*;
use tokenizers::models::unigram::{Unigram, UnigramTrainer};
use tokenizers::normalizers::replace::ReplacePattern;
use tokenizers::normalizers::{Lowercase, NFKC, Replace, Sequence, Strip};
use tokenizers::pre_tokenizers::metaspace::{Metaspace, PrependScheme};
use tokenizers::{AddedToken, OffsetReferential, OffsetType, PreTokenizedString};
use tokenizers::{Normalizer, PreTokenizer, Tokenizer};

/// Pieces, the unknown one included.
pub const PIECES: usize = 48_000;
/// Letters of the longest piece, the mark of a beginning word included.
const LONGEST_PIECE: usize = 20;
/// A word seen less often trains nothing.
const RAREST_WORD: u32 = 3;
/// A letter seen less often becomes unknown.
const RAREST_LETTER: u64 = 200;
/// The piece of what the vocabulary does not know; its vector is zero.
const UNKNOWN: &str = "[UNK]";
/// What becomes a space.
const SEPARATORS: &str = r"[^\p{L}\p{M}\p{N}%€$£°?]+";
/// Texts whose words are counted in one task.
const PART: usize = 2_000;

/// Why there is no tokenizer.
#[derive(Debug, thiserror::Error)]
pub enum VocabularyError {
    /// The `tokenizers` crate refuses.
    #[error("cannot make the tokenizer: {0}")]
    Tokenizers(#[from] tokenizers::Error),
    /// No pool of one thread.
    #[error("cannot start a thread")]
    Threads(#[from] rayon::ThreadPoolBuildError),
}

/// A tokenizer of [`PIECES`] pieces for `texts`.
///
/// # Errors
/// When the texts have too few words for that many pieces.
pub fn train(texts: &[&str]) -> Result<Tokenizer, VocabularyError> {
    let normalizer = normalizer()?;
    let splitter = splitter();
    let counted: Vec<BTreeMap<String, u32>> = texts
        .par_chunks(PART)
        .map(|part| count(part, &normalizer, &splitter))
        .collect::<Result<_, _>>()?;
    let mut words: BTreeMap<String, u32> = BTreeMap::new();
    for part in counted {
        for (word, times) in part {
            *words.entry(word).or_default() += times;
        }
    }
    let mut letters: BTreeMap<char, u64> = BTreeMap::new();
    for (word, times) in &words {
        for letter in word.chars() {
            *letters.entry(letter).or_default() += u64::from(*times);
        }
    }
    words.retain(|word, times| {
        *times >= RAREST_WORD && word.chars().all(|letter| letters[&letter] >= RAREST_LETTER)
    });
    let trainer = UnigramTrainer::builder()
        .show_progress(false)
        .vocab_size(PIECES as u32)
        .max_piece_length(LONGEST_PIECE)
        .special_tokens(vec![AddedToken::from(UNKNOWN, true)])
        .unk_token(Some(UNKNOWN.into()))
        .build()
        .map_err(|error| tokenizers::Error::from(error.to_string()))?;
    let mut model = Unigram::default();
    rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build()?
        .install(|| trainer.do_train(words.into_iter().collect(), &mut model))?;
    let pieces = in_order(model.iter().cloned().collect());
    assemble(pieces)
}

/// The pieces with the scores of chance-listed letters set anew, best first, to 4 decimals.
fn in_order(pieces: Vec<(String, f64)>) -> Vec<(String, f64)> {
    let long = |piece: &str| piece.chars().count() > 1;
    let floor = pieces
        .iter()
        .skip(1)
        .filter(|(piece, _)| long(piece))
        .map(|(_, score)| *score)
        .fold(0.0, f64::min);
    let mut rare: Vec<String> = Vec::new();
    let mut ordered: Vec<(String, f64)> = Vec::new();
    for (piece, score) in pieces.into_iter().skip(1) {
        if !long(&piece) && score < floor {
            rare.push(piece);
        } else {
            ordered.push((piece, score));
        }
    }
    rare.sort();
    let rare = rare.into_iter().enumerate();
    ordered.extend(rare.map(|(place, piece)| (piece, floor - 0.001 * (place + 1) as f64)));
    for (_, score) in &mut ordered {
        *score = (*score * 1e4).round() / 1e4;
    }
    ordered.sort_by(|(a, x), (b, y)| y.total_cmp(x).then_with(|| a.cmp(b)));
    ordered.insert(0, (UNKNOWN.into(), 0.0));
    ordered
}

fn assemble(pieces: Vec<(String, f64)>) -> Result<Tokenizer, VocabularyError> {
    let model = Unigram::from(pieces, Some(0), false)?;
    let mut tokenizer = Tokenizer::new(model);
    tokenizer
        .with_normalizer(Some(normalizer()?))?
        .with_pre_tokenizer(Some(splitter()));
    Ok(tokenizer)
}

fn normalizer() -> Result<Sequence, VocabularyError> {
    let separators = Replace::new(ReplacePattern::Regex(SEPARATORS.into()), " ")?;
    Ok(Sequence::new(vec![
        NFKC.into(),
        Lowercase.into(),
        separators.into(),
        // A full stop is not a word.
        Strip::new(true, true).into(),
    ]))
}

fn splitter() -> Metaspace {
    Metaspace::new('▁', PrependScheme::Always, true)
}

fn count(
    texts: &[&str],
    normalizer: &Sequence,
    splitter: &Metaspace,
) -> Result<BTreeMap<String, u32>, VocabularyError> {
    let mut words: std::collections::HashMap<String, u32> = std::collections::HashMap::new();
    for text in texts {
        let mut split = PreTokenizedString::from(*text);
        split.normalize(|text| normalizer.normalize(text))?;
        splitter.pre_tokenize(&mut split)?;
        for (word, _, _) in split.get_splits(OffsetReferential::Normalized, OffsetType::Byte) {
            match words.get_mut(word) {
                Some(times) => *times += 1,
                None => {
                    words.insert(word.to_owned(), 1);
                }
            }
        }
    }
    Ok(words.into_iter().collect())
}

/// The pieces of `text`.
///
/// # Errors
/// When the tokenizer fails.
pub fn pieces(tokenizer: &Tokenizer, text: &str) -> Result<Vec<u32>, VocabularyError> {
    Ok(tokenizer.encode_fast(text, false)?.get_ids().to_vec())
}

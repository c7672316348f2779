//! The recogniser's answer: tab-separated rows, one a word, with its place in a tree of blocks,
//! paragraphs and lines, its box in pixels and its confidence.

/// A word as recognised.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Word {
    /// Its block, paragraph in it, and line in that.
    pub(super) line: [u32; 3],
    /// x0, y0, x1, y1 in pixels.
    pub(super) pixels: [f64; 4],
    /// In percent.
    pub(super) confidence: u8,
    pub(super) text: String,
}

/// The words, in the order of the answer. Rows of another level, and rows that are no rows, are
/// passed over: they hold no word.
pub(super) fn words(tsv: &str) -> Vec<Word> {
    tsv.lines().filter_map(word).collect()
}

/// `level page block paragraph line word left top width height confidence text`.
fn word(row: &str) -> Option<Word> {
    let mut columns = row.splitn(12, '\t');
    let mut next = || columns.next();
    if next()? != "5" {
        return None;
    }
    let _page = next()?;
    let mut number = || next()?.trim().parse::<f64>().ok().filter(|n| n.is_finite());
    let line = [number()?, number()?, number()?].map(|n| n as u32);
    let _word = number()?;
    let [left, top, width, height] = [number()?, number()?, number()?, number()?];
    let confidence = number()?.clamp(0.0, 100.0).round() as u8;
    let text = next()?.trim();
    (!text.is_empty()).then(|| Word {
        line,
        pixels: [left, top, left + width, top + height],
        confidence,
        text: text.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_and_other_rows_are_not() {
        let tsv = "level\tpage_num\tblock_num\tpar_num\tline_num\tword_num\tleft\ttop\twidth\theight\tconf\ttext\n\
                   4\t1\t1\t1\t1\t0\t10\t20\t300\t40\t-1\t\n\
                   5\t1\t1\t1\t1\t1\t10\t20\t100\t40\t95.6\tL’été\n\
                   5\t1\t1\t1\t1\t2\t120\t20\t10\t40\t-1\t \n\
                   5\t1\t2\t1\t3\t1\t1\t2\t3\t4\t12\ta\tb\n\
                   5\t1\t2\n";
        let found = words(tsv);
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].text, "L’été");
        assert_eq!(found[0].pixels, [10.0, 20.0, 110.0, 60.0]);
        assert_eq!(found[0].confidence, 96);
        assert_eq!((found[1].line, found[1].text.as_str()), ([2, 1, 3], "a\tb"));
    }

    proptest::proptest! {
        #[test]
        fn any_answer_is_read(tsv in "[5\t0-9.a-zé\n -]{0,400}") {
            for word in words(&tsv) {
                proptest::prop_assert!(word.confidence <= 100 && !word.text.is_empty());
            }
        }
    }
}

//! A synthesis as one HTML file that stands alone: no script, no address, no font of its own; it
//! prints on A4 and reads well in the dark.

use askama::Template;
use insight::page::{Block, Line, Page, ThemeBlock, colon, quotation_marks, without_note};

use crate::synthesis::{Sparkline, sparkline};

const STYLE: &str = include_str!("../assets/paper.css");

#[derive(Template)]
#[template(path = "paper.html")]
struct Paper<'a> {
    page: &'a Page,
    lang: &'static str,
    style: &'static str,
    colon: &'static str,
    without_note: &'static str,
}

/// A figure or a quote, within a sentence or apart.
#[derive(Template)]
#[template(path = "line.html")]
struct Written<'a> {
    line: &'a Line,
    open: &'static str,
    close: &'static str,
    apart: bool,
}

/// The page as HTML.
///
/// # Errors
/// When the template fails, which no content makes it do.
pub fn html(page: &Page) -> Result<String, askama::Error> {
    Paper {
        page,
        lang: page.lang.pick("fr", "en"),
        style: STYLE,
        colon: colon(page.lang),
        without_note: without_note(page.lang),
    }
    .render()
}

impl Paper<'_> {
    fn line<'a>(&self, line: &'a Line) -> Written<'a> {
        self.written(line, false)
    }

    fn quote<'a>(&self, line: &'a Line) -> Written<'a> {
        self.written(line, true)
    }

    fn written<'a>(&self, line: &'a Line, apart: bool) -> Written<'a> {
        let (open, close) = quotation_marks(self.page.lang);
        Written {
            line,
            open,
            close,
            apart,
        }
    }

    fn plot(&self, theme: &ThemeBlock) -> Option<Sparkline> {
        sparkline(&theme.counts, theme.counts_said.clone())
    }
}

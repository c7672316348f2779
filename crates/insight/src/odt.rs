//! A page as an OpenDocument text (ISO/IEC 26300), for those who forward it by mail: headings that
//! a screen reader lists, paragraphs, lists, and no date of its own, so that the same page is the
//! same bytes.

use std::fmt::Write as _;
use std::io::{Cursor, Write as _};

use domain::Lang;
use zip::result::ZipResult;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use crate::page::{
    AlertBlock, Block, Brief, Line, Page, Table, ThemeBlock, colon, quotation_marks, without_note,
};

const MEDIA_TYPE: &str = "application/vnd.oasis.opendocument.text";

const MANIFEST: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0" manifest:version="1.3"><manifest:file-entry manifest:full-path="/" manifest:version="1.3" manifest:media-type="application/vnd.oasis.opendocument.text"/><manifest:file-entry manifest:full-path="content.xml" manifest:media-type="text/xml"/><manifest:file-entry manifest:full-path="styles.xml" manifest:media-type="text/xml"/><manifest:file-entry manifest:full-path="meta.xml" manifest:media-type="text/xml"/></manifest:manifest>
"#;

const NAMESPACES: &str = r#"xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" xmlns:style="urn:oasis:names:tc:opendocument:xmlns:style:1.0" xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" xmlns:fo="urn:oasis:names:tc:opendocument:xmlns:xsl-fo-compatible:1.0" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:meta="urn:oasis:names:tc:opendocument:xmlns:meta:1.0" office:version="1.3""#;

/// A4, one font that every machine replaces by its own, headings kept with what follows.
const STYLES: &str = r#"<office:styles><style:default-style style:family="paragraph"><style:paragraph-properties fo:margin-bottom="0.15cm"/><style:text-properties fo:font-family="Liberation Sans" fo:font-size="11pt" fo:language="{language}" fo:country="{country}"/></style:default-style><style:style style:name="Standard" style:family="paragraph"/><style:style style:name="Title" style:family="paragraph" style:parent-style-name="Standard"><style:text-properties fo:font-size="18pt" fo:font-weight="bold"/></style:style><style:style style:name="Heading_20_2" style:display-name="Heading 2" style:family="paragraph" style:parent-style-name="Standard" style:default-outline-level="2"><style:paragraph-properties fo:margin-top="0.5cm" fo:keep-with-next="always"/><style:text-properties fo:font-size="14pt" fo:font-weight="bold"/></style:style><style:style style:name="Heading_20_3" style:display-name="Heading 3" style:family="paragraph" style:parent-style-name="Standard" style:default-outline-level="3"><style:paragraph-properties fo:margin-top="0.3cm" fo:keep-with-next="always"/><style:text-properties fo:font-weight="bold"/></style:style><style:style style:name="Quotations" style:family="paragraph" style:parent-style-name="Standard"><style:paragraph-properties fo:margin-left="0.8cm" fo:border-left="0.06cm solid #7d8492" fo:padding-left="0.3cm"/></style:style><style:style style:name="Said" style:family="paragraph" style:parent-style-name="Standard"><style:text-properties fo:font-weight="bold"/></style:style><style:style style:name="Strong" style:family="text"><style:text-properties fo:font-weight="bold"/></style:style><text:list-style style:name="Bullets"><text:list-level-style-bullet text:level="1" text:bullet-char="•"><style:list-level-properties text:list-level-position-and-space-mode="label-alignment"><style:list-level-label-alignment text:label-followed-by="listtab" text:list-tab-stop-position="0.6cm" fo:text-indent="-0.4cm" fo:margin-left="0.6cm"/></style:list-level-properties></text:list-level-style-bullet></text:list-style></office:styles><office:automatic-styles><style:page-layout style:name="A4"><style:page-layout-properties fo:page-width="21cm" fo:page-height="29.7cm" fo:margin="2cm"/></style:page-layout></office:automatic-styles><office:master-styles><style:master-page style:name="Standard" style:page-layout-name="A4"/></office:master-styles>"#;

/// The page as the bytes of an `.odt` file.
///
/// # Errors
/// When it does not fit a ZIP archive.
pub fn odt(page: &Page) -> ZipResult<Vec<u8>> {
    let stored = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .last_modified_time(DateTime::default());
    let packed = stored.compression_method(CompressionMethod::Deflated);
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    // First and not compressed, so that the kind of file shows in its first bytes.
    zip.start_file("mimetype", stored)?;
    zip.write_all(MEDIA_TYPE.as_bytes())?;
    for (name, content) in [
        ("content.xml", content(page)),
        ("styles.xml", styles(page.lang)),
        ("meta.xml", meta(page)),
        ("META-INF/manifest.xml", MANIFEST.to_owned()),
    ] {
        zip.start_file(name, packed)?;
        zip.write_all(content.as_bytes())?;
    }
    Ok(zip.finish()?.into_inner())
}

fn styles(lang: Lang) -> String {
    let styles = STYLES
        .replace("{language}", lang.pick("fr", "en"))
        .replace("{country}", lang.pick("FR", "GB"));
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<office:document-styles {NAMESPACES}>{styles}</office:document-styles>\n"
    )
}

fn meta(page: &Page) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<office:document-meta {NAMESPACES}><office:meta><meta:generator>Greffier</meta:generator><dc:title>{}</dc:title><dc:language>{}</dc:language></office:meta></office:document-meta>\n",
        escape(&page.title),
        page.lang.pick("fr-FR", "en-GB")
    )
}

fn content(page: &Page) -> String {
    let mut writer = Writer {
        out: String::new(),
        lang: page.lang,
    };
    writer.push(format_args!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<office:document-content {NAMESPACES}><office:body><office:text>"
    ));
    // The title is the first level of the outline, so that headings nest without a gap.
    writer.push(format_args!(
        "<text:h text:style-name=\"Title\" text:outline-level=\"1\">{}</text:h>",
        escape(&page.title)
    ));
    writer.paragraph("Standard", &escape(&page.about));
    writer.paragraph("Standard", &escape(&page.promise));
    for section in &page.sections {
        writer.heading(2, &section.title);
        for block in &section.blocks {
            writer.block(block);
        }
    }
    if let Some(foot) = &page.foot {
        writer.paragraph("Standard", &escape(foot));
    }
    writer.push(format_args!(
        "</office:text></office:body></office:document-content>\n"
    ));
    writer.out
}

struct Writer {
    out: String,
    lang: Lang,
}

impl Writer {
    fn push(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _ = self.out.write_fmt(text);
    }

    fn heading(&mut self, level: u8, text: &str) {
        self.push(format_args!(
            "<text:h text:style-name=\"Heading_20_{level}\" text:outline-level=\"{level}\">{}</text:h>",
            escape(text)
        ));
    }

    /// A paragraph of text that is escaped already.
    fn paragraph(&mut self, style: &str, escaped: &str) {
        self.push(format_args!(
            "<text:p text:style-name=\"{style}\">{escaped}</text:p>"
        ));
    }

    fn bullets(&mut self, items: impl Iterator<Item = String>) {
        let items: Vec<String> = items.collect();
        if items.is_empty() {
            return;
        }
        self.push(format_args!("<text:list text:style-name=\"Bullets\">"));
        for item in items {
            self.push(format_args!("<text:list-item>"));
            self.paragraph("Standard", &item);
            self.push(format_args!("</text:list-item>"));
        }
        self.push(format_args!("</text:list>"));
    }

    fn block(&mut self, block: &Block) {
        match block {
            Block::Nothing(text) => self.paragraph("Standard", &escape(text)),
            Block::Alert(alert) => self.alert(alert),
            Block::Theme(theme) => self.theme(theme),
            Block::Brief { title, lines } => {
                if let Some(title) = title {
                    self.heading(3, title);
                }
                let items: Vec<String> = lines.iter().map(|line| self.brief(line)).collect();
                self.bullets(items.into_iter());
            }
            Block::List(lines) => {
                let items: Vec<String> = lines.iter().map(|line| self.said(line)).collect();
                self.bullets(items.into_iter());
            }
            Block::Table(table) => self.table(table),
        }
    }

    fn table(&mut self, table: &Table) {
        self.paragraph("Said", &escape(&table.caption));
        self.push(format_args!(
            "<table:table table:name=\"{}\"><table:table-column table:number-columns-repeated=\"{}\"/><table:table-header-rows>",
            escape(&table.caption),
            table.header.len()
        ));
        self.row("Said", &table.header);
        self.push(format_args!("</table:table-header-rows>"));
        for row in &table.rows {
            self.row("Standard", row);
        }
        self.push(format_args!("</table:table>"));
    }

    fn row(&mut self, style: &str, cells: &[String]) {
        self.push(format_args!("<table:table-row>"));
        for cell in cells {
            self.push(format_args!(
                "<table:table-cell office:value-type=\"string\">"
            ));
            self.paragraph(style, &escape(cell));
            self.push(format_args!("</table:table-cell>"));
        }
        self.push(format_args!("</table:table-row>"));
    }

    fn alert(&mut self, alert: &AlertBlock) {
        self.heading(3, &format!("{}. {}", alert.number, alert.title));
        self.paragraph("Said", &escape(&alert.statement));
        self.quotes(&alert.evidence);
        for (label, said) in &alert.facts {
            let text = format!("{}{} {}", escape(label), colon(self.lang), escape(said));
            self.paragraph("Standard", &text);
        }
    }

    fn theme(&mut self, theme: &ThemeBlock) {
        self.heading(3, &format!("{} ({})", theme.name, theme.trend));
        let figures: Vec<String> = theme.figures.iter().map(|line| self.said(line)).collect();
        self.bullets(figures.into_iter());
        self.quotes(&theme.quotes);
    }

    fn quotes(&mut self, lines: &[Line]) {
        for line in lines {
            let said = self.said(line);
            self.paragraph("Quotations", &said);
        }
    }

    fn brief(&self, brief: &Brief) -> String {
        let mut said: Vec<String> = brief.lines.iter().map(|line| self.said(line)).collect();
        if said.is_empty() {
            said.push(without_note(self.lang).to_owned());
        }
        format!(
            "<text:span text:style-name=\"Strong\">{}</text:span> ({}){} {}",
            escape(&brief.name),
            escape(&brief.said),
            colon(self.lang),
            said.join(" ")
        )
    }

    fn said(&self, line: &Line) -> String {
        match line {
            Line::Figure(text) => escape(text),
            Line::Quote(quote) => {
                let (open, close) = quotation_marks(self.lang);
                format!(
                    "{open}{}{close} ({})",
                    escape(&quote.text),
                    escape(&quote.report)
                )
            }
        }
    }
}

/// Text as XML holds it: what XML 1.0 does not allow becomes a space.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\u{fffe}' | '\u{ffff}' => out.push(' '),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_xml_forbids_or_reads_is_shown_and_never_interpreted() {
        assert_eq!(
            escape("<text:p>a & \"b\"\u{1}\u{ffff}"),
            "&lt;text:p&gt;a &amp; &quot;b&quot;  "
        );
    }
}

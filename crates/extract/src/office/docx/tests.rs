//! What a Word document says, built here part by part.

use std::io::{Cursor, Write};

use domain::{Note, NoteCode, Span};
use zip::write::SimpleFileOptions;

use crate::{Budgets, Extraction, Input, extract};

fn docx(parts: &[(&str, &str)]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in parts {
        writer
            .start_file(*name, SimpleFileOptions::default())
            .unwrap();
        writer.write_all(content.as_bytes()).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn read(parts: &[(&str, &str)], budgets: &Budgets) -> Extraction {
    let bytes = docx(parts);
    let input = Input {
        bytes: &bytes,
        file_name: Some("lettre.docx"),
        media_type: None,
        ..Input::default()
    };
    extract(&input, budgets)
}

fn check(body: &str, text: &str) -> Extraction {
    let document = format!("<w:document xmlns:w='w'><w:body>{body}</w:body></w:document>");
    let read = read(&[("word/document.xml", &document)], &Budgets::default());
    assert_eq!(read.text.as_str(), text);
    read
}

#[test]
fn reads_paragraphs_tables_and_shapes() {
    let p = |text: &str| format!("<w:p><w:r><w:t>{text}</w:t></w:r></w:p>");
    let cell = |inner: &str| format!("<w:tc>{inner}</w:tc>");
    let long = "Je vous prie de bien vouloir trouver ci-joint le dossier complet demandé.";
    let body = [
        p("Anne Roy"),
        p("12, rue des Lilas"),
        "<w:p/>".into(),
        p(&format!("{long} A &amp; B &#233;")),
        format!(
            "<w:tbl><w:tr>{}{}</w:tr><w:tr>{}{}</w:tr></w:tbl>",
            cell(&p("Téléphone")),
            cell(&(p("06 00") + &p("00 00"))),
            cell(&p("Ville")),
            cell(&format!(
                "<w:tbl><w:tr>{}{}</w:tr></w:tbl>",
                cell(&p("x")),
                cell(&p("y"))
            )),
        ),
        format!(
            "<w:p><w:r><w:t>Avant</w:t></w:r><mc:AlternateContent><mc:Choice>\
             <w:txbxContent>{}</w:txbxContent></mc:Choice><mc:Fallback>\
             <w:txbxContent>{}</w:txbxContent></mc:Fallback></mc:AlternateContent>\
             <w:r><w:t xml:space='preserve'> après</w:t><w:delText>non</w:delText></w:r></w:p>",
            p("Forme"),
            p("Forme")
        ),
    ]
    .concat();
    let read = check(
        &body,
        &format!(
            "Anne Roy\n12, rue des Lilas\n\n{long} A & B é\n\n\
             Téléphone\t06 00 00 00\nVille\tx y\n\nForme\nAvant après"
        ),
    );
    let field = read.layout.field("Téléphone").unwrap();
    assert_eq!(
        Span::of(field.span.unwrap(), &read.text),
        Some("06 00 00 00")
    );
}

#[test]
fn headers_are_said_once_and_the_title_is_found() {
    let text = |t: &str| format!("<w:hdr><w:p><w:r><w:t>{t}</w:t></w:r></w:p></w:hdr>");
    let read = read(
        &[
            (
                "docProps/core.xml",
                "<cp><dc:title>Demande d&apos;aide</dc:title></cp>",
            ),
            ("word/header2.xml", &text("Mairie")),
            ("word/header1.xml", &text("Mairie")),
            ("word/document.xml", &text("Corps")),
            ("word/footer1.xml", &text("Page")),
        ],
        &Budgets::default(),
    );
    assert_eq!(read.text.as_str(), "Mairie\n\nCorps\n\nPage");
    assert_eq!(read.layout.title.as_deref(), Some("Demande d'aide"));
}

#[test]
fn bombs_and_broken_parts_are_noted() {
    let budgets = Budgets {
        stream_bytes: 1000,
        depth: 20,
        ..Budgets::default()
    };
    let details = |read: Extraction| -> Vec<_> {
        read.layout
            .notes
            .into_iter()
            .filter_map(|note| note.detail)
            .collect()
    };
    let bomb = "x".repeat(10_000);
    assert_eq!(
        details(read(&[("word/document.xml", &bomb)], &budgets)),
        ["stream_bytes 1000"]
    );
    let deep = "<w:tbl><w:tr><w:tc>".repeat(40);
    assert_eq!(
        details(read(&[("word/document.xml", &deep)], &budgets)),
        ["depth 20"]
    );
    let cut = "<w:p><w:r><w:t>Lu</w:t></w:r></w:p><w:p a='";
    let cut = read(&[("word/document.xml", cut)], &budgets);
    assert_eq!(cut.text.as_str(), "Lu");
    assert_eq!(details(cut), ["WordprocessingML"]);
}

fn document(body: &str) -> String {
    format!("<w:document xmlns:w='w'><w:body>{body}</w:body></w:document>")
}

fn fields(read: &Extraction) -> Vec<String> {
    let show = |field: &domain::Field| {
        let said = field.span.and_then(|span| Span::of(span, &read.text));
        format!(
            "{} [{}] {:?} {:?} {:?} @{:?}",
            field.name,
            field.label.as_deref().unwrap_or_default(),
            field.kind,
            field.value.as_deref().unwrap_or_default(),
            field.checked,
            said.unwrap_or_default()
        )
    };
    read.layout.fields.iter().map(show).collect()
}

#[test]
fn content_controls_are_fields() {
    let t = |text: &str| format!("<w:r><w:t xml:space='preserve'>{text}</w:t></w:r>");
    let sdt = |props: &str, text: &str| {
        format!(
            "<w:sdt><w:sdtPr>{props}</w:sdtPr><w:sdtContent>{}</w:sdtContent></w:sdt>",
            t(text)
        )
    };
    let choice = format!(
        "<w:sdt><w:sdtPr><w:dropDownList><w:listItem w:displayText='samedi' w:value='1'/><w:listItem w:value='dimanche'/></w:dropDownList></w:sdtPr><w:sdtContent><w:p>{}</w:p></w:sdtContent></w:sdt>",
        t("samedi")
    );
    let body = [
        format!(
            "<w:p>{}{}</w:p>",
            t("Nom : "),
            sdt("<w:tag w:val='nom'/><w:text/>", "Le Gall été")
        ),
        format!(
            "<w:p>{}{}</w:p>",
            t("Né le : "),
            sdt("<w:showingPlcHdr/><w:date/>", "Cliquez ici")
        ),
        format!(
            "<w:p>{}{}{}{}</w:p>",
            sdt(
                "<w14:checkbox><w14:checked w14:val='1'/></w14:checkbox>",
                "☒"
            ),
            t(" Oui "),
            sdt(
                "<w14:checkbox><w14:checked w14:val='0'/></w14:checkbox>",
                "☐"
            ),
            t(" Non")
        ),
        format!(
            "<w:tbl><w:tr><w:tc><w:p>{}</w:p></w:tc><w:tc>{}</w:tc></w:tr></w:tbl>",
            t("Jour"),
            choice
        ),
        sdt("<w:docPartObj/><w:alias w:val='Sommaire'/>", ""),
    ]
    .concat();
    let read = check(
        &body,
        "Nom : Le Gall été\nNé le : Cliquez ici\n☒ Oui ☐ Non\n\nJour\tsamedi",
    );
    assert_eq!(
        fields(&read),
        [
            "nom [Nom] Text \"Le Gall été\" None @\"Le Gall été\"",
            "Né le [Né le] Text \"\" None @\"\"",
            "Oui [Oui] Checkbox \"1\" Some(true) @\"\"",
            "Non [Non] Checkbox \"\" Some(false) @\"\"",
            "Jour [Jour] Choice \"samedi\" None @\"\"",
            // What a control around the paragraph shows is also read as a pair.
            "Jour [Jour] Pair \"samedi\" None @\"samedi\"",
        ]
    );
    assert_eq!(read.layout.fields[4].options, ["samedi", "dimanche"]);
}

#[test]
fn legacy_form_fields_are_fields() {
    let field = |data: &str, result: &str| {
        format!(
            "<w:r><w:fldChar w:fldCharType='begin'><w:ffData>{data}</w:ffData></w:fldChar></w:r><w:r><w:instrText> FORM </w:instrText></w:r>{result}<w:r><w:fldChar w:fldCharType='end'/></w:r>"
        )
    };
    let body = format!(
        "<w:p><w:r><w:t xml:space='preserve'>Nom : </w:t></w:r>{}</w:p><w:p>{}<w:r><w:t xml:space='preserve'> Avec buvette </w:t></w:r>{}</w:p>",
        field(
            "<w:name w:val='Texte1'/><w:textInput/>",
            "<w:r><w:fldChar w:fldCharType='separate'/></w:r><w:r><w:t>Roy</w:t></w:r>"
        ),
        field(
            "<w:name w:val='CaseACocher1'/><w:checkBox><w:default w:val='0'/><w:checked/></w:checkBox>",
            ""
        ),
        field(
            "<w:name w:val='Liste1'/><w:ddList><w:result w:val='1'/><w:listEntry w:val='a'/><w:listEntry w:val='b'/></w:ddList>",
            ""
        ),
    );
    let read = check(&body, "Nom : Roy\n☒ Avec buvette b");
    assert_eq!(
        fields(&read),
        [
            "Texte1 [Nom] Text \"Roy\" None @\"Roy\"",
            "CaseACocher1 [Avec buvette] Checkbox \"1\" Some(true) @\"\"",
            "Liste1 [Avec buvette] Choice \"b\" None @\"b\"",
        ]
    );
}

#[test]
fn headings_lists_and_their_numbers_are_known() {
    let styles = "<w:styles><w:style w:type='paragraph' w:styleId='Titre'><w:name w:val='Title'/></w:style>\
        <w:style w:type='paragraph' w:styleId='T1'><w:name w:val='heading 1'/><w:pPr><w:numPr><w:numId w:val='1'/></w:numPr></w:pPr></w:style>\
        <w:style w:type='paragraph' w:styleId='MonTitre'><w:basedOn w:val='T2'/></w:style>\
        <w:style w:type='paragraph' w:styleId='T2'><w:name w:val='heading 2'/><w:basedOn w:val='MonTitre'/></w:style></w:styles>";
    let numbering = "<w:numbering><w:abstractNum w:abstractNumId='0'><w:lvl w:ilvl='0'><w:start w:val='1'/><w:numFmt w:val='upperRoman'/><w:lvlText w:val='Article %1'/></w:lvl>\
        <w:lvl w:ilvl='1'><w:start w:val='1'/><w:numFmt w:val='lowerLetter'/><w:lvlText w:val='%1.%2)'/></w:lvl></w:abstractNum>\
        <w:abstractNum w:abstractNumId='1'><w:lvl w:ilvl='0'><w:numFmt w:val='bullet'/><w:lvlText w:val='o'/></w:lvl></w:abstractNum>\
        <w:num w:numId='1'><w:abstractNumId w:val='0'/></w:num><w:num w:numId='2'><w:abstractNumId w:val='1'/></w:num></w:numbering>";
    let p = |properties: &str, text: &str| {
        format!("<w:p><w:pPr>{properties}</w:pPr><w:r><w:t>{text}</w:t></w:r></w:p>")
    };
    let list = |id: u32, level: u32| {
        format!("<w:numPr><w:ilvl w:val='{level}'/><w:numId w:val='{id}'/></w:numPr>")
    };
    let style = |id: &str| format!("<w:pStyle w:val='{id}'/>");
    let body = [
        p(&style("Titre"), "Arrêté"),
        p(&style("T1"), "Objet"),
        p(&list(1, 1), "un"),
        p(&list(1, 1), "deux"),
        p(&style("T1"), "Durée"),
        p(&style("MonTitre"), "Détail"),
        p(&list(2, 0), "point"),
        p("<w:numPr><w:numId w:val='0'/></w:numPr>", "texte"),
    ]
    .concat();
    let read = read(
        &[
            ("word/styles.xml", styles),
            ("word/numbering.xml", numbering),
            ("word/document.xml", &document(&body)),
        ],
        &Budgets::default(),
    );
    assert_eq!(
        read.text.as_str(),
        "Arrêté\n\nArticle I Objet\n\nI.a) un\nI.b) deux\n\nArticle II Durée\n\nDétail\n\n• point\n\ntexte"
    );
    let roles: Vec<_> = read.layout.pages[0].blocks.iter().map(|b| b.role).collect();
    use domain::BlockRole::{Heading, List, Subheading, Text, Title};
    assert_eq!(
        roles,
        [Title, Heading, List, Heading, Subheading, List, Text]
    );
}

#[test]
fn comments_hidden_text_and_embedded_files_are_said() {
    let run = |properties: &str, text: &str| {
        format!("<w:r><w:rPr>{properties}</w:rPr><w:t xml:space='preserve'>{text}</w:t></w:r>")
    };
    let body = format!(
        "<w:p>{}{}</w:p><w:p><w:ins>{}</w:ins><w:del><w:r><w:delText>supprimé</w:delText></w:r></w:del></w:p>",
        run("", "Vu"),
        run("<w:vanish/>", " caché"),
        run("<w:vanish w:val='0'/>", "ajouté"),
    );
    let read = read(
        &[
            ("word/document.xml", &document(&body)),
            (
                "word/comments.xml",
                "<w:comments><w:comment w:author='Anne Roy'><w:p><w:r><w:t>À vérifier</w:t></w:r></w:p></w:comment></w:comments>",
            ),
            ("word/embeddings/budget.xlsx", "PK"),
            ("word/media/logo.png", "x"),
        ],
        &Budgets::default(),
    );
    assert_eq!(
        read.text.as_str(),
        "Vu caché\najouté\n\n[Commentaire, Anne Roy] À vérifier"
    );
    let names: Vec<_> = read
        .layout
        .attachments
        .iter()
        .map(|a| a.name.as_str())
        .collect();
    assert_eq!(names, ["budget.xlsx"]);
    assert_eq!(read.layout.notes[0].code, domain::NoteCode::HiddenText);
}

#[test]
fn a_scan_pasted_into_a_document_is_an_attachment() {
    let read = read(
        &[
            (
                "word/document.xml",
                &document("<w:p><w:r><w:drawing/></w:r></w:p>"),
            ),
            ("word/media/image1.jpeg", "x"),
        ],
        &Budgets::default(),
    );
    assert_eq!(read.children[0].media_type, "image/jpeg");
}

#[test]
fn a_scan_pasted_into_a_letter_is_an_attachment() {
    let scan = "x".repeat(20_001);
    let relationship = |of: &str| {
        format!(
            "<Relationships><Relationship Id='r1' Type='x/image' Target='media/{of}'/></Relationships>"
        )
    };
    let read = read(
        &[
            (
                "word/document.xml",
                &document("<w:p><w:r><w:t>Voici ma carte</w:t></w:r></w:p>"),
            ),
            ("word/header1.xml", "<w:hdr/>"),
            ("word/_rels/header1.xml.rels", &relationship("logo.png")),
            ("word/media/logo.png", &scan),
            ("word/media/image1.jpeg", &scan),
            ("word/media/image2.png", "x"),
        ],
        &Budgets::default(),
    );
    let names: Vec<_> = read.children.iter().map(|child| &child.name).collect();
    assert_eq!(names, ["image1.jpeg"]);
}

#[test]
fn the_package_says_which_part_is_the_main_one() {
    let main = document("<w:p><w:r><w:t>Bonjour</w:t></w:r></w:p>");
    let relationships = "<Relationships><Relationship Id='r1' \
        Type='http://x/relationships/officeDocument' Target='word/principal.xml'/></Relationships>";
    let parts = [
        ("[Content_Types].xml", "<Types/>"),
        ("_rels/.rels", relationships),
        ("word/principal.xml", &main),
    ];
    let read = |parts: &[(&str, &str)]| read(parts, &Budgets::default());
    let whole = read(&parts);
    assert_eq!(whole.text.as_str(), "Bonjour");
    assert!(whole.layout.notes.is_empty(), "{:?}", whole.layout.notes);
    let lost = read(&[parts[0], parts[2]]);
    let note = Note::document(NoteCode::DamagedFile, "DOCX: main part".to_owned());
    assert_eq!(lost.layout.notes, [note]);
    let blank = read(&[("word/document.xml", &document("<w:p/>"))]);
    assert_eq!(blank.layout.notes, [Note::document(NoteCode::Empty, None)]);
}

#[test]
fn latin_1_and_characters_of_several_bytes_keep_their_places() {
    let text = "<?xml version='1.0' encoding='ISO-8859-1'?><w:p><w:r><w:t>Prénom : Zoé\u{e0}</w:t></w:r></w:p>";
    let latin: Vec<u8> = text
        .chars()
        .map(|c| u8::try_from(u32::from(c)).unwrap())
        .collect();
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    writer
        .start_file("word/document.xml", SimpleFileOptions::default())
        .unwrap();
    writer.write_all(&latin).unwrap();
    let bytes = writer.finish().unwrap().into_inner();
    let input = Input {
        bytes: &bytes,
        ..Input::default()
    };
    let read = extract(&input, &Budgets::default());
    let field = read.layout.field("Prénom").unwrap();
    assert_eq!(Span::of(field.span.unwrap(), &read.text), Some("Zoéà"));
}

#[test]
fn entities_are_not_expanded() {
    let bomb = "<!DOCTYPE x [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;&a;'>]><w:p><w:r><w:t>un &b; deux</w:t></w:r></w:p>";
    let read = read(&[("word/document.xml", bomb)], &Budgets::default());
    assert_eq!(read.text.as_str(), "un &b; deux");
    let note = Note::document(NoteCode::UnexpandedReference, "WordprocessingML".to_owned());
    assert_eq!(read.layout.notes, [note]);
}

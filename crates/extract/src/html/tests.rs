use domain::NoteCode;

use crate::{Budgets, Input, extract};

fn check(html: &str, title: Option<&str>, text: &str) {
    let input = Input {
        bytes: html.as_bytes(),
        file_name: Some("page.html"),
        media_type: None,
        ..Input::default()
    };
    let extraction = extract(&input, &Budgets::default());
    assert_eq!(extraction.text.as_str(), text);
    assert_eq!(extraction.layout.title.as_deref(), title);
}

#[test]
fn keeps_blocks_lines_and_rows() {
    check(
        "<!doctype html><title>Avis &amp; arrêtés</title><style>p{}</style><script>if(a<b){}</script>\
         <h1>Travaux</h1><p>La rue\n est <a href='x'>fermée</a>.<br>Merci.</p>\
         <ul><li>un<li>deux</ul><table><tr><th>Nom<th>Ville<tr><td>A &eacute;<td><p>B</p></table>fin",
        Some("Avis & arrêtés"),
        "Travaux\n\nLa rue est fermée.\nMerci.\n\nun\ndeux\n\nNom\tVille\nA é\tB\n\nfin",
    );
}

#[test]
fn blocks_say_what_they_are() {
    let html = "<html><h1>Demande</h1><p>Un<h2>Pièces<p>deux<ul><li>a<li>b</ul>fin\
        <table><tr><td>x<td>y</table>";
    let input = Input {
        bytes: html.as_bytes(),
        ..Input::default()
    };
    let read = extract(&input, &Budgets::default());
    let roles: Vec<_> = (read.layout.pages[0].blocks.iter())
        .map(|block| block.role)
        .collect();
    use domain::BlockRole::{Heading, List, Table, Text, Title};
    assert_eq!(roles, [Title, Text, Heading, Text, List, Text, Table]);
}

#[test]
fn a_receipt_is_read_as_fields() {
    let html = "<html><p>Nom et prénom : Roy Anaïs</p>\
        <dl><dt>Zone :</dt><dd>Centre</dd><dt>Sans suite<dt>Durée<dd>un an<dd>deux ans</dl>\
        <table><tr><th>Téléphone<td>06 39 98 00 00</table>";
    let input = Input {
        bytes: html.as_bytes(),
        ..Input::default()
    };
    let read = extract(&input, &Budgets::default());
    assert_eq!(
        read.text.as_str(),
        "Nom et prénom : Roy Anaïs\n\nZone : Centre\nSans suite\nDurée : un an\ndeux ans\n\n\
         Téléphone\t06 39 98 00 00"
    );
    let value = |name: &str| {
        read.layout
            .field(name)
            .and_then(|field| field.value.as_deref())
    };
    assert_eq!(value("Nom et prénom"), Some("Roy Anaïs"));
    assert_eq!(value("Zone"), Some("Centre"));
    assert_eq!(value("Durée"), Some("un an"));
    assert_eq!(value("Téléphone"), Some("06 39 98 00 00"));
}

#[test]
fn tables_that_arrange_the_page_are_read_as_text() {
    check(
        "<html><table><tr><td><table><tr><td><p>Bonjour,</p><p>La salle est libre.</p>\
         </td></tr></table></td></tr></table>",
        None,
        "Bonjour,\nLa salle est libre.",
    );
    let long = "mot ".repeat(60);
    check(
        &format!("<html><table><tr><td>menu</td><td><p>{long}</p><p>fin</p></td></tr></table>"),
        None,
        &format!("menu\n\n{}\nfin", long.trim()),
    );
}

fn notes(html: &str, budgets: &Budgets) -> Vec<(NoteCode, Option<String>)> {
    let input = Input {
        bytes: html.as_bytes(),
        ..Input::default()
    };
    let notes = extract(&input, budgets).layout.notes;
    notes.into_iter().map(|n| (n.code, n.detail)).collect()
}

#[test]
fn white_space_is_not_counted_and_a_cut_is_said() {
    let budgets = Budgets {
        characters: 20,
        ..Budgets::default()
    };
    let spaces = " ".repeat(1_000);
    let html = format!("<html><p>un{spaces}deux</p><p>trois éééé</p>");
    assert_eq!(notes(&html, &budgets), []);
    let cut = (NoteCode::BudgetReached, Some("characters 20".to_owned()));
    let html = format!("{html}<p>trop long</p>");
    assert_eq!(notes(&html, &budgets), [cut]);
}

#[test]
fn what_swallows_the_end_is_said() {
    let unclosed = (NoteCode::DamagedFile, Some("unclosed element".to_owned()));
    for html in ["un<script>x", "un<style>x", "un<template><p>x"] {
        let html = format!("<html><p>{html}");
        assert_eq!(
            notes(&html, &Budgets::default()),
            std::slice::from_ref(&unclosed)
        );
    }
}

#[test]
fn attributes_without_end_cost_nothing() {
    let many: String = (0..300_000).map(|i| format!(" a{i}=\">\"")).collect();
    let long = (NoteCode::BudgetReached, Some("attributes 256".to_owned()));
    let html = format!("<html><!-- <a b=' --><p{many}>un<script>a<b '</script><p{many}>deux");
    check(&html, None, "un\n\ndeux");
    assert_eq!(notes(&html, &Budgets::default()), [long]);
    let honest = format!("<html><img src='{}'>un", "ab/c ".repeat(10_000));
    assert_eq!(notes(&honest, &Budgets::default()), []);
}

#[test]
fn form_controls_are_fields() {
    let html = "<html><form><label for=n>Nom</label><input id=n name=nom value=DUPONT>\
        <input type=hidden value=x><input type=submit value=y>\
        <p><label>Accord <input type=checkbox name=a checked></label>\
        <p><input type=radio name=c>Madame <input type=radio name=c value=m checked> Monsieur\
        <p>Objet : <textarea name=t>Une\n fuite</textarea>\
        <p>Zone <select name=z><option>un<option selected>deux</select>\
        <table><tr><td>Ville<td><input name=v value=Gué><tr><td>Pays<td><input></table>\
        <input name=p placeholder=Précisions><select><option>x";
    let input = Input {
        bytes: html.as_bytes(),
        ..Input::default()
    };
    let read = extract(&input, &Budgets::default());
    assert_eq!(
        read.text.as_str(),
        "Nom DUPONT\n\nAccord ☒\n\n☐ Madame ☒ Monsieur\n\nObjet : Une fuite\n\nZone deux\n\n\
         Ville\tGué\nPays"
    );
    let fields: Vec<_> = (read.layout.fields.iter())
        .map(|field| {
            let span = field
                .span
                .and_then(|span| domain::Span::of(span, &read.text));
            let label = field.label.as_deref().unwrap_or_default();
            let value = field.value.as_deref().unwrap_or_default();
            if field.checked.is_none() {
                assert_eq!(span.unwrap_or_default(), value);
            }
            (field.name.as_str(), label, value)
        })
        .collect();
    assert_eq!(
        fields,
        [
            ("nom", "Nom", "DUPONT"),
            ("a", "Accord", "on"),
            ("c", "Madame", ""),
            ("c", "Monsieur", "m"),
            ("t", "Objet", "Une fuite"),
            ("z", "Zone", "deux"),
            ("v", "Ville", "Gué"),
            ("Pays", "Pays", ""),
            ("p", "Précisions", ""),
            ("field_10", "", ""),
        ]
    );
    assert_eq!(read.layout.fields[5].options, ["un", "deux"]);
}

#[test]
fn nesting_costs_nothing() {
    let html = format!("<html>{}fond", "<div>".repeat(300_000));
    check(&html, None, "fond");
    let html = format!("<html>{}fond", "<table><tr><td>".repeat(100_000));
    check(&html, None, "fond");
}

#[test]
fn unfinished_markup_is_read_as_far_as_it_goes() {
    check("<html><p>un<b>deux <script>x", None, "undeux");
    check(
        "<html><p>un<object data=x><p>deux<svg><title>d</title><text>trois</text></svg><noscript>quatre",
        None,
        "un\n\ndeuxd\ntrois\nquatre",
    );
    check(
        "<html><title>Avis<body><p>un</p>deux",
        Some("Avis"),
        "un\n\ndeux",
    );
    check("<html><p>un</div></span>deux<", None, "un\n\ndeux<");
}

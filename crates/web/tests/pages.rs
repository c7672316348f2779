//! What people see: every page, in both languages, with hostile content in it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod common;

use common::{House, letter, letters, week};
use pipeline::testing::memory::Tampering;

#[tokio::test]
async fn the_inbox() {
    let house = House::full().await;
    house
        .receive(&[letter(
            "F-009",
            "2026-11-18T09:20:00Z",
            None,
            "pas encore lu",
        )])
        .await;
    let page = house.get("/").await;
    insta::assert_snapshot!(page.is(200).body);
}

#[tokio::test]
async fn the_inbox_is_that_of_the_terminal() {
    let house = House::full().await;
    let inbox = house.desk.inbox(None, None).await.unwrap();
    let expected: Vec<String> = inbox.queue().map(|w| w.row.id.to_string()).collect();
    let body = house.get("/").await.body;
    let shown: Vec<String> = body
        .split("<h3><a href=\"/documents/")
        .skip(1)
        .map(|rest| rest[..36].to_owned())
        .collect();
    assert_eq!(shown, expected);
    assert_eq!(shown.len(), letters().len());
}

#[tokio::test]
async fn the_inbox_is_filtered() {
    let house = House::full().await;
    house
        .get("/?pipeline=courrier&service=vie-associative")
        .await
        .is(200)
        .says(&["F-001", "<option value=\"vie-associative\" selected>"])
        .says_nothing_of(&["F-002", "F-003"]);
    house
        .get("/?pipeline=mediation")
        .await
        .is(200)
        .says(&["Rien n’attend de décision ici"]);
    for bad in [
        "pipeline=nope",
        "pipeline=..%2F..",
        "service=nope",
        "service=%00",
        "page=0",
        "page=2",
        "page=x",
        "page=99999999999999999999",
    ] {
        house
            .get(&format!("/?{bad}"))
            .await
            .is(400)
            .says(&["n’est pas comprise"]);
    }
}

#[tokio::test]
async fn a_long_inbox_has_pages() {
    let house = House::empty();
    let names: Vec<String> = (0..120).map(|n| format!("L-{n:03}")).collect();
    let many: Vec<_> = names
        .iter()
        .map(|name| {
            letter(
                name.clone().leak(),
                "2026-11-16T08:00:00Z",
                None,
                "rien de connu",
            )
        })
        .collect();
    house.receive(&many).await;
    house.work().await;
    house
        .get("/")
        .await
        .is(200)
        .says(&["Documents 1 à 50 sur 120", "/?page=2", "(120)"]);
    house
        .get("/?page=3&service=")
        .await
        .is(200)
        .says(&["Documents 101 à 120 sur 120", "/?page=2"])
        .says_nothing_of(&["page=4"]);
    house.get("/?page=4").await.is(400);
}

#[tokio::test]
async fn a_document_that_does_not_open_hides_no_other() {
    let house = House::full().await;
    let id = house.id("F-001").await;
    house.ledger.tamper(Tampering::EnvelopeLost(id.into()));
    house
        .get("/")
        .await
        .is(200)
        .says(&["ne peut pas être ouvert", "F-002", "F-003"]);
    house
        .get(&format!("/documents/{id}"))
        .await
        .is(410)
        .says(&["a été effacé"]);
    let id = house.id("F-002").await;
    let row = house.desk.vault.ledger.document(id).await.unwrap().unwrap();
    house.blobs.damage(row.arrival, |bytes| bytes[20] ^= 1);
    house.get("/").await.is(200).says(&["F-003"]);
    house
        .get(&format!("/documents/{id}"))
        .await
        .is(500)
        .says(&["Ligne du journal"])
        .says_nothing_of(&["artifact", "sealed", "cannot"]);
}

#[tokio::test]
async fn a_document_to_review() {
    let house = House::full().await;
    let id = house.id("F-001").await;
    house
        .get(&format!("/documents/{id}"))
        .await
        .is(200)
        .says(&[
            "<html lang=\"fr\">",
            "Demande de subvention pour le club de judo",
            "à vérifier",
            "trop peu de documents validés",
            "pour\u{a0}: mot « subvention »",
            "contre\u{a0}: mot « euros »",
            "<mark id=\"m18\">subvention</mark>",
            "href=\"#m18\"",
            "82 %",
            "Judo Club des Tilleuls",
            "champ « Budget » non rempli",
            "un numéro SIRET était attendu",
            "pièce « RIB » absente",
            "2 mois, silence valant rejet",
            "piece-1.txt",
            "proposition d’un service",
            "17 novembre 2026 à 09:12",
            "name=\"seen\" value=\"0\"",
            "value=\"ccas\"",
            "hors de nos services",
        ])
        .says_nothing_of(&[" checked"]);
    let english = house.get(&format!("/documents/{id}?lang=en")).await;
    english.is(200).says(&[
        "<html lang=\"en\">",
        "to check",
        "Your decision",
        "17 November 2026, 09:12",
    ]);
    let links = english
        .body
        .split(" href=\"/")
        .skip(1)
        .chain(english.body.split(" action=\"/documents").skip(1));
    for link in links {
        let link = &link[..link.find('"').unwrap()];
        let neutral = link.starts_with("assets/") || link == format!("documents/{id}");
        assert!(
            neutral || link.contains("lang=en"),
            "{link} forgets the language"
        );
    }
}

#[tokio::test]
async fn other_documents() {
    let house = House::full().await;
    let page = |id: String| {
        let house = &house;
        async move { house.get(&format!("/documents/{id}")).await }
    };
    page(house.id("F-002").await.to_string())
        .await
        .is(200)
        .says(&["proposé", "règle « lampadaire »", "Tout a été lu"])
        .says_nothing_of(&["<table>\n<caption>"]);
    page(house.id("F-003").await.to_string())
        .await
        .is(200)
        .says(&[
            "je ne sais pas",
            "rien de ressemblant",
            "image à lire par OCR, page 2",
            "aucun pourcentage fiable",
        ])
        .says_nothing_of(&["21 %"]);
    page(house.id("F-004").await.to_string())
        .await
        .is(200)
        .says(&[
            "lecture interrompue",
            "lecture trop longue",
            "Aucun texte n’a été lu",
            "Votre décision",
        ]);
    page(house.id("R-0412").await.to_string())
        .await
        .is(200)
        .says(&["ne sont pas affectés à un service"])
        .says_nothing_of(&["method=\"post\""]);
    let parent = house.id("F-001").await;
    let filter = pipeline::ledger::DocumentFilter {
        parent: Some(parent),
        ..Default::default()
    };
    let child = house
        .desk
        .vault
        .ledger
        .documents(&filter)
        .await
        .unwrap()
        .remove(0);
    page(child.id.to_string())
        .await
        .is(200)
        .says(&[
            "Cette pièce suit le document",
            "F-001",
            "statuts de l’association",
        ])
        .says_nothing_of(&["method=\"post\""]);
}

#[tokio::test]
async fn the_same_content_twice_is_said() {
    let house = House::full().await;
    let again = letters().remove(1).text;
    let ids = house
        .receive(&[letter("F-102", "2026-11-18T09:00:00Z", None, &again)])
        .await;
    house.work().await;
    house
        .get("/")
        .await
        .says(&["même contenu que F-002, déjà reçu"]);
    house
        .get(&format!("/documents/{}", ids[0]))
        .await
        .says(&["Même contenu qu’un document déjà reçu", "F-002"]);
}

#[tokio::test]
async fn what_resembles_an_earlier_document_is_said() {
    let house = House::empty();
    let ids = house
        .receive(&[
            letter(
                "F-201",
                "2026-11-10T08:00:00Z",
                None,
                "Premier envoi.\nsketch 252\n",
            ),
            letter(
                "F-202<b>",
                "2026-11-17T08:30:00Z",
                None,
                "Second envoi, relance.\nsketch 240\n",
            ),
            letter(
                "F-203",
                "2026-11-17T09:00:00Z",
                None,
                "Autre chose encore, sans lien.\nsketch 100\n",
            ),
        ])
        .await;
    house.work().await;
    let (first, again, other) = (ids[0], ids[1], ids[2]);
    house
        .get("/")
        .await
        .says(&["ressemble à 97\u{a0}% à F-201, reçu le 10 novembre 2026 à 09:00"])
        .says_nothing_of(&["à F-202", "à F-203", "<b>"]);
    house.get(&format!("/documents/{again}")).await.says(&[
        "Ressemble à 97\u{a0}% à",
        "F-201",
        "reçu le",
        &format!("/documents/{first}"),
    ]);
    // The earlier one leads to the later one as well.
    house
        .get(&format!("/documents/{first}?lang=en"))
        .await
        .says(&["Resembles at 97%", "F-202", &format!("/documents/{again}")]);
    house
        .get(&format!("/documents/{other}"))
        .await
        .says_nothing_of(&["Ressemble"]);
}

#[tokio::test]
async fn hostile_content_stays_text() {
    let house = House::full().await;
    let id = house.id("F-005\"><script>alert(1)</script>").await;
    let addresses = [
        "/".to_owned(),
        "/?lang=en".to_owned(),
        format!("/documents/{id}"),
        format!("/documents/{id}/why"),
        "/search?q=lampadaire".to_owned(),
        "/search?q=%22%3E%3Cscript%3Ealert(3)%3C%2Fscript%3E".to_owned(),
        format!("/synthesis/mediation/{}", week::WEEK),
        "/%3Cscript%3E?lang=%3Cscript%3E&%22%3E%3Cb%3E=1".to_owned(),
    ];
    for address in addresses {
        let page = house.get(&address).await;
        page.says_nothing_of(&[
            "<script",
            "<img",
            "onerror=alert(1)>",
            "<svg onload",
            "<b>",
            "<le soir>",
            "<hors",
        ]);
        // The letter's `</main>` must not end the page's.
        assert_eq!(page.body.matches("</main>").count(), 1, "{address}");
    }
}

#[tokio::test]
async fn the_why_sheet_and_the_text() {
    let house = House::full().await;
    let id = house.id("F-001").await;
    house
        .get(&format!("/documents/{id}/why"))
        .await
        .is(200)
        .says(&[
            "1. Degré et mode de contribution",
            "2. Données traitées",
            "3. Paramètres et pondération",
            "4. Opérations effectuées",
            "R311-3-1-2",
            "poids +2,34",
        ]);
    house
        .get(&format!("/documents/{id}/why?lang=en"))
        .await
        .is(200)
        .says(&["1. Degree and mode", "weight +2.34"]);
    let text = house.get(&format!("/documents/{id}/text")).await;
    assert_eq!(
        text.is(200).header("content-type"),
        "text/plain; charset=utf-8"
    );
    assert_eq!(text.header("x-content-type-options"), "nosniff");
    assert_eq!(text.body, letters()[0].text);
    let original = house.get(&format!("/documents/{id}/original")).await;
    assert_eq!(
        original.is(200).header("content-type"),
        "application/octet-stream"
    );
    assert_eq!(
        original.header("content-disposition"),
        "attachment; filename*=UTF-8''F%2D001"
    );
    house
        .get(&format!("/documents/{}/text", house.id("F-004").await))
        .await
        .is(404);
}

#[tokio::test]
async fn search() {
    let house = House::full().await;
    house
        .get("/search")
        .await
        .is(200)
        .says(&["Un nom, un numéro"]);
    house.get("/search?q=lundi").await.is(200).says(&[
        "1 document pour « lundi »",
        "<mark>lundi</mark>",
        "Voirie-Éclairage",
        "value=\"lundi\"",
    ]);
    house
        .get("/search?q=F-003")
        .await
        .is(200)
        .says(&["Porte exactement ce nom", "F-003"]);
    house
        .get("/search?q=zzz%0a%00")
        .await
        .is(200)
        .says(&["Rien de pertinent"]);
    house
        .get(&format!("/search?q={}", "a".repeat(301)))
        .await
        .is(400)
        .says(&["trop longue"]);
    house.get("/search?q=%ff%fe").await.is(200);
    house
        .get("/search?q=doc_")
        .await
        .is(200)
        .says(&["Porte exactement ce nom"]);
}

/// What documents have in common narrows a search down, and a choice can be taken back.
#[tokio::test]
async fn a_search_is_narrowed_down() {
    let house = House::full().await;
    let page = house.get("/search?q=e").await;
    page.is(200).says(&["Affiner", "<h3>Service</h3>"]);
    let narrowed = house.get("/search?q=e&service=voirie").await;
    narrowed.is(200).says(&[
        "choisi, retirer",
        "aria-current=\"true\"",
        "href=\"/search?q=e\"",
        "Documents semblables",
    ]);
    house
        .get("/search?q=e&service=voirie&lang=en")
        .await
        .is(200)
        .says(&[
            "Narrow down",
            "chosen, remove",
            "href=\"/search?q=e&#38;lang=en\"",
        ]);
    let id = house.id("F-003").await;
    house
        .get(&format!("/search?q=e&like={id}"))
        .await
        .is(200)
        .says(&["documents semblables"]);
    house
        .get("/search?q=lundi&service=etat-civil")
        .await
        .is(200)
        .says(&["parmi ceux que vous avez choisis", "choisi, retirer"]);
    // An address that somebody typed wrong is still only a search.
    for odd in [
        "service=%22%3E%3Cb%3E",
        "year=x",
        "kind=",
        "like=nobody",
        "place=%00",
    ] {
        house.get(&format!("/search?q=e&{odd}")).await.is(200);
    }
}

#[tokio::test]
async fn syntheses() {
    let house = House::full().await;
    house.get("/synthesis").await.is(200).says(&[
        "Remontées de terrain",
        "semaine 47 de 2026",
        "Édition 2",
        "/synthesis/mediation/2026-W47",
    ]);
    let address = format!("/synthesis/mediation/{}", week::WEEK);
    let page = house.get(&address).await;
    page.is(200)
        .says(&[
            "édition 2",
            "urgent",
            "responsable de la médiation",
            "arrivée après cette édition",
            "document effacé ou illisible",
            "2 remontées reçues",
            "Effectifs trop faibles",
            "Remontées par semaine, de la plus ancienne à cette semaine : 0, 1, 0, 0, 2, 1, 3",
            "« [nom] n’ose plus sortir &#60;le soir&#62;. »",
            "L’équipe Sud n’a rien transmis",
        ])
        .says_nothing_of(&["style=", "Mme Durand"]);
    assert!(
        page.body.find("id=\"alerts\"") < page.body.find("id=\"figures\""),
        "alerts come first"
    );
    house
        .get(&format!("{address}?edition=1"))
        .await
        .is(200)
        .says(&["édition 1"])
        .says_nothing_of(&["rien à signaler."]);
    // A quote opens at its source, as it was read.
    let link = page
        .body
        .split("href=\"")
        .find(|rest| rest.contains("#cited"))
        .unwrap();
    let link = link[..link.find("#cited").unwrap()].replace("&#38;", "&");
    house.get(&link).await.is(200).says(&[
        "<mark id=\"cited\">Mme Durand n’ose plus sortir &#60;le soir&#62;.</mark>",
        "Le passage cité",
    ]);
    for bad in ["from=1&to=99999", "from=24&to=25", "from=x", "from=9&to=2"] {
        let link = link.split_once("&from").unwrap().0;
        house
            .get(&format!("{link}&{bad}"))
            .await
            .is(200)
            .says_nothing_of(&["<mark"]);
    }
    // The same as files, which stand alone.
    for (file, kind, says) in [
        ("synthese.html", "text/html; charset=utf-8", "<style>"),
        ("synthese.md", "text/markdown; charset=utf-8", "## Thèmes"),
        (
            "synthese.odt",
            "application/vnd.oasis.opendocument.text",
            "application/vnd.oasis.opendocument.text",
        ),
        ("synthese.json", "application/json", "greffier.synthesis/1"),
        (
            "fiche.html",
            "text/html; charset=utf-8",
            "Fiche de la semaine",
        ),
    ] {
        let saved = house.get(&format!("{address}/{file}")).await;
        saved.is(200).says(&[says]).says_nothing_of(&["Mme Durand"]);
        assert_eq!(saved.header("content-type"), kind);
        let disposition = saved.header("content-disposition");
        assert!(disposition.starts_with("attachment;"), "{disposition}");
        page.says(&[&format!("{address}/{file}?edition=2")]);
    }
    house
        .get(&format!("{address}/synthese.md"))
        .await
        .says(&["Ce qui change depuis l’édition 1"]);
    for missing in [
        "/synthesis/mediation/2026-W47/synthese.exe",
        "/synthesis/mediation/2026-W47/autre.odt",
        "/synthesis/nope/2026-W47",
        "/synthesis/mediation/2026-W46",
        "/synthesis/mediation/2026-W99",
        "/synthesis/mediation/x",
        "/synthesis/%ff/%fe",
    ] {
        house.get(missing).await.is(404);
    }
    house.get(&format!("{address}?edition=9")).await.is(404);
    house.get(&format!("{address}?edition=-1")).await.is(400);
}

#[tokio::test]
async fn an_office_without_anything() {
    let house = House::empty();
    house
        .get("/")
        .await
        .is(200)
        .says(&["Rien n’attend de décision ici"]);
    house
        .get("/synthesis")
        .await
        .is(200)
        .says(&["Aucune synthèse ni alerte"]);
    house
        .get("/search?q=rien")
        .await
        .is(200)
        .says(&["Rien de pertinent"]);
}

#[tokio::test]
async fn pages_can_be_walked_without_eyes_or_a_mouse() {
    let house = House::full().await;
    let id = house.id("F-001").await;
    let week = format!("/synthesis/mediation/{}", week::WEEK);
    let pages = [
        "/".to_owned(),
        format!("/documents/{id}"),
        format!("/documents/{id}/why"),
        "/search?q=lundi".to_owned(),
        "/synthesis".to_owned(),
        week,
        "/nowhere".to_owned(),
    ];
    for address in pages {
        let body = house.get(&address).await.body;
        let count = |what: &str| body.matches(what).count();
        assert_eq!(count("<h1"), 1, "{address}");
        assert_eq!(
            (
                count("<main id=\"main\""),
                count("class=\"skip\" href=\"#main\"")
            ),
            (1, 1),
            "{address}"
        );
        assert!(
            body.starts_with("<!doctype html>\n<html lang=\"fr\">"),
            "{address}"
        );
        assert_eq!(count("<th>"), 0, "a header without scope in {address}");
        let mut ids: Vec<&str> = body
            .split(" id=\"")
            .skip(1)
            .map(|rest| &rest[..rest.find('"').unwrap()])
            .collect();
        ids.sort_unstable();
        for pair in ids.windows(2) {
            assert_ne!(pair[0], pair[1], "an id stands twice in {address}");
        }
        for labelled in body.split("aria-labelledby=\"").skip(1) {
            let label = &labelled[..labelled.find('"').unwrap()];
            assert!(ids.contains(&label), "{label} labels nothing in {address}");
        }
        for input in body
            .split("<input ")
            .skip(1)
            .map(|rest| &rest[..rest.find('>').unwrap()])
        {
            let id = input
                .split("id=\"")
                .nth(1)
                .map(|rest| &rest[..rest.find('"').unwrap()]);
            let labelled = id.is_some_and(|id| body.contains(&format!("<label for=\"{id}\"")));
            let labelled = labelled || input.contains("aria-label=\"");
            assert!(
                labelled || input.contains("hidden") || input.contains("radio"),
                "{input} in {address}"
            );
        }
    }
}

//! A message sent again, and what the list, the sheet of the document and the proof say of it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod common;

use common::Data;

const LETTER: &str = "Madame la Maire,\n\nDepuis la mi-octobre, le lampadaire placé devant le 12 rue \
    des Lilas s’éteint chaque soir vers vingt heures. Le trottoir est alors dans le noir complet, et \
    deux voisines sont déjà tombées en rentrant de l’arrêt de bus. J’ai appelé le standard à trois \
    reprises, sans réponse.\n\nÉlise Garnier\n";

const OTHER: &str = "Bonjour,\n\nNotre association organise le 12 décembre un repas partagé dans la \
    salle des Tilleuls. Pourriez-vous nous prêter quarante chaises, six tables et une sono ? Nous \
    viendrons les chercher avec une camionnette et les rendrons propres le lundi matin.\n\nLe bureau\n";

fn mail(from: &str, date: &str, subject: &str, body: &str) -> String {
    format!(
        "From: {from}\nTo: mairie@exemple.fr\nDate: {date}\nSubject: {subject}\n\
         Content-Type: text/plain; charset=utf-8\n\n{body}"
    )
}

/// The three messages, taken in by this order of names.
fn received(order: [&str; 3]) -> Data {
    let data = Data::new();
    data.file(
        "mail/premier.eml",
        mail(
            "elise@exemple.fr",
            "Tue, 17 Nov 2026 09:00:00 +0100",
            "Lampadaire",
            LETTER,
        ),
    );
    data.file(
        "mail/relance.eml",
        mail(
            "Garnier <e.garnier@ailleurs.exemple>",
            "Tue, 24 Nov 2026 18:31:12 +0100",
            "Relance : toujours dans le noir",
            &format!("{LETTER}\nMerci de me répondre cette fois.\n"),
        ),
    );
    data.file(
        "mail/autre.eml",
        mail(
            "asso@exemple.fr",
            "Wed, 18 Nov 2026 08:00:00 +0100",
            "Chaises",
            OTHER,
        ),
    );
    for name in order {
        let day = match name {
            "premier" => 17,
            "autre" => 18,
            _ => 24,
        };
        let line = format!(
            "{{\"path\":\"{name}.eml\",\"id\":\"{name}\",\"received_at\":\"2026-11-{day}T09:00:00Z\"}}\n"
        );
        let manifest = data.file(&format!("{name}.jsonl"), line);
        let file = data.beside("mail").join(format!("{name}.eml"));
        let file = file.display().to_string();
        data.run(&[
            "ingest",
            "--pipeline",
            "forms",
            "--manifest",
            &manifest,
            &file,
        ])
        .ended(0);
    }
    data
}

#[test]
fn a_message_sent_again_is_linked_whichever_was_read_first() {
    let mut said = Vec::new();
    for order in [
        ["premier", "autre", "relance"],
        ["relance", "premier", "autre"],
    ] {
        let data = received(order);
        let of = |name: &str| data.json(&["show", name])["resembles"].clone();
        let (first, again) = (of("premier"), of("relance"));
        assert_eq!(again[0]["name"], "premier");
        assert_eq!(again[0]["received_at"], "2026-11-17T09:00:00Z");
        assert_eq!(first[0]["name"], "relance");
        assert_eq!(first[0]["percent"], again[0]["percent"]);
        let percent = again[0]["percent"].as_u64().unwrap();
        assert!((80..100).contains(&percent), "{percent}");
        assert!(of("autre").as_array().unwrap().is_empty());

        let shown = data
            .run(&["show", "relance", "--lang", "fr"])
            .ended(0)
            .stdout;
        let line = format!("ressemble à {percent} % à premier, reçu le 2026-11-17");
        assert!(shown.contains(&line), "{shown}");
        // Only the later of the two is one too many in the list.
        let inbox = data.run(&["inbox", "--lang", "fr"]).ended(0).stdout;
        assert!(
            inbox.contains("ressemble") && !inbox.contains("à relance"),
            "{inbox}"
        );
        let listed = data.json(&["inbox"]);
        let listed = listed
            .as_array()
            .unwrap()
            .iter()
            .find(|d| d["name"] == "relance")
            .unwrap();
        assert_eq!(listed["resembles"], again);
        data.verified();
        data.run(&["replay", "--all"]).ended(0);
        said.push((first, again));
    }
    assert_eq!(said[0], said[1]);
}

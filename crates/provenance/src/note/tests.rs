use proptest::prelude::*;

use super::*;

// From the documentation of Go's golang.org/x/mod/sumdb/note.
const GO_KEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const GO_SEED: &str = "AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
const GO_NOTE: &str = "If you think cryptography is the answer to your problem,\n\
    then you don't know what your problem is.\n\
    \n\
    — PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

fn key(name: &str) -> SigningKey {
    SigningKey::from_seed(name, &[7; 32]).unwrap()
}

#[test]
fn signs_and_verifies_as_the_go_implementation() {
    let seed = STANDARD.decode(GO_SEED).unwrap();
    let signer = SigningKey::from_seed("PeterNeumann", seed[1..].try_into().unwrap()).unwrap();
    assert_eq!(signer.verifier().to_string(), GO_KEY);
    let text = Note::parse(GO_NOTE)
        .unwrap()
        .verify(&GO_KEY.parse().unwrap())
        .unwrap()
        .to_owned();
    assert_eq!(signer.sign(&text).unwrap(), GO_NOTE);
}

#[test]
fn ignores_unknown_signatures_and_refuses_wrong_ones() {
    let (a, b) = (key("a.example"), key("b.example"));
    let note = a.sign("text\n").unwrap();
    let by_b = b.sign("text\n").unwrap();
    let line = by_b.lines().last().unwrap();
    let both = format!("{note}{line}\n");
    for key in [&a, &b] {
        assert_eq!(
            Note::parse(&both).unwrap().verify(key.verifier()),
            Ok("text\n")
        );
    }
    let check = |note: &str, expected: NoteError| {
        assert_eq!(
            Note::parse(note).unwrap().verify(a.verifier()),
            Err(expected)
        );
    };
    check(
        &by_b,
        NoteError::NotSigned {
            key: a.verifier().to_string(),
        },
    );
    check(
        &both.replacen("text", "test", 1),
        NoteError::BadSignature {
            name: "a.example".to_owned(),
        },
    );
    // A second line that claims the key must verify as well.
    let other = a.sign("other\n").unwrap();
    check(
        &format!("{note}{}\n", other.lines().last().unwrap()),
        NoteError::BadSignature {
            name: "a.example".to_owned(),
        },
    );
    // Right name and id, cut signature.
    let mut blob = a.verifier().id().to_vec();
    blob.extend([0; 10]);
    check(
        &format!("text\n\n— a.example {}\n", STANDARD.encode(blob)),
        NoteError::BadSignature {
            name: "a.example".to_owned(),
        },
    );
}

#[test]
fn refuses_malformed_notes() {
    let note = key("a.example").sign("text\n").unwrap();
    let check = |note: &str| assert!(Note::parse(note).is_err(), "{note:?}");
    check("");
    check("text");
    check("text\n");
    check("\n\n");
    check("text\n\n");
    check("\n\n— a.example AAAAAAA=\n");
    check(note.trim_end());
    check(&note.replace('\u{2014}', "-"));
    check(&note.replace(" a.example", ""));
    check(&note.replace("a.example", "a+example"));
    check(&note.replace("a.example", "a\u{a0}example"));
    check(&note.replace("=\n", "\n"));
    check(&note.replace("text", "te\txt"));
    check(&note.replace("text\n", "text\r\n"));
    check(&format!("{note}\n"));
    check(&format!("{note}rubbish\n"));
    check("text\n\n— a.example AAAA\n");
    check(&format!("{}{}", note, "— a.example AAAAAAA=\n".repeat(100)));
    check(&format!("{}{note}", "x".repeat(NOTE_BYTES_MAX)));
}

#[test]
fn refuses_to_sign_what_could_not_be_read() {
    let key = key("a.example");
    for text in ["", "\n", "no newline", "tab\t\n"] {
        assert!(key.sign(text).is_err(), "{text:?}");
    }
    for name in ["", "a b", "a+b", "a\nb", "a\u{2003}b", "a\u{1}b"] {
        assert!(SigningKey::from_seed(name, &[7; 32]).is_err(), "{name:?}");
    }
}

#[test]
fn refuses_malformed_verifier_keys() {
    let good = key("a.example").verifier().to_string();
    assert_eq!(good.parse::<VerifierKey>().unwrap().to_string(), good);
    let weak = format!(
        "a.example+00000000+{}",
        STANDARD.encode([&[1, 1][..], &[0; 31]].concat())
    );
    let check = |text: &str| assert!(text.parse::<VerifierKey>().is_err(), "{text}");
    check("");
    check("a.example");
    check("a.example+00000000");
    check(&good.replace("a.example", "b.example"));
    check(&good.replace("a.example", ""));
    check(&good[..good.len() - 4]);
    check(&format!("{good}AAAA"));
    check(&good.replacen("+A", "+B", 1));
    assert_eq!(
        weak.parse::<VerifierKey>(),
        Err(NoteError::BadVerifierKey {
            reason: "the key is weak"
        })
    );
}

#[test]
fn shows_no_secret() {
    assert_eq!(
        format!("{:?}", key("a.example")),
        r#"SigningKey { name: "a.example", .. }"#
    );
}

proptest! {
    #[test]
    fn never_panics(note in "(\\PC|\n|— a [A-Za-z0-9+/=]{0,9}\n){0,40}") {
        if let Ok(note) = Note::parse(&note) {
            prop_assert!(note.verify(key("a").verifier()).is_err());
        }
        let _ = note.parse::<VerifierKey>();
    }

    #[test]
    fn reads_what_it_signs(text in "(\\PC{0,20}\n){1,5}", seed in any::<[u8; 32]>()) {
        let key = SigningKey::from_seed("journal.example", &seed).unwrap();
        if let Ok(note) = key.sign(&text) {
            let note = Note::parse(&note).unwrap();
            prop_assert_eq!(note.verify(key.verifier()), Ok(&*text));
        } else {
            prop_assert!(text.trim_end_matches('\n').is_empty());
        }
    }
}

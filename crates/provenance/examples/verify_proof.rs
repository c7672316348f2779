//! The smallest verifier: `verify_proof PROOF.json VERIFIER_KEY`.
//!
//! Prints the record and where it stands, or says why the proof does not hold and exits with 1.
//! It links hashes, signatures and JSON, and nothing of the rest of Greffier but its vocabulary.

use std::process::ExitCode;

use provenance::{VerifierKey, verify_proof};

#[expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program, not a library"
)]
fn main() -> ExitCode {
    match run() {
        Ok(text) => {
            println!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            let mut cause: Option<&dyn std::error::Error> = Some(&*error);
            while let Some(error) = cause {
                eprintln!("{error}");
                cause = error.source();
            }
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<String, Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [path, key] = arguments.as_slice() else {
        return Err("usage: verify_proof PROOF.json VERIFIER_KEY".into());
    };
    let key: VerifierKey = key.parse()?;
    let proof = verify_proof(&std::fs::read(path)?, &key)?;
    Ok(format!(
        "{}\nleaf {} of {} in {}, root {}",
        String::from_utf8_lossy(&proof.record),
        proof.leaf_index,
        proof.checkpoint.size,
        proof.checkpoint.origin,
        proof.checkpoint.root,
    ))
}

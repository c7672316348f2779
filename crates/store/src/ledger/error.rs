//! Database errors as the rest of the house sees them.

use pipeline::ledger::LedgerError;
use sqlx::Error;

/// The [`LedgerError`] of a database error met while the ledger should do `doing`.
///
/// A row that cannot be read, or a damaged file, is [`LedgerError::Corrupt`]. All else (no
/// connection, disk full, locked for too long, a constraint that another's write made fail) is
/// [`LedgerError::Unavailable`]: the transaction left nothing, and trying again may succeed.
pub(crate) fn failed(doing: &'static str) -> impl Fn(Error) -> LedgerError {
    move |error| match &error {
        Error::ColumnDecode { .. }
        | Error::Decode(_)
        | Error::ColumnNotFound(_)
        | Error::ColumnIndexOutOfBounds { .. }
        | Error::TypeNotFound { .. } => LedgerError::Corrupt {
            what: error.to_string(),
        },
        Error::Database(said) if said.code().is_some_and(|code| is_damage(&code)) => {
            LedgerError::Corrupt {
                what: said.message().to_owned(),
            }
        }
        _ => LedgerError::Unavailable {
            doing,
            source: Box::new(error),
        },
    }
}

/// Whether a code speaks of damaged storage: SQLITE_CORRUPT and SQLITE_NOTADB with their extended
/// codes (the low byte is the primary one), or PostgreSQL's class `XX` but its internal error.
fn is_damage(code: &str) -> bool {
    match code.parse::<u32>() {
        // PostgreSQL's codes have five characters; those made of digits only are not of class XX.
        Ok(number) => code.len() < 5 && matches!(number & 0xff, 11 | 26),
        Err(_) => matches!(code, "XX001" | "XX002"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damage_is_told_from_what_passes() {
        let check = |code: &str, damage: bool| assert_eq!(is_damage(code), damage, "{code}");
        check("11", true);
        check("267", true); // SQLITE_CORRUPT_VTAB
        check("26", true);
        check("5", false); // SQLITE_BUSY
        check("13", false); // SQLITE_FULL
        check("2067", false); // SQLITE_CONSTRAINT_UNIQUE
        check("XX001", true);
        check("XX000", false);
        check("53100", false); // disk full
        check("23505", false); // unique violation
    }

    #[test]
    fn the_cause_is_kept_and_not_repeated() {
        let error = failed("count")(Error::PoolTimedOut);
        assert_eq!(
            error.to_string(),
            "the ledger is unavailable while it should count"
        );
        let source = std::error::Error::source(&error).map(ToString::to_string);
        assert_eq!(source, Some(Error::PoolTimedOut.to_string()));
    }
}

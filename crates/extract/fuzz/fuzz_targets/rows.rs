//! Tables split into rows: the first byte says of which kind.
#![no_main]

use extract::Input;
use extract::rows::{self, TableKind, Workbook};
use extract_fuzz::{budgets, check};

extract_fuzz::target!(|data| {
    let kind = match data.first() {
        Some(b'j') => TableKind::JsonLines,
        Some(b't') => TableKind::Tsv,
        Some(b'x') => TableKind::Workbook(Workbook::Xls),
        _ => TableKind::Csv,
    };
    let _ = rows::is_table(None, data);
    if let Ok(table) = rows::rows(data.get(1..).unwrap_or_default(), kind, &budgets()) {
        assert!(table.rows.len() as u64 <= budgets().rows);
        for row in table.rows {
            let input = Input {
                bytes: &row.json,
                media_type: Some(domain::arrival::ROW_MEDIA_TYPE),
                ..Input::default()
            };
            check(&extract::extract(&input, &budgets()));
        }
    }
});

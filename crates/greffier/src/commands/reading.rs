//! Reading a file for commands that keep nothing.

use domain::Lang;
use extract::isolation::{ReadFault, Reader};
use extract::ocr::{OcrSettings, recognise, wanted};
use extract::{Extraction, Input};

use crate::house::recogniser;
use crate::print;

/// The extraction with its images recognised, where this machine can; else as it is, and said.
///
/// # Errors
/// When a process reached a limit or failed.
pub fn recognised(
    reader: &Reader,
    input: &Input,
    read: Extraction,
    lang: Lang,
) -> Result<Extraction, ReadFault> {
    if wanted(&read.layout).is_empty() {
        return Ok(read);
    }
    let settings = OcrSettings::default();
    let recogniser = match recogniser(&settings.languages) {
        Ok(recogniser) => recogniser,
        Err(missing) => {
            let remedy = missing.remedy();
            print::note(match lang {
                Lang::Fr => format!("pages à lire par OCR, mais {missing} : {remedy}"),
                Lang::En => format!("pages need OCR, but {missing}: {remedy}"),
            });
            return Ok(read);
        }
    };
    let (text, layout) = recognise(
        reader,
        &recogniser,
        input,
        (&read.text, &read.layout),
        &settings,
    )?;
    Ok(Extraction {
        text,
        layout,
        ..read
    })
}

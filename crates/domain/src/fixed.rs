//! Fixed-point numbers, so that no output depends on how a float was rounded or printed.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A share between 0 and 1 in millionths. Written in JSON as a number (`0.912345`).
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(into = "f64", try_from = "f64")]
pub struct Probability(u32);

impl Probability {
    /// Certain.
    pub const ONE: Self = Self(1_000_000);
    /// Impossible.
    pub const ZERO: Self = Self(0);

    /// The nearest millionth to `value`, clamped to 0..=1; a NaN is 0.
    pub fn from_f64(value: f64) -> Self {
        // A NaN saturates to 0 in the cast.
        Self((value.clamp(0.0, 1.0) * 1e6).round() as u32)
    }

    /// A share in millionths, clamped to one million.
    pub const fn from_millionths(millionths: u32) -> Self {
        Self(if millionths > 1_000_000 {
            1_000_000
        } else {
            millionths
        })
    }

    /// The share in millionths.
    pub const fn millionths(self) -> u32 {
        self.0
    }

    /// The share as a float, for arithmetic that never reaches an output unrounded.
    pub fn as_f64(self) -> f64 {
        f64::from(self.0) / 1e6
    }

    /// The share in whole per cent, rounded down so that "100 %" is never said of less.
    pub const fn percent(self) -> u32 {
        self.0 / 10_000
    }
}

impl From<Probability> for f64 {
    fn from(p: Probability) -> Self {
        p.as_f64()
    }
}

/// A number that is not a share.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("{0} is not between 0 and 1")]
pub struct NotAShare(f64);

impl TryFrom<f64> for Probability {
    type Error = NotAShare;

    fn try_from(value: f64) -> Result<Self, NotAShare> {
        if (0.0..=1.0).contains(&value) {
            Ok(Self::from_f64(value))
        } else {
            Err(NotAShare(value))
        }
    }
}

impl fmt::Display for Probability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} %", self.percent())
    }
}

impl JsonSchema for Probability {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Probability".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "number", "minimum": 0, "maximum": 1,
            "description": "A share between 0 and 1, with at most six decimals."
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn json_keeps_every_millionth(millionths in 0u32..=1_000_000) {
            let p = Probability::from_millionths(millionths);
            let json = serde_json::to_string(&p).unwrap();
            proptest::prop_assert_eq!(serde_json::from_str::<Probability>(&json).unwrap(), p);
        }
    }

    #[test]
    fn clamps_and_never_rounds_up_to_certain() {
        assert_eq!(Probability::from_f64(f64::NAN), Probability::ZERO);
        assert_eq!(Probability::from_f64(7.0), Probability::ONE);
        assert_eq!(Probability::from_f64(0.99999).percent(), 99);
    }
}

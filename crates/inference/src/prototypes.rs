//! Cold start: services ranked by how near their descriptions are to the text.
//!
//! With no validated document there is no head, and no probability that means anything: these
//! are a ranking on a stated scale, and a document ranked so is always for a person to route.

use crate::head::Candidate;

/// Factor of the cosine in the softmax: a difference of 0.1 in cosine is a factor e² in odds.
pub const SCALE: f64 = 20.0;

/// Vectors of the descriptions of services.
#[derive(Clone, Debug, PartialEq)]
pub struct Prototypes {
    entries: Vec<(String, Vec<f32>)>,
}

impl Prototypes {
    /// From (label, vector of its description); a label may have several.
    pub fn new(entries: Vec<(String, Vec<f32>)>) -> Self {
        Self { entries }
    }

    /// Labels by falling nearness to `vector`, ties by label: softmax over [`SCALE`] × the
    /// highest cosine of each. A vector of another dimension is as far as can be.
    pub fn rank(&self, vector: &[f32]) -> Vec<Candidate> {
        let mut nearest = std::collections::BTreeMap::<&str, f64>::new();
        for (label, description) in &self.entries {
            let near = cosine(description, vector);
            let best = nearest.entry(label).or_insert(near);
            *best = best.max(near);
        }
        let mut probabilities: Vec<f64> = nearest.values().map(|near| SCALE * near).collect();
        crate::head::softmax(&mut probabilities);
        let mut candidates: Vec<Candidate> = nearest
            .keys()
            .zip(probabilities)
            .map(|(label, probability)| Candidate {
                label: (*label).to_owned(),
                probability,
            })
            .collect();
        crate::head::sort(&mut candidates);
        candidates
    }
}

/// Cosine of two vectors; -1 when their dimensions differ, 0 when one is zero.
pub fn cosine(a: &[f32], b: &[f32]) -> f64 {
    if a.len() != b.len() {
        return -1.0;
    }
    let dot = |a: &[f32], b: &[f32]| -> f64 {
        a.iter()
            .zip(b)
            .map(|(x, y)| f64::from(*x) * f64::from(*y))
            .sum()
    };
    let length = (dot(a, a) * dot(b, b)).sqrt();
    if length > 0.0 {
        dot(a, b) / length
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_by_the_nearest_description() {
        let prototypes = Prototypes::new(vec![
            ("voirie".into(), vec![0.0, 1.0]),
            ("eau".into(), vec![1.0, 0.0]),
            ("eau".into(), vec![0.0, -1.0]),
            ("autre".into(), vec![1.0]),
        ]);
        let ranked = prototypes.rank(&[0.6, 0.8]);
        let labels: Vec<&str> = ranked.iter().map(|c| c.label.as_str()).collect();
        assert_eq!(labels, ["voirie", "eau", "autre"]);
        assert!((ranked.iter().map(|c| c.probability).sum::<f64>() - 1.0).abs() < 1e-12);
        let odds = (ranked[0].probability / ranked[1].probability).ln();
        assert!((odds - SCALE * 0.2).abs() < 1e-5, "{odds}");
        assert!(Prototypes::new(vec![]).rank(&[1.0]).is_empty());
    }
}

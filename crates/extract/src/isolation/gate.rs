//! A gate that many pass together, or one alone.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Who is inside.
///
/// Whoever wants to be alone waits for those inside and holds up those who come later: it cannot
/// starve. Nor can the others: each thread that asks to be alone came in with the others first.
#[derive(Default)]
pub(super) struct Gate {
    inside: Mutex<Inside>,
    changed: Condvar,
}

#[derive(Default)]
struct Inside {
    together: usize,
    alone: bool,
    waiting_alone: usize,
}

/// Inside until dropped.
pub(super) struct Pass<'a> {
    gate: &'a Gate,
    alone: bool,
}

impl Gate {
    /// Goes in beside others.
    pub(super) fn together(&self) -> Pass<'_> {
        let mut inside = self.inside();
        while inside.alone || inside.waiting_alone > 0 {
            inside = self.wait(inside);
        }
        inside.together += 1;
        Pass {
            gate: self,
            alone: false,
        }
    }

    /// Goes in once nobody else is there, and keeps others out.
    pub(super) fn alone(&self) -> Pass<'_> {
        let mut inside = self.inside();
        inside.waiting_alone += 1;
        while inside.alone || inside.together > 0 {
            inside = self.wait(inside);
        }
        inside.waiting_alone -= 1;
        inside.alone = true;
        Pass {
            gate: self,
            alone: true,
        }
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        // Counts are whole whatever their holder did.
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, inside: MutexGuard<'a, Inside>) -> MutexGuard<'a, Inside> {
        self.changed
            .wait(inside)
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        let mut inside = self.gate.inside();
        if self.alone {
            inside.alone = false;
        } else {
            inside.together -= 1;
        }
        drop(inside);
        self.gate.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::Gate;

    #[test]
    fn alone_is_alone() {
        let gate = Gate::default();
        let (inside, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let stay = |limit: usize| {
            let now = inside.fetch_add(1, Ordering::SeqCst) + 1;
            most.fetch_max(now, Ordering::SeqCst);
            std::thread::yield_now();
            assert!(inside.load(Ordering::SeqCst) <= limit);
            inside.fetch_sub(1, Ordering::SeqCst);
        };
        std::thread::scope(|scope| {
            for n in 0..4 {
                let (gate, stay) = (&gate, &stay);
                scope.spawn(move || {
                    for i in 0..2_000 {
                        if (i + n) % 5 == 0 {
                            let _alone = gate.alone();
                            stay(1);
                        } else {
                            let _together = gate.together();
                            stay(4);
                        }
                    }
                });
            }
        });
        assert!(most.load(Ordering::SeqCst) > 1, "others go in together");
    }
}

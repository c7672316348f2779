//! The world: one thread, one generator, a clock that moves only when it is moved, actors that are
//! polled in a random order and may die at any point where they wait.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Wake, Waker};

use domain::message::Task;
use domain::{StageName, SubjectId, Timestamp};
use pipeline::circumstances::Clock;
use pipeline::testing::memory::{Fate, Hook};
use pipeline::worker::{ATTEMPTS_MAX, Handled};

use crate::WORKERS;
use crate::random::Random;

/// Attempts at one task that may be lost to deaths and to answers that do not come. With every
/// worker at the same task at once this stays within [`ATTEMPTS_MAX`]: a healthy document is never
/// set aside by bad luck alone.
const LOST_MAX: u32 = ATTEMPTS_MAX - WORKERS as u32;

/// How long an actor stands still, at most: long enough for its task to be done by others.
const STALL_MAX: u64 = 400_000_000;

/// How often things go wrong, in thousandths, and by how much.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Faults {
    /// The ledger or the blob store does not answer, and did nothing.
    pub(crate) refusals: u64,
    /// The ledger or the blob store did it, and the answer is lost.
    pub(crate) lies: u64,
    /// An actor dies where it waits.
    pub(crate) deaths: u64,
    /// An actor stands still where it waits, for minutes, and goes on as if nothing were.
    pub(crate) stalls: u64,
    /// The queue does not answer, before or after doing it.
    pub(crate) queue_failures: u64,
    /// The queue loses a message.
    pub(crate) losses: u64,
    /// The queue delivers a message twice.
    pub(crate) repeats: u64,
    /// The queue delivers up to so many microseconds late, and so in another order.
    pub(crate) delay: u64,
    /// The broker starts again: whatever was delivered and not settled goes back.
    pub(crate) restarts: u64,
    /// The queue parks what was delivered in vain more often than that; 0: never.
    pub(crate) delivery_limit: u64,
}

impl Faults {
    /// A mixture: some kinds are absent, so that each is also seen without the others.
    pub(crate) fn draw(random: &mut Random) -> Self {
        let mut rate = |rates: &[u64]| *random.pick(rates);
        Self {
            refusals: rate(&[0, 2, 10, 40]),
            lies: rate(&[0, 2, 10, 40]),
            deaths: rate(&[0, 1, 5, 20]),
            stalls: rate(&[0, 2, 10]),
            queue_failures: rate(&[0, 20, 100]),
            losses: rate(&[0, 50, 300]),
            repeats: rate(&[0, 50, 300]),
            delay: rate(&[0, 1_000_000, 20_000_000, 200_000_000]),
            restarts: rate(&[0, 5, 30, 100]),
            delivery_limit: rate(&[0, 1, 1]),
        }
    }
}

/// What happened, counted over one world.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) done: u64,
    pub(crate) stale: u64,
    pub(crate) deferred: u64,
    pub(crate) quarantined: u64,
    pub(crate) errors: u64,
    pub(crate) refusals: u64,
    pub(crate) lies: u64,
    pub(crate) deaths: u64,
    pub(crate) deaths_at_work: u64,
    pub(crate) stalls: u64,
    pub(crate) losses: u64,
    pub(crate) repeats: u64,
    pub(crate) reclaimed: u64,
    pub(crate) restarts: u64,
    pub(crate) parked: u64,
    pub(crate) steps: u64,
}

pub(crate) struct State {
    pub(crate) random: Random,
    pub(crate) faults: Faults,
    pub(crate) tally: Tally,
    /// What must not happen, and did.
    pub(crate) violations: Vec<String>,
    now: i64,
    timers: BTreeMap<(i64, u64), Waker>,
    tickets: u64,
    /// Who is being polled.
    actor: usize,
    names: Vec<String>,
    /// What each actor works on.
    at_work: BTreeMap<usize, Task>,
    /// Attempts that stay counted though nothing came of them.
    lost: BTreeMap<(SubjectId, StageName, u32), u32>,
    peeking: bool,
    trace: Option<Vec<String>>,
}

/// What everyone shares.
pub(crate) struct World(Mutex<State>);

impl World {
    pub(crate) fn new(seed: u64, faults: Faults, traced: bool) -> Arc<Self> {
        let start: Timestamp = "2026-11-18T08:00:00Z".parse().unwrap();
        Arc::new(Self(Mutex::new(State {
            random: Random::new(seed),
            faults,
            tally: Tally::default(),
            violations: Vec::new(),
            now: start.micros(),
            timers: BTreeMap::new(),
            tickets: 0,
            actor: 0,
            names: Vec::new(),
            at_work: BTreeMap::new(),
            lost: BTreeMap::new(),
            peeking: false,
            trace: traced.then(Vec::new),
        })))
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// Notes a line, when someone will read it.
    pub(crate) fn trace(&self, line: impl FnOnce() -> String) {
        let mut state = self.state();
        let (now, steps, actor) = (state.now, state.tally.steps, state.actor);
        let name = state.names.get(actor).cloned().unwrap_or_default();
        if let Some(trace) = &mut state.trace {
            let at = Timestamp::from_micros(now).unwrap();
            trace.push(format!("{steps:>6} {at} {name:<10} {}", line()));
        }
    }

    pub(crate) fn take_trace(&self) -> Vec<String> {
        self.state().trace.take().unwrap_or_default()
    }

    /// Something that must not happen.
    pub(crate) fn violated(&self, what: impl Into<String>) {
        let what = what.into();
        self.trace(|| format!("VIOLATION {what}"));
        self.state().violations.push(what);
    }

    /// What the ledger and the blobs ask at each of their points.
    pub(crate) fn hook(self: &Arc<Self>) -> Hook {
        let world = self.clone();
        Box::new(move |doing, after| world.fate(doing, after))
    }

    fn fate(&self, doing: &'static str, after: bool) -> Fate {
        let mut state = self.state();
        if state.peeking {
            return Fate::Proceed;
        }
        let rate = if after {
            state.faults.lies
        } else {
            state.faults.refusals
        };
        if !state.random.chance(rate) {
            drop(state);
            if after {
                self.trace(|| doing.to_owned());
            }
            return Fate::Proceed;
        }
        // Putting a task off is also how an attempt is given back: unheard, one more is lost.
        let given_back = doing == "defer" && !after;
        if given_back && !state.may_lose_attempt() {
            return Fate::Proceed;
        }
        if after {
            state.tally.lies += 1;
        } else {
            state.tally.refusals += 1;
        }
        drop(state);
        self.trace(|| {
            format!(
                "{doing} FAILS {}",
                if after { "after its effect" } else { "" }
            )
        });
        Fate::Fail
    }

    pub(crate) fn at_work(&self, task: Option<Task>) {
        let mut state = self.state();
        let actor = state.actor;
        match task {
            Some(task) => state.at_work.insert(actor, task),
            None => state.at_work.remove(&actor),
        };
    }

    pub(crate) fn now_micros(&self) -> i64 {
        self.state().now
    }

    /// Ready once the clock has moved so far.
    pub(crate) fn sleep(self: &Arc<Self>, micros: i64) -> Sleep {
        Sleep {
            world: self.clone(),
            until: self.now_micros() + micros,
        }
    }

    /// Wakes someone once the clock stands at `at`.
    pub(crate) fn wake_at(&self, at: i64, waker: Waker) {
        let mut state = self.state();
        state.tickets += 1;
        let ticket = state.tickets;
        state.timers.insert((at, ticket), waker);
    }

    /// Who is being polled.
    pub(crate) fn actor(&self) -> usize {
        self.state().actor
    }

    /// Asks a future to its end while nothing else moves and nothing fails.
    pub(crate) fn peek<T>(&self, future: impl Future<Output = T>) -> T {
        self.state().peeking = true;
        let answer = futures::executor::block_on(future);
        self.state().peeking = false;
        answer
    }

    /// Moves the clock and wakes whoever waited for it.
    fn move_clock(&self, to: i64) {
        let mut state = self.state();
        state.now = state.now.max(to);
        let now = state.now;
        let later = state.timers.split_off(&(now + 1, 0));
        let woken = std::mem::replace(&mut state.timers, later);
        drop(state);
        woken.into_values().for_each(Waker::wake);
    }

    pub(crate) fn counted(&self, handled: &Handled) {
        let tally = &mut self.state().tally;
        match handled {
            Handled::Done | Handled::Remembered | Handled::PassedOver => tally.done += 1,
            Handled::Stale => tally.stale += 1,
            Handled::Deferred { .. } => tally.deferred += 1,
            Handled::Quarantined { .. } => tally.quarantined += 1,
            Handled::GivenBack => {}
        }
    }
}

impl State {
    /// Whether the one being polled may lose the count of an attempt, which is then lost.
    fn may_lose_attempt(&mut self) -> bool {
        let Some(task) = self.at_work.get(&self.actor) else {
            return true;
        };
        let key = (task.document, task.stage.clone(), task.generation);
        let lost = self.lost.entry(key).or_default();
        if *lost >= LOST_MAX {
            return false;
        }
        *lost += 1;
        true
    }
}

impl Clock for World {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.now_micros()).unwrap()
    }
}

/// See [`World::sleep`].
pub(crate) struct Sleep {
    world: Arc<World>,
    until: i64,
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.world.now_micros() >= self.until {
            return Poll::Ready(());
        }
        self.world.wake_at(self.until, context.waker().clone());
        Poll::Pending
    }
}

type Life = Pin<Box<dyn Future<Output = ()>>>;

/// Someone who acts, and can be born again.
struct Actor {
    birth: Box<dyn Fn() -> Life>,
    life: Option<Life>,
    woken: Arc<Woken>,
}

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// The actors, and who is next.
pub(crate) struct Executor {
    world: Arc<World>,
    actors: Vec<Actor>,
    on_death: Box<dyn Fn(usize)>,
}

/// Nobody can ever move again.
#[derive(Debug)]
pub(crate) struct Stuck;

impl Executor {
    /// No actors yet; `on_death` hears of those that die.
    pub(crate) fn new(world: Arc<World>, on_death: impl Fn(usize) + 'static) -> Self {
        Self {
            world,
            actors: Vec::new(),
            on_death: Box::new(on_death),
        }
    }

    /// Adds an actor, who lives as `birth` says each time it is born.
    pub(crate) fn spawn<L>(&mut self, name: &str, birth: impl Fn() -> L + 'static)
    where
        L: Future<Output = ()> + 'static,
    {
        self.world.state().names.push(name.to_owned());
        let birth: Box<dyn Fn() -> Life> = Box::new(move || Box::pin(birth()));
        let life = Some(birth());
        self.actors.push(Actor {
            birth,
            life,
            woken: Arc::new(Woken(AtomicBool::new(true))),
        });
    }

    /// Lets one actor go on, or die; when none can, moves the clock.
    pub(crate) fn step(&mut self) -> Result<(), Stuck> {
        let ready: Vec<usize> = (0..self.actors.len())
            .filter(|i| {
                let actor = &self.actors[*i];
                actor.life.is_some() && actor.woken.0.load(Ordering::SeqCst)
            })
            .collect();
        if ready.is_empty() {
            let next = self.world.state().timers.keys().next().map(|(at, _)| *at);
            self.world.move_clock(next.ok_or(Stuck)?);
            return Ok(());
        }
        let mut state = self.world.state();
        state.tally.steps += 1;
        let i = *state.random.pick(&ready);
        // Work takes time too.
        let later = state.now + state.random.below(2_000) as i64;
        state.actor = i;
        let deaths = state.faults.deaths;
        let dies = state.random.chance(deaths) && state.may_lose_attempt();
        if dies {
            state.tally.deaths += 1;
            state.tally.deaths_at_work += u64::from(state.at_work.remove(&i).is_some());
        }
        let stalls = state.faults.stalls;
        let stands_still = !dies && state.random.chance(stalls);
        let until = later + state.random.below(STALL_MAX) as i64;
        state.tally.stalls += u64::from(stands_still);
        drop(state);
        self.world.move_clock(later);
        let actor = &mut self.actors[i];
        if stands_still {
            self.world.trace(|| "STANDS STILL".into());
            actor.woken.0.store(false, Ordering::SeqCst);
            self.world.wake_at(until, Waker::from(actor.woken.clone()));
            return Ok(());
        }
        if dies {
            self.world.trace(|| "DIES".into());
            actor.life = Some((actor.birth)());
            (self.on_death)(i);
            return Ok(());
        }
        actor.woken.0.store(false, Ordering::SeqCst);
        let waker = Waker::from(actor.woken.clone());
        if let Some(life) = &mut actor.life
            && life
                .as_mut()
                .poll(&mut Context::from_waker(&waker))
                .is_ready()
        {
            actor.life = None;
        }
        Ok(())
    }
}

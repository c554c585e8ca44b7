//! A proxy between the components: it loses, delays, counts or holds calls, or changes them as an attacker would.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::{self, BoxFuture};
use host::chaining::{ChainedCall, Chaining, Interference};
use tokio::sync::watch;

/// What the proxy does with the calls of one component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// All calls pass.
    Pass,
    /// This number of calls is lost, and then all calls pass.
    Lose(u32),
    /// All calls wait until another value is set.
    Hang,
}

/// Loses, holds and counts calls. Clones share their state.
#[derive(Clone, Debug, Default)]
pub struct Between(Arc<Mutex<BTreeMap<String, Callee>>>);

#[derive(Debug)]
struct Callee {
    fate: watch::Sender<Fate>,
    calls: u32,
}

impl Default for Callee {
    fn default() -> Self {
        Self {
            fate: watch::Sender::new(Fate::Pass),
            calls: 0,
        }
    }
}

impl Between {
    /// A proxy that lets all calls pass.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets what happens to calls of this component from now on, including the calls that wait.
    pub fn set(&self, callee: &str, fate: Fate) {
        self.with(callee, |callee| callee.fate.send_replace(fate));
    }

    /// The number of calls of this component so far, including the lost ones.
    pub fn calls(&self, callee: &str) -> u32 {
        self.with(callee, |callee| callee.calls)
    }

    fn with<T>(&self, callee: &str, work: impl FnOnce(&mut Callee) -> T) -> T {
        let mut callees = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        work(callees.entry(callee.to_owned()).or_default())
    }
}

impl Chaining for Between {
    fn before(&self, call: &ChainedCall) -> BoxFuture<'static, Interference> {
        let fate = self.with(&call.callee, |callee| {
            // A health check does not count as a call of the service.
            callee.calls += u32::from(call.path != "/ready");
            let fate = *callee.fate.borrow();
            if let Fate::Lose(left) = fate {
                let next = match left {
                    0 | 1 => Fate::Pass,
                    _ => Fate::Lose(left - 1),
                };
                callee.fate.send_replace(next);
            }
            match fate {
                Fate::Hang => Err(callee.fate.subscribe()),
                Fate::Pass | Fate::Lose(0) => Ok(Interference::Pass),
                Fate::Lose(_) => Ok(Interference::Lose),
            }
        });
        match fate {
            Ok(interference) => future::ready(interference).boxed(),
            Err(mut fate) => async move {
                // The test has ended, and with it the receiver.
                let _ = fate.wait_for(|fate| *fate != Fate::Hang).await;
                Interference::Pass
            }
            .boxed(),
        }
    }

    fn after(&self, _: &ChainedCall) -> BoxFuture<'static, Interference> {
        future::ready(Interference::Pass).boxed()
    }
}

/// A point in a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Point {
    /// The method that is called, such as `ReserveStock`.
    pub method: &'static str,
    /// Before or after the method.
    pub moment: Moment,
}

/// A part of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// The callee has not received the request.
    Before,
    /// The callee has answered, and the caller has not received the answer.
    After,
}

impl Point {
    /// The point before a method is called.
    pub const fn before(method: &'static str) -> Self {
        let moment = Moment::Before;
        Self { method, moment }
    }

    /// The point after a method has answered.
    pub const fn after(method: &'static str) -> Self {
        let moment = Moment::After;
        Self { method, moment }
    }

    /// Whether this call is at this point.
    pub fn is_at(&self, call: &ChainedCall, moment: Moment) -> bool {
        self.moment == moment && call.path.rsplit('/').next() == Some(self.method)
    }
}

/// Holds the calls that arrive at some points until it opens. Clones share their state.
#[derive(Clone, Debug)]
pub struct Gate(Arc<watch::Sender<Held>>);

#[derive(Clone, Debug, Default)]
struct Held {
    /// The points at which it holds calls; empty if it is open.
    at: Vec<Point>,
    waiting: usize,
}

impl Gate {
    /// An open gate.
    pub fn new() -> Self {
        Self(Arc::new(watch::Sender::new(Held::default())))
    }

    /// Holds the calls that arrive at these points from now on.
    pub fn close(&self, at: &[Point]) {
        let at = at.to_vec();
        self.0.send_replace(Held { at, waiting: 0 });
    }

    /// Waits until it holds this number of calls.
    ///
    /// # Panics
    ///
    /// When the calls do not arrive.
    pub async fn holds(&self, calls: usize) {
        let mut held = self.0.subscribe();
        let come = held.wait_for(|held| held.waiting >= calls);
        let come = tokio::time::timeout(Duration::from_secs(20), come).await;
        assert!(
            come.is_ok(),
            "{calls} calls must arrive at the gate, but it holds {:?}",
            *self.0.borrow()
        );
    }

    /// Lets all calls pass, including the ones that it holds.
    pub fn open(&self) {
        self.0.send_replace(Held::default());
    }

    fn pass(&self, call: &ChainedCall, moment: Moment) -> BoxFuture<'static, Interference> {
        if !self.0.borrow().at.iter().any(|point| point.is_at(call, moment)) {
            return future::ready(Interference::Pass).boxed();
        }
        let mut held = self.0.subscribe();
        self.0.send_modify(|held| held.waiting += 1);
        async move {
            // The test has ended, and with it the sender.
            let _ = held.wait_for(|held| held.at.is_empty()).await;
            Interference::Pass
        }
        .boxed()
    }
}

impl Default for Gate {
    fn default() -> Self {
        Self::new()
    }
}

impl Chaining for Gate {
    fn before(&self, call: &ChainedCall) -> BoxFuture<'static, Interference> {
        self.pass(call, Moment::Before)
    }

    fn after(&self, call: &ChainedCall) -> BoxFuture<'static, Interference> {
        self.pass(call, Moment::After)
    }
}

/// Random faults of calls of the order and product components: lost requests, lost answers, repetitions and delays, some of
/// them beyond the time limit. Clones share their state.
#[derive(Clone, Debug)]
pub struct Mischief(Arc<Mischievous>);

#[derive(Debug)]
struct Mischievous {
    dice: Mutex<Dice>,
    is_over: AtomicBool,
    lateness: Duration,
}

impl Mischief {
    /// Faults by the random numbers of `seed`. An answer that misses the time limit comes after `lateness`.
    pub fn new(seed: u64, lateness: Duration) -> Self {
        Self(Arc::new(Mischievous {
            dice: Mutex::new(Dice::new(seed)),
            is_over: AtomicBool::new(false),
            lateness,
        }))
    }

    /// Ends the faults: all calls pass from now on.
    pub fn end(&self) {
        self.0.is_over.store(true, Ordering::Relaxed);
    }

    fn throw(&self, call: &ChainedCall) -> Option<(u64, Duration)> {
        let is_met = ["order", "product"].contains(&call.callee.as_str()) && call.path != "/ready";
        if !is_met || self.0.is_over.load(Ordering::Relaxed) {
            return None;
        }
        let mut dice = self.0.dice.lock().unwrap_or_else(PoisonError::into_inner);
        Some((dice.throw(100), Duration::from_millis(dice.throw(300))))
    }
}

async fn later(pause: Duration) -> Interference {
    tokio::time::sleep(pause).await;
    Interference::Pass
}

impl Chaining for Mischief {
    fn before(&self, call: &ChainedCall) -> BoxFuture<'static, Interference> {
        match self.throw(call) {
            Some((0..5, _)) => future::ready(Interference::Lose).boxed(),
            Some((5..13, _)) => future::ready(Interference::Repeat).boxed(),
            Some((13..25, pause)) => later(pause).boxed(),
            Some(_) | None => future::ready(Interference::Pass).boxed(),
        }
    }

    fn after(&self, call: &ChainedCall) -> BoxFuture<'static, Interference> {
        match self.throw(call) {
            Some((0..6, _)) => future::ready(Interference::Lose).boxed(),
            Some((6..18, pause)) => later(pause).boxed(),
            Some((18..20, _)) => later(self.0.lateness).boxed(),
            Some(_) | None => future::ready(Interference::Pass).boxed(),
        }
    }
}

/// Pseudorandom numbers, the same for the same seed: splitmix64.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// The numbers of a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `bound`.
    pub fn throw(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }

    /// One of these.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.throw(from.len() as u64) as usize]
    }
}

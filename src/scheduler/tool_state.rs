//! What is remembered of a tool.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::Nanos;
use super::arena::Id;
use super::lane::{Lane, Spot};
use super::park::Turn;
use super::plan::{Figures, Plan};
use super::resource::Resource;
use crate::tool::ToolName;

/// How much the latest run moves the mean: an eighth, as in the round trip estimate of RFC 6298.
const WEIGHT_OF_LATEST: u64 = 8;
/// What a run is taken to last before the first one ended.
const UNMEASURED_RUN: Nanos = 1_000_000_000;

/// A tool, its keys, and how long its calls run.
#[derive(Debug)]
pub(super) struct ToolState {
    /// Its name.
    pub(super) name: ToolName,
    /// Its own places.
    pub(super) place: Id<Resource>,
    /// What a call that arrives now needs.
    pub(super) plan: Arc<Plan>,
    /// Its other figures.
    pub(super) figures: Figures,
    /// Whether the catalog still has it.
    pub(super) retired: bool,
    /// Its place among the tools.
    pub(super) turn: Turn,
    /// Its lanes by key.
    pub(super) lanes: HashMap<Option<String>, Id<Lane>>,
    /// Lanes without a call, by the moment at which they can be forgotten.
    pub(super) idle: BTreeSet<(Nanos, Id<Lane>)>,
    /// Where heads of its lanes are parked, and how many, keys' own resources left out. There are
    /// about as many entries as a call has needs.
    pub(super) parked_at: Vec<(Spot, u32)>,
    /// Waiting calls that count.
    pub(super) counted: u32,
    /// All waiting calls.
    pub(super) waiting: u32,
    /// Running calls.
    pub(super) running: u32,
    mean_run: Option<Nanos>,
}

impl ToolState {
    /// A tool nobody has called.
    pub(super) fn new(name: ToolName, place: Id<Resource>, figures: Figures) -> Self {
        Self {
            name,
            place,
            plan: Arc::new(Plan::default()),
            figures,
            retired: false,
            turn: 0,
            lanes: HashMap::new(),
            idle: BTreeSet::new(),
            parked_at: Vec::new(),
            counted: 0,
            waiting: 0,
            running: 0,
            mean_run: None,
        }
    }

    /// Learns how long a call ran.
    pub(super) fn learn(&mut self, ran: Nanos) {
        self.mean_run = Some(match self.mean_run {
            None => ran,
            Some(mean) => mean - mean / WEIGHT_OF_LATEST + ran / WEIGHT_OF_LATEST,
        });
    }

    /// How long `calls` of it take, so many side by side, as far as can be told from those that ended.
    pub(super) fn time_for(&self, calls: u64, side_by_side: u32) -> Nanos {
        let rounds = calls.div_ceil(u64::from(side_by_side.max(1))).max(1);
        self.mean_run
            .unwrap_or(UNMEASURED_RUN)
            .saturating_mul(rounds)
    }

    /// Notes that one more lane is parked at `spot`.
    pub(super) fn parked(&mut self, spot: Spot) {
        match self.parked_at.iter_mut().find(|(at, _)| *at == spot) {
            Some((_, lanes)) => *lanes += 1,
            None => self.parked_at.push((spot, 1)),
        }
    }

    /// Notes that one lane less is parked at `spot`.
    pub(super) fn unparked(&mut self, spot: Spot) {
        if let Some(at) = self.parked_at.iter().position(|(at, _)| *at == spot) {
            self.parked_at[at].1 -= 1;
            if self.parked_at[at].1 == 0 {
                self.parked_at.swap_remove(at);
            }
        }
    }
}

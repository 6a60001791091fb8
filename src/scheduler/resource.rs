//! What calls need: places and tokens.

use super::arena::Id;
use super::gcra::Gcra;
use super::lane::Lane;
use super::park::Park;
use super::{Limit, Nanos};
use crate::tool::{OnLimit, Rate};

/// Something calls need an amount of: places that come back, or tokens that do not.
#[derive(Debug)]
pub(super) struct Resource {
    /// The limit it stands for.
    pub(super) limit: Limit,
    /// What there is of it.
    pub(super) supply: Supply,
    /// The amount kept for the holder of the reservation.
    pub(super) kept: u32,
    /// Who waits for it, by the amount they need. There are as many entries as there are different costs.
    pub(super) parks: Vec<(u32, Park)>,
    /// The only lane that ever needs it, when it belongs to a key. That lane waits for it outside `parks`.
    pub(super) lane: Option<Id<Lane>>,
    /// The moment at which it is to be looked at again, if one is set.
    pub(super) alarm: Option<Nanos>,
}

/// What there is of a resource.
#[derive(Debug)]
pub(super) enum Supply {
    /// Places: taken while a call runs.
    Places {
        /// How many there are.
        limit: u32,
        /// How many are taken; more than there are, for a while, after a reload that lowered the limit.
        taken: u32,
    },
    /// Tokens: used up by a start.
    Tokens {
        /// The bucket.
        bucket: Gcra,
        /// Its figures as written.
        rate: Rate,
    },
}

/// What a call needs of a resource.
#[derive(Clone, Copy, Debug)]
pub(super) struct Need {
    /// The resource.
    pub(super) resource: Id<Resource>,
    /// How much of it: one place, or the cost in tokens.
    pub(super) amount: u32,
    /// Whether the call waits for it.
    pub(super) on_limit: OnLimit,
}

impl Resource {
    /// Places nobody has taken.
    pub(super) const fn places(limit: Limit, places: u32) -> Self {
        Self::new(
            limit,
            Supply::Places {
                limit: places,
                taken: 0,
            },
        )
    }

    /// A full bucket.
    pub(super) fn tokens(limit: Limit, rate: Rate) -> Self {
        Self::new(
            limit,
            Supply::Tokens {
                bucket: Gcra::new(rate),
                rate,
            },
        )
    }

    const fn new(limit: Limit, supply: Supply) -> Self {
        Self {
            limit,
            supply,
            kept: 0,
            parks: Vec::new(),
            lane: None,
            alarm: None,
        }
    }

    /// Whether it is a bucket.
    pub(super) const fn is_bucket(&self) -> bool {
        matches!(self.supply, Supply::Tokens { .. })
    }

    /// Its figure, as people wrote it: places, or tokens of a full bucket.
    pub(super) fn figure(&self) -> u64 {
        match &self.supply {
            Supply::Places { limit, .. } => u64::from(*limit),
            Supply::Tokens { bucket, .. } => u64::from(bucket.burst()),
        }
    }

    /// When `amount` of it is there; `None` when only somebody else's doing can tell. What is kept
    /// for the holder of the reservation is there for the holder alone.
    pub(super) fn ready_at(&self, now: Nanos, amount: u32, is_holder: bool) -> Option<Nanos> {
        let kept = if is_holder { 0 } else { self.kept };
        match &self.supply {
            Supply::Places { limit, taken } => {
                (taken.saturating_add(kept).saturating_add(amount) <= *limit).then_some(now)
            }
            Supply::Tokens { bucket, .. } => {
                // A cost above the burst counts as the burst, as `Gcra::take` has it.
                let wanted = amount
                    .min(bucket.burst())
                    .saturating_add(kept.min(bucket.burst()));
                (wanted <= bucket.burst()).then(|| bucket.ready_at(now, u64::from(wanted)))
            }
        }
    }

    /// Whether `amount` of it is there now.
    pub(super) fn is_ready(&self, now: Nanos, amount: u32, is_holder: bool) -> bool {
        self.ready_at(now, amount, is_holder) == Some(now)
    }

    /// Takes what was found to be ready.
    pub(super) fn take(&mut self, now: Nanos, amount: u32) {
        match &mut self.supply {
            Supply::Places { taken, .. } => *taken += amount,
            Supply::Tokens { bucket, .. } => {
                let taken = bucket.take(now, amount);
                debug_assert!(taken, "only what is ready is taken");
            }
        }
    }

    /// Gives a place back; tokens are gone.
    pub(super) fn give_back(&mut self, amount: u32) {
        if let Supply::Places { taken, .. } = &mut self.supply {
            *taken -= amount;
        }
    }

    /// Changes the figure of places; those taken stay taken.
    pub(super) fn change_places(&mut self, places: u32) {
        if let Supply::Places { limit, .. } = &mut self.supply {
            *limit = places;
        }
    }

    /// Changes the figures of a bucket; what is in it stays, as far as there is room.
    pub(super) fn change_rate(&mut self, now: Nanos, new: Rate) {
        if let Supply::Tokens { bucket, rate } = &mut self.supply
            && *rate != new
        {
            bucket.change(now, new);
            *rate = new;
        }
    }

    /// Whether it is as it was when it was made, so that it can be forgotten and made again.
    pub(super) fn is_as_new(&self, now: Nanos) -> bool {
        match &self.supply {
            Supply::Places { taken, .. } => *taken == 0,
            Supply::Tokens { bucket, .. } => bucket.full_at() <= now,
        }
    }

    /// The heads waiting for `amount`.
    pub(super) fn park(&mut self, amount: u32) -> &mut Park {
        let at = self
            .parks
            .iter()
            .position(|(cost, _)| *cost == amount)
            .unwrap_or_else(|| {
                self.parks.push((amount, Park::default()));
                self.parks.len() - 1
            });
        &mut self.parks[at].1
    }

    /// When one of those in `parks` can be served by the passing of time alone.
    pub(super) fn next_alarm(&self, now: Nanos) -> Option<Nanos> {
        self.parks
            .iter()
            .filter(|(_, park)| !park.is_empty())
            .filter_map(|(amount, _)| self.ready_at(now, *amount, false))
            .min()
    }
}

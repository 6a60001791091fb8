//! What holds inside the core whenever it is settled.

use crate::scheduler::call::Stage;
use crate::scheduler::core::Core;
use crate::scheduler::resource::Supply;

impl Core {
    /// Panics where the core contradicts itself.
    pub(in crate::scheduler) fn assert_sound(&self) {
        assert!(self.contenders.is_empty(), "a contender was left behind");
        assert!(self.touched.is_empty(), "an alarm was not set");
        self.assert_counts();
        self.assert_places();
        self.assert_heads();
        if self.reservation.is_none() {
            for (_, resource) in self.resources.iter() {
                assert_eq!(resource.kept, 0, "{} is kept for nobody", resource.limit);
            }
        }
    }

    fn assert_counts(&self) {
        let waiting = self
            .calls
            .iter()
            .filter(|(_, call)| call.waiting().is_some())
            .count();
        assert_eq!(self.waiting as usize, waiting);
        assert_eq!(self.running as usize, self.calls.len() - waiting);
        let sum = |of: fn(&crate::scheduler::lane::Lane) -> u32| {
            self.lanes.iter().map(|(_, lane)| of(lane)).sum::<u32>()
        };
        assert_eq!(self.waiting, sum(|lane| lane.waiting));
        assert_eq!(self.counted, sum(|lane| lane.counted));
        assert_eq!(self.running, sum(|lane| lane.running));
        for (_, tool) in self.tools.iter() {
            let lanes = tool.lanes.values().map(|lane| &self.lanes[*lane]);
            assert_eq!(
                tool.waiting,
                lanes.clone().map(|lane| lane.waiting).sum::<u32>()
            );
            assert_eq!(tool.running, lanes.map(|lane| lane.running).sum::<u32>());
        }
    }

    fn assert_places(&self) {
        for (id, resource) in self.resources.iter() {
            if let Supply::Places { taken, .. } = resource.supply {
                let holders = self.calls.iter().filter(|(_, call)| {
                    let own = self.lanes[call.lane].place;
                    matches!(call.stage, Stage::Running { .. })
                        && call
                            .plan
                            .places
                            .iter()
                            .chain(&own)
                            .any(|need| need.resource == id)
                });
                assert_eq!(taken as usize, holders.count(), "{}", resource.limit);
            }
        }
    }

    /// Every head is parked at something that is not there for it: nothing that could run waits.
    fn assert_heads(&self) {
        let mut parked = 0;
        for (id, lane) in self.lanes.iter() {
            assert_eq!(lane.head.is_some(), lane.waiting > 0);
            let Some(ticket) = lane.head else {
                assert_eq!(lane.spot, None);
                continue;
            };
            let spot = lane.spot.expect("a head is parked");
            let resource = &self.resources[spot.resource];
            let is_holder = self.reservation.is_some_and(|held| held.ticket == ticket);
            assert!(
                !resource.is_ready(self.now, spot.amount, is_holder),
                "{}",
                resource.limit
            );
            match resource.lane {
                Some(owner) => assert_eq!(owner, id),
                None => parked += 1,
            }
            let by_time = resource.ready_at(self.now, spot.amount, is_holder);
            if let Some(at) = by_time.filter(|_| resource.is_bucket()) {
                assert!(
                    resource.alarm.is_some_and(|alarm| alarm <= at),
                    "nobody would wake it"
                );
            }
        }
        let parks = self
            .resources
            .iter()
            .flat_map(|(_, resource)| &resource.parks);
        assert_eq!(parks.map(|(_, park)| park.len()).sum::<usize>(), parked);
    }

    /// Panics where anything is left of calls that have ended.
    pub(in crate::scheduler) fn assert_empty(&self) {
        self.assert_sound();
        assert!(self.is_empty());
        assert_eq!((self.waiting, self.counted, self.running), (0, 0, 0));
        assert!(self.reservation.is_none());
        assert!(self.alarms.is_empty());
        for (_, tool) in self.tools.iter() {
            assert!(tool.parked_at.is_empty());
        }
    }
}

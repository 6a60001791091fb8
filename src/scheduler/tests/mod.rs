//! Tests of admission as a whole: the core as a model, the face under a paused clock.

mod clock;
mod fixture;
mod invariants;
mod model;
mod scenarios;
mod starvation;
mod world;

//! The exercises of docs/READING.md, one module each. Write your answer into the module's file in
//! `src/`, and check it with `make exercise N=1` (to 10). The tests are in `tests/`. Reference
//! solutions are in `solutions/`; the same tests hold them, with `--features solutions`.

pub mod disk;

#[cfg_attr(feature = "solutions", path = "../solutions/backpressure.rs")]
pub mod backpressure;
#[cfg_attr(feature = "solutions", path = "../solutions/durable_rename.rs")]
pub mod durable_rename;
#[cfg_attr(feature = "solutions", path = "../solutions/exactly_once.rs")]
pub mod exactly_once;
#[cfg_attr(feature = "solutions", path = "../solutions/fan_out.rs")]
pub mod fan_out;
#[cfg_attr(feature = "solutions", path = "../solutions/framing.rs")]
pub mod framing;
#[cfg_attr(feature = "solutions", path = "../solutions/lanes.rs")]
pub mod lanes;
#[cfg_attr(feature = "solutions", path = "../solutions/partial_reads.rs")]
pub mod partial_reads;
#[cfg_attr(feature = "solutions", path = "../solutions/readiness.rs")]
pub mod readiness;
#[cfg_attr(feature = "solutions", path = "../solutions/simulation.rs")]
pub mod simulation;
#[cfg_attr(feature = "solutions", path = "../solutions/stale_events.rs")]
pub mod stale_events;

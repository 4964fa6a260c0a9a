//! What a simulated network does wrong, or just not as nicely as it could.

use std::time::Duration;

/// The roughness of a network. The default is a network without any.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// A fill lends at most so many bytes; 0 is no limit.
    pub split: usize,
    /// A reserve lends at most so many bytes; 0 is no limit.
    pub window: usize,
    /// The two limits above, and what the system takes of a commit, are random below their bound.
    pub ragged: bool,
    /// In so many of 100 calls a fill or reserve would block though it need not.
    pub would_block: u64,
    /// In so many of 100 fills it is said that there may be more, though there is not.
    pub eager: u64,
    /// In so many of 100 steps every connection has an event for nothing.
    pub spurious: u64,
    /// In so many of 100 events the mask says something else (CONTRACT R52).
    pub masks: u64,
    /// In so many of 100 steps something is reported of a connection that is closed (CONTRACT R53).
    pub stale: u64,
    /// Events come twice in so many of 100 cases.
    pub double: u64,
    /// In so many of 100 resolutions the answer has to be asked for once more.
    pub slow_names: u64,
    /// The order of events is random.
    pub shuffle: bool,
    /// What is sent arrives up to so much later, each way; the order is kept.
    pub latency: Duration,
}

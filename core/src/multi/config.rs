//! What one engine is told once: limits on connections, time and sizes.

use core::fmt;
use core::time::Duration;

use crate::http::Limits;

/// Limits and switches of the engine. Those of one transfer are in [`Options`](crate::easy::Options).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// The most connections at once, idle ones included; 0 is as many as the storage holds
    /// (`CURLMOPT_MAX_TOTAL_CONNECTIONS`, CONTRACT R75).
    pub max_total_connections: u32,
    /// The most connections to one origin, idle ones included; 0 is no limit of its own
    /// (`CURLMOPT_MAX_HOST_CONNECTIONS`, CONTRACT R75).
    pub max_connections_per_host: u32,
    /// The most idle connections; 0 is no limit of its own (`CURLMOPT_MAXCONNECTS`, CONTRACT R74).
    pub max_idle: u32,
    /// An idle connection is not used again after this time (CONTRACT R87).
    pub idle: Duration,
    /// A connection is not used again at this age (CONTRACT R87).
    pub lifetime: Duration,
    /// How many bytes one transfer may receive or send in one run before others have their turn
    /// (CONTRACT R57): 16 MiB. It only matters to transfers of which that much has come. A small one
    /// makes fast downloads dear: they drift apart, and none finds in the processor's cache what
    /// another has brought there.
    pub budget: usize,
    /// How long an address may keep silent before the next is tried beside it (CONTRACT R99).
    pub eyeballs: Duration,
    /// How often in a row a connection may serve its own origin while transfers to others wait for
    /// a connection that the total limit denies them.
    pub overtakes: u8,
    /// The body of a followed redirect is read to keep its connection, up to so many bytes.
    pub drain_bytes: u32,
    /// Bounds on response heads.
    pub limits: Limits,
    /// Makes the places of origins in their table unforeseeable. A random number where there is one.
    pub seed: u64,
}

impl Config {
    /// libcurl's defaults where it has one.
    pub const DEFAULT: Self = Self {
        max_total_connections: 0,
        max_connections_per_host: 0,
        max_idle: 0,
        idle: Duration::from_secs(118),
        lifetime: Duration::from_secs(24 * 3600),
        budget: 16 * 1024 * 1024,
        eyeballs: Duration::from_millis(200),
        overtakes: 16,
        drain_bytes: 64 * 1024,
        limits: Limits::DEFAULT,
        seed: 0,
    };
}

impl Default for Config {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// Why an engine can't be made of this storage and configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum ConfigError {
    /// No place for transfers.
    NoTransfers,
    /// No place for connections.
    NoConnections,
    /// No place for origins.
    NoOrigins,
    /// No bucket for origins.
    NoBuckets,
    /// The places for names are empty.
    NoNames,
    /// Fewer deadlines than transfers.
    TooFewDeadlines,
    /// Fewer than two line blocks, or blocks of less than 64 bytes.
    TooFewLines,
    /// `budget` is 0.
    NoBudget,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoTransfers => "the storage has no place for transfers",
            Self::NoConnections => "the storage has no place for connections",
            Self::NoOrigins => "the storage has no place for origins",
            Self::NoBuckets => "the storage has no bucket for origins",
            Self::NoNames => "the storage has no room for host names",
            Self::TooFewDeadlines => "the storage has fewer deadlines than transfers",
            Self::TooFewLines => "the storage has fewer than two line blocks of at least 64 bytes",
            Self::NoBudget => "the budget of a run is 0",
        })
    }
}

impl core::error::Error for ConfigError {}

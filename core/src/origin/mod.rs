//! Origins: the total reuse key, and all that belongs to it.

mod addresses;
mod table;

use addresses::interleave;
pub(crate) use table::{FindError, Origins};

use core::net::IpAddr;

use crate::net::{Addresses, Scheme};
use crate::store::{Link, Linked, List, SIBLINGS};
use crate::time::Instant;

/// What two transfers must have in common to share addresses and connections (CONTRACT R85). It
/// can't be built with a part missing.
///
/// ```
/// use muxfer_core::{OriginKey, net::Scheme};
/// let key = OriginKey { scheme: Scheme::Http, host: "a.test", port: 80, settings: 0 };
/// assert_ne!(key, OriginKey { scheme: Scheme::Https, ..key });
/// assert_ne!(key, OriginKey { host: "a.test.", ..key });
/// assert_ne!(key, OriginKey { port: 81, ..key });
/// assert_ne!(key, OriginKey { settings: 1, ..key });
/// ```
///
/// Nothing stands for a part that is left out:
///
/// ```compile_fail,E0063
/// use muxfer_core::{OriginKey, net::Scheme};
/// let key = OriginKey { host: "a.test", port: 80, settings: 0 };
/// ```
/// ```compile_fail,E0063
/// use muxfer_core::{OriginKey, net::Scheme};
/// let key = OriginKey { scheme: Scheme::Http, port: 80, settings: 0 };
/// ```
/// ```compile_fail,E0063
/// use muxfer_core::{OriginKey, net::Scheme};
/// let key = OriginKey { scheme: Scheme::Http, host: "a.test", settings: 0 };
/// ```
/// ```compile_fail,E0063
/// use muxfer_core::{OriginKey, net::Scheme};
/// let key = OriginKey { scheme: Scheme::Http, host: "a.test", port: 80 };
/// ```
///
/// and there is no key to fill up from:
///
/// ```compile_fail,E0277
/// let key: muxfer_core::OriginKey<'_> = Default::default();
/// ```
///
/// Whoever takes one apart inside the engine names all of its parts, so that one more can't be
/// forgotten anywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OriginKey<'a> {
    /// Plain or secured.
    pub scheme: Scheme,
    /// In lower case, without brackets.
    pub host: &'a str,
    /// Never 0.
    pub port: u16,
    /// [`Request::settings`](crate::easy::Request): compared exactly.
    pub settings: u32,
}

/// What is known of an origin's addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lookup {
    /// Nothing.
    Unknown,
    /// The platform was asked.
    Asked,
    /// They may be used until then.
    Known(Instant),
}

/// In which list of origins it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// None.
    Nowhere,
    /// It has waiting transfers that only the limit on all connections holds back.
    Hungry,
    /// No transfer refers to it: its place may be given away.
    Unused,
}

/// One place of the table of origins.
#[derive(Debug)]
pub struct Origin {
    scheme: Scheme,
    port: u16,
    settings: u32,
    host_len: u16,
    hash: u32,
    /// The next of the same bucket, counted from 1; 0 ends the chain.
    chain: u32,
    addresses: Addresses,
    /// Counts how often the addresses were replaced; it wraps.
    edition: u8,
    pub(crate) lookup: Lookup,
    /// Connections, and transfers that have a claim to one.
    pub(crate) conns: u32,
    /// Transfers that refer to it.
    pub(crate) users: u32,
    pub(crate) waiting: List<0>,
    pub(crate) resolving: List<0>,
    pub(crate) idle: List<SIBLINGS>,
    pub(crate) place: Place,
    pub(crate) link: Link,
}

impl Origin {
    /// Does the key agree in all but the host, whose name lies elsewhere?
    fn is_keyed(&self, key: &OriginKey<'_>) -> bool {
        let OriginKey {
            scheme,
            host: _,
            port,
            settings,
        } = *key;
        self.scheme == scheme && self.port == port && self.settings == settings
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// Replaces the addresses by these, which may be used until then.
    pub(crate) fn learn(&mut self, found: Addresses, until: Instant) {
        self.addresses = interleave(found);
        self.edition = self.edition.wrapping_add(1);
        self.lookup = Lookup::Known(until);
    }

    pub(crate) const fn edition(&self) -> u8 {
        self.edition
    }

    /// The address number `nth` of the present edition.
    pub(crate) fn address(&self, nth: usize) -> Option<IpAddr> {
        self.addresses.get(nth).copied()
    }

    pub(crate) fn is_known(&self, now: Instant) -> bool {
        matches!(self.lookup, Lookup::Known(until) if now < until) && !self.addresses.is_empty()
    }
}

impl Linked<0> for Origin {
    fn link(&mut self) -> &mut Link {
        &mut self.link
    }
}

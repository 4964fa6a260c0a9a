//! Switches of a transfer, a bit each.

use crate::features::{RACES, RANGES, REDIRECTS, REUSE, UPLOADS};

/// What a bit says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Flag {
    /// It has run once: its clock ticks.
    Started,
    /// A redirect led to another origin: credentials stay behind.
    Foreign,
    /// A redirect turned the request into a GET.
    Rewritten,
    /// The peer does not know `Expect`.
    NoExpect,
    /// This request asks for `100 Continue`.
    Expects,
    /// No idle connection is taken.
    Fresh,
    /// The connection has served others before.
    Reused,
    /// The easy handle wants no bytes for now.
    ReceivePaused,
    /// The easy handle has no bytes for now.
    SendPaused,
    /// Try to receive even if nothing was heard of the socket.
    Hurry,
    /// The response is a redirect that is followed.
    Follow,
    /// A `Location` was seen in this head.
    Located,
    /// The body of this response is not wanted.
    Discard,
    /// The range of this response is the one asked for.
    RangeRight,
    /// A resumed download turned out to be complete.
    AlreadyComplete,
    /// The request is asked again without `Expect`.
    AskAgain,
    /// The platform still holds committed bytes.
    Unflushed,
    /// Another address is due.
    NextAddress,
}

impl Flag {
    /// Can it ever be set? Not if the only ways to it were left out.
    const fn is_possible(self) -> bool {
        match self {
            Self::Foreign | Self::Rewritten | Self::Follow | Self::Located => REDIRECTS,
            Self::NoExpect | Self::Expects | Self::SendPaused | Self::AskAgain => UPLOADS,
            Self::RangeRight | Self::AlreadyComplete => RANGES,
            Self::Discard => REDIRECTS || UPLOADS || RANGES,
            Self::Fresh | Self::Reused => REUSE,
            Self::NextAddress => RACES,
            Self::Started | Self::ReceivePaused | Self::Hurry | Self::Unflushed => true,
        }
    }
}

/// A set of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Flags(u32);

impl Flags {
    pub(crate) const NONE: Self = Self(0);

    const fn bit(flag: Flag) -> u32 {
        1 << flag as u32
    }

    #[inline]
    pub(crate) const fn has(self, flag: Flag) -> bool {
        flag.is_possible() && self.0 & Self::bit(flag) != 0
    }

    #[inline]
    pub(crate) const fn set(&mut self, flag: Flag, on: bool) {
        if !flag.is_possible() {
            return;
        }
        if on {
            self.0 |= Self::bit(flag);
        } else {
            self.0 &= !Self::bit(flag);
        }
    }

    /// Sets it if `on`; leaves it as it is otherwise.
    pub(crate) const fn set_if(&mut self, flag: Flag, on: bool) {
        if on {
            self.set(flag, true);
        }
    }

    /// Clears it and says what it was.
    pub(crate) const fn take(&mut self, flag: Flag) -> bool {
        let was = self.has(flag);
        self.set(flag, false);
        was
    }

    /// Sets it and says what it was.
    pub(crate) const fn put(&mut self, flag: Flag) -> bool {
        let was = self.has(flag);
        self.set(flag, true);
        was
    }

    /// Only those of `flags`.
    pub(crate) fn only(self, flags: &[Flag]) -> Self {
        let mask = flags.iter().fold(0, |mask, flag| mask | Self::bit(*flag));
        Self(self.0 & mask)
    }
}

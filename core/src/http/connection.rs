//! What becomes of the connection (RFC 9112 §9.3).

use crate::features::SMALL;
use crate::wire::{is_same, list};

/// What the `Connection` fields of a head say about the connection's future.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Connection {
    /// Nothing about it.
    Nothing,
    /// It is kept.
    KeepAlive,
    /// It ends with this exchange.
    Close,
}

impl Connection {
    /// With one more `Connection` field.
    pub(super) fn and(self, value: &[u8]) -> Self {
        // The common case is this one option.
        if !SMALL && value == b"keep-alive" {
            return self.and_option(value);
        }
        list(value).fold(self, Self::and_option)
    }

    #[inline]
    fn and_option(self, option: &[u8]) -> Self {
        // `close` wins over anything else that is said (RFC 9112 §9.3).
        if self == Self::Close || is_same(option, b"close") {
            Self::Close
        } else if is_same(option, b"keep-alive") {
            Self::KeepAlive
        } else {
            self
        }
    }
}

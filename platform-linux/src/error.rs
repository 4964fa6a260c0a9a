//! What the system's error numbers mean to the engine.

use muxfer_core::net::IoError;
use rustix::io::Errno;

/// The engine's name for a system error. Numbers without a name keep their number.
#[must_use]
pub fn io_error(errno: Errno) -> IoError {
    match errno {
        Errno::ADDRNOTAVAIL
        | Errno::AFNOSUPPORT
        | Errno::ADDRINUSE
        | Errno::DESTADDRREQ
        | Errno::PROTONOSUPPORT => IoError::AddressUnusable,
        Errno::PIPE | Errno::NOTCONN | Errno::SHUTDOWN | Errno::BADF => IoError::Closed,
        Errno::ACCESS | Errno::PERM => IoError::Denied,
        Errno::NOBUFS | Errno::NOMEM => IoError::NoBuffers,
        Errno::MFILE | Errno::NFILE => IoError::NoDescriptors,
        Errno::CONNREFUSED => IoError::Refused,
        Errno::CONNRESET | Errno::CONNABORTED | Errno::NETRESET => IoError::Reset,
        Errno::TIMEDOUT => IoError::TimedOut,
        Errno::HOSTUNREACH | Errno::NETUNREACH | Errno::HOSTDOWN | Errno::NETDOWN => {
            IoError::Unreachable
        }
        Errno::OPNOTSUPP | Errno::NOSYS => IoError::Unsupported,
        other => IoError::Other(u16::try_from(other.raw_os_error()).unwrap_or(u16::MAX)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_numbers_have_names_and_others_keep_their_number() {
        assert_eq!(io_error(Errno::MFILE), IoError::NoDescriptors);
        assert_eq!(io_error(Errno::PIPE), IoError::Closed);
        assert_eq!(io_error(Errno::INVAL), IoError::Other(22));
    }
}

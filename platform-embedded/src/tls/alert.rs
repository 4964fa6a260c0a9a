//! Alerts (RFC 8446 §6).

use muxfer_core::net::TlsError;

pub(super) const WARNING: u8 = 1;
pub(super) const FATAL: u8 = 2;
pub(super) const CLOSE_NOTIFY: u8 = 0;
const USER_CANCELED: u8 = 90;

/// What an alert of the peer says.
pub(super) enum Heard {
    /// Nothing more comes.
    End,
    /// It may be ignored (§6.1).
    Nothing,
    /// It has given up.
    Refused(u8),
}

/// Reads an alert. All but two are the end, whatever level they claim (§6).
pub(super) fn read(content: &[u8]) -> Result<Heard, TlsError> {
    match *content {
        [_, CLOSE_NOTIFY] => Ok(Heard::End),
        [_, USER_CANCELED] => Ok(Heard::Nothing),
        [_, code] => Ok(Heard::Refused(code)),
        _ => Err(TlsError::Protocol),
    }
}

/// What the peer is told; `None`: nothing, as it has gone or has given up itself.
pub(super) const fn code(error: TlsError) -> Option<u8> {
    Some(match error {
        TlsError::Expired => 45,
        TlsError::UnknownIssuer | TlsError::SelfSigned => 48,
        TlsError::BadSignature => 51,
        TlsError::WeakSignature | TlsError::WrongUsage => 43,
        TlsError::Revoked => 44,
        TlsError::NotYetValid
        | TlsError::WrongName
        | TlsError::Constraint
        | TlsError::BadCertificate => 42,
        TlsError::PinMismatch | TlsError::RevocationUnknown => 46,
        TlsError::Version => 70,
        TlsError::Alpn => 120,
        TlsError::Protocol => 10,
        TlsError::HostName | TlsError::Settings => 80,
        TlsError::ClientCertificate | TlsError::Alert(_) | TlsError::Truncated => return None,
        _ => 80,
    })
}

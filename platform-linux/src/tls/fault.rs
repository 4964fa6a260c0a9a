//! What went wrong: a word for the engine, a sentence for people.

use std::collections::VecDeque;

use muxfer_core::net::TlsError;
use rustls::pki_types::{ServerName, UnixTime};
use rustls::{
    AlertDescription, CertificateError, Error, OtherError, PeerIncompatible, PeerMisbehaved,
};

use super::verify::{NotPinned, SelfSigned};

/// How many sentences are kept.
const KEPT: usize = 64;
/// How many names of a certificate a sentence lists.
const NAMES: usize = 8;

/// Why a connection can't be secured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) error: TlsError,
    /// More than the error says, if more is known.
    pub(super) detail: Option<String>,
}

impl Fault {
    pub(super) const fn new(error: TlsError) -> Self {
        let detail = None;
        Self { error, detail }
    }

    pub(super) fn with(error: TlsError, detail: impl Into<String>) -> Self {
        let detail = Some(detail.into());
        Self { error, detail }
    }

    /// What rustls says. `asked`: the peer wanted a certificate of ours, and got `shown` one.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "rustls has many reasons that say enough by themselves, and adds others"
    )]
    pub(super) fn of(error: &Error, asked: Asked) -> Self {
        match error {
            Error::InvalidCertificate(why) => of_certificate(why),
            Error::NoCertificatesPresented => {
                Self::with(TlsError::BadCertificate, "the peer shows none")
            }
            Error::AlertReceived(alert) => of_alert(*alert, asked),
            Error::PeerIncompatible(why) => of_incompatible(why),
            Error::PeerMisbehaved(PeerMisbehaved::SelectedUnofferedApplicationProtocol) => {
                Self::new(TlsError::Alpn)
            }
            Error::InvalidMessage(_) if *error == not_tls() => Self::with(
                TlsError::Protocol,
                "what came is not TLS; is it a plain HTTP port?",
            ),
            other => Self::with(TlsError::Protocol, other.to_string()),
        }
    }
}

/// Whether the peer wanted a certificate of ours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Asked {
    #[default]
    No,
    /// Yes, and there was none to show.
    InVain,
    /// Yes, and it was shown one.
    Shown,
}

/// What rustls says of bytes that don't look like a record.
const fn not_tls() -> Error {
    Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType)
}

#[expect(deprecated, reason = "rustls itself may still say so")]
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "rustls has many reasons that say enough by themselves, and adds others"
)]
fn of_certificate(why: &CertificateError) -> Fault {
    use CertificateError as C;
    match why {
        C::Expired => Fault::new(TlsError::Expired),
        C::ExpiredContext { not_after, .. } => {
            Fault::with(TlsError::Expired, format!("at {}", date(*not_after)))
        }
        C::NotValidYet => Fault::new(TlsError::NotYetValid),
        C::NotValidYetContext { not_before, .. } => Fault::with(
            TlsError::NotYetValid,
            format!("before {}", date(*not_before)),
        ),
        C::Revoked => Fault::new(TlsError::Revoked),
        C::UnknownRevocationStatus => Fault::new(TlsError::RevocationUnknown),
        C::ExpiredRevocationList | C::ExpiredRevocationListContext { .. } => Fault::with(
            TlsError::RevocationUnknown,
            "the list of revoked certificates has expired",
        ),
        C::UnknownIssuer => Fault::new(TlsError::UnknownIssuer),
        C::BadSignature => Fault::new(TlsError::BadSignature),
        C::UnsupportedSignatureAlgorithm
        | C::UnsupportedSignatureAlgorithmContext { .. }
        | C::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            Fault::new(TlsError::WeakSignature)
        }
        C::NotValidForName => Fault::new(TlsError::WrongName),
        C::NotValidForNameContext {
            expected,
            presented,
        } => Fault::with(TlsError::WrongName, names(expected, presented)),
        C::InvalidPurpose => Fault::new(TlsError::WrongUsage),
        C::InvalidPurposeContext { .. } => {
            Fault::with(TlsError::WrongUsage, "not that of a server")
        }
        C::Other(OtherError(why)) => of_other(&**why),
        other => Fault::with(TlsError::BadCertificate, other.to_string()),
    }
}

/// What rustls has no word for: the reasons of webpki, and ours.
fn of_other(why: &(dyn std::error::Error + 'static)) -> Fault {
    if let Some(pin) = why.downcast_ref::<NotPinned>() {
        return Fault::with(TlsError::PinMismatch, pin.to_string());
    }
    if why.is::<SelfSigned>() {
        return Fault::new(TlsError::SelfSigned);
    }
    match why.downcast_ref() {
        Some(webpki::Error::CaUsedAsEndEntity) => Fault::with(
            TlsError::WrongUsage,
            "the peer's certificate is that of an authority",
        ),
        Some(webpki::Error::EndEntityUsedAsCa) => Fault::with(
            TlsError::WrongUsage,
            "a certificate that may not vouch for others does",
        ),
        Some(webpki::Error::EmptyEkuExtension) => Fault::new(TlsError::WrongUsage),
        Some(webpki::Error::NameConstraintViolation) => {
            Fault::with(TlsError::Constraint, "the host is outside of its names")
        }
        Some(webpki::Error::PathLenConstraintViolated) => {
            Fault::with(TlsError::Constraint, "the chain is longer than it may be")
        }
        Some(webpki::Error::MalformedDnsIdentifier) => {
            Fault::with(TlsError::WrongName, "a name in it is malformed")
        }
        Some(other) => Fault::with(TlsError::BadCertificate, format!("{other:?}")),
        None => Fault::with(TlsError::BadCertificate, why.to_string()),
    }
}

fn of_alert(alert: AlertDescription, asked: Asked) -> Fault {
    let code = u8::from(alert);
    let refuses_ours = matches!(
        alert,
        AlertDescription::CertificateRequired
            | AlertDescription::HandshakeFailure
            | AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::AccessDenied
    );
    if alert == AlertDescription::ProtocolVersion {
        Fault::new(TlsError::Version)
    } else if alert == AlertDescription::NoApplicationProtocol {
        Fault::new(TlsError::Alpn)
    } else if asked == Asked::InVain && refuses_ours {
        Fault::with(TlsError::ClientCertificate, format!("alert {alert:?}"))
    } else if asked == Asked::Shown && refuses_ours {
        Fault::with(
            TlsError::ClientCertificate,
            format!("and refuses the one it was shown: alert {alert:?}"),
        )
    } else {
        Fault::with(TlsError::Alert(code), format!("{alert:?}"))
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "rustls has many reasons that say enough by themselves, and adds others"
)]
fn of_incompatible(why: &PeerIncompatible) -> Fault {
    use PeerIncompatible as P;
    match why {
        P::ServerDoesNotSupportTls12Or13
        | P::ServerTlsVersionIsDisabledByOurConfig
        | P::Tls12NotOffered
        | P::Tls12NotOfferedOrEnabled => Fault::new(TlsError::Version),
        other => Fault::with(
            TlsError::Protocol,
            Error::PeerIncompatible(other.clone()).to_string(),
        ),
    }
}

/// Which names would have been right.
fn names(expected: &ServerName<'_>, presented: &[String]) -> String {
    let expected = expected.to_str();
    if presented.is_empty() {
        return format!("it names no host, so not {expected}");
    }
    let more = presented.len().saturating_sub(NAMES);
    let shown: Vec<_> = presented
        .iter()
        .take(NAMES)
        .map(|name| bare(name))
        .collect();
    let list = shown.join(", ");
    if more > 0 {
        format!("it is for {list} and {more} others, not for {expected}")
    } else {
        format!("it is for {list}, not for {expected}")
    }
}

/// webpki writes a name as `DnsName("a.test")`.
fn bare(name: &str) -> &str {
    match (name.find('"'), name.rfind('"')) {
        (Some(first), Some(last)) if first < last => &name[first + 1..last],
        _ => name,
    }
}

/// Year, month and day of a time, in the calendar of Gregory, by Hinnant's `civil_from_days`.
fn date(time: UnixTime) -> String {
    let days = i64::try_from(time.as_secs() / 86_400).unwrap_or(0) + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

/// The last faults, by where they happened.
#[derive(Debug, Default)]
pub(super) struct Faults(VecDeque<(Box<str>, u16, TlsError, String)>);

impl Faults {
    pub(super) fn keep(&mut self, host: &str, port: u16, fault: &Fault) {
        let Some(detail) = &fault.detail else { return };
        self.0.truncate(KEPT - 1);
        self.0
            .push_front((host.into(), port, fault.error, detail.clone()));
    }

    /// What more is known of an error, of the last time that it happened there.
    pub(super) fn explain(&self, host: &str, port: u16, error: TlsError) -> Option<&str> {
        self.0
            .iter()
            .find(|(of, at, what, _)| &**of == host && *at == port && *what == error)
            .map(|(_, _, _, detail)| detail.as_str())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (seconds, text) in [
            (0, "1970-01-01"),
            (951_782_399, "2000-02-28"),
            (951_782_400, "2000-02-29"),
            (951_868_800, "2000-03-01"),
            (1_735_689_599, "2024-12-31"),
            (4_102_444_800, "2100-01-01"),
        ] {
            let time = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
            assert_eq!(date(time), text);
        }
    }

    #[test]
    fn the_names_of_a_certificate_are_listed() {
        let expected = ServerName::try_from("a.test").unwrap();
        let one = names(&expected, &["DnsName(\"b.test\")".into()]);
        assert_eq!(one, "it is for b.test, not for a.test");
        let many: Vec<_> = (0..10).map(|n| n.to_string()).collect();
        let text = names(&expected, &many);
        assert!(text.ends_with("7 and 2 others, not for a.test"), "{text}");
        assert_eq!(names(&expected, &[]), "it names no host, so not a.test");
    }

    #[test]
    fn the_last_fault_of_a_place_explains() {
        let mut faults = Faults::default();
        for n in 0..2 * KEPT {
            let fault = Fault::with(TlsError::Expired, n.to_string());
            faults.keep("a.test", 443, &fault);
        }
        let explained = |port, error| faults.explain("a.test", port, error);
        assert_eq!(explained(443, TlsError::Expired), Some("127"));
        assert_eq!(explained(444, TlsError::Expired), None);
        assert_eq!(explained(443, TlsError::WrongName), None);
        assert_eq!(faults.0.len(), KEPT);
    }
}

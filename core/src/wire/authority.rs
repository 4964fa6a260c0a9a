//! The authority of a URL: user information, host, port (RFC 3986 §3.2).

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::number::decimal;
use super::percent;
use crate::error::UrlError;
use crate::net::Scheme;

/// The longest host in bytes: what a name can have in DNS (RFC 1035 §2.3.4).
pub(super) const MAX_HOST: usize = 253;

/// The parts of an authority.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Authority<'a> {
    /// What stands before the `@`.
    pub(super) userinfo: Option<&'a str>,
    /// Without brackets.
    pub(super) host: &'a str,
    /// It stood in brackets.
    pub(super) is_ipv6: bool,
    /// The scheme's own if none is named.
    pub(super) port: u16,
}

impl<'a> Authority<'a> {
    /// Takes the authority at the front of `text` apart, and answers what stands behind it: nothing,
    /// or what begins with one of `/?#`. `text` holds no space and no control character.
    ///
    /// # Errors
    /// Those of [`Authority::parse`].
    pub(super) fn parse_front(text: &'a str, scheme: Scheme) -> Result<(Self, &'a str), UrlError> {
        if let Some((host, port, rest)) = split_plain(text) {
            let authority = Self {
                userinfo: None,
                host,
                is_ipv6: false,
                port: port_or_default(port, scheme)?,
            };
            return Ok((authority, rest));
        }
        let mut bytes = text.bytes();
        let end = bytes.position(|byte| matches!(byte, b'/' | b'?' | b'#'));
        let (authority, rest) = text.split_at(end.unwrap_or(text.len()));
        Ok((Self::parse(authority, scheme)?, rest))
    }

    /// Takes an authority apart. `text` holds no space, no control character and none of `/?#`.
    ///
    /// # Errors
    /// [`UrlError::Host`], [`UrlError::TooLong`], [`UrlError::Port`], [`UrlError::UserInfo`].
    pub(super) fn parse(text: &'a str, scheme: Scheme) -> Result<Self, UrlError> {
        // Browsers read a backslash as a slash, and then see another host than we do.
        if text.contains('\\') {
            return Err(UrlError::Host);
        }
        let (userinfo, rest) = match text.rsplit_once('@') {
            Some((userinfo, rest)) => (Some(userinfo), rest),
            None => (None, text),
        };
        check_userinfo(userinfo.unwrap_or(""))?;
        let (host, is_ipv6, port) = split_host(rest)?;
        if is_ipv6 {
            check_ipv6(host)?;
        } else {
            check_host(host)?;
        }
        Ok(Self {
            userinfo,
            host,
            is_ipv6,
            port: port_or_default(port, scheme)?,
        })
    }
}

/// Host, port and what follows in the common case: a dotted quad, or labels that are not empty, the
/// last of which does not begin with a digit; and no user information. `None` says nothing: the text may be good or bad.
fn split_plain(text: &str) -> Option<(&str, &str, &str)> {
    let bytes = text.as_bytes();
    let (mut label, mut end) = (0, 0);
    for &byte in bytes {
        if !is_label_byte(byte) {
            if byte != b'.' || end == label {
                break;
            }
            label = end + 1;
        }
        end += 1;
    }
    let (host, rest) = text.split_at(end);
    let is_plain = end <= MAX_HOST
        && match bytes.get(label) {
            Some(first) if first.is_ascii_digit() => is_dotted_quad(host.as_bytes()),
            Some(first) => is_label_byte(*first),
            None => false,
        };
    let (port, rest) = match rest.strip_prefix(':') {
        Some(rest) => {
            let mut digits = 0;
            for byte in rest.bytes() {
                if !byte.is_ascii_digit() {
                    break;
                }
                digits += 1;
            }
            rest.split_at(digits)
        }
        None => ("", rest),
    };
    let ends = matches!(rest.as_bytes().first(), None | Some(b'/' | b'?' | b'#'));
    (is_plain && ends).then_some((host, port, rest))
}

/// Is it an IPv4 address as all readers read it: four numbers up to 255 without leading zeros? `bytes`
/// are labels that are not empty.
fn is_dotted_quad(mut bytes: &[u8]) -> bool {
    for nth in 0..4 {
        if nth > 0 {
            let [b'.', rest @ ..] = bytes else {
                return false;
            };
            bytes = rest;
        }
        let mut number = 0;
        let mut digits = 0;
        while let [digit @ b'0'..=b'9', rest @ ..] = bytes {
            number = number * 10 + u32::from(digit - b'0');
            digits += 1;
            bytes = rest;
            // Nothing follows a zero, and no number has four digits.
            if number == 0 || digits == 3 {
                break;
            }
        }
        if digits == 0 || number > 255 {
            return false;
        }
    }
    bytes.is_empty()
}

/// The address that this host is, if it is a literal and no name.
#[must_use]
pub(super) fn literal(host: &str, is_ipv6: bool) -> Option<IpAddr> {
    if is_ipv6 {
        host.parse::<Ipv6Addr>().ok().map(IpAddr::V6)
    } else {
        host.parse::<Ipv4Addr>().ok().map(IpAddr::V4)
    }
}

/// User and password, still with their escapes: parted by the first colon.
#[must_use]
pub(super) fn split_userinfo(userinfo: &str) -> (&str, &str) {
    userinfo.split_once(':').unwrap_or((userinfo, ""))
}

/// Refuses what can't become credentials: broken escapes, control characters, a second `@` (another
/// reader may see another host behind it), a colon in the user's name (RFC 7617 §2).
fn check_userinfo(userinfo: &str) -> Result<(), UrlError> {
    let bytes = userinfo.as_bytes();
    let (user, _) = split_userinfo(userinfo);
    let is_sound = percent::is_well_formed(bytes)
        && !bytes.contains(&b'@')
        && !percent::decode(bytes).any(|byte| byte.is_ascii_control())
        && !percent::decode(user.as_bytes()).any(|byte| byte == b':');
    is_sound.then_some(()).ok_or(UrlError::UserInfo)
}

/// The host without brackets, whether it had some, and the port's digits (empty if none).
fn split_host(text: &str) -> Result<(&str, bool, &str), UrlError> {
    let Some(text) = text.strip_prefix('[') else {
        let (host, port) = text.split_once(':').unwrap_or((text, ""));
        return Ok((host, false, port));
    };
    let (host, rest) = text.split_once(']').ok_or(UrlError::Host)?;
    match rest.strip_prefix(':') {
        Some(port) => Ok((host, true, port)),
        None if rest.is_empty() => Ok((host, true, "")),
        None => Err(UrlError::Host),
    }
}

/// Zone ids (RFC 6874) do not parse: they mean something on one machine only.
fn check_ipv6(host: &str) -> Result<(), UrlError> {
    match host.parse::<Ipv6Addr>() {
        Ok(_) => Ok(()),
        Err(_) => Err(UrlError::Host),
    }
}

fn check_host(host: &str) -> Result<(), UrlError> {
    if host.len() > MAX_HOST {
        return Err(UrlError::TooLong);
    }
    let name = host.strip_suffix('.').unwrap_or(host);
    let mut last = "";
    for label in name.split('.') {
        if label.is_empty() || !label.bytes().all(is_host_byte) {
            return Err(UrlError::Host);
        }
        last = label;
    }
    // Readers differ over `127.1`, `0x7f.1` and `0177.0.0.1`: only four plain numbers are taken.
    if looks_numeric(last) && host.parse::<Ipv4Addr>().is_err() {
        return Err(UrlError::Host);
    }
    Ok(())
}

fn looks_numeric(label: &str) -> bool {
    matches!(label.as_bytes(), [b'0', b'x' | b'X', ..])
        || label.bytes().all(|byte| byte.is_ascii_digit())
}

const fn is_host_byte(byte: u8) -> bool {
    byte == b'.' || is_label_byte(byte)
}

const fn is_label_byte(byte: u8) -> bool {
    const LABEL: [bool; 256] = {
        let mut label = [false; 256];
        let mut byte = 0;
        while byte < 128_u8 {
            label[byte as usize] =
                byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'~');
            byte += 1;
        }
        label
    };
    LABEL[byte as usize]
}

fn port_or_default(digits: &str, scheme: Scheme) -> Result<u16, UrlError> {
    match digits {
        "" => Ok(scheme.default_port()),
        digits => parse_port(digits),
    }
}

fn parse_port(digits: &str) -> Result<u16, UrlError> {
    decimal(digits.as_bytes())
        .and_then(|number| u16::try_from(number).ok())
        .filter(|&port| port != 0)
        .ok_or(UrlError::Port)
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;
    use std::format;

    fn parse(text: &str) -> Result<(Option<&str>, &str, u16), UrlError> {
        let slow = Authority::parse(text, Scheme::Http);
        // The quick way finds the same, or leaves it to the other.
        let front = Authority::parse_front(text, Scheme::Http);
        assert_eq!(front.map(|(_, rest)| rest).err(), slow.err(), "{text:?}");
        if let (Ok((front, rest)), Ok(slow)) = (front, slow) {
            assert!(front == slow && rest.is_empty(), "{text:?}");
        }
        slow.map(|a| (a.userinfo, a.host, a.port))
    }

    #[test]
    fn a_dotted_quad_is_what_the_standard_library_takes_for_one() {
        for text in [
            "1.2.3.4",
            "0.0.0.0",
            "255.255.255.255",
            "127.0.3.232",
            "01.2.3.4",
            "1.2.3.04",
            "1.2.3",
            "1.2.3.4.5",
            "1.2.3.256",
            "1.2.3.260",
            "1.2.3.1000",
            "a.2.3.4",
            "1.2.3.4a",
            "1.2.3.-1",
            "00.0.0.0",
            "1.2.0x3.4",
            "99.250.199.100",
        ] {
            let expected = text.parse::<Ipv4Addr>().is_ok();
            assert_eq!(is_dotted_quad(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn checklist_21_a_port_is_a_number_from_1_to_65535() {
        for (text, port) in [
            ("a", 80),
            ("a:", 80),
            ("a:1", 1),
            ("a:080", 80),
            ("a:65535", 65535),
            ("[::1]:", 80),
            ("[::1]:8080", 8080),
        ] {
            assert_eq!(parse(text).map(|parts| parts.2), Ok(port), "{text:?}");
        }
        for bad in [
            "a:0",
            "a:65536",
            "a:99999999999999999999999",
            "a:+80",
            "a:-1",
            "a:8o",
            "a:80:80",
            "a:%38",
            "::1",
        ] {
            let error = parse(bad).expect_err("not a port");
            let expected = if bad == "::1" {
                UrlError::Host
            } else {
                UrlError::Port
            };
            assert_eq!(error, expected, "{bad:?}");
        }
        let https = Authority::parse("a", Scheme::Https).expect("good");
        assert_eq!(https.port, 443);
    }

    #[test]
    fn a_host_is_made_of_labels_and_may_end_with_one_dot() {
        for good in [
            "a",
            "a.b-c_d~e.com",
            "A.B.",
            "xn--bcher-kva.example",
            "1a",
            "1.a",
        ] {
            assert_eq!(parse(good).map(|parts| parts.1), Ok(good));
        }
        for bad in [
            "",
            ".",
            "..",
            ".a",
            "a..b",
            "a..",
            "a b",
            "a%2fb",
            "a%00b",
            "a%41",
            "b\u{fc}cher",
            "a\\b",
            "a\"",
            "a<b",
            "a*b",
            "a!b",
            "a]",
            "a[b",
            "\u{ff0e}",
            "a\u{3002}b",
        ] {
            assert_eq!(parse(bad), Err(UrlError::Host), "{bad:?}");
        }
    }

    #[test]
    fn a_host_is_at_most_253_bytes() {
        let label = "a".repeat(63);
        let longest = format!("{label}.{label}.{label}.{}", "a".repeat(61));
        assert_eq!(parse(&longest).map(|parts| parts.1), Ok(&longest[..]));
        assert_eq!(parse(&format!("{longest}a")), Err(UrlError::TooLong));
    }

    #[test]
    fn checklist_21_a_numeric_host_is_four_plain_numbers() {
        for good in ["127.0.0.1", "0.0.0.0", "255.255.255.255"] {
            assert!(parse(good).is_ok(), "{good:?}");
            assert!(literal(good, false).is_some());
        }
        for bad in [
            "127.1",
            "2130706433",
            "0x7f.1",
            "0x7f000001",
            "0X7F.0.0.1",
            "0177.0.0.1",
            "127.0.0.01",
            "127.0.0.256",
            "127.0.0.1.",
            "1.2.3.4.5",
            "a.b.1",
            "1.2.3.0x4",
            "127.0.0.0x",
        ] {
            assert_eq!(parse(bad), Err(UrlError::Host), "{bad:?}");
        }
        assert_eq!(literal("example.com", false), None);
    }

    #[test]
    fn checklist_21_an_ipv6_literal_stands_in_brackets_and_has_no_zone() {
        for good in ["[::1]", "[2001:DB8::1]", "[::ffff:1.2.3.4]"] {
            let parsed = Authority::parse(good, Scheme::Http).expect("good");
            assert!(parsed.is_ipv6);
            assert!(literal(parsed.host, true).is_some());
        }
        for bad in [
            "[::1",
            "[]",
            "[::1]x",
            "[::1]80",
            "[fe80::1%25eth0]",
            "[fe80::1%eth0]",
            "[127.0.0.1]",
            "[a]",
            "[[::1]]",
            "[v1.a]",
            "a[::1]",
        ] {
            assert!(
                matches!(parse(bad), Err(UrlError::Host | UrlError::Port)),
                "{bad:?}"
            );
        }
    }

    #[test]
    fn checklist_21_user_information_is_what_stands_before_the_only_at_sign() {
        assert_eq!(parse("u:p@a"), Ok((Some("u:p"), "a", 80)));
        assert_eq!(parse("@a"), Ok((Some(""), "a", 80)));
        assert_eq!(parse("u:p:q%40@a:1"), Ok((Some("u:p:q%40"), "a", 1)));
        for bad in [
            "u@v@a",
            "@@a",
            "u%@a",
            "u%4@a",
            "u%zz@a",
            "u%00@a",
            "u%0d%0a:p@a",
            "u:p%7f@a",
            "u%3a@a",
            "u:%0A@a",
        ] {
            assert_eq!(parse(bad), Err(UrlError::UserInfo), "{bad:?}");
        }
        assert_eq!(parse("u\\@a"), Err(UrlError::Host));
        assert_eq!(parse("u@"), Err(UrlError::Host));
    }
}

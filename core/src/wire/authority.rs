//! The authority of a URL: user information, host, port (RFC 3986 §3.2).

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::number::decimal;
use super::percent;
use super::scan::{find, split_at, split_off};
use crate::error::UrlError;
use crate::features::{AUTH, IPV6, SMALL};
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
    /// Host and port, where they are known to be written as in a `Host` field.
    pub(super) written: Option<&'a str>,
}

impl<'a> Authority<'a> {
    /// Takes the authority at the front of `text` apart, and answers what stands behind it: nothing,
    /// or what begins with one of `/?#`. `text` holds no space and no control character.
    ///
    /// # Errors
    /// Those of [`Authority::parse`].
    pub(super) fn parse_front(text: &'a str, scheme: Scheme) -> Result<(Self, &'a str), UrlError> {
        if !SMALL && let Some(plain) = split_plain(text, scheme) {
            return Ok(plain);
        }
        let mut bytes = text.bytes();
        let end = bytes.position(|byte| matches!(byte, b'/' | b'?' | b'#'));
        let (authority, rest) = split_at(text, end.unwrap_or(text.len()));
        Ok((Self::parse(authority, scheme)?, rest))
    }

    /// Takes an authority apart. `text` holds no space, no control character and none of `/?#`.
    ///
    /// # Errors
    /// [`UrlError::Host`], [`UrlError::TooLong`], [`UrlError::Port`], [`UrlError::UserInfo`].
    #[cfg_attr(not(feature = "redirects"), inline(always))]
    pub(super) fn parse(text: &'a str, scheme: Scheme) -> Result<Self, UrlError> {
        // Browsers read a backslash as a slash, and then see another host than we do.
        if find(b'\\', text.as_bytes()).is_some() {
            return Err(UrlError::Host);
        }
        let (userinfo, rest) = match text.bytes().rposition(|byte| byte == b'@') {
            Some(at) => (text.get(..at), text.get(at + 1..).unwrap_or("")),
            None => (None, text),
        };
        if AUTH {
            check_userinfo(userinfo.unwrap_or(""))?;
        } else if userinfo.is_some() {
            return Err(UrlError::UserInfo);
        }
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
            written: None,
        })
    }
}

/// The authority and what follows it in the common case: a dotted quad, or labels that are not
/// empty, the last of which does not begin with a digit; a port of up to five digits; and no user
/// information. `None` says nothing: the text may be good or bad.
fn split_plain(text: &str, scheme: Scheme) -> Option<(Authority<'_>, &str)> {
    let bytes = text.as_bytes();
    let quad = match bytes.first()? {
        b'0'..=b'9' => dotted_quad(bytes),
        _ => None,
    };
    let (end, is_lower) = match quad {
        Some(end) => (end, true),
        None => labels(bytes)?,
    };
    let (port, all) = match bytes.get(end) {
        Some(b':') => port_behind(bytes, end + 1)?,
        _ => (None, end),
    };
    if !matches!(bytes.get(all), None | Some(b'/' | b'?' | b'#')) {
        return None;
    }
    let (authority, rest) = text.split_at_checked(all)?;
    // As a port is written, it has no zero before it, and is not that which is meant without one.
    let is_port_written = match port {
        Some(port) => port != scheme.default_port() && bytes.get(end + 1) != Some(&b'0'),
        None => all == end,
    };
    let plain = Authority {
        userinfo: None,
        host: authority.get(..end)?,
        is_ipv6: false,
        port: port.unwrap_or(scheme.default_port()),
        written: (is_lower && is_port_written).then_some(authority),
    };
    Some((plain, rest))
}

/// Where the labels at the front end, and whether they hold no capital.
fn labels(bytes: &[u8]) -> Option<(usize, bool)> {
    let (mut label, mut end, mut seen) = (0, 0, 0);
    for &byte in bytes {
        let class = label_class(byte);
        seen |= class;
        if class == 0 {
            if byte != b'.' || end == label {
                break;
            }
            label = end + 1;
        }
        end += 1;
    }
    let first = *bytes.get(label)?;
    let is_plain = end <= MAX_HOST && is_label_byte(first) && !first.is_ascii_digit();
    is_plain.then_some((end, seen & CAPITAL == 0))
}

/// The port from here on, if it has a digit, and where it ends.
fn port_behind(bytes: &[u8], start: usize) -> Option<(Option<u16>, usize)> {
    let (mut port, mut end) = (0, start);
    while let Some(digit @ b'0'..=b'9') = bytes.get(end) {
        port = port * 10 + u32::from(digit - b'0');
        end += 1;
        if end - start > 5 {
            return None;
        }
    }
    if end == start {
        return Some((None, end));
    }
    let port = u16::try_from(port).ok().filter(|port| *port != 0)?;
    Some((Some(port), end))
}

/// Where an IPv4 address at the front ends, as all readers read it: four numbers up to 255 without
/// leading zeros. What follows is for the caller to see.
fn dotted_quad(bytes: &[u8]) -> Option<usize> {
    let digit = |at: usize| match bytes.get(at) {
        Some(digit @ b'0'..=b'9') => Some(u32::from(digit - b'0')),
        _ => None,
    };
    let mut at = 0;
    for nth in 0..4 {
        if nth > 0 {
            if bytes.get(at) != Some(&b'.') {
                return None;
            }
            at += 1;
        }
        let mut number = digit(at)?;
        at += 1;
        // Nothing follows a zero.
        while number != 0
            && let Some(next) = digit(at)
        {
            number = number * 10 + next;
            if number > 255 {
                return None;
            }
            at += 1;
        }
    }
    Some(at)
}

/// The address that this host is, if it is a literal and no name.
#[must_use]
pub(super) fn literal(host: &str, is_ipv6: bool) -> Option<IpAddr> {
    if IPV6 && is_ipv6 {
        host.parse::<Ipv6Addr>().ok().map(IpAddr::V6)
    } else {
        host.parse::<Ipv4Addr>().ok().map(IpAddr::V4)
    }
}

/// User and password, still with their escapes: parted by the first colon.
#[must_use]
pub(super) fn split_userinfo(userinfo: &str) -> (&str, &str) {
    let (user, password) = split_off(userinfo, b':');
    (user, password.unwrap_or(""))
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
    // Without addresses of that family a bracket is no byte of a host.
    let Some(text) = text.strip_prefix('[').filter(|_| IPV6) else {
        let (host, port) = split_off(text, b':');
        return Ok((host, false, port.unwrap_or("")));
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
    if IPV6 && host.parse::<Ipv6Addr>().is_ok() {
        Ok(())
    } else {
        Err(UrlError::Host)
    }
}

fn check_host(host: &str) -> Result<(), UrlError> {
    if host.len() > MAX_HOST {
        return Err(UrlError::TooLong);
    }
    let host = host.as_bytes();
    let name = host.strip_suffix(b".").unwrap_or(host);
    let mut last: &[u8] = &[];
    for label in name.split(|byte| *byte == b'.') {
        if label.is_empty() || !label.iter().all(|byte| is_label_byte(*byte)) {
            return Err(UrlError::Host);
        }
        last = label;
    }
    // Readers differ over `127.1`, `0x7f.1` and `0177.0.0.1`: only four plain numbers are taken.
    if looks_numeric(last) && dotted_quad(host) != Some(host.len()) {
        return Err(UrlError::Host);
    }
    Ok(())
}

fn looks_numeric(label: &[u8]) -> bool {
    matches!(label, [b'0', b'x' | b'X', ..]) || label.iter().all(u8::is_ascii_digit)
}

#[cfg_attr(feature = "small", inline(never))]
const fn is_label_byte(byte: u8) -> bool {
    if SMALL {
        return byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'~');
    }
    label_class(byte) != 0
}

/// Of the classes of bytes in labels: a capital.
const CAPITAL: u8 = 2;

/// 0 if it can't stand in a label.
const fn label_class(byte: u8) -> u8 {
    const CLASS: [u8; 256] = {
        let mut class = [0; 256];
        let mut byte = 0;
        while byte < 128_u8 {
            if byte.is_ascii_uppercase() {
                class[byte as usize] = CAPITAL;
            } else if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'~') {
                class[byte as usize] = 1;
            }
            byte += 1;
        }
        class
    };
    CLASS[byte as usize]
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
    use std::string::String;

    fn parse(text: &str) -> Result<(Option<&str>, &str, u16), UrlError> {
        let slow = Authority::parse(text, Scheme::Http);
        // The quick way finds the same, or leaves it to the other.
        let front = Authority::parse_front(text, Scheme::Http);
        assert_eq!(front.map(|(_, rest)| rest).err(), slow.err(), "{text:?}");
        if let (Ok((front, rest)), Ok(slow)) = (front, slow) {
            // What is written as in a `Host` field is what would be written there.
            if let Some(written) = front.written {
                let host = front.host.to_ascii_lowercase();
                let port = match front.port {
                    80 => String::new(),
                    port => format!(":{port}"),
                };
                assert_eq!(written, format!("{host}{port}"));
            }
            let written = front.written;
            assert!(
                front == Authority { written, ..slow } && rest.is_empty(),
                "{text:?}"
            );
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
            assert_eq!(
                dotted_quad(text.as_bytes()) == Some(text.len()),
                expected,
                "{text}"
            );
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

//! Absolute `http` and `https` URLs (RFC 3986, RFC 9110 §4.2). One parser serves the check, the
//! connection and the request.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::Error;
use crate::error::UrlError;
use crate::net::Scheme;

use super::number::{decimal, hex_digit};
use super::render::Render;

/// The longest host name (RFC 1035 §2.3.4, as text).
const MAX_HOST: usize = 253;

/// A URL taken apart; its parts are borrowed and as they were written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Url<'a> {
    /// `http` or `https`.
    pub scheme: Scheme,
    /// What stands before `@`.
    pub userinfo: Option<&'a str>,
    /// Without brackets.
    pub host: &'a str,
    /// The host is an IPv6 address, which stood in brackets.
    pub is_ipv6: bool,
    /// The scheme's own if none was named.
    pub port: u16,
    /// With its slash, or empty.
    pub path: &'a str,
    /// Behind `?`.
    pub query: Option<&'a str>,
    /// Behind `#`; never sent.
    pub fragment: Option<&'a str>,
}

impl<'a> Url<'a> {
    /// Takes a URL apart.
    ///
    /// # Errors
    /// [`Error::UnsupportedScheme`] if it is a URL of another scheme, [`Error::BadUrl`] otherwise.
    pub fn parse(text: &'a str) -> Result<Self, Error> {
        if text.is_empty() {
            return Err(UrlError::Empty.into());
        }
        if text.bytes().any(|byte| byte <= b' ' || byte == 0x7f) {
            return Err(UrlError::Character.into());
        }
        let (name, rest) = text.split_once(':').ok_or(UrlError::NotAbsolute)?;
        let scheme = scheme(name)?;
        let rest = rest.strip_prefix("//").ok_or(UrlError::NotAbsolute)?;
        let (rest, fragment) = split_off(rest, '#');
        let (rest, query) = split_off(rest, '?');
        let slash = rest.find('/').unwrap_or(rest.len());
        let (authority, path) = rest.split_at(slash);
        let (userinfo, host) = match authority.rsplit_once('@') {
            Some((userinfo, host)) => (Some(userinfo), host),
            None => (None, authority),
        };
        if !userinfo.is_none_or(is_userinfo) {
            return Err(UrlError::UserInfo.into());
        }
        let (host, port, is_ipv6) = host_and_port(host)?;
        let port = match port {
            Some(digits) if !digits.is_empty() => port_number(digits)?,
            Some(_) | None => scheme.default_port(),
        };
        Ok(Self {
            scheme,
            userinfo,
            host,
            is_ipv6,
            port,
            path,
            query,
            fragment,
        })
    }

    /// The address, if the host is one.
    #[must_use]
    pub fn address(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }

    /// The host in lower case, as it is compared and looked up; `None` if it does not fit.
    pub fn lower_host<'b>(&self, into: &'b mut [u8]) -> Option<&'b str> {
        let room = into.get_mut(..self.host.len())?;
        room.copy_from_slice(self.host.as_bytes());
        room.make_ascii_lowercase();
        core::str::from_utf8(room).ok()
    }

    /// Do both name the same scheme, host and port?
    #[must_use]
    pub fn same_origin(&self, other: &Url<'_>) -> bool {
        self.scheme == other.scheme
            && self.port == other.port
            && self.is_ipv6 == other.is_ipv6
            && self.host.eq_ignore_ascii_case(other.host)
    }

    /// Writes path and query as they stand in a request line (RFC 9112 §3.2.1).
    pub fn render_target(&self, render: &mut Render<'_>) {
        if self.path.is_empty() {
            render.put(b"/");
        }
        render.put_percent(self.path.as_bytes());
        if let Some(query) = self.query {
            render.put(b"?");
            render.put_percent(query.as_bytes());
        }
    }

    /// Writes host and port as they stand in a `Host` field (RFC 9110 §7.2).
    pub fn render_host(&self, render: &mut Render<'_>) {
        if self.is_ipv6 {
            render.put(b"[");
        }
        for byte in self.host.bytes() {
            render.put(&[byte.to_ascii_lowercase()]);
        }
        if self.is_ipv6 {
            render.put(b"]");
        }
        if self.port != self.scheme.default_port() {
            render.put(b":");
            render.put_decimal(self.port.into());
        }
    }

    /// User name and password of the user information, as bytes without their percent escapes.
    #[must_use]
    pub fn credentials(&self) -> Option<(Decoded<'a>, Decoded<'a>)> {
        let userinfo = self.userinfo.filter(|userinfo| !userinfo.is_empty())?;
        let (user, password) = userinfo.split_once(':').unwrap_or((userinfo, ""));
        Some((Decoded(user.as_bytes()), Decoded(password.as_bytes())))
    }
}

/// Bytes with their percent escapes undone.
#[derive(Clone, Debug)]
pub struct Decoded<'a>(&'a [u8]);

impl Iterator for Decoded<'_> {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        if let (b'%', [high, low, behind @ ..]) = (first, rest)
            && let (Some(high), Some(low)) = (hex_digit(*high), hex_digit(*low))
        {
            self.0 = behind;
            return Some(high << 4 | low);
        }
        self.0 = rest;
        Some(*first)
    }
}

fn scheme(name: &str) -> Result<Scheme, Error> {
    let mut bytes = name.bytes();
    let first = bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic());
    let rest = bytes.all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'));
    if name.eq_ignore_ascii_case("http") {
        Ok(Scheme::Http)
    } else if name.eq_ignore_ascii_case("https") {
        Ok(Scheme::Https)
    } else if first && rest {
        Err(Error::UnsupportedScheme)
    } else {
        Err(UrlError::NotAbsolute.into())
    }
}

fn split_off(text: &str, mark: char) -> (&str, Option<&str>) {
    match text.split_once(mark) {
        Some((before, behind)) => (before, Some(behind)),
        None => (text, None),
    }
}

/// Every `%` begins an escape, no decoded byte is a control character, and there is no second `@`.
fn is_userinfo(text: &str) -> bool {
    let bytes = text.as_bytes();
    let escapes = bytes
        .iter()
        .enumerate()
        .filter(|(_, byte)| **byte == b'%')
        .all(|(at, _)| {
            bytes
                .get(at + 1..at + 3)
                .is_some_and(|pair| pair.iter().all(u8::is_ascii_hexdigit))
        });
    let decodes = Decoded(bytes).all(|byte| byte >= b' ' && byte != 0x7f);
    escapes && decodes && text.is_ascii() && !bytes.iter().any(|byte| matches!(byte, b'@' | b'\\'))
}

type HostAndPort<'a> = (&'a str, Option<&'a str>, bool);

fn host_and_port(text: &str) -> Result<HostAndPort<'_>, UrlError> {
    if let Some(rest) = text.strip_prefix('[') {
        let (host, behind) = rest.split_once(']').ok_or(UrlError::Host)?;
        // A zone id names an interface of one machine: it has no meaning in a URL that is shared.
        host.parse::<Ipv6Addr>().map_err(|_| UrlError::Host)?;
        return match behind.strip_prefix(':') {
            Some(port) => Ok((host, Some(port), true)),
            None if behind.is_empty() => Ok((host, None, true)),
            None => Err(UrlError::Host),
        };
    }
    let (host, port) = split_off(text, ':');
    if host.len() > MAX_HOST {
        return Err(UrlError::TooLong);
    }
    if !is_name(host) || (looks_like_number(host) && host.parse::<Ipv4Addr>().is_err()) {
        return Err(UrlError::Host);
    }
    Ok((host, port, false))
}

fn is_name(host: &str) -> bool {
    let labels = host.strip_suffix('.').unwrap_or(host);
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'~');
    !labels.is_empty()
        && labels
            .split('.')
            .all(|label| !label.is_empty() && label.bytes().all(allowed))
}

/// Would some resolver take it for an IPv4 address? Then it must be one in its plain form: `127.1`
/// or `0x7f.1` are not guessed at.
fn looks_like_number(host: &str) -> bool {
    let labels = host.strip_suffix('.').unwrap_or(host);
    let last = labels.rsplit('.').next().unwrap_or(labels);
    let hex = last.strip_prefix("0x").or_else(|| last.strip_prefix("0X"));
    last.bytes().all(|byte| byte.is_ascii_digit())
        || hex.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

fn port_number(digits: &str) -> Result<u16, UrlError> {
    decimal(digits.as_bytes())
        .and_then(|port| u16::try_from(port).ok())
        .filter(|port| *port != 0)
        .ok_or(UrlError::Port)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bad(text: &str) -> Error {
        Url::parse(text).expect_err(text)
    }

    #[test]
    fn a_url_is_taken_apart() {
        let url = Url::parse("HTTP://u:p%40w@Example.TEST:8080/a/b?c=d?#e#f").unwrap();
        assert_eq!(
            (url.scheme, url.host, url.port),
            (Scheme::Http, "Example.TEST", 8080)
        );
        assert_eq!(
            (url.path, url.query, url.fragment),
            ("/a/b", Some("c=d?"), Some("e#f"))
        );
        let (user, password) = url.credentials().unwrap();
        assert!(user.eq(*b"u") && password.eq(*b"p@w"));
        let bare = Url::parse("https://[::1]?q").unwrap();
        assert_eq!((bare.host, bare.is_ipv6, bare.port), ("::1", true, 443));
        assert_eq!((bare.path, bare.query), ("", Some("q")));
        assert_eq!(Url::parse("http://a:").unwrap().port, 80);
    }

    #[test]
    fn other_schemes_are_told_from_malformed_urls() {
        for text in [
            "ftp://a/",
            "file:///etc/passwd",
            "javascript:alert(1)",
            "gopher://x",
        ] {
            assert_eq!(bad(text), Error::UnsupportedScheme);
        }
        for text in ["a.test/x", "http:/a", "http:a", "//a", "1http://a", "://a"] {
            assert_eq!(bad(text), UrlError::NotAbsolute.into(), "{text}");
        }
    }

    #[test]
    fn d21_hosts_are_never_guessed() {
        for text in [
            "http:///x",
            "http://",
            "http://a..b/",
            "http://.a/",
            "http://a%2fb/",
            "http://a%00/",
            "http://a\\b/",
            "http://h\u{e9}/",
            "http://[::1",
            "http://[::1]x",
            "http://[fe80::1%25eth0]/",
            "http://::1/",
            "http://127.1/",
            "http://0x7f.0.0.1/x",
            "http://0177.0.0.1/",
            "http://2130706433/",
            "http://1.2.3.4.5/",
            "http://256.1.1.1/",
            "http://a.0x1/",
        ] {
            assert!(matches!(bad(text), Error::BadUrl(_)), "{text}");
        }
        assert_eq!(bad("http://a@b@c/"), UrlError::UserInfo.into());
        assert_eq!(bad("http://a%0a:b@c/"), UrlError::UserInfo.into());
        assert_eq!(bad("http://a%4:b@c/"), UrlError::UserInfo.into());
        let url = Url::parse("http://good.test\u{23}@evil.test/").unwrap();
        assert_eq!(url.host, "good.test");
        for port in ["0", "65536", "8o", "+80", "-1", "99999999999999999999"] {
            let text = std::format!("http://a:{port}/");
            assert_eq!(bad(&text), UrlError::Port.into());
        }
        for text in [
            "http://a/b c",
            "http://a/\r\nX: y",
            "http://a/\t",
            "http://a/\u{7f}",
        ] {
            assert_eq!(bad(text), UrlError::Character.into());
        }
    }
}

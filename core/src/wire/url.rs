//! Absolute `http` and `https` URLs (RFC 3986 §3, RFC 9110 §4.2).
//!
//! This is the only parser: what is checked is what is connected to.

use core::fmt;
use core::net::IpAddr;

use super::authority::{Authority, literal, split_userinfo};
use super::percent::{self, Decoded};
use super::render::Render;
use super::scan::{find, split_off};
use super::token::{has_control, is_same, text};
use crate::error::{Error, UrlError};
use crate::features::{AUTH, IPV6, SMALL};
use crate::net::Scheme;

/// The parts of a URL, borrowed from its text.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Url<'a> {
    /// Plain or secured.
    pub scheme: Scheme,
    /// What stands before the `@`, with its escapes.
    pub userinfo: Option<&'a str>,
    /// As it is written, without brackets. At most 253 bytes.
    pub host: &'a str,
    /// The host stood in brackets.
    pub is_ipv6: bool,
    /// The scheme's own if none is named; never 0.
    pub port: u16,
    /// Empty, or begins with a slash.
    pub path: &'a str,
    /// What stands behind the `?`.
    pub query: Option<&'a str>,
    /// What stands behind the `#`. It is never sent.
    pub fragment: Option<&'a str>,
    /// Host and port, where the text is known to have them as they stand in a `Host` field.
    pub(super) written: Option<&'a str>,
}

/// Where the parts of a URL lie in its text: who takes the same text apart again need not read it.
#[derive(Clone, Copy, Debug)]
pub struct Parts {
    scheme: Scheme,
    is_ipv6: bool,
    port: u16,
    /// Of the whole text, in bytes.
    length: usize,
    userinfo: Span,
    host: Span,
    path: Span,
    query: Span,
    fragment: Span,
    written: Span,
}

/// From which byte on, up to which; small, as it is handed around a lot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    start: u32,
    end: u32,
}

impl Span {
    /// Of a part that is missing.
    const NONE: Self = Self { start: 1, end: 0 };

    /// Where `part` lies in `text`, which it is a part of.
    fn of(part: &str, text: &str) -> Self {
        let start = part.as_ptr().addr().wrapping_sub(text.as_ptr().addr());
        // What lies behind 4 GiB is not found again.
        let number = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        Self {
            start: number(start),
            end: number(start.wrapping_add(part.len())),
        }
    }

    fn find(self, text: &str) -> Option<&str> {
        text.get(self.start as usize..self.end as usize)
    }
}

impl<'a> Url<'a> {
    /// Where its parts lie in the text that it was parsed from.
    #[must_use]
    pub fn parts(&self, text: &'a str) -> Parts {
        let span = |part: &str| Span::of(part, text);
        let maybe = |part: Option<&str>| part.map_or(Span::NONE, span);
        Parts {
            scheme: self.scheme,
            is_ipv6: self.is_ipv6,
            port: self.port,
            length: text.len(),
            userinfo: maybe(self.userinfo),
            host: span(self.host),
            path: span(self.path),
            query: maybe(self.query),
            fragment: maybe(self.fragment),
            written: maybe(self.written),
        }
    }

    /// Takes a text apart at the places where the same text was before. `None` if it is another one,
    /// as far as that shows.
    #[must_use]
    pub fn from_parts(text: &'a str, parts: &Parts) -> Option<Self> {
        if text.len() != parts.length {
            return None;
        }
        let maybe = |span: Span| match span {
            Span::NONE => Some(None),
            span => span.find(text).map(Some),
        };
        Some(Self {
            scheme: parts.scheme,
            userinfo: maybe(parts.userinfo)?,
            host: parts.host.find(text)?,
            is_ipv6: parts.is_ipv6,
            port: parts.port,
            path: parts.path.find(text)?,
            query: maybe(parts.query)?,
            fragment: maybe(parts.fragment)?,
            written: maybe(parts.written)?,
        })
    }

    /// Takes a URL apart. Nothing is guessed: where readers of URLs are known to differ about the
    /// host, the URL is refused.
    ///
    /// # Errors
    /// [`Error::UnsupportedScheme`] for another scheme; [`Error::BadUrl`] otherwise.
    pub fn parse(text: &'a str) -> Result<Self, Error> {
        if text.is_empty() {
            return Err(UrlError::Empty.into());
        }
        // A space is no better than a control character.
        if has_control(text.as_bytes(), b'!') {
            return Err(UrlError::Character.into());
        }
        let (scheme, rest) = match text.strip_prefix("http://") {
            Some(rest) if !SMALL => (Scheme::Http, rest),
            _ => split_scheme(text)?,
        };
        let (authority, rest) = Authority::parse_front(rest, scheme)?;
        let (path, query, fragment) = split_path(rest);
        Ok(Self {
            scheme,
            userinfo: authority.userinfo,
            host: authority.host,
            is_ipv6: authority.is_ipv6,
            port: authority.port,
            path,
            query,
            fragment,
            written: authority.written,
        })
    }

    /// The address, if the host is a literal and needs no look-up.
    #[must_use]
    pub fn address(&self) -> Option<IpAddr> {
        literal(self.host, self.is_ipv6)
    }

    /// The host in lower case, copied to the front of `into` if it is not written so; `None` if it
    /// does not fit there.
    #[must_use]
    pub fn lower_host<'b>(&self, into: &'b mut [u8]) -> Option<&'b str>
    where
        'a: 'b,
    {
        let room = into.get_mut(..self.host.len())?;
        if self.written.is_some() {
            return Some(self.host);
        }
        room.copy_from_slice(self.host.as_bytes());
        room.make_ascii_lowercase();
        text(room)
    }

    /// Do both name the same origin: scheme, host and port (RFC 9110 §4.3.1)?
    ///
    /// Hosts are compared as they are written, only without regard to case: a trailing dot or
    /// another form of the same address makes another origin.
    #[must_use]
    pub fn same_origin(&self, other: &Url<'_>) -> bool {
        self.scheme == other.scheme
            && self.port == other.port
            && self.is_ipv6 == other.is_ipv6
            && self.host.eq_ignore_ascii_case(other.host)
    }

    /// User and password with their escapes decoded, if the URL holds any. Neither holds control
    /// characters, and the user no colon.
    #[must_use]
    pub fn credentials(&self) -> Option<(Decoded<'a>, Decoded<'a>)> {
        let userinfo = self.userinfo.filter(|text| AUTH && !text.is_empty())?;
        let (user, password) = split_userinfo(userinfo);
        Some((
            percent::decode(user.as_bytes()),
            percent::decode(password.as_bytes()),
        ))
    }

    /// Writes path and query as they stand in a request line (RFC 9112 §3.2.1).
    pub fn render_target(&self, render: &mut Render<'_>) {
        render.put_percent(or_root(self.path).as_bytes());
        if let Some(query) = self.query {
            render.put(b"?");
            render.put_percent(query.as_bytes());
        }
    }

    /// Writes host and port as they stand in a `Host` field (RFC 9110 §7.2): lower case, IPv6 in
    /// brackets, the port only if it is not the scheme's own.
    pub fn render_host(&self, render: &mut Render<'_>) {
        if let Some(written) = self.written {
            return render.put(written.as_bytes());
        }
        if IPV6 && self.is_ipv6 {
            render.put(b"[");
        }
        render.put_lower(self.host.as_bytes());
        if IPV6 && self.is_ipv6 {
            render.put(b"]");
        }
        if self.port != self.scheme.default_port() {
            render.put(b":");
            render.put_decimal(u64::from(self.port));
        }
    }
}

impl fmt::Debug for Url<'_> {
    /// Keeps the user information and the query, which may hold secrets, to itself.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Url")
            .field("scheme", &self.scheme)
            .field("host", &self.host)
            .field("port", &self.port)
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

/// The scheme, and what stands behind its slashes.
fn split_scheme(text: &str) -> Result<(Scheme, &str), Error> {
    let (scheme, rest) = split_off(text, b':');
    let rest = rest.ok_or(UrlError::NotAbsolute)?;
    if !is_scheme(scheme.as_bytes()) {
        return Err(UrlError::NotAbsolute.into());
    }
    let scheme = known_scheme(scheme.as_bytes()).ok_or(Error::UnsupportedScheme)?;
    let rest = rest.strip_prefix("//").ok_or(UrlError::NotAbsolute)?;
    Ok((scheme, rest))
}

/// Path, query and fragment (RFC 3986 §3.3 to §3.5).
fn split_path(text: &str) -> (&str, Option<&str>, Option<&str>) {
    if SMALL {
        let (text, fragment) = split_off(text, b'#');
        let (path, query) = split_off(text, b'?');
        return (path, query, fragment);
    }
    match memchr::memchr2(b'?', b'#', text.as_bytes()) {
        None => (text, None, None),
        Some(at) => {
            let (path, rest) = (&text[..at], &text[at + 1..]);
            if text.as_bytes()[at] == b'#' {
                return (path, None, Some(rest));
            }
            match find(b'#', rest.as_bytes()) {
                Some(at) => (path, Some(&rest[..at]), Some(&rest[at + 1..])),
                None => (path, Some(rest), None),
            }
        }
    }
}

/// Is it a name of a scheme (RFC 3986 §3.1)?
pub(super) fn is_scheme(name: &[u8]) -> bool {
    let is_scheme_byte =
        |&byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    name.first().is_some_and(u8::is_ascii_alphabetic) && name.iter().all(is_scheme_byte)
}

/// The scheme of this name, if it is one of ours.
pub(super) fn known_scheme(name: &[u8]) -> Option<Scheme> {
    [Scheme::Http, Scheme::Https]
        .into_iter()
        .find(|scheme| is_same(scheme.as_str().as_bytes(), name))
}

/// An empty path is the root (RFC 9110 §4.2.3).
const fn or_root(path: &str) -> &str {
    if path.is_empty() { "/" } else { path }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;
    use std::format;
    use std::string::String;
    use std::vec::Vec;

    fn parse(text: &str) -> Url<'_> {
        let url = Url::parse(text).expect(text);
        assert_eq!(Url::from_parts(text, &url.parts(text)), Some(url));
        url
    }

    #[test]
    fn parts_of_another_text_are_not_taken() {
        let text = "http://a.test/path";
        let parts = Url::parse(text).expect(text).parts(text);
        assert_eq!(Url::from_parts("http://a.test/paths", &parts), None);
        assert_eq!(Url::from_parts("http://a.tes\u{e4}/pat", &parts), None);
    }

    fn rendered(write: impl Fn(&mut Render<'_>)) -> String {
        let mut out = [0; 500];
        let mut render = Render::new(&mut out, 0);
        write(&mut render);
        let n = render.written();
        String::from_utf8(out[..n].to_vec()).expect("ASCII")
    }

    fn target(text: &str) -> String {
        rendered(|render| parse(text).render_target(render))
    }

    fn host(text: &str) -> String {
        rendered(|render| parse(text).render_host(render))
    }

    #[test]
    fn a_url_has_eight_parts() {
        let url = parse("HTTPS://u:p@Example.com:8443/a/b?c=d?e#f?g#h");
        assert_eq!(url.scheme, Scheme::Https);
        assert_eq!(url.userinfo, Some("u:p"));
        assert_eq!(
            (url.host, url.is_ipv6, url.port),
            ("Example.com", false, 8443)
        );
        assert_eq!((url.path, url.query), ("/a/b", Some("c=d?e")));
        assert_eq!(url.fragment, Some("f?g#h"));
        let url = parse("http://a");
        assert_eq!((url.path, url.query, url.fragment), ("", None, None));
        assert_eq!((url.userinfo, url.port), (None, 80));
        let url = parse("http://a?#");
        assert_eq!(
            (url.path, url.query, url.fragment),
            ("", Some(""), Some(""))
        );
        assert_eq!(parse("http://a?b/c@d:e").host, "a");
        assert_eq!(parse("http://a#b/c@d:e").host, "a");
    }

    #[test]
    fn another_scheme_is_not_supported() {
        for text in [
            "ftp://a/",
            "file:///etc/passwd",
            "javascript:alert(1)",
            "mailto:a@b",
            "data:,x",
            "httpx://a",
            "a+b-c.d:e",
        ] {
            assert_eq!(Url::parse(text), Err(Error::UnsupportedScheme), "{text:?}");
        }
    }

    #[test]
    fn a_url_is_absolute() {
        for bad in [
            "a",
            "/a",
            "//a/b",
            "?a",
            "#a",
            "http",
            "http:",
            "http:a",
            "http:/a",
            "https:a",
            "://a",
            "1http://a",
            "h\u{f6}://a",
            "a/b:c",
            "+a:b",
        ] {
            assert_eq!(
                Url::parse(bad),
                Err(UrlError::NotAbsolute.into()),
                "{bad:?}"
            );
        }
        assert_eq!(Url::parse(""), Err(UrlError::Empty.into()));
        for bad in [
            "http://",
            "http:///a",
            "http://?a",
            "http://#",
            "http://:80/",
        ] {
            assert_eq!(Url::parse(bad), Err(UrlError::Host.into()), "{bad:?}");
        }
    }

    #[test]
    fn checklist_12_a_url_holds_no_space_and_no_control_character() {
        for byte in (0..=b' ').chain([0x7f]) {
            let c = char::from(byte);
            for text in [
                format!("http://a/{c}"),
                format!("http://a{c}b/"),
                format!("{c}http://a/"),
                format!("http://a/?{c}"),
                format!("http://a/#{c}"),
                format!("http://u{c}@a/"),
            ] {
                assert_eq!(
                    Url::parse(&text),
                    Err(UrlError::Character.into()),
                    "{text:?}"
                );
            }
        }
    }

    #[test]
    fn checklist_21_the_host_can_not_be_disguised() {
        assert_eq!(
            parse("http://good.example#@evil.example/").host,
            "good.example"
        );
        assert_eq!(
            parse("http://good.example/@evil.example").host,
            "good.example"
        );
        assert_eq!(
            parse("http://good.example?@evil.example").host,
            "good.example"
        );
        assert_eq!(
            parse("http://good.example@evil.example/").host,
            "evil.example"
        );
        for bad in [
            "http://good.example\\@evil.example/",
            "http://good.example\\.evil.example/",
            "http://good.example%2f.evil.example/",
            "http://good.example%00.evil.example/",
            "http://good.example%23@evil.example%2f/",
            "http://127.1/",
            "http://0177.0.0.1/",
            "http://[fe80::1%25lo]/",
        ] {
            assert_eq!(Url::parse(bad), Err(UrlError::Host.into()), "{bad:?}");
        }
        for bad in ["http://a:0/", "http://a:65536/", "http://a:80@b:c/"] {
            assert_eq!(Url::parse(bad), Err(UrlError::Port.into()), "{bad:?}");
        }
        assert_eq!(Url::parse("http://a@b@c/"), Err(UrlError::UserInfo.into()));
    }

    #[test]
    fn the_target_is_path_and_query_in_ascii_and_never_the_fragment() {
        assert_eq!(target("http://a"), "/");
        assert_eq!(target("http://a#f"), "/");
        assert_eq!(target("http://a?q#f"), "/?q");
        assert_eq!(target("http://a/b/?#f"), "/b/?");
        assert_eq!(
            target("http://a/%7Eb/\u{e4}?\u{20ac}=%"),
            "/%7Eb/%C3%A4?%E2%82%AC=%"
        );
        assert_eq!(target("http://a/\\{}|<>\"^`"), "/\\{}|<>\"^`");
    }

    #[test]
    fn the_host_field_is_lower_case_and_names_only_a_port_that_matters() {
        assert_eq!(host("http://Example.COM"), "example.com");
        assert_eq!(host("http://a:80"), "a");
        assert_eq!(host("http://a:443"), "a:443");
        assert_eq!(host("https://a:443"), "a");
        assert_eq!(host("https://u:p@a.:80/b"), "a.:80");
        assert_eq!(host("http://[2001:DB8::1]:81/"), "[2001:db8::1]:81");
    }

    #[test]
    fn the_lower_host_needs_room() {
        let url = parse("http://Example.COM");
        let mut room = [0; 11];
        assert_eq!(url.lower_host(&mut room), Some("example.com"));
        assert_eq!(url.lower_host(&mut room[..10]), None);
        assert_eq!(parse("http://[::A]").lower_host(&mut room), Some("::a"));
    }

    #[test]
    fn literals_are_addresses_and_names_are_not() {
        let address = |text| parse(text).address();
        assert_eq!(address("http://127.0.0.1:8080"), "127.0.0.1".parse().ok());
        assert_eq!(address("http://[::1]"), "::1".parse().ok());
        assert_eq!(address("http://localhost"), None);
    }

    #[test]
    fn checklist_1_an_origin_is_scheme_host_and_port() {
        let same = |a, b| parse(a).same_origin(&parse(b));
        assert!(same("http://a", "http://A:80/x?y#z"));
        assert!(same("http://u:p@a", "http://v@a"));
        assert!(!same("http://a", "https://a"));
        assert!(!same("http://a:443", "https://a"));
        assert!(!same("http://a", "http://a:81"));
        assert!(!same("http://a", "http://b"));
        assert!(!same("http://a", "http://a."));
        assert!(!same("http://a", "http://a.a"));
    }

    #[test]
    fn credentials_are_decoded_and_parted_by_the_first_colon() {
        let credentials = |text| {
            let (user, password) = parse(text).credentials()?;
            Some((user.collect::<Vec<u8>>(), password.collect::<Vec<u8>>()))
        };
        let pair = |user: &str, password: &str| Some((user.into(), password.into()));
        assert_eq!(credentials("http://a"), None);
        assert_eq!(credentials("http://@a"), None);
        assert_eq!(credentials("http://u@a"), pair("u", ""));
        assert_eq!(credentials("http://:@a"), pair("", ""));
        assert_eq!(credentials("http://u:p:q@a"), pair("u", "p:q"));
        assert_eq!(
            credentials("http://u%40:%3A%c3%b6@a"),
            pair("u@", ":\u{f6}")
        );
    }

    #[test]
    fn checklist_11_a_url_in_a_log_keeps_its_secrets() {
        let text = format!("{:?}", parse("http://alice:sesame@a/b?token=sesame#sesame"));
        assert!(
            !text.contains("sesame") && !text.contains("alice"),
            "{text}"
        );
    }

    #[test]
    fn whatever_the_text_the_parser_answers() {
        let mut seed = 0x2545_f491_4f6c_dd1d_u64;
        let mut random = move |below: usize| {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            usize::try_from(seed >> 33).expect("31 bits") % below
        };
        let parts = [
            "http",
            "https",
            ":",
            "/",
            "//",
            "@",
            "[",
            "]",
            "::1",
            "a",
            "B.c",
            ".",
            "1",
            "80",
            "%",
            "%41",
            "?",
            "#",
            "\\",
            " ",
            "\u{f6}",
            "-",
            "0x",
            "127.0.0.1",
        ];
        for _ in 0..20_000 {
            let mut text = String::from(["http://", "https://", ""][random(3)]);
            for _ in 0..random(9) {
                text.push_str(parts[random(parts.len())]);
            }
            let Ok(url) = Url::parse(&text) else { continue };
            assert!(url.port != 0 && !url.host.is_empty() && url.host.is_ascii());
            assert!(url.path.is_empty() || url.path.starts_with('/'));
            let again = format!(
                "{}://{}{}",
                url.scheme.as_str(),
                rendered(|render| url.render_host(render)),
                rendered(|render| url.render_target(render)),
            );
            let again = Url::parse(&again).expect("what was rendered parses");
            assert!(again.same_origin(&url), "{text:?}");
        }
    }
}

//! Where a redirect leads: a reference joined to the URL that it came from (RFC 3986 §5).

use super::authority::Authority;
use super::render::Render;
use super::token::{text, trim_ows};
use super::url::{Url, is_scheme, known_scheme};
use crate::error::{Error, ResponseError, UrlError};
use crate::net::Scheme;

/// Writes the absolute URL that `location` means, seen from `base`, to the front of `into`; answers
/// its length. [`Url::parse`] takes it.
///
/// Spaces and bytes from 0x80 on become percent escapes. The user information of `location` is
/// dropped: a peer can't choose credentials. That of `base` is kept if the origin stays the same.
/// A fragment is inherited if `location` has none (RFC 9110 §10.2.2). The work is linear in the
/// length of both.
///
/// # Errors
/// [`Error::UnsupportedScheme`] for a scheme other than ours; [`UrlError::TooLong`] if the URL, with
/// the parts that dot segments remove later, does not fit; [`ResponseError::Location`] if the
/// outcome is no URL, or if there is a control character in it.
pub fn join(base: &Url<'_>, location: &[u8], into: &mut [u8]) -> Result<usize, Error> {
    let location = trim_ows(location);
    if location.iter().any(u8::is_ascii_control) {
        return Err(ResponseError::Location.into());
    }
    let reference = Reference::split(location);
    let mut writer = Writer { out: into, len: 0 };
    write_origin(base, &reference, &mut writer)?;
    write_path(base, &reference, &mut writer)?;
    let inherits = reference.authority.is_none() && reference.path.is_empty();
    let query = match reference.query {
        None if inherits => base.query.map(str::as_bytes),
        query => query,
    };
    writer.put_part(b"?", query)?;
    let fragment = reference.fragment.or(base.fragment.map(str::as_bytes));
    writer.put_part(b"#", fragment)?;
    writer.finish()
}

/// A URL or a part of one (RFC 3986 §4.1), as the peer wrote it.
struct Reference<'a> {
    scheme: Option<&'a [u8]>,
    authority: Option<&'a [u8]>,
    path: &'a [u8],
    query: Option<&'a [u8]>,
    fragment: Option<&'a [u8]>,
}

impl<'a> Reference<'a> {
    fn split(text: &'a [u8]) -> Self {
        let (text, fragment) = split_off(text, b'#');
        let (text, query) = split_off(text, b'?');
        let (scheme, text) = match split_off(text, b':') {
            (scheme, Some(rest)) if is_scheme(scheme) => (Some(scheme), rest),
            _ => (None, text),
        };
        let (authority, path) = match text.strip_prefix(b"//") {
            Some(rest) => {
                let end = rest.iter().position(|&byte| byte == b'/');
                let (authority, path) = rest.split_at(end.unwrap_or(rest.len()));
                (Some(authority), path)
            }
            None => (None, text),
        };
        Self {
            scheme,
            authority,
            path,
            query,
            fragment,
        }
    }

    fn scheme(&self, base: &Url<'_>) -> Result<Scheme, Error> {
        match self.scheme {
            Some(name) => known_scheme(name).ok_or(Error::UnsupportedScheme),
            None => Ok(base.scheme),
        }
    }
}

/// Scheme, user information, host and port.
fn write_origin(
    base: &Url<'_>,
    reference: &Reference<'_>,
    writer: &mut Writer<'_>,
) -> Result<(), Error> {
    let scheme = reference.scheme(base)?;
    let target = match reference.authority {
        Some(text) => origin(scheme, text).ok_or(ResponseError::Location)?,
        // `http:path`: RFC 3986 §5.2.2 takes it for a URL without a host.
        None if reference.scheme.is_some() => return Err(ResponseError::Location.into()),
        None => *base,
    };
    writer.put(scheme.as_str().as_bytes())?;
    writer.put(b"://")?;
    if let Some(userinfo) = base.userinfo.filter(|_| base.same_origin(&target)) {
        writer.put(userinfo.as_bytes())?;
        writer.put(b"@")?;
    }
    writer.put_with(|render| target.render_host(render))
}

/// A URL that holds an origin and nothing else.
fn origin(scheme: Scheme, authority: &[u8]) -> Option<Url<'_>> {
    let text = core::str::from_utf8(authority).ok()?;
    let authority = Authority::parse(text, scheme).ok()?;
    Some(Url {
        scheme,
        userinfo: None,
        host: authority.host,
        is_ipv6: authority.is_ipv6,
        port: authority.port,
        path: "",
        query: None,
        fragment: None,
        written: authority.written,
    })
}

/// The path after RFC 3986 §5.2.2 and §5.2.3.
fn write_path(
    base: &Url<'_>,
    reference: &Reference<'_>,
    writer: &mut Writer<'_>,
) -> Result<(), Error> {
    let base_path = base.path.as_bytes();
    let start = writer.len;
    match reference.path {
        [] if reference.authority.is_some() => Ok(()),
        [] => writer.put_escaped(base_path),
        [b'/', path @ ..] => writer.put_path(start, path),
        path => {
            if let [b'/', folder @ ..] = folder(base_path) {
                writer.put_segments(start, folder)?;
            }
            writer.put_path(start, path)
        }
    }
}

/// The path up to its last slash, without it.
fn folder(path: &[u8]) -> &[u8] {
    let end = path.iter().rposition(|&byte| byte == b'/');
    &path[..end.unwrap_or(0)]
}

/// What stands before the first `mark`, and behind it if there is one.
fn split_off(text: &[u8], mark: u8) -> (&[u8], Option<&[u8]>) {
    match text.iter().position(|&byte| byte == mark) {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    }
}

/// Fills a slice from the front, and can take back.
struct Writer<'o> {
    out: &'o mut [u8],
    len: usize,
}

impl Writer<'_> {
    fn put_with(&mut self, write: impl FnOnce(&mut Render<'_>)) -> Result<(), Error> {
        let mut render = Render::new(self.out.get_mut(self.len..).unwrap_or_default(), 0);
        write(&mut render);
        if !render.is_complete() {
            return Err(UrlError::TooLong.into());
        }
        self.len += render.written();
        Ok(())
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.put_with(|render| render.put(bytes))
    }

    fn put_escaped(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.put_with(|render| render.put_escaped(bytes, |byte| byte == b' ' || byte >= 0x80))
    }

    fn put_part(&mut self, mark: &[u8], part: Option<&[u8]>) -> Result<(), Error> {
        match part {
            Some(part) => {
                self.put(mark)?;
                self.put_escaped(part)
            }
            None => Ok(()),
        }
    }

    /// Appends the end of a path that began at `start`. `path` has no slash in front.
    fn put_path(&mut self, start: usize, path: &[u8]) -> Result<(), Error> {
        self.put_segments(start, path)?;
        // A dot segment names a folder.
        if path == b"." || path == b".." || path.ends_with(b"/.") || path.ends_with(b"/..") {
            self.put(b"/")?;
        }
        Ok(())
    }

    /// Appends these segments, each behind a slash, and resolves dot segments (RFC 3986 §5.2.4).
    fn put_segments(&mut self, start: usize, path: &[u8]) -> Result<(), Error> {
        for segment in path.split(|&byte| byte == b'/') {
            match segment {
                b"." => {}
                b".." => self.drop_segment(start),
                name => {
                    self.put(b"/")?;
                    self.put_escaped(name)?;
                }
            }
        }
        Ok(())
    }

    fn drop_segment(&mut self, start: usize) {
        let path = &self.out[start..self.len];
        let end = path.iter().rposition(|&byte| byte == b'/');
        self.len = start + end.unwrap_or(0);
    }

    /// The length, if what was written is a URL.
    fn finish(self) -> Result<usize, Error> {
        // What is not ASCII was escaped.
        match text(&self.out[..self.len]).map(Url::parse) {
            Some(Ok(_)) => Ok(self.len),
            Some(Err(_)) | None => Err(ResponseError::Location.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;
    use std::string::String;
    use std::vec::Vec;

    const MALFORMED: Error = Error::BadResponse(ResponseError::Location);

    fn join_bytes(base: &str, location: &[u8]) -> Result<String, Error> {
        let base = Url::parse(base).expect("a good base");
        let mut out = [0; 500];
        let n = join(&base, location, &mut out)?;
        Ok(String::from_utf8(out[..n].to_vec()).expect("UTF-8"))
    }

    fn joined(base: &str, location: &str) -> Result<String, Error> {
        join_bytes(base, location.as_bytes())
    }

    fn check(base: &str, table: &[(&str, &str)]) {
        for (location, expected) in table {
            let found = joined(base, location);
            assert_eq!(found.as_deref(), Ok(*expected), "{location:?}");
        }
    }

    #[test]
    fn the_examples_of_rfc_3986_come_out() {
        check(
            "http://a/b/c/d;p?q",
            &[
                ("g", "http://a/b/c/g"),
                ("./g", "http://a/b/c/g"),
                ("g/", "http://a/b/c/g/"),
                ("/g", "http://a/g"),
                ("//g", "http://g"),
                ("?y", "http://a/b/c/d;p?y"),
                ("g?y", "http://a/b/c/g?y"),
                ("#s", "http://a/b/c/d;p?q#s"),
                ("g#s", "http://a/b/c/g#s"),
                ("g?y#s", "http://a/b/c/g?y#s"),
                (";x", "http://a/b/c/;x"),
                ("g;x", "http://a/b/c/g;x"),
                ("g;x?y#s", "http://a/b/c/g;x?y#s"),
                ("", "http://a/b/c/d;p?q"),
                (".", "http://a/b/c/"),
                ("./", "http://a/b/c/"),
                ("..", "http://a/b/"),
                ("../", "http://a/b/"),
                ("../g", "http://a/b/g"),
                ("../..", "http://a/"),
                ("../../", "http://a/"),
                ("../../g", "http://a/g"),
                ("../../../g", "http://a/g"),
                ("../../../../g", "http://a/g"),
                ("/./g", "http://a/g"),
                ("/../g", "http://a/g"),
                ("g.", "http://a/b/c/g."),
                (".g", "http://a/b/c/.g"),
                ("g..", "http://a/b/c/g.."),
                ("..g", "http://a/b/c/..g"),
                ("./../g", "http://a/b/g"),
                ("./g/.", "http://a/b/c/g/"),
                ("g/./h", "http://a/b/c/g/h"),
                ("g/../h", "http://a/b/c/h"),
                ("g;x=1/./y", "http://a/b/c/g;x=1/y"),
                ("g;x=1/../y", "http://a/b/c/y"),
                ("g?y/./x", "http://a/b/c/g?y/./x"),
                ("g?y/../x", "http://a/b/c/g?y/../x"),
                ("g#s/./x", "http://a/b/c/g#s/./x"),
                ("g#s/../x", "http://a/b/c/g#s/../x"),
            ],
        );
        assert_eq!(
            joined("http://a/b/c/d;p?q", "g:h"),
            Err(Error::UnsupportedScheme)
        );
        assert_eq!(joined("http://a/b/c/d;p?q", "http:g"), Err(MALFORMED));
    }

    #[test]
    fn a_base_without_a_path_has_the_root() {
        check(
            "http://a?q",
            &[
                ("g", "http://a/g"),
                ("..", "http://a/"),
                ("?y", "http://a?y"),
                ("", "http://a?q"),
                ("./1:b", "http://a/1:b"),
                ("1:b", "http://a/1:b"),
            ],
        );
        check(
            "http://a//b/c",
            &[("../d", "http://a//d"), ("../../d", "http://a/d")],
        );
        check(
            "http://a//b",
            &[("d", "http://a//d"), ("//c//d/..", "http://c//")],
        );
    }

    #[test]
    fn dot_segments_of_the_base_are_resolved_too() {
        check(
            "http://a/x/../b",
            &[("g", "http://a/g"), ("../g", "http://a/g")],
        );
        check(
            "http://a/x/./b",
            &[("g", "http://a/x/g"), ("..", "http://a/")],
        );
        check(
            "http://a/../b",
            &[("g", "http://a/g"), ("?y", "http://a/../b?y")],
        );
    }

    #[test]
    fn checklist_22_absolute_and_network_path_forms_change_the_origin() {
        check(
            "https://a:8443/b",
            &[
                ("http://c/d/../e?f", "http://c/e?f"),
                ("HTTP://C:80", "http://c"),
                ("//c:8443/d", "https://c:8443/d"),
                ("//c:443", "https://c"),
                ("http://[2001:DB8::1]:81/x", "http://[2001:db8::1]:81/x"),
                ("//c?d", "https://c?d"),
                ("  /x\t", "https://a:8443/x"),
            ],
        );
    }

    #[test]
    fn checklist_22_another_scheme_is_not_followed() {
        for location in [
            "file:///etc/passwd",
            "FILE:///etc/passwd",
            "ftp://a/",
            "javascript:alert(1)",
            "data:text/html,x",
            "mailto:a@b",
            "gopher://a",
        ] {
            let found = joined("http://a/b", location);
            assert_eq!(found, Err(Error::UnsupportedScheme), "{location:?}");
        }
    }

    #[test]
    fn checklist_22_a_fragment_is_inherited_unless_there_is_a_new_one() {
        check(
            "http://a/b#f",
            &[
                ("/c", "http://a/c#f"),
                ("http://d/", "http://d/#f"),
                ("", "http://a/b#f"),
                ("/c#g", "http://a/c#g"),
                ("/c#", "http://a/c#"),
            ],
        );
    }

    #[test]
    fn checklist_5_user_information_stays_with_its_origin() {
        check(
            "http://u:p@a/b",
            &[
                ("/c", "http://u:p@a/c"),
                ("", "http://u:p@a/b"),
                ("//A:80/c", "http://u:p@a/c"),
                ("http://v:w@a/c", "http://u:p@a/c"),
                ("http://v:w@d/c", "http://d/c"),
                ("//a:81/c", "http://a:81/c"),
                ("https://a/c", "https://a/c"),
                ("https://a:80/c", "https://a:80/c"),
                ("//a./c", "http://a./c"),
            ],
        );
        check("http://a/b", &[("http://v:w@a/c", "http://a/c")]);
    }

    #[test]
    fn spaces_and_bytes_that_are_not_ascii_become_escapes() {
        check(
            "http://a/\u{e4}/b?\u{e4}",
            &[
                ("c d?e f#g h", "http://a/%C3%A4/c%20d?e%20f#g%20h"),
                ("", "http://a/%C3%A4/b?%C3%A4"),
                ("/%20%zz", "http://a/%20%zz"),
            ],
        );
        let found = join_bytes("http://a/", b"/\xff\xe4?\x80");
        assert_eq!(found.as_deref(), Ok("http://a/%FF%E4?%80"));
    }

    #[test]
    fn checklist_12_a_control_character_is_refused() {
        for byte in (0..b' ').chain([0x7f]) {
            let found = join_bytes("http://a/", &[b'/', byte, b'b']);
            assert_eq!(found, Err(MALFORMED), "{byte:#x}");
        }
    }

    #[test]
    fn checklist_21_a_host_that_readers_may_see_differently_is_refused() {
        for location in [
            "http://",
            "http:///x",
            "//",
            "///x",
            "http:/x",
            "http:x",
            "http://b c/",
            "http://b\\@c/",
            "http://b@c@d/",
            "http://b%2fc/",
            "http://b%00/",
            "http://b:0/",
            "http://b:65536/",
            "http://127.1/",
            "http://[::1%25lo]/",
            "//b\u{f6}c/",
        ] {
            assert_eq!(
                joined("http://a/", location),
                Err(MALFORMED),
                "{location:?}"
            );
        }
        assert_eq!(join_bytes("http://a/", b"//b\xff/"), Err(MALFORMED));
        check(
            "http://a/b",
            &[
                ("/\\evil.example", "http://a/\\evil.example"),
                ("\\\\evil.example", "http://a/\\\\evil.example"),
                ("http://c#@evil.example/", "http://c#@evil.example/"),
                ("/.//evil.example", "http://a//evil.example"),
            ],
        );
    }

    #[test]
    fn a_url_that_does_not_fit_is_too_long() {
        let base = Url::parse("http://a/b").expect("good");
        let expected = b"http://a/cd?e#f";
        for room in 0..expected.len() {
            let mut out = [0; 15];
            let found = join(&base, b"cd?e#f", &mut out[..room]);
            assert_eq!(found, Err(UrlError::TooLong.into()));
        }
        let mut out = [0; 15];
        assert_eq!(join(&base, b"cd?e#f", &mut out), Ok(15));
        assert_eq!(&out, expected);
    }

    #[test]
    fn whatever_the_location_the_outcome_is_a_url_or_an_error() {
        let mut seed = 0x1234_5678_9abc_def1_u64;
        let mut random = move |below: usize| {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            usize::try_from(seed >> 33).expect("31 bits") % below
        };
        let parts: [&[u8]; 20] = [
            b"http:", b"//", b"/", b".", b"..", b"../", b"./", b"?", b"#", b"a", b"b.c", b":",
            b"@", b"\\", b"%2e", b" ", b"\xff", b"[::1]", b"81", b"x=y",
        ];
        let bases = ["http://u:p@a/b/c?d#e", "https://a", "http://[::1]:81/x//y/"];
        for _ in 0..20_000 {
            let mut location = Vec::new();
            for _ in 0..random(10) {
                location.extend_from_slice(parts[random(parts.len())]);
            }
            let base = bases[random(bases.len())];
            let Ok(text) = join_bytes(base, &location) else {
                continue;
            };
            let url = Url::parse(&text).expect("join answers URLs");
            let same = url.same_origin(&Url::parse(base).expect("good"));
            assert!(same || url.userinfo.is_none(), "{text:?}");
            let again = joined(&text, "").expect("itself");
            assert_eq!(again, text);
        }
    }
}

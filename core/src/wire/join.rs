//! References in `Location` fields, resolved against the URL that was asked for (RFC 3986 §5.2).

use crate::Error;
use crate::error::{ResponseError, UrlError};

use super::render::percent;
use super::token::trim_ows;
use super::url::Url;

/// Writes a URL from its parts into a buffer of limited length.
struct Writer<'b> {
    out: &'b mut [u8],
    len: usize,
}

impl Writer<'_> {
    fn put(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let room = self.len..self.len + bytes.len();
        let target = self.out.get_mut(room).ok_or(UrlError::TooLong)?;
        target.copy_from_slice(bytes);
        self.len += bytes.len();
        Ok(())
    }

    /// Spaces and bytes outside of ASCII are encoded, as browsers and libcurl do in redirects.
    fn put_encoded(&mut self, bytes: &[u8]) -> Result<(), Error> {
        for byte in bytes {
            match byte {
                b'!'..=b'~' => self.put(&[*byte])?,
                b' ' | 0x80.. => self.put(&percent(*byte))?,
                0..b' ' | 0x7f => return Err(ResponseError::Location.into()),
            }
        }
        Ok(())
    }

    /// RFC 3986 §5.2.4, on what was written from `start` on.
    fn remove_dot_segments(&mut self, start: usize) {
        let (mut read, mut write) = (start, start);
        while read < self.len {
            let rest = self.out.get(read + 1..self.len).unwrap_or(&[]);
            let segment = rest
                .iter()
                .position(|byte| *byte == b'/')
                .unwrap_or(rest.len());
            let last = segment == rest.len();
            let name = rest.get(..segment).unwrap_or(&[]);
            let (dot, dots) = (name == b".", name == b"..");
            if dots {
                let before = self.out.get(start..write).unwrap_or(&[]);
                write = start + before.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
            }
            if !dot && !dots {
                self.out.copy_within(read..=read + segment, write);
                write += segment + 1;
            } else if last {
                if let Some(slash) = self.out.get_mut(write) {
                    *slash = b'/';
                }
                write += 1;
            }
            read += segment + 1;
        }
        self.len = write;
    }
}

/// A reference taken apart: what is missing of it comes from the base.
struct Reference<'a> {
    scheme: Option<&'a [u8]>,
    authority: Option<&'a [u8]>,
    path: &'a [u8],
    query: Option<&'a [u8]>,
    fragment: Option<&'a [u8]>,
}

fn split_at_byte(text: &[u8], mark: u8) -> (&[u8], Option<&[u8]>) {
    match text.iter().position(|byte| *byte == mark) {
        Some(at) => (text.get(..at).unwrap_or(text), text.get(at + 1..)),
        None => (text, None),
    }
}

impl<'a> Reference<'a> {
    fn parse(text: &'a [u8]) -> Self {
        let (text, fragment) = split_at_byte(text, b'#');
        let (text, query) = split_at_byte(text, b'?');
        let colon = text.iter().position(|byte| !is_scheme_byte(*byte));
        let (scheme, rest) = match colon {
            Some(at) if at > 0 && text.get(at) == Some(&b':') => {
                (text.get(..at), text.get(at + 1..).unwrap_or(&[]))
            }
            Some(_) | None => (None, text),
        };
        let (authority, path) = match rest.strip_prefix(b"//") {
            Some(rest) => {
                let slash = rest
                    .iter()
                    .position(|byte| *byte == b'/')
                    .unwrap_or(rest.len());
                (rest.get(..slash), rest.get(slash..).unwrap_or(&[]))
            }
            None => (None, rest),
        };
        Self {
            scheme,
            authority,
            path,
            query,
            fragment,
        }
    }
}

const fn is_scheme_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.')
}

/// Writes the URL that `location` means and answers its length. It is absolute and can be parsed.
///
/// User information of the location is dropped; that of the base is kept if the origin is the same.
///
/// # Errors
/// [`ResponseError::Location`] if it makes no URL, [`Error::UnsupportedScheme`],
/// [`UrlError::TooLong`] if it does not fit.
pub fn join(base: &Url<'_>, location: &[u8], into: &mut [u8]) -> Result<usize, Error> {
    let reference = Reference::parse(trim_ows(location));
    let scheme = reference.scheme.unwrap_or(base.scheme.as_str().as_bytes());
    if !scheme.eq_ignore_ascii_case(b"http") && !scheme.eq_ignore_ascii_case(b"https") {
        return Err(Error::UnsupportedScheme);
    }
    if reference.scheme.is_some() && reference.authority.is_none() {
        return Err(ResponseError::Location.into());
    }
    let userinfo = kept_userinfo(base, scheme, reference.authority, into)?;
    let mut url = Writer { out: into, len: 0 };
    for byte in scheme {
        url.put(&[byte.to_ascii_lowercase()])?;
    }
    url.put(b"://")?;
    if let Some(userinfo) = userinfo {
        url.put(userinfo.as_bytes())?;
        url.put(b"@")?;
    }
    put_host(&mut url, base, reference.authority)?;
    put_path(&mut url, base, &reference)?;
    let query = match reference.query {
        Some(query) => Some(query),
        None if reference.authority.is_none() && reference.path.is_empty() => {
            base.query.map(str::as_bytes)
        }
        None => None,
    };
    // RFC 9110 §10.2.2: a location without a fragment inherits the one of the request.
    let fragment = reference.fragment.or(base.fragment.map(str::as_bytes));
    for (mark, part) in [(b"?", query), (b"#", fragment)] {
        if let Some(part) = part {
            url.put(mark)?;
            url.put_encoded(part)?;
        }
    }
    let len = url.len;
    let written = into
        .get(..len)
        .and_then(|bytes| core::str::from_utf8(bytes).ok());
    match Url::parse(written.unwrap_or("")) {
        Ok(_) => Ok(len),
        Err(_) => Err(ResponseError::Location.into()),
    }
}

fn without_userinfo(authority: &[u8]) -> &[u8] {
    let at = authority
        .iter()
        .rposition(|byte| *byte == b'@')
        .map_or(0, |at| at + 1);
    authority.get(at..).unwrap_or(&[])
}

/// The base's user information, if the location leads to the same origin.
fn kept_userinfo<'a>(
    base: &Url<'a>,
    scheme: &[u8],
    authority: Option<&[u8]>,
    scratch: &mut [u8],
) -> Result<Option<&'a str>, Error> {
    let Some(userinfo) = base.userinfo else {
        return Ok(None);
    };
    let Some(authority) = authority else {
        return Ok(Some(userinfo));
    };
    let mut probe = Writer {
        out: scratch,
        len: 0,
    };
    for part in [scheme, b"://", without_userinfo(authority)] {
        probe.put(part)?;
    }
    let text = probe.out.get(..probe.len).unwrap_or(&[]);
    let same = core::str::from_utf8(text)
        .ok()
        .and_then(|text| Url::parse(text).ok())
        .is_some_and(|url| url.same_origin(base));
    Ok(same.then_some(userinfo))
}

fn put_host(url: &mut Writer<'_>, base: &Url<'_>, authority: Option<&[u8]>) -> Result<(), Error> {
    if let Some(authority) = authority {
        return url.put(without_userinfo(authority));
    }
    if base.is_ipv6 {
        url.put(b"[")?;
    }
    url.put(base.host.as_bytes())?;
    if base.is_ipv6 {
        url.put(b"]")?;
    }
    if base.port != base.scheme.default_port() {
        url.put(b":")?;
        url.put(super::number::Digits::decimal(base.port.into()).as_bytes())?;
    }
    Ok(())
}

/// RFC 3986 §5.2.2 and §5.2.3.
fn put_path(url: &mut Writer<'_>, base: &Url<'_>, reference: &Reference<'_>) -> Result<(), Error> {
    let start = url.len;
    if reference.authority.is_some() || reference.path.starts_with(b"/") {
        url.put_encoded(reference.path)?;
    } else if reference.path.is_empty() {
        return url.put_encoded(base.path.as_bytes());
    } else {
        let directory = base
            .path
            .rfind('/')
            .map_or("/", |slash| base.path.get(..=slash).unwrap_or("/"));
        url.put_encoded(directory.as_bytes())?;
        url.put_encoded(reference.path)?;
    }
    url.remove_dot_segments(start);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(base: &str, location: &[u8]) -> Result<std::string::String, Error> {
        let mut into = [0; 256];
        let len = join(&Url::parse(base).unwrap(), location, &mut into)?;
        Ok(core::str::from_utf8(&into[..len]).unwrap().into())
    }

    #[test]
    fn rfc_3986_5_4_references_resolve_as_the_table_says() {
        let table = [
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
            ("", "http://a/b/c/d;p?q"),
            (".", "http://a/b/c/"),
            ("./", "http://a/b/c/"),
            ("..", "http://a/b/"),
            ("../", "http://a/b/"),
            ("../g", "http://a/b/g"),
            ("../..", "http://a/"),
            ("../../g", "http://a/g"),
            ("../../../g", "http://a/g"),
            ("/./g", "http://a/g"),
            ("/../g", "http://a/g"),
            ("g.", "http://a/b/c/g."),
            ("..g", "http://a/b/c/..g"),
            ("./../g", "http://a/b/g"),
            ("./g/.", "http://a/b/c/g/"),
            ("g/./h", "http://a/b/c/g/h"),
            ("g/../h", "http://a/b/c/h"),
            ("g?y/../x", "http://a/b/c/g?y/../x"),
        ];
        for (location, expected) in table {
            let url = joined("http://a/b/c/d;p?q", location.as_bytes());
            assert_eq!(url.as_deref(), Ok(expected), "{location}");
        }
    }

    #[test]
    fn fragments_are_inherited_and_bytes_encoded() {
        assert_eq!(
            joined("http://a/x#f", b" /y z\xff ").as_deref(),
            Ok("http://a/y%20z%FF#f")
        );
        assert_eq!(
            joined("http://a:81/x", b"y").as_deref(),
            Ok("http://a:81/y")
        );
        assert_eq!(
            joined("http://[::1]/x", b"y").as_deref(),
            Ok("http://[::1]/y")
        );
    }

    #[test]
    fn userinfo_goes_to_the_same_origin_only_and_never_comes_from_a_peer() {
        let base = "http://u:p@a/x";
        for (location, expected) in [
            ("/y", "http://u:p@a/y"),
            ("http://A:80/y", "http://u:p@A:80/y"),
            ("http://b/y", "http://b/y"),
            ("https://a/y", "https://a/y"),
            ("http://a:81/y", "http://a:81/y"),
            ("http://x:y@b/", "http://b/"),
        ] {
            assert_eq!(joined(base, location.as_bytes()).as_deref(), Ok(expected));
        }
    }

    #[test]
    fn d22_what_makes_no_http_url_is_an_error() {
        assert_eq!(
            joined("http://a/", b"file:///etc/passwd"),
            Err(Error::UnsupportedScheme)
        );
        assert_eq!(
            joined("http://a/", b"ftp://b/"),
            Err(Error::UnsupportedScheme)
        );
        for bad in [
            &b"http:b"[..],
            b"http://",
            b"//b:0/",
            b"/\x01",
            b"//b\\c/",
            b"http:///x",
        ] {
            assert_eq!(
                joined("http://a/", bad),
                Err(ResponseError::Location.into()),
                "{bad:?}"
            );
        }
        let mut small = [0; 16];
        let base = Url::parse("http://a/").unwrap();
        assert_eq!(
            join(&base, b"/0123456789", &mut small),
            Err(UrlError::TooLong.into())
        );
    }
}

//! Where a redirect leads.

use muxfer_core::Error;
use muxfer_core::error::UrlError;
use muxfer_core::wire::{Url, join};

use super::url::has_punycode;

/// The base of a case whose first line is no URL.
const BASE: &str = "http://u:p@a:81/b/c?d#e";
/// More room than any case needs: each byte becomes three at most, and a base is a case's part.
const ROOM: usize = 4096;

/// A case is a line with the URL of the base, then a `Location`.
///
/// What must hold: what comes out is a URL, and fits the room; it has the user information of the
/// base if its origin is that of the base, else none, and never that of the `Location`; its path
/// holds no dot segments; joined to itself it stays; the crate `url` (WHATWG) comes to the same. No
/// URL that can be read is refused, and no plain path.
pub fn location(bytes: &[u8]) {
    let mut lines = bytes.splitn(2, |b| *b == b'\n');
    let first = lines.next().unwrap_or(&[]);
    let (base, location) = match (std::str::from_utf8(first).map(Url::parse), lines.next()) {
        (Ok(Ok(base)), Some(location)) => (base, location),
        (Ok(Err(_)) | Err(_), Some(location)) => (parse(BASE), location),
        (_, None) => (parse(BASE), first),
    };
    let mut room = [0; ROOM];
    let whole = join(&base, location, &mut room);
    fits_or_is_too_long(&base, location, whole, &room);
    match whole {
        Ok(n) => {
            let text = std::str::from_utf8(&room[..n]).expect("UTF-8");
            check_url(&base, location, text);
            compare_with_whatwg(&base, location, text);
        }
        Err(Error::UnsupportedScheme) => check_unsupported(location),
        Err(error) => {
            assert_ne!(error, UrlError::TooLong.into(), "in {ROOM} bytes");
            assert!(!must_be_taken(location), "{error}");
        }
    }
}

fn parse(text: &str) -> Url<'_> {
    Url::parse(text).unwrap_or_else(|error| panic!("{text:?}: {error}"))
}

/// A URL that we can read is one that we can follow, and so is any path without control characters.
fn must_be_taken(location: &[u8]) -> bool {
    let is_sound = |byte: &u8| !byte.is_ascii_control();
    let is_ink = |byte: &u8| !matches!(byte, b' ' | b'\t');
    let start = location.iter().position(is_ink).unwrap_or(0);
    let end = location.iter().rposition(is_ink).map_or(start, |at| at + 1);
    let location = &location[start..end];
    let end = location.iter().position(|b| b"/?#".contains(b));
    let first = &location[..end.unwrap_or(location.len())];
    let is_path = !location.starts_with(b"//") && !first.contains(&b':');
    let is_url = std::str::from_utf8(location).is_ok_and(|text| Url::parse(text).is_ok());
    is_url || (is_path && location.iter().all(is_sound))
}

/// In less room it comes to the same or does not fit.
fn fits_or_is_too_long(base: &Url<'_>, location: &[u8], whole: Result<usize, Error>, full: &[u8]) {
    let n = whole.unwrap_or(location.len());
    for size in [0, n / 2, n.saturating_sub(1), n, n + 3] {
        let mut room = vec![0; size];
        match join(base, location, &mut room) {
            Ok(less) => {
                assert!(less <= size);
                assert_eq!(whole, Ok(less));
                assert_eq!(room[..less], full[..less]);
            }
            Err(error) if whole.is_err() && error == whole.unwrap_err() => {}
            Err(error) => assert_eq!(error, UrlError::TooLong.into(), "in {size} of {n} bytes"),
        }
    }
}

fn check_url(base: &Url<'_>, location: &[u8], text: &str) {
    let url = parse(text);
    // CHECKLIST 5.
    let allowed = base.userinfo.filter(|_| url.same_origin(base));
    assert_eq!(url.userinfo, allowed, "{text:?}");
    // User information stays as it is; it is never sent like that.
    let was_ascii = base.userinfo.is_none_or(str::is_ascii);
    assert!(text.is_ascii() || !was_ascii, "{text:?}");
    let mut room = [0; ROOM];
    let n = join(&url, b"", &mut room).expect("itself");
    assert_eq!(&room[..n], text.as_bytes());
    let has_path = !matches!(location.trim_ascii(), [] | [b'?' | b'#', ..]);
    let has_dots = url
        .path
        .split('/')
        .any(|segment| matches!(segment, "." | ".."));
    assert!(!(has_path && has_dots), "{text:?}");
    // RFC 9110 §10.2.2.
    match location.iter().position(|b| *b == b'#') {
        Some(_) => assert!(url.fragment.is_some(), "{text:?}"),
        None => assert_eq!(url.fragment.is_some(), base.fragment.is_some(), "{text:?}"),
    }
}

/// The crate `url` joins to the same, but for user information and fragment, which it treats by
/// other rules. It differs where that is right:
/// - it reads a backslash as a slash and `%2e` as a dot, we as what they are (RFC 3986);
/// - it resolves a dot segment at the end of the base first and takes it for a folder, we drop it
///   like any last segment (RFC 3986 §5.2.3);
/// - it keeps the slash before `..` behind what looks like a drive (`/c:/`), in any scheme;
/// - it does not take bytes that are not UTF-8;
/// - it checks labels that begin with `xn--`.
fn compare_with_whatwg(base: &Url<'_>, location: &[u8], text: &str) {
    let Ok(reference) = std::str::from_utf8(location) else {
        return;
    };
    let is_plain = |path: &str| {
        let is_drive = |name: &str| matches!(name.as_bytes(), [_, b':' | b'|']);
        let has_escape = path.contains('\\') || path.to_ascii_lowercase().contains("%2e");
        !has_escape && !path.split(['/', '?', '#']).any(is_drive)
    };
    let url = parse(text);
    let is_checked = has_punycode(base.host) || has_punycode(url.host);
    if is_checked || !is_plain(reference) || !is_plain(base.path) {
        return;
    }
    if base.path.ends_with("/.") || base.path.ends_with("/..") {
        return;
    }
    // Its base is ours without what it would inherit or what it refuses.
    let base = whatwg(&rebuilt(base));
    let theirs = base
        .join(reference)
        .unwrap_or_else(|error| panic!("{text:?}: {error}"));
    let ours = whatwg(text);
    assert_eq!(plain(ours), plain(theirs), "{reference:?} at {base}");
}

/// Without user information.
fn rebuilt(base: &Url<'_>) -> String {
    let (open, close) = if base.is_ipv6 { ("[", "]") } else { ("", "") };
    let query = base
        .query
        .map_or(String::new(), |query| format!("?{query}"));
    let (scheme, host, port, path) = (base.scheme.as_str(), base.host, base.port, base.path);
    format!("{scheme}://{open}{host}{close}:{port}{path}{query}")
}

fn whatwg(text: &str) -> ::url::Url {
    ::url::Url::parse(text).unwrap_or_else(|error| panic!("the crate url: {error}: {text:?}"))
}

fn plain(mut url: ::url::Url) -> String {
    url.set_fragment(None);
    url.set_username("").expect("a host");
    url.set_password(None).expect("a host");
    url.into()
}

/// If the crate `url` finds a scheme as well, it is none of ours.
fn check_unsupported(location: &[u8]) {
    let other = std::str::from_utf8(location).map(::url::Url::parse);
    if let Ok(Ok(other)) = other {
        assert!(!matches!(other.scheme(), "http" | "https"), "{other}");
    }
}

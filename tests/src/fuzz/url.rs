//! URLs, and what is sent of them.

use std::net::IpAddr;

use muxfer_core::wire::{Render, Url};
use percent_encoding::percent_decode_str;

/// A case is a text.
///
/// What must hold of a URL that is accepted: its parts are parts of the text; host and target are
/// rendered as printable ASCII, in windows of any size, and read back to the same parts; the host
/// holds nothing that could hide another; and the crate `url` (WHATWG) sees the same.
pub fn url(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let Ok(url) = Url::parse(&text) else { return };
    check_parts(&text, &url);
    let host = rendered(|render| url.render_host(render));
    let target = rendered(|render| url.render_target(render));
    check_rendered(&host, &target);
    check_read_back(&url, &host, &target);
    compare_with_whatwg(&text, &url, &target);
}

/// The parts with the marks between them are the text, but for the case of the scheme and the port.
fn check_parts(text: &str, url: &Url<'_>) {
    let scheme = url.scheme.as_str();
    let rest = text.get(scheme.len()..).expect("a scheme");
    assert!(text[..scheme.len()].eq_ignore_ascii_case(scheme));
    let rest = rest.strip_prefix("://").expect("a mark");
    let part =
        |mark: &str, part: Option<&str>| part.map_or(String::new(), |p| format!("{mark}{p}"));
    let tail = url.path.to_owned() + &part("?", url.query) + &part("#", url.fragment);
    let authority = rest.strip_suffix(&tail).expect("path, query, fragment");
    assert!(!authority.contains(['/', '?', '#', '\\']), "{authority:?}");
    let userinfo = url
        .userinfo
        .map_or(String::new(), |info| format!("{info}@"));
    let host = authority.strip_prefix(&userinfo).expect("user information");
    let host = host.strip_prefix('[').unwrap_or(host);
    let port = host.strip_prefix(url.host).expect("the host");
    let port = port.strip_prefix(']').unwrap_or(port);
    let named = port.strip_prefix(':').filter(|digits| !digits.is_empty());
    let expected = named.map_or(Ok(url.scheme.default_port()), str::parse);
    assert_eq!(expected, Ok(url.port), "{text:?}");
    assert_ne!(url.port, 0);
    assert!(url.path.is_empty() || url.path.starts_with('/'), "{text:?}");
}

/// CHECKLIST 12, 21.
fn check_rendered(host: &[u8], target: &[u8]) {
    for byte in host.iter().chain(target) {
        assert!(byte.is_ascii_graphic(), "{byte:#x} is sent");
    }
    assert!(target.starts_with(b"/"));
    assert!(!target.contains(&b'#'), "a fragment is sent");
    let is_hidden = |byte: &u8| b"@/\\?#%".contains(byte) || byte.is_ascii_uppercase();
    assert!(!host.iter().any(is_hidden), "{}", host.escape_ascii());
    assert!(!host.is_empty() && host.len() <= 253 + "[]:65535".len());
}

/// What is sent, read again, names the same, and is sent in the same way.
fn check_read_back(url: &Url<'_>, host: &[u8], target: &[u8]) {
    let scheme = url.scheme.as_str();
    let text = [scheme.as_bytes(), b"://", host, target].concat();
    let text = String::from_utf8(text).expect("ASCII");
    let again = Url::parse(&text).unwrap_or_else(|error| panic!("{text:?}: {error}"));
    assert!(
        url.same_origin(&again) && again.same_origin(url),
        "{text:?}"
    );
    assert_eq!(again.address(), url.address());
    assert_eq!(again.userinfo, None);
    assert_eq!(again.fragment, None);
    assert_eq!(again.query.is_some(), url.query.is_some());
    let mut room = [0; 253];
    let lower = url.lower_host(&mut room).expect("253 bytes are the most");
    assert_eq!(again.host, lower);
    assert_eq!(rendered(|render| again.render_host(render)), host);
    assert_eq!(rendered(|render| again.render_target(render)), target);
}

/// Renders in one window, and in small ones, which must make the same.
fn rendered(write: impl Fn(&mut Render<'_>)) -> Vec<u8> {
    // Without any room it only counts.
    let mut count = Render::new(&mut [], 0);
    write(&mut count);
    let mut room = vec![0; count.total()];
    let mut whole = Render::new(&mut room, 0);
    write(&mut whole);
    assert!(whole.is_complete());
    let n = whole.written();
    // In windows of one byte each byte costs a whole rendering.
    let windows = if n <= 64 { [1, 7] } else { [31, 61] };
    for window in windows {
        let mut pieces = Vec::new();
        while pieces.len() < n {
            let mut piece = [0; 61];
            let mut render = Render::new(&mut piece[..window], pieces.len());
            write(&mut render);
            assert_eq!(render.total(), n);
            let written = render.written();
            pieces.extend_from_slice(&piece[..written]);
        }
        assert_eq!(pieces, room, "windows of {window}");
    }
    room
}

/// The crate `url` sees the same host, port, credentials, and, where it does not change them by its
/// rules, path and query. It refuses, and we look up in DNS as they are: labels that begin with
/// `xn--`, where it checks what they decode to.
fn compare_with_whatwg(text: &str, url: &Url<'_>, target: &[u8]) {
    let other = match ::url::Url::parse(text) {
        Ok(other) => other,
        Err(_) if has_punycode(url.host) => return,
        Err(error) => panic!("the crate url says {error} to {text:?}"),
    };
    assert_eq!(other.scheme(), url.scheme.as_str());
    assert_eq!(other.port_or_known_default(), Some(url.port), "{text:?}");
    match other.host() {
        Some(::url::Host::Domain(name)) => {
            assert!(url.address().is_none(), "{text:?}");
            assert!(name.eq_ignore_ascii_case(url.host), "{name} of {text:?}");
        }
        Some(::url::Host::Ipv4(address)) => assert_eq!(url.address(), Some(IpAddr::V4(address))),
        Some(::url::Host::Ipv6(address)) => assert_eq!(url.address(), Some(IpAddr::V6(address))),
        None => panic!("the crate url sees no host in {text:?}"),
    }
    let (user, password) = match url.credentials() {
        Some((user, password)) => (user.collect(), password.collect()),
        None => (Vec::new(), Vec::new()),
    };
    assert_eq!(decoded(other.username()), user, "{text:?}");
    assert_eq!(
        decoded(other.password().unwrap_or("")),
        password,
        "{text:?}"
    );
    if is_plain_path(url.path) {
        let mut parts = target.splitn(2, |b| *b == b'?');
        let path = String::from_utf8_lossy(parts.next().unwrap_or(&[]));
        assert_eq!(decoded(other.path()), decoded(&path), "{text:?}");
        let query = parts.next().map(String::from_utf8_lossy);
        assert_eq!(
            other.query().map(decoded),
            query.map(|query| decoded(&query))
        );
    }
}

/// Has it a label that stands for one in Unicode?
pub(super) fn has_punycode(host: &str) -> bool {
    host.split('.').any(|label| {
        label
            .get(..4)
            .is_some_and(|start| start.eq_ignore_ascii_case("xn--"))
    })
}

/// WHATWG takes a backslash for a slash, and `%2e` for a dot, and resolves dot segments at once.
fn is_plain_path(path: &str) -> bool {
    let path = path.to_ascii_lowercase().replace("%2e", ".");
    !path.contains('\\') && !path.split('/').any(|segment| matches!(segment, "." | ".."))
}

/// Without escapes, of which the two write different ones.
fn decoded(text: &str) -> Vec<u8> {
    percent_decode_str(text).collect()
}

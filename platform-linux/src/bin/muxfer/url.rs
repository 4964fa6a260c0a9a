//! What the program itself does with the text of a URL. Understanding URLs is the engine's.

/// The longest file name that common file systems take.
const MAX_NAME: usize = 255;

/// The URL as curl would guess it: `http://` where no scheme is named.
pub(crate) fn absolute(given: &str) -> String {
    match split_scheme(given) {
        Some(_) => given.to_string(),
        None => format!("http://{given}"),
    }
}

/// A URL's scheme and what is behind its `://`. One that is part of a query is none.
fn split_scheme(url: &str) -> Option<(&str, &str)> {
    url.split_once("://").filter(|(scheme, _)| {
        scheme
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
    })
}

/// What is behind the host and port.
fn behind_authority(url: &str) -> &str {
    let rest = split_scheme(url).map_or(url, |(_, rest)| rest);
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    &rest[end..]
}

/// A URL as it may be shown: passwords are not for screens and logs, those of malformed URLs and of
/// URLs without a scheme neither.
pub(crate) fn without_userinfo(url: &str) -> String {
    let rest = split_scheme(url).map_or(url, |(_, rest)| rest);
    let rest = rest.strip_prefix("//").unwrap_or(rest);
    let scheme = url.strip_suffix(rest).unwrap_or("");
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let authority = rest.get(..end).unwrap_or(rest);
    // A slash in a password ends the authority too early; then the password looks like a port.
    let at = match authority.rfind('@') {
        None if !port_is_sound(authority) => rest.rfind('@'),
        place => place,
    };
    let shown = at.and_then(|at| rest.get(at + 1..)).unwrap_or(rest);
    format!("{scheme}{shown}")
}

/// Whether there is no port, or one of digits.
fn port_is_sound(authority: &str) -> bool {
    let behind_brackets = authority.rsplit(']').next().unwrap_or(authority);
    behind_brackets
        .split_once(':')
        .is_none_or(|(_, port)| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The host and port that a URL leads to, as the engine names them: in lower case, without brackets.
#[cfg(any(feature = "_tls", test))]
pub(crate) fn host_and_port(url: &str) -> Option<(String, u16)> {
    let (scheme, rest) = split_scheme(url)?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let authority = rest.get(..end)?;
    let place = authority.rsplit_once('@').map_or(authority, |(_, at)| at);
    let default = match scheme.eq_ignore_ascii_case("https") {
        true => 443,
        false => 80,
    };
    let (host, port) = match place.rsplit_once(':') {
        Some((host, "")) => (host, default),
        Some((host, port)) if !port.contains(']') => (host, port.parse().ok()?),
        Some(_) | None => (place, default),
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    Some((host.to_ascii_lowercase(), port))
}

/// The file name that a URL ends with; `None` if its path ends with a slash. Never a path, never
/// hidden, never too long; percent escapes stay as they are.
pub(crate) fn remote_name(url: &str) -> Option<String> {
    let behind = behind_authority(url);
    let end = behind.find(['?', '#']).unwrap_or(behind.len());
    let name = behind[..end].rsplit(['/', '\\']).next().unwrap_or("");
    if matches!(name, "" | "." | "..") {
        return None;
    }
    let mut name = name.replace(|letter: char| letter.is_control(), "_");
    if name.starts_with('.') {
        // A server must not be able to write a `.bashrc`.
        name.replace_range(..1, "_");
    }
    truncate(&mut name, MAX_NAME);
    Some(name)
}

/// The name with a number behind it, still short enough.
pub(crate) fn numbered(name: &str, number: u32) -> String {
    let suffix = format!(".{number}");
    let mut name = name.to_string();
    truncate(&mut name, MAX_NAME - suffix.len());
    name + &suffix
}

fn truncate(name: &mut String, most: usize) {
    let mut end = name.len().min(most);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    name.truncate(end);
}

/// Puts the data of `-G` into the query.
pub(crate) fn add_query(url: &mut String, query: &str) {
    let end = url.find('#').unwrap_or(url.len());
    let (before, _) = url.split_at(end);
    let behind = behind_authority(before);
    let joint = match (behind.is_empty(), behind.contains('?')) {
        (true, _) => "/?",
        (false, true) => "&",
        (false, false) => "?",
    };
    url.insert_str(end, query);
    url.insert_str(end, joint);
}

/// `-T` to a URL that ends with a slash uploads under the file's own name, as in curl.
pub(crate) fn add_file_name(url: &mut String, name: &str) {
    let behind = behind_authority(url);
    if behind.contains(['?', '#']) || !(behind.is_empty() || behind.ends_with('/')) {
        return;
    }
    if behind.is_empty() {
        url.push('/');
    }
    for byte in name.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                url.push(char::from(byte));
            }
            _ => url.push_str(&format!("%{byte:02X}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_scheme_is_http() {
        assert_eq!(absolute("a.test/b"), "http://a.test/b");
        assert_eq!(absolute("HTTP://a.test"), "HTTP://a.test");
        assert_eq!(absolute("gopher://a"), "gopher://a");
        let query = "a.test/?to=http://b";
        assert_eq!(absolute(query), format!("http://{query}"));
    }

    #[test]
    fn passwords_are_not_shown() {
        for (url, shown) in [
            ("http://u:p@a/b@c", "http://a/b@c"),
            ("http://u:p@x@a?q@", "http://a?q@"),
            ("http://[::1]:80/b@c", "http://[::1]:80/b@c"),
            ("http://u:p/q@a/b", "http://a/b"),
            ("http:/u:p@a/b", "a/b"),
            ("u:p@a/?u=http://b", "a/?u=http://b"),
            ("//u:p@a/b", "//a/b"),
            ("/b:c@d", "/b:c@d"),
            ("a:80/b@c", "a:80/b@c"),
            ("a/b", "a/b"),
            ("u:p@", ""),
        ] {
            assert_eq!(without_userinfo(url), shown, "{url}");
        }
    }

    #[test]
    fn hosts_and_ports_are_those_of_the_engine() {
        for (url, host, port) in [
            ("https://A.test/b", "a.test", 443),
            ("https://u:p@a.test:8443?q", "a.test", 8443),
            ("https://[::1]:8443/", "::1", 8443),
            ("HTTPS://[::A]", "::a", 443),
            ("http://a:/b", "a", 80),
        ] {
            let found = host_and_port(url);
            assert_eq!(found, Some((host.to_string(), port)), "{url}");
        }
    }

    #[test]
    fn names_are_never_paths() {
        for (url, name) in [
            ("http://a/b/c.txt?q#f", Some("c.txt")),
            ("http://a/b/c?q=/x", Some("c")),
            ("http://a/b/..%2f..%2fetc", Some("_.%2f..%2fetc")),
            ("http://a/b\\c", Some("c")),
            ("http://a/.bashrc", Some("_bashrc")),
            ("http://a/b\0c", Some("b_c")),
            ("http://a/", None),
            ("http://a", None),
            ("http://a?x=/y", None),
            ("http://a/b/..", None),
            ("http://a/b/.", None),
        ] {
            assert_eq!(remote_name(url).as_deref(), name, "{url}");
        }
    }

    #[test]
    fn names_fit_into_a_folder() {
        let name = remote_name(&format!("http://a/{}", "é".repeat(200))).unwrap();
        assert_eq!(name.len(), 254, "cut between two letters");
        assert_eq!(numbered(&name, 12).len(), 255);
        assert!(numbered(&name, 12).ends_with("é.12"));
        assert_eq!(numbered("a", 1), "a.1");
    }

    #[test]
    fn queries_and_file_names_find_their_place() {
        for (url, wanted) in [
            ("http://a", "http://a/?x=1"),
            ("http://a/b", "http://a/b?x=1"),
            ("http://a/b?y#f", "http://a/b?y&x=1#f"),
        ] {
            let mut url = url.to_string();
            add_query(&mut url, "x=1");
            assert_eq!(url, wanted);
        }
        for (url, wanted) in [
            ("http://a", "http://a/b%20c"),
            ("http://a/d/", "http://a/d/b%20c"),
            ("http://a/d", "http://a/d"),
        ] {
            let mut url = url.to_string();
            add_file_name(&mut url, "b c");
            assert_eq!(url, wanted);
        }
    }
}

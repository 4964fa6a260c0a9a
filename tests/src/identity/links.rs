//! URLs and `Location` values, made together with what they mean: nothing here reads a URL.

use crate::sim::Prng;

use super::plan::{Origin, index};

/// A URL or a `Location`, and where it leads.
#[derive(Clone, Debug)]
pub(super) struct Link {
    pub(super) text: String,
    pub(super) origin: usize,
    /// The folders, then the last segment, which may be empty.
    folders: Vec<String>,
    last: String,
    query: Option<String>,
}

impl Link {
    /// Path and query, as the request line must name them.
    pub(super) fn target(&self) -> String {
        let mut text = String::new();
        for folder in &self.folders {
            text.push('/');
            text.push_str(folder);
        }
        text.push('/');
        text.push_str(&self.last);
        if let Some(query) = &self.query {
            text.push('?');
            text.push_str(query);
        }
        text
    }
}

/// A name in a path. None of them is a dot segment, though some look like one or like a host.
fn segment(random: &mut Prng) -> String {
    const NAMES: &[&str] = &[
        "p",
        "q.r",
        "%2e%2e",
        "%2F",
        "a.test:81",
        "@b.test",
        "...",
        "x=1;y",
    ];
    NAMES[index(random, NAMES.len())].to_string()
}

fn tail(random: &mut Prng) -> (Vec<String>, String, Option<String>) {
    let folders = (0..index(random, 3)).map(|_| segment(random)).collect();
    let last = if random.chance(30) {
        String::new()
    } else {
        segment(random)
    };
    let query = random
        .chance(30)
        .then(|| ["k=v", "u=http://b.test/", "@c.test/../.."][index(random, 3)].to_string());
    (folders, last, query)
}

/// What a query and a fragment look like behind a path.
fn ending(random: &mut Prng, query: Option<&String>) -> String {
    let query = query.map_or_else(String::new, |query| format!("?{query}"));
    let fragment = if random.chance(15) { "#@d.test/f" } else { "" };
    format!("{query}{fragment}")
}

/// The first URL of a transfer.
pub(super) fn first(
    random: &mut Prng,
    at: usize,
    origin: &Origin,
    userinfo: Option<&(String, String)>,
) -> Link {
    let userinfo = userinfo.map_or_else(String::new, |(user, password)| {
        // The colon of the password is escaped, and the first letter of the user for nothing.
        let rest = &user[1..];
        format!("%73{rest}:{}@", password.replace(':', "%3a"))
    });
    absolute(random, at, origin, &userinfo)
}

/// A `Location` that leads from `base` to that origin.
pub(super) fn next(random: &mut Prng, base: &Link, to: usize, origin: &Origin) -> Link {
    let userinfo = if random.chance(25) { "evil:evil@" } else { "" };
    if base.origin != to || random.chance(25) {
        return absolute(random, to, origin, userinfo);
    }
    match index(random, 4) {
        0 => query_only(random, base),
        1 => rooted(random, base),
        _ => relative(random, base),
    }
}

fn absolute(random: &mut Prng, at: usize, origin: &Origin, userinfo: &str) -> Link {
    let scheme = match (origin.secure, random.chance(30)) {
        (true, false) => "https",
        (true, true) => "HTTPS",
        (false, false) => "http",
        (false, true) => "hTTp",
    };
    let host = any_case(random, origin.host);
    let host = if origin.bracketed {
        format!("[{host}]")
    } else {
        host
    };
    let port = match (origin.port == origin.default_port(), index(random, 4)) {
        (true, 0) => ":".to_string(),
        (true, 1 | 2) => String::new(),
        (false, 0) => format!(":0{}", origin.port),
        (true | false, _) => format!(":{}", origin.port),
    };
    let (folders, last, query) = tail(random);
    let mut link = Link {
        text: String::new(),
        origin: at,
        folders,
        last,
        query,
    };
    // The root may be named by nothing at all.
    let is_root = link.folders.is_empty() && link.last.is_empty();
    let path = if is_root && random.chance(50) {
        String::new()
    } else {
        path_text(&link)
    };
    let ending = ending(random, link.query.as_ref());
    link.text = format!("{scheme}://{userinfo}{host}{port}{path}{ending}");
    link
}

fn path_text(link: &Link) -> String {
    let mut text: String = link
        .folders
        .iter()
        .map(|folder| format!("/{folder}"))
        .collect();
    text.push('/');
    text.push_str(&link.last);
    text
}

/// The same path with another query.
fn query_only(random: &mut Prng, base: &Link) -> Link {
    let query = Some(["n=1", "/../x", "http://b.test/"][index(random, 3)].to_string());
    let text = ending(random, query.as_ref());
    Link {
        text,
        query,
        ..base.clone()
    }
}

/// From the root, with a folder that is left again.
fn rooted(random: &mut Prng, base: &Link) -> Link {
    let (folders, last, query) = tail(random);
    let mut link = Link {
        text: String::new(),
        origin: base.origin,
        folders,
        last,
        query,
    };
    let detour = ["", "/left/..", "/..", "/."][index(random, 4)];
    let ending = ending(random, link.query.as_ref());
    link.text = format!("{detour}{}{ending}", path_text(&link));
    link
}

/// From the folder of the base, some folders up.
fn relative(random: &mut Prng, base: &Link) -> Link {
    let (names, last, query) = tail(random);
    let ups = index(random, 4);
    let mut folders = base.folders.clone();
    folders.truncate(folders.len().saturating_sub(ups));
    folders.extend(names.iter().cloned());
    let mut text = "./".to_string();
    text.push_str(&"../".repeat(ups));
    for name in &names {
        text.push_str(name);
        text.push('/');
    }
    text.push_str(&last);
    text.push_str(&ending(random, query.as_ref()));
    Link {
        text,
        origin: base.origin,
        folders,
        last,
        query,
    }
}

fn any_case(random: &mut Prng, host: &str) -> String {
    let upper = random.chance(40);
    host.chars()
        .map(|letter| {
            if upper && random.chance(50) {
                letter.to_ascii_uppercase()
            } else {
                letter
            }
        })
        .collect()
}

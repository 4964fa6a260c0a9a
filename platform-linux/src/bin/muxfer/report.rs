//! Errors, the summary and the exit status.

use std::time::{Duration, Instant};

use indicatif::{HumanBytes, HumanCount, HumanDuration};
use muxfer_core::Info;

/// What a run came to.
#[derive(Debug)]
pub(crate) struct Report {
    start: Instant,
    quiet: bool,
    show_errors: bool,
    pub(crate) succeeded: u64,
    pub(crate) failed: u64,
    pub(crate) bytes: u64,
    connects: u64,
    first_code: u8,
}

impl Report {
    pub(crate) fn new(silent: bool, show_error: bool) -> Self {
        Self {
            start: Instant::now(),
            quiet: silent,
            show_errors: !silent || show_error,
            succeeded: 0,
            failed: 0,
            bytes: 0,
            connects: 0,
            first_code: 0,
        }
    }

    /// Counts what a transfer moved, whatever became of it.
    pub(crate) fn count(&mut self, info: &Info) {
        self.bytes += info.received + info.sent;
        self.connects += u64::from(info.connects);
    }

    pub(crate) const fn success(&mut self) {
        self.succeeded += 1;
    }

    /// A transfer failed with one of libcurl's codes.
    pub(crate) fn failure(&mut self, code: u8, why: &str, url: &str) {
        self.failed += 1;
        if self.first_code == 0 {
            self.first_code = code;
        }
        if self.show_errors {
            eprintln!("muxfer: ({code}) {why}: {}", without_userinfo(url));
        }
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    /// Prints the summary and gives the exit status: 0, or the code of the first failure.
    pub(crate) fn finish(&self) -> u8 {
        if !self.quiet {
            let elapsed = self.elapsed();
            let rate = self.succeeded as f64 / elapsed.as_secs_f64().max(1e-6);
            eprintln!(
                "{} done, {} failed, {} over {} connections in {} ({rate:.0}/s)",
                HumanCount(self.succeeded),
                HumanCount(self.failed),
                HumanBytes(self.bytes),
                HumanCount(self.connects),
                if elapsed < Duration::from_secs(10) {
                    format!("{:.3} s", elapsed.as_secs_f64())
                } else {
                    HumanDuration(elapsed).to_string()
                },
            );
        }
        self.first_code
    }
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

/// A URL's scheme and what is behind its `://`. One that is part of a query is none.
pub(crate) fn split_scheme(url: &str) -> Option<(&str, &str)> {
    url.split_once("://").filter(|(scheme, _)| {
        scheme
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
    })
}

/// Whether there is no port, or one of digits.
fn port_is_sound(authority: &str) -> bool {
    let behind_brackets = authority.rsplit(']').next().unwrap_or(authority);
    behind_brackets
        .split_once(':')
        .is_none_or(|(_, port)| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c11_passwords_are_not_shown() {
        for (url, shown) in [
            ("http://u:p@a/b@c", "http://a/b@c"),
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
}

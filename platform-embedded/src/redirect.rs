//! Which redirects are followed, and where they lead.

use heapless::String;
use muxfer_core::easy::Follow;

/// The URL that a transfer has been sent on to; empty before the first redirect.
pub(crate) struct Location<const N: usize>(String<N>);

impl<const N: usize> Location<N> {
    pub(crate) const fn new() -> Self {
        Self(String::new())
    }

    /// An attempt starts with the first URL again: where a redirect leads may have changed.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// The URL to ask for.
    pub(crate) fn or<'a>(&'a self, first: &'a str) -> &'a str {
        if self.0.is_empty() { first } else { &self.0 }
    }

    /// Stores where a redirect leads. From a secured URL none is followed to a plain one: whoever
    /// listens would learn what was asked for and what is sent.
    pub(crate) fn follow(&mut self, first: &str, url: &str) -> Follow {
        if is_secured(self.or(first)) && !is_secured(url) {
            return Follow::Stop;
        }
        self.0.clear();
        match self.0.push_str(url) {
            Ok(()) => Follow::Go,
            Err(_) => Follow::TooLong,
        }
    }
}

fn is_secured(url: &str) -> bool {
    url.as_bytes()
        .first_chunk::<6>()
        .is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"https:"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_never_leads_out_of_tls() {
        let mut location = Location::<32>::new();
        assert_eq!(location.follow("HTTPS://a/", "http://b/"), Follow::Stop);
        assert_eq!(location.or("x"), "x");
        assert_eq!(location.follow("http://a/", "https://b/"), Follow::Go);
        assert_eq!(location.follow("http://a/", "http://c/"), Follow::Stop);
        assert_eq!(location.or("x"), "https://b/");
        let long = "https://a/0123456789012345678901234567890";
        assert_eq!(location.follow("http://a/", long), Follow::TooLong);
        location.clear();
        assert_eq!(location.follow("http://a/", "http://c/"), Follow::Go);
    }
}

//! What one request asks for, and how its transfer behaves.

use crate::sim::Prng;

/// All that is drawn for one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Script {
    /// Which file.
    pub(super) file: usize,
    /// By which name and port: a number below [`Script::ORIGINS`].
    pub(super) origin: usize,
    pub(super) ask: Ask,
    /// At its first piece of body it takes a part only, so many of 256, and is unpaused after so
    /// many turns.
    pub(super) pause: Option<(u8, u64)>,
    pub(super) remove: Option<Remove>,
    /// It asks for the end of the connection.
    pub(super) close: bool,
}

/// How a file is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ask {
    Get,
    Head,
    /// The bytes from one to another, both included.
    Range(usize, usize),
    /// All from this byte on, to be appended.
    Resume(usize),
    /// All behind the last byte: there is nothing to be appended.
    Complete,
}

/// When a transfer is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Remove {
    /// So many turns after it was added, if it is not done by then.
    Soon(u64),
    /// After its first piece of body.
    AtBody,
}

impl Script {
    pub(super) const ORIGINS: usize = 4;

    /// What follows from the seed for the request of this number.
    pub(super) fn draw(
        seed: u64,
        number: u64,
        files: usize,
        length: impl Fn(usize) -> usize,
    ) -> Self {
        // The proxy draws from the same seed and number: a constant keeps the two apart.
        let mut prng = Prng::new(Prng::new(seed ^ 0x736f_616b ^ (number << 20)).next());
        let file = below(&mut prng, files);
        let length = length(file);
        Self {
            file,
            origin: below(&mut prng, Self::ORIGINS),
            ask: Ask::draw(&mut prng, length),
            pause: prng.chance(2).then(|| {
                let part = prng.next().to_le_bytes()[0];
                (part, prng.below(16))
            }),
            remove: Remove::draw(&mut prng),
            close: prng.below(200) == 0,
        }
    }
}

impl Ask {
    fn draw(prng: &mut Prng, length: usize) -> Self {
        let kind = prng.below(100);
        if length == 0 {
            return if kind < 10 { Self::Head } else { Self::Get };
        }
        match kind {
            0..5 => Self::Head,
            5..9 => {
                let first = below(prng, length);
                Self::Range(first, first + below(prng, length - first))
            }
            9..12 => Self::Resume(1 + below(prng, length - 1)),
            12 => Self::Complete,
            _ => Self::Get,
        }
    }
}

impl Remove {
    fn draw(prng: &mut Prng) -> Option<Self> {
        match prng.below(200) {
            0 => Some(Self::Soon(prng.below(16))),
            1 => Some(Self::AtBody),
            _ => None,
        }
    }
}

/// An index below `limit`, which is not 0.
fn below(prng: &mut Prng, limit: usize) -> usize {
    usize::try_from(prng.below(limit as u64)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_follow_from_seed_and_number_and_hold_everything() {
        let draw = |seed, number| Script::draw(seed, number, 60, |file| file * 100);
        let all: Vec<_> = (0..20_000).map(|number| draw(3, number)).collect();
        assert_eq!(all[17], draw(3, 17));
        assert_ne!(
            all[..50],
            (0..50).map(|number| draw(4, number)).collect::<Vec<_>>()
        );
        let count = |is: fn(&Script) -> bool| all.iter().filter(|script| is(script)).count();
        assert!(count(|script| script.ask == Ask::Head) > 500);
        assert!(count(|script| matches!(script.ask, Ask::Range(..))) > 500);
        assert!(count(|script| matches!(script.ask, Ask::Resume(_))) > 300);
        assert!(count(|script| script.ask == Ask::Complete) > 100);
        assert!(count(|script| script.pause.is_some()) > 200);
        assert!(count(|script| script.remove == Some(Remove::AtBody)) > 50);
        assert!(count(|script| matches!(script.remove, Some(Remove::Soon(_)))) > 50);
        assert!((0..4).all(|origin| all.iter().any(|script| script.origin == origin)));
        for script in &all {
            match script.ask {
                Ask::Range(first, last) => assert!(first <= last && last < script.file * 100),
                Ask::Resume(from) => assert!(from < script.file * 100),
                Ask::Get | Ask::Head | Ask::Complete => {}
            }
        }
    }
}

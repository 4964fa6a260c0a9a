//! Which response gets which fault.

use std::time::Duration;

use crate::sim::Prng;

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The response waits for 1 to 50 ms.
    Latency,
    /// The response passes in slices of 1 to 200 bytes.
    Slicing,
    /// The connection is reset at a random place of the response.
    Reset,
    /// The connection is closed at a random place of the response.
    Truncation,
}

impl Kind {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 4] = [Self::Latency, Self::Slicing, Self::Reset, Self::Truncation];

    /// Its name in a table.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Latency => "latency",
            Self::Slicing => "slicing",
            Self::Reset => "reset",
            Self::Truncation => "truncation",
        }
    }
}

/// How often faults are injected, and which.
#[derive(Clone, Debug)]
pub struct Faults {
    /// All random numbers follow from it.
    pub seed: u64,
    /// Of 100 responses so many get one.
    pub percent: u64,
    /// The kinds that are drawn from; not empty.
    pub kinds: Vec<Kind>,
}

impl Faults {
    /// All kinds.
    #[must_use]
    pub fn all(seed: u64, percent: u64) -> Self {
        Self {
            seed,
            percent,
            kinds: Kind::ALL.to_vec(),
        }
    }

    /// What the response gets when the request of this number passes for the time `pass`, from 0.
    #[must_use]
    pub fn draw(&self, number: u64, pass: usize) -> Option<Fault> {
        // Mixed by one step of the generator: neighbours must not have numbers in common.
        let mut prng = Prng::new(Prng::new(self.seed ^ number).next() ^ pass as u64);
        if !prng.chance(self.percent) {
            return None;
        }
        let count = self.kinds.len() as u64;
        let kind = usize::try_from(prng.below(count)).map_or(Kind::Latency, |at| self.kinds[at]);
        Some(match kind {
            Kind::Latency => Fault::Latency(Duration::from_micros(1_000 + prng.below(49_001))),
            Kind::Slicing => Fault::Slicing(prng),
            Kind::Reset => Fault::Reset(Cut::draw(&mut prng)),
            Kind::Truncation => Fault::Truncation(Cut::draw(&mut prng)),
        })
    }
}

/// One fault.
#[derive(Clone, Debug)]
pub enum Fault {
    /// The response waits so long.
    Latency(Duration),
    /// The lengths of its slices are drawn from this.
    Slicing(Prng),
    /// A reset at this place.
    Reset(Cut),
    /// An end at this place.
    Truncation(Cut),
}

impl Fault {
    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Latency(_) => Kind::Latency,
            Self::Slicing(_) => Kind::Slicing,
            Self::Reset(_) => Kind::Reset,
            Self::Truncation(_) => Kind::Truncation,
        }
    }
}

/// A place in a response whose length is not yet known.
#[derive(Clone, Copy, Debug)]
pub struct Cut {
    part: Part,
    random: u64,
}

/// Heads are short: if all places were alike, hardly any cut would lie in or before one.
#[derive(Clone, Copy, Debug)]
enum Part {
    Before,
    Head,
    Any,
}

impl Cut {
    fn draw(prng: &mut Prng) -> Self {
        let part = match prng.below(4) {
            0 => Part::Before,
            1 => Part::Head,
            _ => Part::Any,
        };
        Self {
            part,
            random: prng.next(),
        }
    }

    /// How many bytes pass of a response with such a head and such a whole length: never all.
    #[must_use]
    pub fn offset(self, head: u64, total: u64) -> u64 {
        let among = |last: u64| 1 + self.random % last.saturating_sub(1).max(1);
        match self.part {
            Part::Before => 0,
            Part::Head => among(head),
            Part::Any => among(total),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_follow_from_seed_number_and_pass_and_are_as_many_as_was_asked() {
        let faults = Faults::all(7, 10);
        let drawn = |number, pass| faults.draw(number, pass).map(|fault| fault.kind());
        let mut counts = [0_u32; 4];
        for number in 0..100_000 {
            assert_eq!(drawn(number, 0), drawn(number, 0));
            if let Some(kind) = drawn(number, 0) {
                counts[kind as usize] += 1;
            }
        }
        assert!(
            counts.iter().all(|count| (2_200..2_800).contains(count)),
            "{counts:?}"
        );
        assert!((0..100).any(|number| drawn(number, 0) != drawn(number, 1)));
        assert!((0..100).all(|number| Faults::all(7, 0).draw(number, 0).is_none()));
        assert!((0..100).all(|number| Faults::all(7, 100).draw(number, 0).is_some()));
    }

    #[test]
    fn a_cut_lies_before_in_or_behind_the_head_and_never_at_the_end() {
        let mut prng = Prng::new(1);
        let (mut before, mut inside, mut behind) = (0, 0, 0);
        for _ in 0..10_000 {
            let cut = Cut::draw(&mut prng);
            match cut.offset(200, 1_200) {
                0 => before += 1,
                1..200 => inside += 1,
                at => {
                    assert!(at < 1_200);
                    behind += 1;
                }
            }
            assert!(cut.offset(200, 200) < 200);
        }
        assert!(before > 2_000 && inside > 2_000 && behind > 2_000);
    }
}

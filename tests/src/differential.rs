//! The engine's verdicts on responses, held against those of others: httparse for heads, hyper and
//! h11 for whole messages.
//!
//! Each disagreement belongs to a class that `tests/differential/disagreements.md` lists with the
//! reason why ours is right by RFC 9112. One that fits no class is a fault, and so is a class that no
//! response shows any more.

pub mod classes;
pub mod h11;
mod httparse;
mod hyper;
mod list;
mod shape;
mod verdict;

use std::collections::BTreeMap;
use std::{fmt, io};

use crate::corpus::{self, Response, generate, whole};

pub use list::faults_of_the_list;
pub use verdict::{Message, Verdict};

use classes::{CLASSES, Facts};

/// Who else judges.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reference {
    /// The crate `httparse`: heads only.
    Httparse,
    /// The crate `hyper`: its client.
    Hyper,
    /// The Python package `h11`.
    H11,
}

impl Reference {
    /// Its name, as the list has it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Httparse => "httparse",
            Self::Hyper => "hyper",
            Self::H11 => "h11",
        }
    }
}

/// What came of many comparisons.
#[derive(Debug, Default)]
pub struct Report {
    /// How many responses were judged.
    pub responses: usize,
    /// How many verdicts agreed.
    pub agreed: usize,
    /// How many disagreements each class explains, for each of those whom it is against.
    pub explained: BTreeMap<(&'static str, Reference), usize>,
    /// Disagreements that no class explains, as text with their bytes.
    pub unexplained: Vec<String>,
}

impl Report {
    /// The classes that no response has shown, and who was to disagree.
    #[must_use]
    pub fn unseen(&self) -> Vec<(&'static str, Reference)> {
        let all = CLASSES
            .iter()
            .flat_map(|class| class.against.iter().map(|one| (class.name, *one)));
        all.filter(|key| !self.explained.contains_key(key))
            .collect()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} responses, {} verdicts alike; {} listed differences, {} verdicts unlike by none",
            self.responses,
            self.agreed,
            self.explained.values().sum::<usize>(),
            self.unexplained.len()
        )?;
        for ((class, reference), count) in &self.explained {
            writeln!(f, "{count:>7} {:<8} {class}", reference.name())?;
        }
        Ok(())
    }
}

/// The corpus, and `count` responses from seeds, the first of which is `seed`: every second one is a
/// response of the corpus with a few bytes changed.
///
/// # Errors
/// The corpus can't be read.
pub fn responses(seed: u64, count: u64) -> io::Result<impl Iterator<Item = Response>> {
    let corpus = corpus::load()?;
    let originals = corpus.clone();
    let generated = (seed..seed.saturating_add(count)).map(move |seed| {
        if seed % 2 == 0 {
            return generate::response(seed);
        }
        let nth = seed / 2 % originals.len() as u64;
        let original = &originals[usize::try_from(nth).expect("an index")];
        generate::mutated(original, seed)
    });
    Ok(corpus.into_iter().chain(generated))
}

/// Has every response judged by all.
///
/// # Errors
/// h11 is missing ([`h11::MISSING`]) or does not answer.
pub fn compare(responses: impl IntoIterator<Item = Response>) -> io::Result<Report> {
    let mut report = Report::default();
    let mut python = h11::H11::start()?;
    for response in responses {
        let account = whole(&response);
        report.responses += 1;
        let ours = Verdict::of(&account);
        let head = Verdict::of_head(&account);
        let judged = [
            (Reference::Httparse, &head, httparse::verdict(&response)),
            (Reference::Hyper, &ours, hyper::verdict(&response)),
            (Reference::H11, &ours, python.verdict(&response)?),
        ];
        for (reference, ours, theirs) in judged {
            let facts = Facts {
                response: &response,
                account: &account,
                reference,
                ours,
                theirs: &theirs,
            };
            report.add(&facts);
        }
    }
    Ok(report)
}

impl Report {
    fn add(&mut self, facts: &Facts<'_>) {
        if facts.ours.agrees(facts.theirs) {
            self.agreed += 1;
        } else if let Some(classes) = classes::of(facts) {
            for class in classes {
                let key = (class, facts.reference);
                *self.explained.entry(key).or_default() += 1;
            }
        } else {
            self.unexplained.push(format!(
                "{} against {}\n  bytes:  {}\n  ours:   {:?}\n  theirs: {:?}",
                facts.response.name,
                facts.reference.name(),
                facts.response.shown(),
                facts.ours,
                facts.theirs,
            ));
        }
    }
}

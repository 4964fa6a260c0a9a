//! How many instructions the engine's own paths take, counted by callgrind and held against the
//! counts that are kept in `tests/instructions.txt`.

mod callgrind;
mod kept;

pub use callgrind::{MISSING, Ran, count, valgrind};
pub use kept::{FILE, Kept, Limit, Line, Machine};

/// How much there is at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Case {
    /// Connections, each with a transfer.
    pub connections: u32,
    /// Origins that they are spread over.
    pub origins: u32,
}

impl Case {
    const fn new(connections: u32, origins: u32) -> Self {
        Self {
            connections,
            origins,
        }
    }
}

/// What is counted: tables of several sizes, to one origin and to many.
pub const CASES: [Case; 6] = [
    Case::new(10, 1),
    Case::new(100, 1),
    Case::new(1_000, 1),
    Case::new(1_000, 1_000),
    Case::new(10_000, 1),
    Case::new(10_000, 1_000),
];

/// The path that the flatness is promised for.
pub const REQUEST: &str = "request";

/// The most that [`REQUEST`] may take in any case, as a multiple of the first one's.
pub const FLATNESS: f64 = 1.1;

/// Is the promise of flatness kept? Answers with those lines that break it.
#[must_use]
pub fn steep(lines: &[Line], path: &str) -> Vec<Line> {
    let of_path = || lines.iter().filter(|line| line.path == path);
    let Some(first) = of_path().min_by_key(|line| line.case) else {
        return Vec::new();
    };
    let most = f64::from(first.instructions) * FLATNESS;
    let steep = of_path().filter(|line| f64::from(line.instructions) > most);
    steep.cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_grows_with_the_table_is_steep() {
        let line = |case, instructions| Line {
            path: REQUEST.to_owned(),
            case,
            instructions,
        };
        let flat = [line(CASES[0], 1000), line(CASES[5], 1100)];
        assert_eq!(steep(&flat, REQUEST), []);
        let grows = [line(CASES[0], 1000), line(CASES[5], 1101)];
        assert_eq!(steep(&grows, REQUEST), grows[1..]);
        assert_eq!(steep(&grows, "another"), []);
    }
}

//! The list of disagreements, `tests/differential/disagreements.md`, held against the code.

use std::{fs, io};

use crate::source;

use super::classes::CLASSES;

const FILE: &str = "tests/differential/disagreements.md";

/// What is wrong with the list: a class that it does not have, has twice, describes otherwise than the
/// code, or gives no RFC's reason for; and a row without a class.
///
/// # Errors
/// The list can't be read.
pub fn faults_of_the_list() -> io::Result<Vec<String>> {
    let text = fs::read_to_string(source::root().join(FILE))?;
    Ok(faults(&text))
}

fn faults(text: &str) -> Vec<String> {
    let rows: Vec<Vec<&str>> = text.lines().filter_map(row).collect();
    let mut faults = Vec::new();
    for class in CLASSES {
        let against: Vec<_> = class.against.iter().map(|one| one.name()).collect();
        let expected = [class.name, &against.join(", "), &class.what.text()].map(str::to_owned);
        let found: Vec<_> = rows.iter().filter(|row| row[0] == class.name).collect();
        match found.as_slice() {
            [row] if row[..3] != expected => {
                faults.push(format!(
                    "the code has {expected:?}, the list {:?}",
                    &row[..3]
                ));
            }
            [row] if !row[3].contains("RFC 91") => {
                faults.push(format!("{}: the reason names no RFC", class.name));
            }
            [_] => {}
            rows => faults.push(format!("{}: {} rows", class.name, rows.len())),
        }
    }
    for row in &rows {
        if CLASSES.iter().all(|class| class.name != row[0]) {
            faults.push(format!("{}: no class of the code", row[0]));
        }
    }
    faults
}

/// The four cells of a row of the table; `None` for its head and for other text.
fn row(line: &str) -> Option<Vec<&str>> {
    let inner = line.strip_prefix("| ")?.strip_suffix(" |")?;
    let cells: Vec<_> = inner.split(" | ").collect();
    let is_head = cells[0] == "class" || cells[0].starts_with("---");
    (cells.len() == 4 && !is_head).then_some(cells)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_that_lacks_a_class_or_has_one_too_many_is_seen() {
        let text = "| class | against | what | why |\n| no such | h11 | we accept | RFC 9112 |\n";
        let faults = faults(text);
        assert_eq!(faults.len(), CLASSES.len() + 1, "{faults:?}");
    }
}

//! The table of rules in docs/contract.md, and the tests that stand for them.
//!
//! A rule's test is a `#[test]` whose name begins with the rule's: `r21_same_interest_is_told_once`
//! stands for R21, `r25_r26_it_ends_once` for R25 and R26.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::{fs, io};

use crate::source::{self, Source};

/// Where tests of rules are looked for.
const FOLDERS: &[&str] = &["tests/tests", "platform-linux/tests"];

/// What a rule needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// A test of its own.
    Test,
    /// None: the words say why.
    Reason(String),
    /// None of its own: that of the other rule.
    See(String),
}

/// One line of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// `R21`, `D3`, `H8`.
    pub name: String,
    /// The rule in short.
    pub says: String,
    /// What it needs.
    pub scope: Scope,
    /// The tests that the table names.
    pub listed: BTreeSet<String>,
}

/// Where the table is.
#[must_use]
pub fn path() -> PathBuf {
    source::root().join("docs/contract.md")
}

/// The rules of a page, in its order: the table lines whose first column names one.
///
/// # Errors
/// A line that has not four columns, or whose third can't be understood.
pub fn rules(page: &str) -> io::Result<Vec<Rule>> {
    page.lines()
        .filter(|line| is_rule(line))
        .map(|line| rule(line).ok_or_else(|| io::Error::other(format!("malformed: {line}"))))
        .collect()
}

/// Does the line stand for a rule? Heads of tables and the line below them do not.
fn is_rule(line: &str) -> bool {
    let name = line
        .strip_prefix("| ")
        .and_then(|rest| rest.split(' ').next());
    name.is_some_and(|name| key(name).is_some())
}

/// The beginning of the names of a rule's tests, without the underscore: `r21` for `R21`.
fn key(name: &str) -> Option<String> {
    let number = name.strip_prefix(['R', 'D', 'H'])?;
    let good = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    good.then(|| name.to_ascii_lowercase())
}

fn rule(line: &str) -> Option<Rule> {
    let inside = line.strip_prefix('|')?.strip_suffix('|')?;
    let columns: Vec<&str> = inside.split('|').map(str::trim).collect();
    let [name, says, scope, tests] = columns[..] else {
        return None;
    };
    let scope = if scope == "test" {
        Scope::Test
    } else if let Some(other) = scope.strip_prefix("see ") {
        Scope::See(other.to_owned())
    } else if scope.starts_with("by construction: ") || scope.starts_with("out: ") {
        Scope::Reason(scope.to_owned())
    } else {
        return None;
    };
    let listed = tests.split(", ").filter(|name| !name.is_empty());
    Some(Rule {
        name: name.to_owned(),
        says: says.to_owned(),
        scope,
        listed: listed.map(|name| name.replace('`', "")).collect(),
    })
}

/// The tests of the tree that stand for rules: for each rule, their files and names, as in
/// `rules_watch.rs: r21_same_interest_is_told_once`.
///
/// # Errors
/// A file can't be read.
pub fn tests() -> io::Result<BTreeMap<String, BTreeSet<String>>> {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for folder in FOLDERS {
        for source in source::read_all(folder)? {
            for (rule, test) in tests_of(&source) {
                found.entry(rule).or_default().insert(test);
            }
        }
    }
    Ok(found)
}

fn tests_of(source: &Source) -> Vec<(String, String)> {
    let file = source
        .path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy();
    let tests = source
        .functions()
        .into_iter()
        .filter(|function| function.is_test);
    let mut found = Vec::new();
    for function in tests {
        let parts = function.name.split('_').map(str::to_ascii_uppercase);
        let rules = parts.take_while(|part| key(part).is_some());
        found.extend(rules.map(|rule| (rule, format!("{file}: {}", function.name))));
    }
    found
}

/// What is wrong between the table and the tests, a line each.
#[must_use]
pub fn faults(rules: &[Rule], tests: &BTreeMap<String, BTreeSet<String>>) -> Vec<String> {
    let mut faults = Vec::new();
    let none = BTreeSet::new();
    let mut names = BTreeSet::new();
    for rule in rules {
        let name = &rule.name;
        if !names.insert(name) {
            faults.push(format!("{name} is in the table twice"));
        }
        let found = tests.get(name).unwrap_or(&none);
        if rule.scope == Scope::Test && found.is_empty() {
            let start = name.to_ascii_lowercase();
            faults.push(format!("{name} has no test: no fn {start}_…"));
        }
        if rule.listed != *found {
            faults.push(format!(
                "{name}: the table names {:?}, but there are {found:?}; run: cargo xtask contract",
                rule.listed
            ));
        }
        if let Scope::See(other) = &rule.scope {
            let there = rules.iter().find(|rule| rule.name == *other);
            if there.is_none_or(|other| matches!(other.scope, Scope::See(_))) {
                faults.push(format!("{name} leads to {other}, which leads nowhere"));
            }
        }
    }
    let strangers = tests.iter().filter(|(rule, _)| !names.contains(rule));
    faults.extend(strangers.map(|(rule, found)| format!("{rule} is no rule: {found:?}")));
    faults
}

/// Writes the names of the tests into the table; gives the rules that want a test and have none.
///
/// # Errors
/// The page is malformed, or can't be read or written.
pub fn update() -> io::Result<Vec<String>> {
    let page = fs::read_to_string(path())?;
    let rules = rules(&page)?;
    let tests = tests()?;
    let none = BTreeSet::new();
    let mut updated = String::with_capacity(page.len());
    for line in page.lines() {
        match rule(line).filter(|_| is_rule(line)) {
            None => updated.push_str(line),
            Some(rule) => {
                let found = tests.get(&rule.name).unwrap_or(&none);
                let names: Vec<String> = found.iter().map(|name| format!("`{name}`")).collect();
                let kept = line
                    .strip_suffix('|')
                    .and_then(|line| line.rsplit_once('|'));
                let kept = kept.map_or(line, |(kept, _)| kept);
                updated.push_str(kept);
                updated.push('|');
                updated.push_str(&format!(" {} |", names.join(", ")).replace("  ", " "));
            }
        }
        updated.push('\n');
    }
    fs::write(path(), updated)?;
    let bare = rules.into_iter().filter(|rule| rule.scope == Scope::Test);
    let names = bare.map(|rule| rule.name);
    Ok(names.filter(|name| !tests.contains_key(name)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "| rule | says | scope | tests |\n| --- | --- | --- | --- |\n\
        | R1 | one | test | `a.rs: r1_x` |\n| R2 | two | out: TLS | |\n| D1 | three | see R1 | |\n";

    fn found(tests: &[(&str, &str)]) -> BTreeMap<String, BTreeSet<String>> {
        let one =
            |(rule, test): &(&str, &str)| (rule.to_string(), BTreeSet::from([test.to_string()]));
        tests.iter().map(one).collect()
    }

    #[test]
    fn a_table_that_agrees_with_the_tests_has_no_faults() -> io::Result<()> {
        let rules = rules(PAGE)?;
        assert_eq!(rules.len(), 3);
        assert_eq!(faults(&rules, &found(&[("R1", "a.rs: r1_x")])), [""; 0]);
        Ok(())
    }

    #[test]
    fn missing_vanished_and_strange_tests_are_faults() -> io::Result<()> {
        let rules = rules(PAGE)?;
        assert_eq!(
            faults(&rules, &found(&[])).len(),
            2,
            "no test, and the table names one"
        );
        let renamed = found(&[("R1", "a.rs: r1_y")]);
        assert_eq!(faults(&rules, &renamed).len(), 1);
        let strange = found(&[("R1", "a.rs: r1_x"), ("R9", "a.rs: r9_x")]);
        assert_eq!(faults(&rules, &strange).len(), 1);
        Ok(())
    }

    #[test]
    fn a_line_with_an_unknown_scope_is_malformed() {
        assert!(rules("| R1 | one | maybe | |\n").is_err());
    }

    #[test]
    fn only_tests_stand_for_rules() {
        let text = "fn r1_helper() {}\n#[test]\nfn r2_x() {}\n#[test]\n#[should_panic]\npub fn h3_d1_y() {}";
        let source = Source::new("tests/tests/a.rs".into(), text);
        let names: Vec<String> = tests_of(&source)
            .into_iter()
            .map(|(rule, _)| rule)
            .collect();
        assert_eq!(names, ["R2", "H3", "D1"]);
    }
}

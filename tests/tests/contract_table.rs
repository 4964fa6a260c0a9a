//! Every rule of docs/contract.md has its test or says why it has none.

use std::{fs, io};

use muxfer_tests::contract;

/// The rules that there are; their numbers have gaps.
fn expected() -> Vec<String> {
    let rules = [1..=37, 40..=64, 70..=81, 85..=91, 95..=102];
    let rules = rules
        .into_iter()
        .flatten()
        .map(|number| format!("R{number}"));
    let differences = (1..=8).map(|number| format!("D{number}"));
    let http = (1..=27).map(|number| format!("H{number}"));
    rules.chain(http).chain(differences).collect()
}

#[test]
fn the_table_holds_every_rule() -> io::Result<()> {
    let page = fs::read_to_string(contract::path())?;
    let names: Vec<String> = contract::rules(&page)?
        .into_iter()
        .map(|rule| rule.name)
        .collect();
    assert_eq!(names, expected());
    Ok(())
}

#[test]
fn every_rule_has_its_test_or_says_why_it_has_none() -> io::Result<()> {
    let page = fs::read_to_string(contract::path())?;
    let faults = contract::faults(&contract::rules(&page)?, &contract::tests()?);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    Ok(())
}

//! Results as tables in Markdown.

use std::fmt::Write as _;

use muxfer_bench::report::Report;

use crate::client::Client;
use crate::measure::Results;
use crate::plan::{Target, Workload};
use crate::suite::Suite;

/// The middle of some numbers, and how far they reach.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spread {
    pub(crate) least: f64,
    pub(crate) median: f64,
    pub(crate) most: f64,
}

impl Spread {
    /// Of at least one number.
    pub(crate) fn of(numbers: impl Iterator<Item = f64>) -> Self {
        let mut numbers: Vec<f64> = numbers.collect();
        numbers.sort_by(f64::total_cmp);
        let (half, last) = (numbers.len() / 2, numbers.len() - 1);
        let median = if numbers.len().is_multiple_of(2) {
            f64::midpoint(numbers[half - 1], numbers[half])
        } else {
            numbers[half]
        };
        Self {
            least: numbers[0],
            median,
            most: numbers[last],
        }
    }
}

/// The table of a workload.
pub(crate) fn timed(suite: &Suite, workload: &Workload, results: &Results) -> String {
    let compared = suite.compared.iter();
    let compared: Vec<_> = compared
        .filter_map(|client| results.get_key_value(client))
        .collect();
    let titles: String = compared
        .iter()
        .map(|(client, _)| format!(" × {} |", client.name()))
        .collect();
    let mut text = format!(
        "### {}\n\n\
         | client | CPU time a request |{titles} requests a second | peak memory |\n\
         | --- | ---: |{} ---: | ---: |\n",
        workload.title,
        " ---: |".repeat(compared.len())
    );
    for (client, reports) in results {
        let cpu = Spread::of(reports.iter().map(Report::cpu_us));
        let rate = Spread::of(reports.iter().map(Report::rate));
        let peak = Spread::of(reports.iter().map(|report| report.peak_kib as f64 / 1024.0));
        // Writing to a string can't fail.
        let _ = write!(text, "| {} | {} |", client.title(), time(cpu));
        for (_, other) in &compared {
            let _ = write!(text, " {} |", ratio(Spread::of(ratios(reports, other))));
        }
        let _ = writeln!(text, " {} | {:.1} MiB |", rate_of(rate), peak.median);
    }
    text.push_str(note(workload, results));
    text.push_str(&verdicts(workload, results));
    text.push('\n');
    text
}

/// What was to be reached, and what was.
fn verdicts(workload: &Workload, results: &Results) -> String {
    let mut text = String::new();
    for &Target { most, than } in workload.targets {
        let Some(others) = results.get(&than) else {
            continue;
        };
        for client in [Client::Epoll, Client::Uring] {
            let Some(own) = results.get(&client) else {
                continue;
            };
            let spread = Spread::of(ratios(own, others));
            let _ = writeln!(
                text,
                "- {}: target at most {most:.2} × {}, measured {}: {}",
                client.title(),
                than.name(),
                ratio(spread),
                if spread.median <= most {
                    "reached"
                } else {
                    "missed"
                }
            );
        }
    }
    if text.is_empty() {
        text
    } else {
        format!("\n{text}")
    }
}

/// What a reader must know to compare the rows.
fn note(workload: &Workload, results: &Results) -> &'static str {
    if workload.queued && results.contains_key(&Client::Curl) {
        "\nlibcurl has a fiftieth of the transfers: the more are queued, the longer each takes, and a million\n\
         easy handles take gigabytes.\n"
    } else {
        ""
    }
}

/// Each round's CPU time a request, in units of the other's in the same round.
fn ratios<'a>(reports: &'a [Report], other: &'a [Report]) -> impl Iterator<Item = f64> + 'a {
    let pairs = reports.iter().zip(other);
    pairs.map(|(report, other)| report.cpu_us() / other.cpu_us())
}

/// A ratio, and how far it reaches.
pub(crate) fn ratio(spread: Spread) -> String {
    format!(
        "{:.2} ({:.2}–{:.2})",
        spread.median, spread.least, spread.most
    )
}

fn time(micros: Spread) -> String {
    let (unit, by) = if micros.median >= 10_000.0 {
        ("ms", 1_000.0)
    } else {
        ("µs", 1.0)
    };
    format!(
        "{:.2} ({:.2}–{:.2}) {unit}",
        micros.median / by,
        micros.least / by,
        micros.most / by
    )
}

fn rate_of(rate: Spread) -> String {
    if rate.median < 100.0 {
        return format!("{:.2} ({:.2}–{:.2})", rate.median, rate.least, rate.most);
    }
    let [median, least, most] = [rate.median, rate.least, rate.most].map(thousands);
    format!("{median} ({least}–{most})")
}

/// A whole number with commas.
pub(crate) fn thousands(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        let is_digit = digit.is_ascii_digit() && at > 0 && !text.ends_with('-');
        if is_digit && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_an_even_number_of_numbers_lies_between_two() {
        let spread = Spread::of([4.0, 1.0, 2.0, 8.0].into_iter());
        let wanted = Spread {
            least: 1.0,
            median: 3.0,
            most: 8.0,
        };
        assert_eq!(spread, wanted);
        assert_eq!(
            Spread::of([5.0, 1.0, 2.0].into_iter()).median.to_string(),
            "2"
        );
    }

    #[test]
    fn thousands_have_commas() {
        let shown = [1.0, 999.0, 1_000.0, 1_234_567.4, -1_000.0].map(thousands);
        assert_eq!(shown, ["1", "999", "1,000", "1,234,567", "-1,000"]);
    }

    #[test]
    fn targets_stand_below_the_table_with_what_became_of_them() {
        let report = |cpu_ns| Report {
            requests: 1,
            wall_ns: 1_000,
            cpu_ns,
            ..Report::default()
        };
        let results = Results::from([
            (Client::Openssl, vec![report(1_000)]),
            (Client::Epoll, vec![report(1_800)]),
            (Client::Uring, vec![report(2_000)]),
            (Client::Curl, vec![report(4_000)]),
        ]);
        let suite = &crate::suite::TLS;
        let text = timed(suite, &suite.workloads[0], &results);
        assert!(text.contains("| × null client | × libcurl |"));
        assert!(text.contains("muxfer, epoll: target at most 0.45 × libcurl, measured 0.45 "));
        assert!(text.contains("(0.45–0.45): reached") && text.contains("(0.50–0.50): missed"));
        // Nobody has run reqwest.
        assert!(!text.contains("reqwest"));
    }

    #[test]
    fn ratios_are_those_of_the_same_round() {
        let report = |cpu_ns| Report {
            requests: 1,
            cpu_ns,
            ..Report::default()
        };
        let (own, null) = (
            [report(2_000), report(12_000)],
            [report(1_000), report(4_000)],
        );
        assert_eq!(ratios(&own, &null).collect::<Vec<_>>(), [2.0, 3.0]);
    }
}

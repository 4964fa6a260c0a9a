//! Progress: a few live lines on a terminal, a plain line now and then elsewhere.

use std::io::{IsTerminal, stderr, stdout};
use std::time::{Duration, Instant};

use indicatif::{HumanBytes, MultiProgress, ProgressBar, ProgressStyle};
use muxfer_linux::Driver;

use crate::args::Args;
use crate::console;
use crate::job::Job;
use crate::report::Report;
use crate::secure::Platform;
use crate::url::without_userinfo;

/// How often the terminal is redrawn.
const REDRAW: Duration = Duration::from_millis(200);
/// How often a plain line is printed.
const PLAIN: Duration = Duration::from_secs(5);
/// How many transfers have a line of their own.
const MOST_ACTIVE: usize = 3;

/// What is shown while a run goes on.
pub(crate) enum Progress {
    /// Nothing.
    Silent,
    /// Live lines.
    Terminal {
        bars: MultiProgress,
        total: ProgressBar,
        active: Vec<ProgressBar>,
        last: Instant,
    },
    /// Lines.
    Plain { last: Instant },
}

impl Progress {
    /// None on request, none that would mix with what is printed anyway, and none for a single
    /// transfer to standard output unless that goes elsewhere.
    pub(crate) fn new(args: &Args) -> Self {
        let last = Instant::now();
        let printing = stdout().is_terminal() && args.prints();
        if args.silent || args.no_progress_meter || args.verbose || printing {
            return Self::Silent;
        }
        if !stderr().is_terminal() {
            return Self::Plain { last };
        }
        let bars = MultiProgress::new();
        let plain =
            ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_bar());
        let line = || bars.add(ProgressBar::new_spinner().with_style(plain.clone()));
        let total = line();
        // With several threads each sees its own transfers only: they would take turns here.
        let lines = if args.threads == 1 { MOST_ACTIVE } else { 0 };
        let active: Vec<_> = std::iter::repeat_with(line).take(lines).collect();
        Self::Terminal {
            bars,
            total,
            active,
            last,
        }
    }

    /// How long the loop may wait so that this stays alive.
    pub(crate) const fn interval(&self) -> Option<Duration> {
        match self {
            Self::Silent => None,
            Self::Terminal { .. } => Some(REDRAW),
            Self::Plain { .. } => Some(PLAIN),
        }
    }

    pub(crate) fn update(&mut self, driver: &Driver<'_, Job, Platform>, report: &Report) {
        match self {
            Self::Silent => {}
            Self::Terminal {
                total,
                active,
                last,
                ..
            } => {
                if last.elapsed() < REDRAW {
                    return;
                }
                *last = Instant::now();
                total.set_message(report.totals());
                let lines = if active.is_empty() {
                    Vec::new()
                } else {
                    most_active(driver)
                };
                for (nth, bar) in active.iter().enumerate() {
                    bar.set_message(lines.get(nth).cloned().unwrap_or_default());
                }
            }
            Self::Plain { last } => {
                if last.elapsed() >= PLAIN {
                    *last = Instant::now();
                    console::error_line(&report.totals());
                }
            }
        }
    }

    /// Prints a line without tearing the live ones.
    pub(crate) fn line(&self, line: &str) {
        match self {
            Self::Terminal { bars, .. } => bars.suspend(|| console::error_line(line)),
            Self::Silent | Self::Plain { .. } => console::error_line(line),
        }
    }

    pub(crate) fn finish(&self) {
        if let Self::Terminal { bars, .. } = self {
            let _ = bars.clear();
        }
    }
}

/// The transfers that have moved most.
fn most_active(driver: &Driver<'_, Job, Platform>) -> Vec<String> {
    let multi = driver.multi();
    let mut moved: Vec<(u64, _)> = multi
        .handles()
        .filter(|handle| multi.result(*handle).is_none())
        .filter_map(|handle| {
            multi
                .info(handle)
                .map(|info| (info.received + info.sent, (handle, info)))
        })
        .collect();
    moved.sort_by_key(|(bytes, _)| std::cmp::Reverse(*bytes));
    moved.truncate(MOST_ACTIVE);
    moved
        .into_iter()
        .filter_map(|(bytes, (handle, info))| {
            let job = multi.get(handle)?;
            let of = info.length.map_or(String::new(), |length| {
                format!(" of {}", HumanBytes(length))
            });
            Some(format!(
                "  {}{of}  {}",
                HumanBytes(bytes),
                without_userinfo(&job.given)
            ))
        })
        .collect()
}

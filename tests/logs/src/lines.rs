//! A logger that keeps what each thread logs.

use std::cell::RefCell;
use std::sync::Once;

use log::{Level, LevelFilter, Log, Metadata, Record};

/// One line of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// How grave.
    pub level: Level,
    /// Who says it.
    pub target: String,
    /// What.
    pub text: String,
}

thread_local! {
    static KEPT: RefCell<Vec<Line>> = const { RefCell::new(Vec::new()) };
}

struct Keeper;

impl Log for Keeper {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        let line = Line {
            level: record.level(),
            target: record.target().to_owned(),
            text: record.args().to_string(),
        };
        KEPT.with_borrow_mut(|kept| kept.push(line));
    }

    fn flush(&self) {}
}

/// Keeps all lines from the first call on; gives those of this thread since its last call.
pub fn take() -> Vec<Line> {
    static KEEPER: Keeper = Keeper;
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        log::set_logger(&KEEPER).expect("the only logger");
        log::set_max_level(LevelFilter::Trace);
    });
    KEPT.take()
}

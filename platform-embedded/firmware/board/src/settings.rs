//! What the host tells the firmware: words `name=value` on the emulator's command line.

use core::mem::MaybeUninit;
use core::str::FromStr;

use semihosting::sys::arm_compat;

/// Room for the command line.
pub type Room = [MaybeUninit<u8>; 768];

/// The words. One image serves all scenarios.
#[derive(Clone, Copy)]
pub struct Settings(&'static str);

impl Settings {
    /// Asks the host. Without an answer there are no words.
    #[must_use]
    pub fn read(room: &'static mut Room) -> Self {
        let line = arm_compat::sys_get_cmdline_uninit(room);
        let text = line.ok().and_then(|line| core::str::from_utf8(line).ok());
        Self(text.unwrap_or(""))
    }

    /// The value of the first word with this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&'static str> {
        self.all(name).next()
    }

    /// The values of all words with this name.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &'static str> {
        let pairs = self.0.split(' ').filter_map(|word| word.split_once('='));
        pairs.filter_map(move |(found, value)| (found == name).then_some(value))
    }

    /// The first as a number or anything else that can be read from text; `otherwise` if there is
    /// no such word, or it can't be read.
    #[must_use]
    pub fn parsed<T: FromStr>(&self, name: &str, otherwise: T) -> T {
        let value = self.get(name).and_then(|value| value.parse().ok());
        value.unwrap_or(otherwise)
    }
}

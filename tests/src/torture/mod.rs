//! Each fallible call fails once: the first, the second, and so on, as in curl's torture tests.
//!
//! A [`Trap`] counts the calls of one [`Kind`] and springs at the nth. [`Faulty`] puts it around a
//! platform, [`Flaky`] around an easy handle. The [`scenario`] runs transfers of all sorts over a
//! [`Bench`] and says what came of them; more transfers then run over the same engine. [`injected`]
//! does the same to the system calls of a program, from outside.

mod bench;
mod easy;
pub mod injected;
mod platform;
pub mod scenario;
mod trap;

pub use bench::{Bench, SimBench, SocketBench};
pub use easy::Flaky;
pub use platform::Faulty;
pub use trap::{Kind, Trap};

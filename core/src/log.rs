//! What the engine says of itself while it works, to `defmt` or to `log`, as the features are on.
//!
//! * *trace*: each call of the application and of the platform's events, and what is watched;
//! * *debug*: each change of a state, and why a connection is given up;
//! * *warn*: a peer that breaks the rules, and by which.
//!
//! A line holds ids, names of states, errors and numbers. It never holds a URL, a field or a byte of a
//! body: what is secret in them (RFC 9110 §17.16) can't get into a log.
//!
//! Without both features a line is checked by the compiler and gives no code: its arguments are not
//! evaluated. With `defmt` each of them must be a `defmt::Format`, with `log` a `Debug`. They must not
//! have effects.

macro_rules! say {
    ($level:ident, $text:literal $(, $value:expr)* $(,)?) => {{
        #[cfg(feature = "defmt")]
        ::defmt::$level!($text $(, $value)*);
        #[cfg(feature = "log")]
        ::log::$level!(target: "muxfer", $text $(, $value)*);
        #[cfg(not(any(feature = "defmt", feature = "log")))]
        if false {
            let _ = ::core::format_args!($text $(, $value)*);
        }
    }};
}

macro_rules! say_trace {
    ($($line:tt)*) => { say!(trace, $($line)*) };
}

macro_rules! say_debug {
    ($($line:tt)*) => { say!(debug, $($line)*) };
}

macro_rules! say_warn {
    ($($line:tt)*) => { say!(warn, $($line)*) };
}

//! The log: frames of defmt on the emulator's standard output, one call for each.

use core::cell::UnsafeCell;

use critical_section::RestoreState;
use semihosting::io::{Stdout, Write, stdout};

/// What is longer than this goes out in pieces.
const ROOM: usize = 256;

#[defmt::global_logger]
struct Log;

static LOG: Shared = Shared(UnsafeCell::new(State {
    output: None,
    encoder: defmt::Encoder::new(),
    restore: RestoreState::invalid(),
    used: 0,
    room: [0; ROOM],
}));

/// The state of the logger.
struct Shared(UnsafeCell<State>);

// SAFETY: defmt touches it only between `acquire` and `release`, which is one critical section.
unsafe impl Sync for Shared {}

struct State {
    output: Option<Stdout>,
    encoder: defmt::Encoder,
    restore: RestoreState,
    used: usize,
    room: [u8; ROOM],
}

impl State {
    /// Gathers encoded bytes.
    fn put(output: &mut Option<Stdout>, room: &mut [u8; ROOM], used: &mut usize, bytes: &[u8]) {
        for &byte in bytes {
            if *used == ROOM {
                Self::send(output, room, used);
            }
            room[*used] = byte;
            *used += 1;
        }
    }

    /// Hands them to the host. A host that takes nothing gets no log: there is nobody to tell.
    fn send(output: &mut Option<Stdout>, room: &[u8; ROOM], used: &mut usize) {
        if output.is_none() {
            *output = stdout().ok();
        }
        if let Some(output) = output {
            let _ = output.write_all(&room[..*used]);
        }
        *used = 0;
    }

    /// Encodes with `encode`, which is given a place for the bytes that come of it.
    fn encode(&mut self, encode: impl FnOnce(&mut defmt::Encoder, &mut dyn FnMut(&[u8]))) {
        let Self {
            output,
            encoder,
            used,
            room,
            ..
        } = self;
        encode(encoder, &mut |bytes| Self::put(output, room, used, bytes));
    }
}

// SAFETY: `acquire` begins a critical section that `release` ends; a log in a log can't happen, as
// nothing that is called between them logs.
unsafe impl defmt::Logger for Log {
    fn acquire() {
        // SAFETY: `release` ends it, with the state that is kept here.
        let restore = unsafe { critical_section::acquire() };
        // SAFETY: nothing else runs in a critical section, and no reference outlives this call.
        let state = unsafe { &mut *LOG.0.get() };
        state.restore = restore;
        state.encode(|encoder, put| encoder.start_frame(put));
    }

    unsafe fn flush() {
        // Each frame is handed to the host when it ends.
    }

    unsafe fn release() {
        // SAFETY: called behind `acquire`, in its critical section; no reference outlives this call.
        let state = unsafe { &mut *LOG.0.get() };
        state.encode(|encoder, put| encoder.end_frame(put));
        State::send(&mut state.output, &state.room, &mut state.used);
        // SAFETY: the state comes from the `acquire` that this call ends.
        unsafe { critical_section::release(state.restore) };
    }

    unsafe fn write(bytes: &[u8]) {
        // SAFETY: called behind `acquire`, in its critical section; no reference outlives this call.
        let state = unsafe { &mut *LOG.0.get() };
        state.encode(|encoder, put| encoder.write(bytes, put));
    }
}

//! The end of a firmware that has a bug.

use core::panic::PanicInfo;

/// Says where, without the machinery that formats a message, and ends with 101 as a host program does.
#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    if let Some(place) = info.location() {
        defmt::error!("panicked at {=str}:{=u32}", place.file(), place.line());
    }
    crate::exit(101)
}

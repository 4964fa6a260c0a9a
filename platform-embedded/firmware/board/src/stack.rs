//! How much of the stack was ever used: it is painted at the start and looked at in the end.

/// What unused words hold.
const PAINT: u32 = 0xCCCC_CCCC;

/// So much below the frame of the painting function is left alone: it is that function's own.
const MARGIN: usize = 256;

unsafe extern "C" {
    /// The lowest address of the stack, and the one behind its highest: the linker scripts of
    /// `cortex-m-rt` and `riscv-rt` name them.
    #[cfg_attr(target_arch = "arm", link_name = "_stack_end")]
    #[cfg_attr(target_arch = "riscv32", link_name = "__estack")]
    static mut LOWEST: u32;
    #[link_name = "_stack_start"]
    static mut BEHIND: u32;
}

/// Paints what is not in use yet. To be called first of all.
#[inline(never)]
pub fn paint() {
    let here = 0_u32;
    let end = (&raw const here).addr().saturating_sub(MARGIN);
    let mut word = &raw mut LOWEST;
    while word.addr() < end {
        // SAFETY: between the lowest address of the stack and its pointer there is nothing yet: no
        // interrupt is served, and the frame of this function lies above.
        unsafe {
            word.write_volatile(PAINT);
            word = word.add(1);
        }
    }
}

/// The most bytes that were ever in use, and how many there are.
#[inline(never)]
pub fn peak() -> (usize, usize) {
    let behind = (&raw const BEHIND).addr();
    let mut word = &raw const LOWEST;
    let lowest = word.addr();
    // SAFETY: all words of the stack can be read.
    while word.addr() < behind && unsafe { word.read_volatile() } == PAINT {
        // SAFETY: it stays within the stack, or points just behind it.
        word = unsafe { word.add(1) };
    }
    (behind - word.addr(), behind - lowest)
}

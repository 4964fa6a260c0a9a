//! A counter that wraps, as microseconds that don't.

/// 25 steps are a microsecond.
const STEPS: u32 = 25;

/// Adds up what a counter has counted since it was last read.
pub(super) struct Ticks {
    /// Steps of one tick: 1 at 25 MHz, 2 at 12.5 MHz.
    scale: u32,
    /// The highest count; behind it comes 0.
    mask: u32,
    last: u32,
    /// Steps that make no whole microsecond yet.
    rest: u32,
    us: u64,
}

impl Ticks {
    /// A counter that makes `scale` steps a tick; the product of both must fit into 32 bits.
    pub(super) const fn new(scale: u32, mask: u32) -> Self {
        Self {
            scale,
            mask,
            last: 0,
            rest: 0,
            us: 0,
        }
    }

    /// Microseconds so far. Asked less often than once in its period, the counter loses periods: the
    /// clock stands still for that long.
    pub(super) fn us(&mut self, count: u32) -> u64 {
        let steps = (count.wrapping_sub(self.last) & self.mask) * self.scale;
        self.last = count;
        let rest = self.rest + steps % STEPS;
        self.rest = rest % STEPS;
        self.us += u64::from(steps / STEPS + rest / STEPS);
        self.us
    }
}

//! What the processor itself objects to.

/// Says where, and ends. `riscv-rt` calls it for every exception.
// SAFETY: `riscv-rt` asks for a function of this name and this form.
#[unsafe(export_name = "ExceptionHandler")]
fn exception(_frame: &riscv_rt::TrapFrame) -> ! {
    defmt::error!("exception at {=usize:#x}", riscv::register::mepc::read());
    crate::exit(102)
}

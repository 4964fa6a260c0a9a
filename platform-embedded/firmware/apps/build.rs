//! How the firmware is linked.

use std::env;

fn main() {
    let riscv = env::var("TARGET").is_ok_and(|target| target.starts_with("riscv"));
    // The script of `cortex-m-rt` includes the memory map itself.
    let map: &[&str] = if riscv { &["-Tmemory.x"] } else { &[] };
    for argument in map.iter().chain(&["-Tlink.x", "-Tdefmt.x", "--nmagic"]) {
        println!("cargo:rustc-link-arg-bins={argument}");
    }
}

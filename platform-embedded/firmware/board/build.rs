//! Puts the memory map of the chosen machine where the linker looks for it.

use std::path::PathBuf;
use std::{env, fs};

fn main() {
    let maps = [
        ("MPS2_AN386", "memory/mps2-an386.x"),
        ("LM3S6965EVB", "memory/lm3s6965evb.x"),
        ("VIRT", "memory/virt.x"),
    ];
    let chosen = |name: &str| env::var_os(format!("CARGO_FEATURE_{name}")).is_some();
    // Without a machine nothing can be linked, but the sources can be checked.
    if let Some((_, map)) = maps.iter().find(|(name, _)| chosen(name)) {
        let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
        fs::copy(map, out.join("memory.x")).expect("the memory map can be copied");
        println!("cargo:rustc-link-search={}", out.display());
    }
    println!("cargo:rerun-if-changed=memory");
}

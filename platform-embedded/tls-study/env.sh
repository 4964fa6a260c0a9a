# Debian's toolchain, which builds `core` itself; source it.
export PATH=/usr/bin:$PATH RUSTC_BOOTSTRAP=1 RUSTC=/usr/bin/rustc DEFMT_LOG=info
export RUSTFLAGS='--cfg sha2_backend_soft="compact"'
export CARGO_TARGET_THUMBV7EM_NONE_EABIHF_LINKER=/usr/bin/ld.lld

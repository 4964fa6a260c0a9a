# Debian's toolchain, which builds `core` itself; source it.
export PATH=/usr/bin:$PATH RUSTC_BOOTSTRAP=1 RUSTC=/usr/bin/rustc DEFMT_LOG=info
# Small code for hashes and ciphers: the choice of a device. AES in its larger form takes 8 KiB more.
export RUSTFLAGS="--cfg sha2_backend_soft=\"compact\" ${AES---cfg aes_backend_soft=\"compact\"}"
export CARGO_TARGET_THUMBV7EM_NONE_EABIHF_LINKER=/usr/bin/ld.lld

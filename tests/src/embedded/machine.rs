//! The machines that QEMU emulates.

use std::path::Path;
use std::process::Command;

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Machine {
    /// Arm MPS2 with the image AN386: Cortex-M4F, LAN9118.
    Mps2An386,
    /// Stellaris LM3S6965: Cortex-M3 with 256 KiB of flash and 64 KiB of RAM, a MAC of its own.
    Lm3s6965evb,
    /// RISC-V `virt`, 32 bits, with virtio.
    Virt,
}

impl Machine {
    /// What QEMU calls it, and the feature of the firmware that stands for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mps2An386 => "mps2-an386",
            Self::Lm3s6965evb => "lm3s6965evb",
            Self::Virt => "virt",
        }
    }

    /// What code is made for. No two machines share one, so their images lie in folders of their own.
    #[must_use]
    pub const fn target(self) -> &'static str {
        match self {
            Self::Mps2An386 => "thumbv7em-none-eabihf",
            Self::Lm3s6965evb => "thumbv7m-none-eabi",
            Self::Virt => "riscv32imc-unknown-none-elf",
        }
    }

    /// The program of QEMU that emulates it.
    #[must_use]
    pub const fn emulator(self) -> &'static str {
        match self {
            Self::Mps2An386 | Self::Lm3s6965evb => "qemu-system-arm",
            Self::Virt => "qemu-system-riscv32",
        }
    }

    /// The emulator with this image and these settings; its log comes on standard output.
    #[must_use]
    pub fn command(self, image: &Path, settings: &[(String, String)]) -> Command {
        let mut command = Command::new(self.emulator());
        command.args(["-machine", self.name(), "-nographic"]);
        command.args(["-monitor", "none", "-serial", "none"]);
        command.args(self.network());
        let mut words = "enable=on,target=native,arg=firmware".to_owned();
        for (name, value) in settings {
            // A comma in a value is written twice.
            let value = value.replace(',', ",,");
            words.push_str(&format!(",arg={name}={value}"));
        }
        command.args(["-semihosting-config", &words]);
        command.arg("-kernel").arg(image);
        command
    }

    const fn network(self) -> &'static [&'static str] {
        match self {
            Self::Mps2An386 => &["-nic", "user,model=lan9118,mac=02:00:00:00:00:01"],
            Self::Lm3s6965evb => &["-nic", "user,model=stellaris,mac=02:00:00:00:00:01"],
            Self::Virt => &[
                "-bios",
                "none",
                "-global",
                "virtio-mmio.force-legacy=false",
                "-netdev",
                "user,id=n",
                "-device",
                "virtio-net-device,netdev=n,mac=02:00:00:00:00:01",
            ],
        }
    }
}

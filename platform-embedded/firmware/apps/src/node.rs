//! The device: machine, network interface, settings, and how it ends.

use core::mem::MaybeUninit;

use muxfer_board::ethernet::{Ethernet, Frames, Mac as _};
use muxfer_board::faults::{Rates, Troubled};
use muxfer_board::machine::{Mac, Machine, NAME, start};
use muxfer_board::once::Once;
use muxfer_board::settings::{Room, Settings};
use muxfer_board::stack;
use smoltcp::iface::{Config, Interface, SocketSet};
use smoltcp::time::Instant;
use smoltcp::wire::{Ipv4Address, Ipv4Cidr};

static ROOM: Once<Room> = Once::new([MaybeUninit::uninit(); 768]);
static FRAMES: Once<Frames> = Once::new(Frames::new());

/// The longest sleep in microseconds. A spurious turn of the loop twice a second does no harm, and a
/// clock that wraps is read in time.
const LONGEST_SLEEP_US: u64 = 500_000;

/// Where the emulator's network has the host.
pub const HOST: Ipv4Address = Ipv4Address::new(10, 0, 2, 2);

/// The device.
pub struct Node {
    machine: Machine,
    device: Ethernet<'static, Troubled<Mac>>,
    /// The interface, with an address and a way out.
    pub iface: Interface,
    /// What the host has told.
    pub settings: Settings,
}

impl Node {
    /// Starts it. To be called first of all, and once; a machine that won't start ends here.
    #[must_use]
    pub fn start() -> Self {
        stack::paint();
        match (ROOM.take(), FRAMES.take(), start()) {
            (Some(room), Some(frames), Ok((machine, mac))) => {
                Self::over(machine, mac, Settings::read(room), frames)
            }
            (_, _, Err(why)) => {
                defmt::error!("{=str}", why);
                muxfer_board::exit(2)
            }
            (_, _, Ok(_)) => muxfer_board::exit(2),
        }
    }

    fn over(
        mut machine: Machine,
        mac: Mac,
        settings: Settings,
        frames: &'static mut Frames,
    ) -> Self {
        let rates = Rates {
            lost: settings.parsed("lost", 0),
            doubled: settings.parsed("doubled", 0),
        };
        let seed = settings.parsed("seed", 1);
        let mut mac = Troubled::new(mac, rates, seed);
        defmt::info!("{=str}: link {=bool}", NAME, mac.link());
        let mut config = Config::new(mac.address().into());
        config.random_seed = seed.into();
        let mut device = Ethernet::new(mac, frames);
        let now = instant(machine.now_us());
        let mut iface = Interface::new(config, &mut device, now);
        iface.update_ip_addrs(|addresses| {
            // There is room for one.
            let _ = addresses.push(Ipv4Cidr::new(Ipv4Address::new(10, 0, 2, 15), 24).into());
        });
        // There is room for one.
        let _ = iface.routes_mut().add_default_ipv4_route(HOST);
        Self {
            machine,
            device,
            iface,
            settings,
        }
    }

    /// Microseconds since the start.
    pub fn now_us(&mut self) -> u64 {
        self.machine.now_us()
    }

    /// A number that differs from run to run if the host says so.
    #[must_use]
    pub fn seed(&self) -> u32 {
        self.settings.parsed("seed", 1)
    }

    /// Lets the stack work. Gives the time in microseconds.
    pub fn poll(&mut self, set: &mut SocketSet<'_>) -> u64 {
        let now = self.machine.now_us();
        self.iface.poll(instant(now), &mut self.device, set);
        now
    }

    /// Sleeps until this time, or until the network has something; `None`: only that. It may end
    /// earlier.
    pub fn sleep_until(&mut self, at_us: Option<u64>) {
        let now = self.machine.now_us();
        let left = at_us.map_or(LONGEST_SLEEP_US, |at| at.saturating_sub(now));
        if left > 0 {
            let mac = self.device.mac().mac();
            self.machine.sleep(mac, left.min(LONGEST_SLEEP_US));
        }
    }

    /// Says how much stack was used and what became of the frames, and ends.
    pub fn end(mut self, status: u8) -> ! {
        let mac = self.device.mac();
        let (lost, doubled) = mac.count();
        defmt::info!(
            "line: lost={=u32} doubled={=u32} {}",
            lost,
            doubled,
            mac.faults()
        );
        let (used, all) = stack::peak();
        defmt::info!("stack: used={=usize} of={=usize}", used, all);
        muxfer_board::exit(status)
    }
}

/// The time as smoltcp wants it.
fn instant(us: u64) -> Instant {
    Instant::from_micros(i64::try_from(us).unwrap_or(i64::MAX))
}

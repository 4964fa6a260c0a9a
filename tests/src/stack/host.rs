//! Interfaces and sockets for tests.

use std::net::Ipv4Addr;

use muxfer_core::time::Instant;
use muxfer_embedded::smoltcp::to_smoltcp;
use smoltcp::iface::{Config, Interface};
use smoltcp::phy::Device;
use smoltcp::socket::tcp::{Socket, SocketBuffer};
use smoltcp::wire::{EthernetAddress, HardwareAddress, IpAddress, IpCidr};

/// An Ethernet interface with this address in a network of 24 bits.
pub(super) fn interface(device: &mut impl Device, address: Ipv4Addr, seed: u64) -> Interface {
    let last = address.octets()[3];
    let hardware = EthernetAddress([2, 0, 0, 0, 0, last]);
    let mut config = Config::new(HardwareAddress::Ethernet(hardware));
    config.random_seed = seed;
    let mut iface = Interface::new(config, device, to_smoltcp(Instant::ZERO));
    iface.update_ip_addrs(|addresses| {
        let own = IpCidr::new(IpAddress::Ipv4(address), 24);
        addresses.push(own).expect("room for an address");
    });
    iface
}

/// Adds `fd00::N`.
pub(super) fn add_ipv6(iface: &mut Interface, last: u16) {
    iface.update_ip_addrs(|addresses| {
        let own = IpCidr::new(IpAddress::v6(0xfd00, 0, 0, 0, 0, 0, 0, last), 64);
        addresses.push(own).expect("room for an address");
    });
}

/// A socket with rings of so many bytes.
pub(super) fn socket(ring: usize) -> Socket<'static> {
    Socket::new(
        SocketBuffer::new(vec![0; ring]),
        SocketBuffer::new(vec![0; ring]),
    )
}

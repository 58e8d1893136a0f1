//! This machine's way to the network, as far as its routes tell.

#[cfg(target_os = "linux")]
mod route;

use serde::Serialize;

/// What this machine says of its way to the network.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Machine {
    /// The interfaces that carry what has no other way; `None`: this system does not say.
    pub default_route: Option<Vec<String>>,
    /// Which of them look like a VPN or a tunnel, by what they are or by their names.
    pub tunnels: Vec<String>,
}

/// How the names of interfaces begin that belong to a VPN or a tunnel.
const TUNNELS: [&str; 15] = [
    "tun",
    "tap",
    "wg",
    "ppp",
    "utun",
    "ipsec",
    "nordlynx",
    "tailscale",
    "proton",
    "cloudflarewarp",
    "cscotun",
    "gpd",
    "vpn",
    "vti",
    "xfrm",
];

impl Machine {
    /// This one, now: by what the kernel says, else by its main table.
    pub fn here() -> Machine {
        let by_kernel = interfaces_of_the_kernel();
        if !by_kernel.is_empty() {
            return Machine::with(by_kernel);
        }
        let read = |path: &str| std::fs::read_to_string(path).ok();
        Machine::of(read("/proc/net/route").as_deref(), read("/proc/net/ipv6_route").as_deref())
    }

    fn with(interfaces: Vec<String>) -> Machine {
        let tunnels = interfaces.iter().filter(|name| is_tunnel(name)).cloned().collect();
        Machine { default_route: Some(interfaces), tunnels }
    }

    /// By the routing tables of Linux: `/proc/net/route` and `/proc/net/ipv6_route`.
    pub fn of(ipv4: Option<&str>, ipv6: Option<&str>) -> Machine {
        if ipv4.is_none() && ipv6.is_none() {
            return Machine::default();
        }
        let mut interfaces: Vec<String> = Vec::new();
        let found = ipv4.into_iter().flat_map(default_ipv4).chain(ipv6.into_iter().flat_map(default_ipv6));
        for interface in found {
            if !interfaces.iter().any(|known| known == interface) {
                interfaces.push(interface.to_owned());
            }
        }
        Machine::with(interfaces)
    }

    /// It says that there is no way out.
    pub fn has_no_way_out(&self) -> bool {
        self.default_route.as_ref().is_some_and(Vec::is_empty)
    }
}

/// By which interfaces the kernel would send to an address that nobody has (RFC 5737, RFC 3849), and so to anybody.
#[cfg(target_os = "linux")]
fn interfaces_of_the_kernel() -> Vec<String> {
    use std::net::{Ipv4Addr, Ipv6Addr};

    let nobody = [Ipv4Addr::new(192, 0, 2, 1).into(), Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into()];
    let found = nobody.into_iter().filter_map(|address| route::interface_to(address).ok().flatten());
    let mut interfaces: Vec<String> = found.filter(|name| name != "lo").collect();
    interfaces.dedup();
    interfaces
}

/// It is not asked.
#[cfg(not(target_os = "linux"))]
fn interfaces_of_the_kernel() -> Vec<String> {
    Vec::new()
}

/// By its name, or by what the system says that it is: `wg-quick` gives an interface the name of its configuration.
fn is_tunnel(name: &str) -> bool {
    let folder = std::path::Path::new("/sys/class/net").join(name);
    let is_wireguard = |text: String| text.lines().any(|line| line == "DEVTYPE=wireguard");
    TUNNELS.iter().any(|begin| name.to_ascii_lowercase().starts_with(begin))
        || folder.join("tun_flags").exists()
        || std::fs::read_to_string(folder.join("uevent")).is_ok_and(is_wireguard)
}

/// `Iface Destination Gateway Flags RefCnt Use Metric Mask …`, addresses in hexadecimal. A VPN takes everything over by two
/// halves, `0.0.0.0/1` and `128.0.0.0/1`, and leaves the route of before where it was: the half counts as well.
fn default_ipv4(table: &str) -> impl Iterator<Item = &str> {
    table.lines().skip(1).filter_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (interface, destination, flags, mask) = (words.first()?, words.get(1)?, words.get(3)?, words.get(7)?);
        let is_default = *destination == "00000000" && ["00000000", "00000080"].contains(mask);
        (is_default && usable(flags)).then_some(*interface)
    })
}

/// `destination length source length next-hop metric references use flags interface`, in hexadecimal.
fn default_ipv6(table: &str) -> impl Iterator<Item = &str> {
    table.lines().filter_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (length, flags, interface) = (words.get(1)?, words.get(8)?, words.get(9)?);
        let is_default = words.first()?.bytes().all(|digit| digit == b'0') && ["00", "01"].contains(length);
        (is_default && usable(flags) && *interface != "lo").then_some(*interface)
    })
}

/// Up, and not there to reject (`RTF_UP`, `RTF_REJECT` of linux/route.h).
fn usable(flags: &str) -> bool {
    u32::from_str_radix(flags, 16).is_ok_and(|flags| flags & 0x1 != 0 && flags & 0x200 == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n";

    fn ipv4(rows: &[&str]) -> Machine {
        Machine::of(Some(&format!("{HEAD}{}\n", rows.join("\n"))), None)
    }

    #[test]
    fn the_default_route_is_the_one_that_leads_everywhere() {
        let lan = "eth0\t0000A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0";
        let default = "eth0\t00000000\t0101A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0";
        assert!(ipv4(&[lan]).has_no_way_out());
        assert_eq!(ipv4(&[lan, default]).default_route, Some(vec!["eth0".to_owned()]));
        assert!(ipv4(&[lan, default]).tunnels.is_empty());
        assert!(!Machine::of(None, None).has_no_way_out(), "where it is not known nothing is said");
    }

    #[test]
    fn a_vpn_that_took_everything_over_by_halves_is_seen() {
        let default = "eth0\t00000000\t0101A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0";
        let half = "tun0\t00000000\t0101080A\t0003\t0\t0\t0\t00000080\t0\t0\t0";
        assert_eq!(ipv4(&[default, half]).tunnels, ["tun0"]);
        let zero = "0".repeat(32);
        let six = |flags: &str, name: &str| {
            format!("{zero} 00 {zero} 00 fe800000000000000000000000000001 00000400 00000001 00000000 {flags} {name}\n")
        };
        let table = six("00200200", "lo") + &six("00000003", "wg0");
        let machine = Machine::of(None, Some(&table));
        assert_eq!(
            (machine.default_route.as_deref(), machine.tunnels),
            (Some(&["wg0".to_owned()][..]), vec!["wg0".into()])
        );
    }
}

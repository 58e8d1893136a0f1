//! Which interface the kernel would send by, asked of itself: rules may lead past the tables that `/proc/net` shows, as
//! those of `wg-quick` do (ip-rule(8)). Nothing leaves this machine for that.

use std::io::{self, Read};
use std::net::IpAddr;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};

// linux/socket.h, linux/netlink.h, linux/rtnetlink.h
const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;
const AF_NETLINK: i32 = 16;
const NETLINK_ROUTE: i32 = 0;
const NLM_F_REQUEST: u16 = 1;
const NLMSG_ERROR: u16 = 2;
const RTM_NEWROUTE: u16 = 24;
const RTM_GETROUTE: u16 = 26;
const RTN_UNICAST: u8 = 1;
const RTA_DST: u16 = 1;
const RTA_OIF: u16 = 4;

/// The length of a header (`nlmsghdr`), and of what stands behind it about a route (`rtmsg`).
const HEADER: usize = 16;
const ROUTE: usize = 12;

/// The kernel answers at once, or not at all.
const PATIENCE: Duration = Duration::from_millis(500);

/// The name of the interface by which packets to an address would leave; `None`: there is no way there.
///
/// # Errors
/// When the kernel cannot be asked.
pub fn interface_to(address: IpAddr) -> io::Result<Option<String>> {
    let socket = Socket::new(Domain::from(AF_NETLINK), Type::RAW, Some(Protocol::from(NETLINK_ROUTE)))?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.send(&question(address))?;
    let mut reply = [0; 4096];
    let length = (&socket).read(&mut reply)?;
    let index = answer(reply.get(..length).unwrap_or_default());
    index?.map(|index| rustix::net::netdevice::index_to_name(&socket, index).map_err(io::Error::from)).transpose()
}

fn question(address: IpAddr) -> Vec<u8> {
    let (family, bytes) = match address {
        IpAddr::V4(address) => (AF_INET, address.octets().to_vec()),
        IpAddr::V6(address) => (AF_INET6, address.octets().to_vec()),
    };
    let attribute = 4 + bytes.len();
    let mut message = Vec::new();
    message.extend(((HEADER + ROUTE + attribute) as u32).to_ne_bytes());
    message.extend([RTM_GETROUTE, NLM_F_REQUEST].map(u16::to_ne_bytes).concat());
    message.extend([0; 8]); // number and sender: there is one question
    message.extend([family, (8 * bytes.len()) as u8]);
    message.extend([0; ROUTE - 2]);
    message.extend([attribute as u16, RTA_DST].map(u16::to_ne_bytes).concat());
    message.extend(bytes);
    message
}

/// The number of the interface; `None` where the kernel says that there is no way.
fn answer(reply: &[u8]) -> io::Result<Option<u32>> {
    let strange = || io::Error::from(io::ErrorKind::InvalidData);
    match short(reply, 4).ok_or_else(strange)? {
        NLMSG_ERROR => Ok(None),
        RTM_NEWROUTE => {
            let kind = reply.get(HEADER + 7).ok_or_else(strange)?;
            let attributes = reply.get(HEADER + ROUTE..).ok_or_else(strange)?;
            Ok((*kind == RTN_UNICAST).then(|| outgoing(attributes)).flatten())
        }
        _ => Err(strange()),
    }
}

/// Length, kind and value (`rtattr`), one after the other, each begun at a multiple of 4.
fn outgoing(mut attributes: &[u8]) -> Option<u32> {
    loop {
        let (length, kind) = (usize::from(short(attributes, 0)?), short(attributes, 2)?);
        let value = attributes.get(4..length)?;
        if kind == RTA_OIF {
            return value.try_into().ok().map(u32::from_ne_bytes);
        }
        attributes = attributes.get(length.next_multiple_of(4)..)?;
    }
}

fn short(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at + 2)?.try_into().ok().map(u16::from_ne_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_reaches_itself_by_no_route_to_others() {
        // RTN_LOCAL is no way out. Where the kernel may not be asked, that is an error and no answer.
        assert!(matches!(interface_to(IpAddr::from([127, 0, 0, 1])), Ok(None) | Err(_)));
    }

    #[test]
    fn whatever_comes_is_read_without_harm() {
        let mut reply = question(IpAddr::from([192, 0, 2, 1]));
        reply[4..6].copy_from_slice(&RTM_NEWROUTE.to_ne_bytes());
        reply[HEADER + 7] = RTN_UNICAST;
        reply.extend([8, RTA_OIF].map(u16::to_ne_bytes).concat());
        reply.extend(7_u32.to_ne_bytes());
        assert_eq!(answer(&reply).unwrap(), Some(7));
        for length in 0..reply.len() {
            assert!(!matches!(answer(&reply[..length]), Ok(Some(_))), "{length}");
        }
        for at in HEADER..reply.len() {
            let mut damaged = reply.clone();
            damaged[at] = 0xff;
            let _ = answer(&damaged);
            damaged[at] = 0;
            let _ = answer(&damaged);
        }
    }
}

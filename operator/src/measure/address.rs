//! Which addresses metrics may be asked from: not those where clouds hand out the credentials of a machine.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Metadata services outside the link-local ranges: Alibaba Cloud, Oracle Cloud.
const METADATA_V4: [Ipv4Addr; 2] = [Ipv4Addr::new(100, 100, 100, 200), Ipv4Addr::new(192, 0, 0, 192)];
/// The metadata service of AWS over IPv6.
const METADATA_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);

/// An address that metrics must not be asked from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0} is link-local or a metadata service; start Linnet with --allow-link-local-metrics if that is meant"
)]
pub(super) struct ForbiddenAddress(pub(super) IpAddr);

/// A host name that nobody knows.
#[derive(Debug, thiserror::Error)]
#[error("the host name cannot be resolved; check its spelling and namespace ({0})")]
pub(super) struct UnknownHost(pub(super) std::io::Error);

/// Says whether metrics must not be asked from an address.
pub(super) fn is_forbidden(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_forbidden_v4(v4),
        IpAddr::V6(v6) => {
            v6.is_unicast_link_local() || v6 == METADATA_V6 || embedded_v4(v6).is_some_and(is_forbidden_v4)
        }
    }
}

fn is_forbidden_v4(address: Ipv4Addr) -> bool {
    address.is_link_local() || METADATA_V4.contains(&address)
}

/// The IPv4 address that an IPv6 address leads to: mapped, or through the well-known NAT64 prefix.
fn embedded_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let nat64 = address.segments().starts_with(&[0x64, 0xff9b, 0, 0, 0, 0]);
    // The address is the last 32 bits.
    let last = u32::try_from(address.to_bits() & u128::from(u32::MAX)).ok().filter(|_| nat64);
    address.to_ipv4_mapped().or_else(|| last.map(Ipv4Addr::from_bits))
}

/// Resolves names with the system's resolver and refuses forbidden addresses, so that what was checked is what is
/// dialled.
#[derive(Clone, Copy, Debug)]
pub(super) struct GuardedResolver {
    /// Whether every address is allowed.
    pub(super) allow_all: bool,
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let allow_all = self.allow_all;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await.map_err(UnknownHost)?;
            let found: Vec<SocketAddr> = found.collect();
            // One forbidden address among several is a trap rather than a mistake: nothing is dialled.
            match found.iter().map(SocketAddr::ip).find(|ip| !allow_all && is_forbidden(*ip)) {
                Some(ip) => Err(ForbiddenAddress(ip).into()),
                None => Ok(Box::new(found.into_iter()) as Addrs),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::aws("169.254.169.254", true)]
    #[case::link_local("169.254.0.1", true)]
    #[case::alibaba("100.100.100.200", true)]
    #[case::oracle("192.0.0.192", true)]
    #[case::aws_v6("fd00:ec2::254", true)]
    #[case::link_local_v6("fe80::1", true)]
    #[case::mapped("::ffff:169.254.169.254", true)]
    #[case::nat64("64:ff9b::a9fe:a9fe", true)]
    #[case::a_pod("10.244.1.7", false)]
    #[case::loopback("127.0.0.1", false)]
    #[case::unique_local_v6("fd12::1", false)]
    #[case::mapped_pod("::ffff:10.0.0.1", false)]
    fn addresses(#[case] address: &str, #[case] want: bool) {
        assert_eq!(is_forbidden(address.parse().unwrap()), want);
    }

    #[tokio::test]
    async fn a_name_that_leads_to_a_forbidden_address_is_refused_after_resolving() {
        // An address is the one name that every resolver knows.
        let name = || "169.254.169.254".parse::<Name>().unwrap();
        let refused = GuardedResolver { allow_all: false }.resolve(name()).await.err().unwrap();
        assert!(refused.downcast_ref::<ForbiddenAddress>().is_some(), "{refused}");
        let allowed = GuardedResolver { allow_all: true }.resolve(name()).await.unwrap();
        assert_eq!(allowed.map(|a| a.ip()).collect::<Vec<_>>(), [IpAddr::from([169, 254, 169, 254])]);
    }
}

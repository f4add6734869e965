//! Pod addresses: which are taken, and which comes next.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::str::FromStr;

use anyhow::{Context, Result, anyhow, ensure};

/// An IPv4 network such as `10.244.0.0/20`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cidr {
    network: u32,
    prefix: u32,
}

impl Cidr {
    /// Number of addresses in the network, its first and last included.
    fn size(self) -> u32 {
        1u32 << (32 - self.prefix)
    }
}

impl FromStr for Cidr {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let (address, prefix) =
            text.split_once('/').ok_or_else(|| anyhow!("{text:?} is not a network such as 10.244.0.0/20"))?;
        let address: Ipv4Addr = address.parse().with_context(|| format!("the address of {text:?}"))?;
        let prefix: u32 = prefix.parse().with_context(|| format!("the prefix of {text:?}"))?;
        ensure!((8..=30).contains(&prefix), "the prefix of {text:?} must lie between 8 and 30");
        let host_bits = (1u32 << (32 - prefix)) - 1;
        ensure!(u32::from(address) & host_bits == 0, "{text:?} has bits set behind its prefix");
        Ok(Self { network: u32::from(address), prefix })
    }
}

/// The addresses of one node.
///
/// Addresses are given in turn, so that one that was freed comes back as late as possible: a proxy that
/// still holds an old endpoint then meets nobody instead of a stranger.
#[derive(Debug)]
pub(crate) struct Pool {
    cidr: Cidr,
    next: u32,
    taken: BTreeSet<u32>,
}

impl Pool {
    /// A pool with every host address of the network free.
    pub(crate) fn new(cidr: Cidr) -> Self {
        Self { cidr, next: 1, taken: BTreeSet::new() }
    }

    /// The next free address, or `None` when all are taken.
    pub(crate) fn take(&mut self) -> Option<Ipv4Addr> {
        let last = self.cidr.size() - 2;
        for _ in 0..last {
            let offset = self.next;
            self.next = if offset >= last { 1 } else { offset + 1 };
            if self.taken.insert(offset) {
                return Some(Ipv4Addr::from(self.cidr.network + offset));
            }
        }
        None
    }

    /// Takes `address` for a pod that has it already; false when it is not ours or belongs to another pod.
    pub(crate) fn adopt(&mut self, address: Ipv4Addr) -> bool {
        let Some(offset) = self.offset(address) else { return false };
        self.next = self.next.max(offset + 1).min(self.cidr.size() - 2);
        self.taken.insert(offset)
    }

    /// Gives an address back.
    pub(crate) fn free(&mut self, address: Ipv4Addr) {
        if let Some(offset) = self.offset(address) {
            self.taken.remove(&offset);
        }
    }

    fn offset(&self, address: Ipv4Addr) -> Option<u32> {
        let offset = u32::from(address).checked_sub(self.cidr.network)?;
        (1..self.cidr.size() - 1).contains(&offset).then_some(offset)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn pool() -> Pool {
        Pool::new("10.244.0.0/29".parse().unwrap())
    }

    #[test]
    fn every_host_address_is_given_once() {
        let mut pool = pool();
        let given: Vec<_> = std::iter::from_fn(|| pool.take()).collect();
        let want: Vec<_> = (1..=6).map(|last| Ipv4Addr::new(10, 244, 0, last)).collect();
        assert_eq!(given, want);
    }

    #[test]
    fn a_freed_address_comes_back_last() {
        let mut pool = pool();
        let first = pool.take().unwrap();
        pool.free(first);
        let later: Vec<_> = std::iter::from_fn(|| pool.take()).collect();
        assert_eq!(later.len(), 6);
        assert_eq!(later.last(), Some(&first));
    }

    #[test]
    fn an_adopted_address_is_not_given_again() {
        let mut pool = pool();
        assert!(pool.adopt(Ipv4Addr::new(10, 244, 0, 3)));
        assert!(!pool.adopt(Ipv4Addr::new(10, 244, 0, 3)));
        let rest: Vec<_> = std::iter::from_fn(|| pool.take()).collect();
        assert_eq!(rest.len(), 5);
        assert!(!rest.contains(&Ipv4Addr::new(10, 244, 0, 3)));
    }

    #[rstest]
    #[case::foreign([192, 0, 2, 1])]
    #[case::network([10, 244, 0, 0])]
    #[case::broadcast([10, 244, 0, 7])]
    fn an_address_outside_is_not_adopted(#[case] address: [u8; 4]) {
        assert!(!pool().adopt(Ipv4Addr::from(address)));
    }

    #[rstest]
    #[case("10.244.0.0")]
    #[case("10.244.0.1/20")]
    #[case("10.244.0.0/31")]
    #[case("10.244.0.0/x")]
    fn a_bad_network_is_refused(#[case] text: &str) {
        assert!(text.parse::<Cidr>().is_err());
    }
}

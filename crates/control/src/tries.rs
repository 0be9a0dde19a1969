//! How often wrong passwords were given, per account and per peer.
//!
//! Knows counts in memory only: a restart forgets them, which gives a guesser nothing worth having. The table
//! is bounded; when it is full of live counts, new accounts and peers are refused rather than uncounted.

use crate::limits::{
    PASSWORD_TRIES_OF_ACCOUNT_MAX, PASSWORD_TRIES_OF_PEER_MAX, PASSWORD_TRIES_REMEMBERED_MAX,
    PASSWORD_TRIES_SPAN_NS,
};
use crate::{ControlError, digest};
use model::Timestamp;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The counts of wrong passwords.
#[derive(Debug, Default)]
pub(crate) struct Tries {
    counts: Mutex<HashMap<Key, Count>>,
}

/// Who tries: both are counted.
#[derive(Debug, Clone)]
pub(crate) struct Guesser {
    account: Key,
    peer: Key,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    /// The hash of a name, so that long names take no room.
    Account(String),
    Peer(IpAddr),
}

#[derive(Debug, Clone, Copy)]
struct Count {
    begun_at: Timestamp,
    wrong: u32,
}

impl Guesser {
    pub(crate) fn new(name: &str, peer: IpAddr) -> Self {
        Self {
            account: Key::Account(digest::sha256_hex(name.as_bytes())),
            peer: Key::Peer(network(peer)),
        }
    }
}

impl Tries {
    /// Counts a try as wrong before its password is looked at, so that many at once are counted too.
    ///
    /// # Errors
    /// [`ControlError::TooManyTries`].
    pub(crate) fn begin(&self, guesser: &Guesser, now: Timestamp) -> Result<(), ControlError> {
        let mut counts = self.lock();
        let live = |count: &Count| now < count.begun_at.plus_nanos(PASSWORD_TRIES_SPAN_NS);
        if counts.len() + 2 > PASSWORD_TRIES_REMEMBERED_MAX {
            counts.retain(|_, count| live(count));
        }
        let limits = [
            (&guesser.account, PASSWORD_TRIES_OF_ACCOUNT_MAX),
            (&guesser.peer, PASSWORD_TRIES_OF_PEER_MAX),
        ];
        for (key, most) in limits {
            let wrong = counts.get(key).filter(|count| live(count)).map(|count| count.wrong);
            let no_room = wrong.is_none() && counts.len() + 2 > PASSWORD_TRIES_REMEMBERED_MAX;
            if no_room || wrong.is_some_and(|wrong| wrong >= most) {
                return Err(ControlError::TooManyTries);
            }
        }
        for (key, _) in limits {
            let count = counts.entry(key.clone()).or_insert(Count { begun_at: now, wrong: 0 });
            if !live(count) {
                *count = Count { begun_at: now, wrong: 0 };
            }
            count.wrong += 1;
        }
        Ok(())
    }

    /// The password was right: the account begins anew, and the peer has one wrong try less.
    pub(crate) fn right(&self, guesser: &Guesser) {
        let mut counts = self.lock();
        counts.remove(&guesser.account);
        if let Some(count) = counts.get_mut(&guesser.peer) {
            count.wrong = count.wrong.saturating_sub(1);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Count>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whoever has one IPv6 address has 2⁶⁴ of them.
fn network(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(address) => {
            IpAddr::V6(std::net::Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)))
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    #[test]
    fn an_account_is_closed_to_all_peers_and_opens_again() {
        let tries = Tries::default();
        let begin = Timestamp::from_nanos(0);
        for number in 0..PASSWORD_TRIES_OF_ACCOUNT_MAX {
            let guesser = Guesser::new("aoi", peer(u8::try_from(number).expect("few")));
            tries.begin(&guesser, begin).expect("not yet");
        }
        assert!(tries.begin(&Guesser::new("aoi", peer(200)), begin).is_err());
        assert!(tries.begin(&Guesser::new("ren", peer(200)), begin).is_ok());
        let later = begin.plus_nanos(PASSWORD_TRIES_SPAN_NS);
        assert!(tries.begin(&Guesser::new("aoi", peer(200)), later).is_ok());
    }

    #[test]
    fn a_peer_is_closed_for_all_accounts_also_with_many_ipv6_addresses() {
        let tries = Tries::default();
        let now = Timestamp::from_nanos(0);
        for number in 0..PASSWORD_TRIES_OF_PEER_MAX {
            let address: IpAddr = format!("2001:db8::{number:x}").parse().expect("an address");
            tries.begin(&Guesser::new(&format!("p{number}"), address), now).expect("not yet");
        }
        let address: IpAddr = "2001:db8::ffff".parse().expect("an address");
        assert!(tries.begin(&Guesser::new("other", address), now).is_err());
    }

    #[test]
    fn a_full_table_refuses_rather_than_forgets() {
        let tries = Tries::default();
        let now = Timestamp::from_nanos(0);
        let mut number = 0u32;
        while tries.lock().len() + 2 <= PASSWORD_TRIES_REMEMBERED_MAX {
            let bits = u32::from_be_bytes([10, 0, 0, 0]) + number;
            let guesser = Guesser::new(&format!("p{number}"), IpAddr::V4(bits.into()));
            tries.begin(&guesser, now).expect("room");
            number += 1;
        }
        assert!(tries.begin(&Guesser::new("late", peer(1)), now).is_err());
        let later = now.plus_nanos(PASSWORD_TRIES_SPAN_NS);
        assert!(tries.begin(&Guesser::new("late", peer(1)), later).is_ok());
    }

    #[test]
    fn a_right_password_clears_the_account() {
        let tries = Tries::default();
        let now = Timestamp::from_nanos(0);
        let guesser = Guesser::new("aoi", peer(1));
        for _ in 0..3 * PASSWORD_TRIES_OF_PEER_MAX {
            tries.begin(&guesser, now).expect("right each time");
            tries.right(&guesser);
        }
    }
}

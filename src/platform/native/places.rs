//! The places of open connections: so many in all, and half as many for one address. A single
//! client that opens connections and sends nothing leaves places for all others.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// The open connections of each address.
#[derive(Debug, Default)]
pub(super) struct Places {
    taken: Mutex<HashMap<IpAddr, usize>>,
}

impl Places {
    /// Takes a place for a connection of `address`. Returns `None` if it has `most` already.
    pub(super) fn take(self: &Arc<Self>, address: IpAddr, most: usize) -> Option<Place> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.entry(address).or_default();
        if *count >= most {
            return None;
        }
        *count += 1;
        Some(Place {
            places: Arc::clone(self),
            address,
        })
    }
}

/// The place of one connection. Dropping it frees the place.
#[derive(Debug)]
pub(super) struct Place {
    places: Arc<Places>,
    address: IpAddr,
}

impl Drop for Place {
    fn drop(&mut self) {
        let taken = &self.places.taken;
        let mut taken = taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&self.address) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                taken.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn an_address_has_its_places_and_leaves_those_of_others() {
        let places = Arc::new(Places::default());
        let (one, other) = (Ipv4Addr::from_bits(1).into(), Ipv4Addr::from_bits(2).into());
        let held: Vec<_> = (0..3).map(|_| places.take(one, 3)).collect();
        assert!(held.iter().all(Option::is_some));
        assert!(places.take(one, 3).is_none() && places.take(other, 3).is_some());

        drop(held);
        assert!(places.take(one, 3).is_some());
        assert!(places.taken.lock().expect("unpoisoned").is_empty());
    }
}

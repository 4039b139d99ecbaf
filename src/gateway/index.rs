//! From order id to slot: a fixed table with open addressing.
//!
//! Invariants: at most half full; a removal closes the gap behind it, so a search stops at the first empty
//! place. Places hold the low half of an id: among those that are alive at once it is enough, since they are counted.
//! Nothing allocates after construction. Cost: one or two probes, as a rule.

use alloc::boxed::Box;

/// The table.
#[derive(Debug)]
pub struct OrderIndex {
    /// Low half of an id, and its slot; [`EMPTY`].
    places: Box<[(u32, u32)]>,
}

const EMPTY: (u32, u32) = (0, u32::MAX);

impl OrderIndex {
    /// An empty table for `orders_max` orders.
    pub fn new(orders_max: usize) -> Self {
        let places = (orders_max.max(1) * 2).next_power_of_two();
        OrderIndex { places: alloc::vec![EMPTY; places].into_boxed_slice() }
    }

    /// The slot of an order; of another one, where this one went 2^32 orders ago.
    pub fn get(&self, order_id: u64) -> Option<u32> {
        let place = self.places[self.find(order_id)];
        (place != EMPTY).then_some(place.1)
    }

    /// Enters an order that is not in the table.
    pub fn insert(&mut self, order_id: u64, slot: u32) {
        let place = self.find(order_id);
        self.places[place] = (order_id as u32, slot);
    }

    /// Takes an order out.
    pub fn remove(&mut self, order_id: u64) {
        let mask = self.places.len() - 1;
        let mut gap = self.find(order_id);
        if self.places[gap] == EMPTY {
            return;
        }
        let mut place = gap;
        loop {
            self.places[gap] = EMPTY;
            loop {
                place = (place + 1) & mask;
                if self.places[place] == EMPTY {
                    return;
                }
                // An entry may move back into the gap unless its home lies behind the gap.
                let home = self.home(self.places[place].0);
                if (place.wrapping_sub(home) & mask) >= (place.wrapping_sub(gap) & mask) {
                    break;
                }
            }
            self.places[gap] = self.places[place];
            gap = place;
        }
    }

    /// Sixteen consecutive ids lie one behind the other, so that the next order's place is in a cache line that is there. Where
    /// they lie is spread by Fibonacci hashing: orders that stay are in the way of few others.
    fn home(&self, low: u32) -> usize {
        let group = (low >> 4).wrapping_mul(0x9E37_79B9) >> 12;
        (group << 4 | low & 15) as usize & (self.places.len() - 1)
    }

    fn find(&self, order_id: u64) -> usize {
        let low = order_id as u32;
        let mut place = self.home(low);
        while self.places[place] != EMPTY && self.places[place].0 != low {
            place = (place + 1) & (self.places.len() - 1);
        }
        place
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeMap;

    #[test]
    fn it_equals_a_map_over_random_inserts_and_removes() {
        let (mut index, mut map) = (OrderIndex::new(64), BTreeMap::new());
        let mut state = 1_u64;
        let mut next_id = u64::from(u32::MAX) - 10_000; // on to where the low half begins anew
        for _ in 0..20_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            if map.len() < 64 && state >> 63 == 0 {
                next_id += 1 + (state >> 40) % 3;
                map.insert(next_id, (state >> 33) as u32);
                index.insert(next_id, (state >> 33) as u32);
            } else if let Some((&id, _)) = map.iter().nth((state >> 20) as usize % map.len().max(1))
            {
                map.remove(&id);
                index.remove(id);
            }
            for (&id, &slot) in &map {
                assert_eq!(index.get(id), Some(slot));
            }
            assert_eq!(index.get(next_id + 1), None);
        }
        assert!(next_id > u64::from(u32::MAX) + 1_000);
    }
}

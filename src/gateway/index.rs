//! From order id to slot: a table with open addressing, as large as the orders that were ever alive at once ask for.
//!
//! Invariants: at most half of it is used; a removal closes the gap behind it, so a search stops at the first empty place. Places
//! hold the low half of an id, which tells apart what is alive at once: no order outlives 2^32 later ones of its lane. Nothing
//! allocates after construction. Cost: one or two probes, in the two cache lines that most lanes never leave.

use alloc::boxed::Box;

/// The table.
#[derive(Debug)]
pub struct OrderIndex {
    /// Low half of an id, and one more than its slot; [`EMPTY`]. A table of some size lies where that many places begin, and all
    /// smaller ones before it, so that it grows from one into the next.
    places: Box<[(u32, u32)]>,
    /// Places of the table in use, a power of two.
    size: usize,
    len: usize,
}

/// Places of the smallest table.
const SIZE_MIN: usize = 16;

/// Zeros: memory of tables that no lane has grown into is never touched.
const EMPTY: (u32, u32) = (0, 0);

impl OrderIndex {
    /// An empty table for `orders_max` orders.
    pub fn new(orders_max: usize) -> Self {
        let size_max = (orders_max * 2).next_power_of_two().max(SIZE_MIN);
        let places = alloc::vec![EMPTY; size_max * 2].into_boxed_slice();
        OrderIndex { places, size: SIZE_MIN, len: 0 }
    }

    /// The slot of an order that is alive; of another one, perhaps, where no order of this id is.
    pub fn get(&self, order_id: u64) -> Option<u32> {
        let place = self.places[self.find(order_id)];
        place.1.checked_sub(1)
    }

    /// Enters an order that is not in the table.
    pub fn insert(&mut self, order_id: u64, slot: u32) {
        self.len += 1;
        if self.len * 2 > self.size {
            self.grow();
        }
        let place = self.find(order_id);
        debug_assert!(self.places[place] == EMPTY, "Invariant: no order outlives 2^32 later ones");
        self.places[place] = (order_id as u32, slot + 1);
    }

    /// Goes over to the table of twice the size.
    #[cold]
    fn grow(&mut self) {
        let outgrown = self.size..2 * self.size;
        self.size *= 2;
        for place in outgrown {
            let entry = core::mem::replace(&mut self.places[place], EMPTY);
            if entry != EMPTY {
                let place = self.find(entry.0.into());
                self.places[place] = entry;
            }
        }
    }

    /// Takes an order out.
    pub fn remove(&mut self, order_id: u64) {
        let mut gap = self.find(order_id);
        if self.places[gap] == EMPTY {
            return;
        }
        self.len -= 1;
        let mask = self.size - 1;
        let mut place = gap;
        loop {
            self.places[gap] = EMPTY;
            loop {
                place = self.behind(place);
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

    /// Fibonacci hashing: ids that follow each other lie apart, and none of a full table together.
    fn home(&self, low: u32) -> usize {
        let hash = u64::from(low.wrapping_mul(0x9E37_79B9));
        self.size + ((hash * self.size as u64) >> 32) as usize
    }

    fn behind(&self, place: usize) -> usize {
        self.size + ((place + 1) & (self.size - 1))
    }

    fn find(&self, order_id: u64) -> usize {
        let low = order_id as u32;
        let mut place = self.home(low);
        while self.places[place] != EMPTY && self.places[place].0 != low {
            place = self.behind(place);
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

    #[test]
    fn orders_that_follow_each_other_are_found_at_once() {
        for (orders_max, alive) in [(1, 1), (8, 8), (32, 32), (64, 32), (64, 64), (1_024, 1_024)] {
            let mut index = OrderIndex::new(orders_max);
            let (mut probes, orders) = (0, 20_000);
            for id in 1..=orders {
                index.insert(id, id as u32);
                let place = index.find(id);
                let home = index.home(id as u32);
                probes += 1 + (place.wrapping_sub(home) & (index.size - 1)) as u64;
                if id > alive - 1 {
                    index.remove(id + 1 - alive);
                }
            }
            assert!(probes * 2 <= orders * 3, "{probes} probes for {orders} of {orders_max}");
        }
    }
}

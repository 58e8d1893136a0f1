//! What comes in any order goes out in its own.

use std::collections::BTreeMap;

/// Numbered from 0: each goes out once all before it have.
pub struct InOrder<T> {
    next: usize,
    early: BTreeMap<usize, T>,
}

impl<T> Default for InOrder<T> {
    fn default() -> InOrder<T> {
        InOrder { next: 0, early: BTreeMap::new() }
    }
}

impl<T> InOrder<T> {
    /// One has come.
    pub fn put(&mut self, number: usize, one: T) {
        self.early.insert(number, one);
    }

    /// The next one that can go out.
    pub fn ready(&mut self) -> Option<T> {
        let one = self.early.remove(&self.next)?;
        self.next += 1;
        Some(one)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_goes_out_before_what_is_before_it() {
        let mut in_order = InOrder::default();
        in_order.put(1, "b");
        assert_eq!(in_order.ready(), None);
        in_order.put(0, "a");
        in_order.put(3, "d");
        assert_eq!(std::iter::from_fn(|| in_order.ready()).collect::<String>(), "ab");
        in_order.put(2, "c");
        assert_eq!(std::iter::from_fn(|| in_order.ready()).collect::<String>(), "cd");
    }
}

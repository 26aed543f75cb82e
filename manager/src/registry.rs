//! Peers and jobs by handles that are never mistaken for a later tenant of the same place.
#![forbid(unsafe_code)]

use slab::Slab;

/// Names an entry of a [`Registry`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Handle {
    place: u32,
    tenant: u32,
}

impl Handle {
    const PLACE_BITS: u32 = 24;
    const TENANT_BITS: u32 = 32;

    /// For an epoll token; uses 56 bits.
    pub fn to_bits(self) -> usize {
        (self.tenant as usize) << Handle::PLACE_BITS | self.place as usize
    }

    /// The handle of such a token.
    pub fn from_bits(bits: usize) -> Handle {
        let place = (bits & ((1 << Handle::PLACE_BITS) - 1)) as u32;
        let tenant = (bits >> Handle::PLACE_BITS & ((1 << Handle::TENANT_BITS) - 1)) as u32;
        Handle { place, tenant }
    }
}

/// A slab whose handles carry a number that changes with every insertion, so that a late event finds nobody instead of
/// somebody else.
#[derive(Debug)]
pub struct Registry<T> {
    entries: Slab<(u32, T)>,
    next_tenant: u32,
}

impl<T> Registry<T> {
    /// An empty one.
    pub fn new() -> Registry<T> {
        Registry {
            entries: Slab::new(),
            next_tenant: 0,
        }
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Adds an entry.
    pub fn insert(&mut self, value: T) -> Handle {
        let tenant = self.next_tenant;
        self.next_tenant = tenant.wrapping_add(1);
        let place = self.entries.insert((tenant, value));
        assert!(
            place < 1 << Handle::PLACE_BITS,
            "bounded by the descriptor limit"
        );
        Handle {
            place: place as u32,
            tenant,
        }
    }

    /// The entry, if it is still there.
    pub fn get(&self, handle: Handle) -> Option<&T> {
        let (tenant, value) = self.entries.get(handle.place as usize)?;
        (*tenant == handle.tenant).then_some(value)
    }

    /// The entry, if it is still there, to be changed.
    pub fn get_mut(&mut self, handle: Handle) -> Option<&mut T> {
        let (tenant, value) = self.entries.get_mut(handle.place as usize)?;
        (*tenant == handle.tenant).then_some(value)
    }

    /// Takes the entry out, if it is still there.
    pub fn remove(&mut self, handle: Handle) -> Option<T> {
        self.get_mut(handle)?;
        self.entries
            .try_remove(handle.place as usize)
            .map(|(_, value)| value)
    }

    /// All entries with their handles.
    pub fn iter(&self) -> impl Iterator<Item = (Handle, &T)> {
        self.entries.iter().map(|(place, (tenant, value))| {
            let (place, tenant) = (place as u32, *tenant);
            (Handle { place, tenant }, value)
        })
    }

    /// The handles of all entries, as they are now.
    pub fn handles(&self) -> Vec<Handle> {
        self.iter().map(|(handle, _)| handle).collect()
    }
}

impl<T> Default for Registry<T> {
    fn default() -> Self {
        Registry::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_handle_finds_nobody_instead_of_the_next_tenant() {
        let mut registry = Registry::new();
        let first = registry.insert("first");
        assert_eq!(registry.remove(first), Some("first"));
        let second = registry.insert("second");
        assert_eq!(first.place, second.place);
        assert_eq!(registry.get_mut(first), None);
        assert_eq!(registry.remove(first), None);
        assert_eq!(
            registry.get_mut(Handle::from_bits(second.to_bits())),
            Some(&mut "second")
        );
    }
}

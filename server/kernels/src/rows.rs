//! Shares the rows of a buffer out over a team.

#![expect(
    unsafe_code,
    reason = "the team's parts write to pieces of one buffer that do not overlap"
)]

use crate::team::Team;

/// Numbers below which handing work out takes longer than doing it.
const ALONE: usize = 1 << 13;

/// A pointer that the parts of a team may share, each for the places that are its own.
pub(crate) struct Shared<T>(*mut T);

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Shared<T> {}

// SAFETY: it is only an address; whoever goes there answers for it.
unsafe impl<T: Send> Send for Shared<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Shared<T> {}

impl<T> Shared<T> {
    pub(crate) fn new(slice: &mut [T]) -> Self {
        Self(slice.as_mut_ptr())
    }

    /// An address that is known otherwise.
    pub(crate) fn at(address: *mut T) -> Self {
        Self(address)
    }

    /// The address.
    pub(crate) fn address(self) -> *mut T {
        self.0
    }

    /// A piece of the slice.
    ///
    /// # Safety
    /// The piece must lie within the slice, which must live for `'a`, and nobody else may use it meanwhile.
    pub(crate) unsafe fn piece<'a>(self, from: usize, length: usize) -> &'a mut [T] {
        // SAFETY: the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.0.add(from), length) }
    }
}

/// Calls `work(first, rows)` for stretches of whole rows of `out`, which are `width` long, on the team's threads; on
/// this one alone where that is quicker. `cost` is the work per number, an addition being 1.
pub(crate) fn split<T: Send>(
    team: &Team,
    out: &mut [T],
    width: usize,
    cost: usize,
    work: impl Fn(usize, &mut [T]) + Sync,
) {
    let count = out.len() / width.max(1);
    let all = &mut out[..count * width];
    let shared = Shared::new(all);
    ranges(team, count, width * cost, |first, end| {
        // SAFETY: the stretches do not overlap, and end with the buffer.
        let rows = unsafe { shared.piece(first * width, (end - first) * width) };
        work(first, rows);
    });
}

/// [`split`] for two buffers with as many rows each.
pub(crate) fn split_two<T: Send, U: Send>(
    team: &Team,
    (one, one_width): (&mut [T], usize),
    (two, two_width): (&mut [U], usize),
    cost: usize,
    work: impl Fn(usize, &mut [T], &mut [U]) + Sync,
) {
    let count = (one.len() / one_width.max(1)).min(two.len() / two_width.max(1));
    let (one, two) = (Shared::new(one), Shared::new(two));
    ranges(
        team,
        count,
        one_width.max(two_width) * cost,
        |first, end| {
            let rows = end - first;
            // SAFETY: the stretches do not overlap, and end with the shorter buffer.
            let one = unsafe { one.piece(first * one_width, rows * one_width) };
            // SAFETY: as above.
            let two = unsafe { two.piece(first * two_width, rows * two_width) };
            work(first, one, two);
        },
    );
}

/// Calls `work(first, end)` for stretches of `count` things that cost `cost` each.
pub(crate) fn ranges(team: &Team, count: usize, cost: usize, work: impl Fn(usize, usize) + Sync) {
    if count == 0 {
        return;
    }
    if count == 1 || count * cost < ALONE {
        work(0, count);
        return;
    }
    team.run(&|part, parts| {
        let (first, end) = (count * part / parts, count * (part + 1) / parts);
        if first < end {
            work(first, end);
        }
    });
}

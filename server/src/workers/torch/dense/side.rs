//! Sequences that write one token each and attend in one go.

use tch::{Device, Tensor};

use super::{
    attention::Visible,
    cache::{self, DenseCache},
};
use crate::workers::torch::{
    error::Result,
    files::shape::Shape,
    network::{Cache as _, Segment},
};

/// One row each of several sequences that attend in one go, each over its own keys. Their caches lie together.
pub(super) struct Side {
    /// Which sequences.
    pub(super) members: Vec<usize>,
    /// Their rows among those of the step; `None` if they are all of it.
    rows: Option<Tensor>,
    /// Where each writes: which of the caches that lie together it is, and behind how many tokens.
    places: [Option<Tensor>; 3],
    /// Keys that are read of each.
    most: i64,
    /// For each window, which of them each sees, `[members, 1, 1, most]`; `None` if all do.
    masks: Vec<Option<Tensor>>,
}

/// A sequence that runs one token in a step.
#[derive(Debug, Clone, Copy)]
pub(super) struct Single {
    /// Which sequence of the step.
    pub(super) member: usize,
    /// Its row in the step.
    pub(super) row: usize,
    /// Tokens behind this one too.
    pub(super) total: usize,
    /// Tokens its cache has room for.
    pub(super) room: usize,
}

impl Side {
    /// Puts sequences together whose caches have room for the longest of them. Those that find no company are left
    /// out. `rows` are those of the whole step.
    pub(super) fn together(
        mut singles: Vec<Single>,
        rows: usize,
        windows: &[Option<usize>],
        device: Device,
    ) -> Result<Vec<Self>> {
        singles.sort_by_key(|one| std::cmp::Reverse(one.total));
        let mut sides = Vec::new();
        while let Some(longest) = singles.first().copied() {
            let (mut members, rest): (Vec<Single>, Vec<Single>) = singles
                .into_iter()
                .partition(|one| one.room >= longest.total);
            singles = rest;
            members.sort_by_key(|one| one.member);
            if members.len() > 1 {
                sides.push(Self::of(&members, longest.total, rows, windows, device)?);
            }
        }
        Ok(sides)
    }

    fn of(
        singles: &[Single],
        most: usize,
        rows: usize,
        windows: &[Option<usize>],
        device: Device,
    ) -> Result<Self> {
        let masks = windows
            .iter()
            .map(|window| -> Result<Option<Tensor>> {
                let first = |total: usize| window.map_or(0, |window| total.saturating_sub(window));
                if singles.iter().all(|one| one.total == most) && first(most) == 0 {
                    return Ok(None);
                }
                let mut seen = vec![false; singles.len() * most];
                for (one, seen) in singles.iter().zip(seen.chunks_mut(most)) {
                    seen[first(one.total)..one.total].fill(true);
                }
                let mask = Tensor::f_from_slice(&seen)?
                    .f_view([singles.len() as i64, 1, 1, most as i64])?
                    .f_to_device(device)?;
                Ok(Some(mask))
            })
            .collect::<Result<_>>()?;
        let chosen: Vec<i64> = singles.iter().map(|one| one.row as i64).collect();
        let on_device = |numbers: &[i64]| Tensor::f_from_slice(numbers)?.f_to_device(device);
        let rows = (chosen.len() < rows)
            .then(|| on_device(&chosen))
            .transpose()?;
        let nth: Vec<i64> = (0..singles.len() as i64).collect();
        let behind: Vec<i64> = singles.iter().map(|one| one.total as i64 - 1).collect();
        Ok(Self {
            members: singles.iter().map(|one| one.member).collect(),
            rows,
            places: [Some(on_device(&nth)?), None, Some(on_device(&behind)?)],
            most: most as i64,
            masks,
        })
    }

    /// Its rows of what has those of the whole step in this dimension.
    fn own(&self, all: &Tensor, dimension: i64) -> Result<Tensor> {
        Ok(match &self.rows {
            Some(rows) => all.f_index_select(dimension, rows)?,
            None => all.shallow_clone(),
        })
    }

    /// Writes its rows of keys and values, `[2 * kv heads, rows, width]`, into `whole`, `[members, 2 * kv heads, room,
    /// width]`, each behind what its sequence holds.
    pub(super) fn write(&self, whole: &Tensor, fresh: &Tensor) -> Result<()> {
        let fresh = self.own(fresh, 1)?.f_transpose(0, 1)?;
        // In place; the handle is one more to the same memory.
        let _ = whole
            .shallow_clone()
            .f_index_put_(&self.places, &fresh, false)?;
        Ok(())
    }

    /// Attention of their rows of `queries`, `[rows, heads, width]`, over what `whole`, `[members, 2 * kv heads, room,
    /// width]`, has of each, under the window of that number. Gives `[members, heads * width]`.
    pub(super) fn attend(
        &self,
        shape: &Shape,
        window: usize,
        queries: &Tensor,
        whole: &Tensor,
    ) -> Result<Tensor> {
        let (heads, kv_heads) = (shape.heads as i64, shape.kv_heads as i64);
        let (width, group) = (shape.head_width as i64, heads / kv_heads);
        let members = self.members.len() as i64;
        // As many as the longest has.
        let kept = whole.f_narrow(2, 0, self.most)?;
        let keys = kept.f_narrow(1, 0, kv_heads)?;
        let values = kept.f_narrow(1, kv_heads, kv_heads)?;
        let queries = self
            .own(queries, 0)?
            .f_reshape([members, kv_heads, group, width])?;
        let visible = Visible {
            mask: self.masks[window].as_ref(),
            is_causal: false,
        };
        let attended = visible.weigh(shape, &queries, &keys, &values)?;
        Ok(attended.f_reshape([members, heads * width])?)
    }

    /// Keys and values of its members in a layer.
    pub(super) fn kept<'a>(
        &self,
        layer: usize,
        segments: &'a [Segment<'_, DenseCache>],
    ) -> &'a Tensor {
        segments[self.members[0]].cache.whole(layer)
    }
}

/// Has the caches of sequences that attend together lie together, and those of others by themselves: they would hold
/// the memory of all.
pub(super) fn lie_as_they_attend(
    segments: &mut [Segment<'_, DenseCache>],
    sides: &[Side],
) -> Result<()> {
    let mut sets: Vec<Vec<&mut DenseCache>> = sides.iter().map(|_| Vec::new()).collect();
    for (member, segment) in segments.iter_mut().enumerate() {
        match sides.iter().position(|side| side.members.contains(&member)) {
            Some(side) => sets[side].push(&mut *segment.cache),
            None => segment.cache.settle()?,
        }
    }
    sets.iter_mut().try_for_each(|set| cache::gather(set))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn single_rows_stand_together_where_their_caches_have_the_room() {
        let single = |member, total, room| Single {
            member,
            row: 2 * member,
            total,
            room,
        };
        let singles = vec![
            single(0, 3, 64),
            single(1, 70, 128),
            single(2, 64, 64),
            single(3, 2, 64),
        ];
        let sides = Side::together(singles, 8, &[None, Some(2)], Device::Cpu).expect("masks");
        // The long one finds no company.
        assert_eq!(sides.len(), 1);
        let side = &sides[0];
        assert_eq!((side.members.as_slice(), side.most), (&[0, 2, 3][..], 64));
        let rows =
            Vec::<i64>::try_from(side.rows.as_ref().expect("not all rows")).expect("numbers");
        assert_eq!(rows, [0, 4, 6]);
        let seen = |window: usize, member: i64| -> Vec<i64> {
            let mask = side.masks[window].as_ref().expect("a mask");
            (0..64)
                .filter(|key| mask.int64_value(&[member, 0, 0, *key]) != 0)
                .collect()
        };
        assert_eq!(seen(0, 0), [0, 1, 2]);
        assert_eq!(seen(0, 1).len(), 64);
        assert_eq!(seen(1, 1), [62, 63]);
        assert_eq!(seen(1, 2), [0, 1]);
        let alike = vec![single(0, 5, 64), single(1, 5, 64)];
        let sides = Side::together(alike, 2, &[None, Some(9)], Device::Cpu).expect("no masks");
        assert!(sides[0].rows.is_none() && sides[0].masks.iter().all(Option::is_none));
    }
}

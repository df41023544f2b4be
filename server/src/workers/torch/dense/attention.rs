//! What the rows of a sequence may see of its keys, and what they make of it.

use tch::{Device, Kind, Tensor};

use crate::workers::torch::{error::Result, files::shape::Shape};

/// The keys that a sequence's rows look at, under one window.
pub(super) struct Sight {
    /// First key that any row sees, and how many from there on.
    seen: (i64, i64),
    /// Which of them each row sees; `None` if all, or if libtorch is to leave out those that come later.
    mask: Option<Tensor>,
    is_causal: bool,
}

impl Sight {
    /// For `count` rows behind `past` keys. Where scores are bent, what is left out has to be written out as a mask.
    pub(super) fn new(
        past: usize,
        count: usize,
        window: Option<usize>,
        is_bent: bool,
        device: Device,
    ) -> Result<Self> {
        let all = past + count;
        // A row sees its own key and those before it, as many as the window has in all.
        let start = window.map_or(0, |window| (past + 1).saturating_sub(window));
        let seen = (start as i64, (all - start) as i64);
        let slides = window.is_some_and(|window| window < all - start);
        let plain = |is_causal: bool| Self {
            seen,
            mask: None,
            is_causal,
        };
        if count == 1 {
            return Ok(plain(false));
        }
        if past == 0 && !slides && !is_bent {
            return Ok(plain(true));
        }
        let (rows, keys) = (count as i64, seen.1);
        let own = past as i64 - seen.0;
        let mut mask = Tensor::f_ones([rows, keys], (Kind::Bool, device))?.f_tril(own)?;
        if let Some(window) = window.filter(|_| slides) {
            mask = mask.f_triu(own + 1 - window as i64)?;
        }
        Ok(Self {
            seen,
            mask: Some(mask),
            is_causal: false,
        })
    }

    /// First key, and how many.
    pub(super) fn seen(&self) -> (i64, i64) {
        self.seen
    }

    /// Attention of `queries`, `[rows, heads, width]`, over `kept`, `[2 * kv heads, seen, width]`: keys, then values.
    /// Gives `[rows, heads * width]`.
    pub(super) fn attend(&self, shape: &Shape, queries: &Tensor, kept: &Tensor) -> Result<Tensor> {
        let rows = queries.size()[0];
        let (heads, kv_heads) = (shape.heads as i64, shape.kv_heads as i64);
        let (width, group) = (shape.head_width as i64, heads / kv_heads);
        let keys = kept.f_narrow(0, 0, kv_heads)?.f_unsqueeze(0)?;
        let values = kept.f_narrow(0, kv_heads, kv_heads)?.f_unsqueeze(0)?;
        let visible = Visible {
            mask: self.mask.as_ref(),
            is_causal: self.is_causal,
        };
        if rows == 1 {
            // One token: the query heads that share keys become rows of one product, nothing is repeated.
            let queries = queries.f_reshape([1, kv_heads, group, width])?;
            let attended = visible.weigh(shape, &queries, &keys, &values)?;
            return Ok(attended.f_reshape([1, heads * width])?);
        }
        let repeat = |shared: &Tensor| -> Result<Tensor> {
            let apart = shared
                .f_unsqueeze(2)?
                .f_expand([1, kv_heads, group, self.seen.1, width], false)?;
            Ok(apart.f_reshape([1, heads, self.seen.1, width])?)
        };
        let queries = queries.f_transpose(0, 1)?.f_unsqueeze(0)?;
        let attended = visible.weigh(shape, &queries, &repeat(&keys)?, &repeat(&values)?)?;
        Ok(attended
            .f_transpose(1, 2)?
            .f_reshape([rows, heads * width])?)
    }
}

/// One row each of several sequences that attend in one go, each over its own keys.
pub(super) struct Side {
    /// Which sequences.
    pub(super) members: Vec<usize>,
    /// Their rows among those of the step; `None` if they are all of it.
    rows: Option<Tensor>,
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
        let rows = (chosen.len() < rows)
            .then(|| Tensor::f_from_slice(&chosen)?.f_to_device(device))
            .transpose()?;
        Ok(Self {
            members: singles.iter().map(|one| one.member).collect(),
            rows,
            most: most as i64,
            masks,
        })
    }

    /// Which keys are read of each cache, as many as the longest has.
    pub(super) fn seen(&self) -> (i64, i64) {
        (0, self.most)
    }

    /// Attention of their rows of `queries`, `[rows, heads, width]`, over what each has in `kept`,
    /// `[2 * kv heads, most, width]`, under the window of that number. Gives `[members, heads * width]`.
    pub(super) fn attend(
        &self,
        shape: &Shape,
        window: usize,
        queries: &Tensor,
        kept: &[Tensor],
    ) -> Result<Tensor> {
        let (heads, kv_heads) = (shape.heads as i64, shape.kv_heads as i64);
        let (width, group) = (shape.head_width as i64, heads / kv_heads);
        let members = self.members.len() as i64;
        let kept = Tensor::f_cat(kept, 0)?.f_view([members, 2, kv_heads, self.most, width])?;
        let (keys, values) = (kept.f_select(1, 0)?, kept.f_select(1, 1)?);
        let queries = match &self.rows {
            Some(rows) => queries.f_index_select(0, rows)?,
            None => queries.shallow_clone(),
        };
        let queries = queries.f_reshape([members, kv_heads, group, width])?;
        let visible = Visible {
            mask: self.masks[window].as_ref(),
            is_causal: false,
        };
        let attended = visible.weigh(shape, &queries, &keys, &values)?;
        Ok(attended.f_reshape([members, heads * width])?)
    }
}

/// Which keys are visible to which rows.
struct Visible<'a> {
    mask: Option<&'a Tensor>,
    is_causal: bool,
}

impl Visible<'_> {
    fn weigh(
        &self,
        shape: &Shape,
        queries: &Tensor,
        keys: &Tensor,
        values: &Tensor,
    ) -> Result<Tensor> {
        let scale = f64::from(shape.query_scale);
        let Some(cap) = shape.attention_cap else {
            return Ok(Tensor::f_scaled_dot_product_attention(
                queries,
                keys,
                values,
                self.mask,
                0.0,
                self.is_causal,
                scale,
                false,
            )?);
        };
        let scores = queries
            .f_matmul(&keys.f_transpose(-2, -1)?)?
            .f_mul_scalar(scale)?;
        let mut scores = bend(&scores, cap)?;
        if let Some(mask) = self.mask {
            scores = scores.f_masked_fill(&mask.f_logical_not()?, f64::NEG_INFINITY)?;
        }
        let weights = scores
            .f_softmax(-1, Kind::Float)?
            .f_to_kind(values.kind())?;
        Ok(weights.f_matmul(values)?)
    }
}

/// Bends numbers to stay below a cap: cap · tanh(x / cap).
pub(super) fn bend(numbers: &Tensor, cap: f32) -> Result<Tensor> {
    let cap = f64::from(cap);
    Ok(numbers.f_div_scalar(cap)?.f_tanh()?.f_mul_scalar(cap)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn visible(sight: &Sight) -> Vec<Vec<i64>> {
        let mask = sight.mask.as_ref().expect("a mask");
        let rows = mask.size()[0];
        (0..rows)
            .map(|row| {
                (0..sight.seen.1)
                    .filter(|key| mask.int64_value(&[row, *key]) != 0)
                    .map(|key| sight.seen.0 + key)
                    .collect()
            })
            .collect()
    }

    #[test]
    fn a_row_sees_its_window_and_no_key_that_comes_later() {
        let new = |past, count, window| {
            Sight::new(past, count, window, false, Device::Cpu).expect("a mask")
        };
        assert_eq!(visible(&new(2, 2, None)), [vec![0, 1, 2], vec![0, 1, 2, 3]]);
        let sliding = new(4, 3, Some(3));
        assert_eq!(sliding.seen(), (2, 5));
        assert_eq!(
            visible(&sliding),
            [vec![2, 3, 4], vec![3, 4, 5], vec![4, 5, 6]]
        );
        let fresh = new(0, 3, Some(2));
        assert_eq!(visible(&fresh), [vec![0], vec![0, 1], vec![1, 2]]);
        // One row needs no mask: what it does not see is left out.
        let one = new(9, 1, Some(4));
        assert!(one.mask.is_none() && !one.is_causal);
        assert_eq!(one.seen(), (6, 4));
        let whole = new(0, 3, Some(3));
        assert!(whole.mask.is_none() && whole.is_causal);
    }

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

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

/// Which keys are visible to which rows.
pub(super) struct Visible<'a> {
    pub(super) mask: Option<&'a Tensor>,
    pub(super) is_causal: bool,
}

impl Visible<'_> {
    /// What `queries` make of `values`, by how well they fit `keys`; each `[sequences, heads, rows, width]`.
    pub(super) fn weigh(
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
}

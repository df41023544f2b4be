//! What training minimises.

use tch::{Kind, Tensor};

use super::Net;
use crate::net::{batch::Batch, encoder::Merged, weights::Weights};

/// Losses of a batch, each a mean.
#[derive(Debug)]
pub struct Losses {
    /// What is minimised.
    pub total: Tensor,
    /// Of the steps alone, without smoothing.
    pub steps: Tensor,
    /// Share of examples whose every step is right when the earlier ones are given.
    pub right: Tensor,
}

/// How training passes differ from plain ones.
#[derive(Debug, Clone, Copy)]
pub struct Regularisation {
    /// Dropout rate.
    pub dropout: f64,
    /// Weight moved from the right step to all legal ones.
    pub smoothing: f64,
    /// Weight of telling used items from unused ones.
    pub usage: f64,
}

impl Net {
    /// The losses of a batch.
    pub fn losses(
        &self,
        weights: &Weights,
        encoder: &Merged<'_>,
        batch: &Batch,
        how: Regularisation,
    ) -> Losses {
        let memory = self.memory(weights, encoder, batch, how.dropout);
        let lessons = &batch.lessons;
        let scores = self.decode(
            weights,
            &memory,
            &lessons.codes,
            &lessons.pointed,
            &lessons.points,
            &mut None,
            0,
            how.dropout,
        );
        let illegal = lessons.legal.logical_not();
        let scores = scores.masked_fill(&illegal, -1e9);
        let likely = scores.log_softmax(-1, Kind::Float);
        let right = likely
            .gather(-1, &lessons.targets.unsqueeze(-1), false)
            .squeeze_dim(-1);
        let real = lessons.mask.to_kind(Kind::Float);
        let examples = batch.size as f64;
        let steps = -(&right * &real).sum(Kind::Float) / examples;
        let legal = lessons.legal.to_kind(Kind::Float);
        let choices = legal.sum_dim_intlist(-1, false, Kind::Float).clamp_min(1.0);
        let spread = likely
            .masked_fill(&illegal, 0.0)
            .sum_dim_intlist(-1, false, Kind::Float)
            / choices;
        let spread = -(spread * &real).sum(Kind::Float) / examples;
        let usage = self.usage(weights, &memory).to_kind(Kind::Float);
        let used = lessons.used.to_kind(Kind::Float);
        let present = batch.items.mask.to_kind(Kind::Float);
        let usage = usage.clamp_min(0.0) - &usage * &used + (usage.abs().neg().exp() + 1.0).log();
        let usage = (usage * present).sum(Kind::Float) / examples;
        let best = scores.argmax(-1, false).eq_tensor(&lessons.targets);
        let wrong = best
            .logical_not()
            .logical_and(&lessons.mask)
            .any_dim(1, false);
        Losses {
            total: &steps * (1.0 - how.smoothing) + spread * how.smoothing + usage * how.usage,
            steps: steps.detach(),
            right: wrong.logical_not().to_kind(Kind::Float).mean(Kind::Float),
        }
    }
}

//! AdamW with clipping and averaging over one flat vector.

use std::path::Path;

use tch::{Device, Kind, Tensor};

use crate::net::{NetError, weights::Layout};

const FIRST_MOMENT: f64 = 0.9;
const SECOND_MOMENT: f64 = 0.98;
const DECAY: f64 = 0.01;
const CLIP: f64 = 1.0;
/// Share of the average kept per step, once many steps are done.
const AVERAGE: f64 = 0.999;

/// The weights under training and what goes with them.
#[derive(Debug)]
pub struct Optimiser {
    /// The weights.
    pub flat: Tensor,
    /// Their moving average: what is evaluated and kept.
    pub average: Tensor,
    first: Tensor,
    second: Tensor,
    decay: Tensor,
    rates: Tensor,
    /// Steps taken.
    pub steps: u64,
    /// Seconds trained so far, over all runs.
    pub seconds: f64,
}

impl Optimiser {
    /// Starts from `flat`.
    pub fn new(layout: &Layout, flat: &Tensor, device: Device) -> Self {
        let flat = flat.to_device(device).detach().copy();
        Self {
            average: flat.copy(),
            first: flat.zeros_like(),
            second: flat.zeros_like(),
            decay: layout.decay().to_device(device),
            rates: layout.rates().to_device(device),
            flat: flat.set_requires_grad(true),
            steps: 0,
            seconds: 0.0,
        }
    }

    /// Takes one step along the gradient that has gathered, at this learning rate.
    pub fn step(&mut self, rate: f64) {
        self.steps += 1;
        let steps = self.steps as f64;
        tch::no_grad(|| {
            let slope = self.flat.grad();
            let scale = (slope.norm() + 1e-6).reciprocal() * CLIP;
            // A step that overflowed counts as none.
            let slope = (slope * scale.clamp_max(1.0)).nan_to_num(0.0, 0.0, 0.0);
            let _ = self.first.lerp_(&slope, 1.0 - FIRST_MOMENT);
            let _ = self.second.lerp_(&(&slope * &slope), 1.0 - SECOND_MOMENT);
            let mean = &self.first / (1.0 - FIRST_MOMENT.powf(steps));
            let spread = (&self.second / (1.0 - SECOND_MOMENT.powf(steps))).sqrt() + 1e-8;
            let change = mean / spread + &self.flat * &self.decay * DECAY;
            self.flat -= change * &self.rates * rate;
            let keep = AVERAGE.min((1.0 + steps) / (10.0 + steps));
            let _ = self.average.lerp_(&self.flat, 1.0 - keep);
        });
        self.flat.zero_grad();
    }

    /// Writes everything needed to go on, in full precision.
    pub fn save(&self, path: &Path) -> Result<(), NetError> {
        let progress = Tensor::from_slice(&[self.steps as f64, self.seconds]);
        let tensors = [
            ("flat", self.flat.detach()),
            ("average", self.average.shallow_clone()),
            ("first", self.first.shallow_clone()),
            ("second", self.second.shallow_clone()),
            ("progress", progress),
        ];
        let tensors = tensors.map(|(name, tensor)| (name, tensor.to_device(Device::Cpu)));
        let part = path.with_extension("part");
        Tensor::save_multi(&tensors, &part)?;
        std::fs::rename(&part, path).map_err(|error| NetError::Weights(error.to_string()))
    }

    /// Goes on from what [`Optimiser::save`] wrote.
    pub fn resume(&mut self, path: &Path) -> Result<(), NetError> {
        let device = self.flat.device();
        for (name, tensor) in Tensor::load_multi_with_device(path, Device::Cpu)? {
            if name == "progress" {
                let progress = Vec::<f64>::try_from(tensor.to_kind(Kind::Double))?;
                self.steps = progress.first().copied().unwrap_or_default() as u64;
                self.seconds = progress.get(1).copied().unwrap_or_default();
                continue;
            }
            if tensor.size() != self.flat.size() {
                return Err(NetError::Weights(format!(
                    "{}: {name} has {:?} values, the network has {:?}",
                    path.display(),
                    tensor.size(),
                    self.flat.size()
                )));
            }
            let tensor = tensor.to_device(device);
            match name.as_str() {
                "flat" => self.flat = tensor.detach().set_requires_grad(true),
                "average" => self.average = tensor,
                "first" => self.first = tensor,
                "second" => self.second = tensor,
                other => return Err(NetError::Weights(format!("unknown state {other}"))),
            }
        }
        Ok(())
    }
}

/// Learning rate at a `share` of the whole training: a short rise, then half a cosine down to a tenth of a
/// percent of the peak.
pub fn rate(peak: f64, steps: u64, warmup: u64, share: f64) -> f64 {
    let rise = ((steps + 1) as f64 / warmup.max(1) as f64).min(1.0);
    let fall = 0.5 * (1.0 + (std::f64::consts::PI * share.clamp(0.0, 1.0)).cos());
    peak * rise * fall.max(1e-3)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::weights::Init;

    #[test]
    fn finds_the_bottom_of_a_bowl() {
        let mut layout = Layout::default();
        layout.add("point".to_owned(), &[3], Init::Normal(1.0), 1.0);
        let mut optimiser = Optimiser::new(&layout, &layout.initial(7), Device::Cpu);
        for step in 0..400 {
            let distance = (&optimiser.flat - 2.0).square().sum(Kind::Float);
            distance.backward();
            optimiser.step(rate(0.1, step, 10, step as f64 / 400.0));
        }
        let point = Vec::<f32>::try_from(optimiser.flat.detach()).unwrap_or_default();
        assert!(
            point.iter().all(|value| (value - 2.0).abs() < 0.01),
            "{point:?}"
        );
    }
}

//! One encoder for several models: its weights are most of what a small model needs of memory.

use tch::Tensor;

use super::{Block, Encoder, Linear, Linears, Norm};

impl Encoder {
    /// The same encoder once more, over the same tensors. They may be run on several threads, as nothing changes them:
    /// [`Encoder::tune`] puts others in the place of those it changes.
    #[must_use]
    pub fn share(&self) -> Self {
        Self {
            shape: self.shape.clone(),
            words: self.words.shallow_clone(),
            positions: self.positions.shallow_clone(),
            embedding_norm: self.embedding_norm.share(),
            blocks: self.blocks.iter().map(Block::share).collect(),
        }
    }
}

impl Block {
    fn share(&self) -> Self {
        let linears = &self.linears;
        Self {
            linears: Linears {
                qkv: linears.qkv.share(),
                output: linears.output.share(),
                up: linears.up.share(),
                down: linears.down.share(),
            },
            attention_norm: self.attention_norm.share(),
            output_norm: self.output_norm.share(),
        }
    }
}

impl Linear {
    fn share(&self) -> Self {
        let [weight, bias] = [&self.weight, &self.bias].map(Tensor::shallow_clone);
        Self { weight, bias }
    }
}

impl Norm {
    fn share(&self) -> Self {
        let [weight, bias] = [&self.weight, &self.bias].map(Tensor::shallow_clone);
        Self { weight, bias }
    }
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind};

    use super::*;
    use crate::net::{
        model::Net,
        tests::{small, tiny_encoder},
    };

    #[test]
    fn a_shared_encoder_lies_in_memory_once_and_stays_as_it_is_when_its_twin_is_tuned() {
        let folder = tiny_encoder("shared");
        let encoder = Encoder::load(&folder, Kind::Float, Device::Cpu).expect("loads");
        let twin = encoder.share();
        let places = |encoder: &Encoder| {
            let block = &encoder.blocks[1];
            [
                &encoder.words,
                &encoder.positions,
                &block.linears.qkv.weight,
                &block.linears.down.bias,
                &block.output_norm.weight,
            ]
            .map(Tensor::data_ptr)
        };
        assert_eq!(places(&twin), places(&encoder));

        let ids = Tensor::from_slice(&[2_i64, 5, 9, 3]).view([1, 4]);
        let mask = Tensor::from_slice(&[true; 4]).view([1, 4]);
        let before = encoder.plain().forward(&ids, &mask);
        let net = Net::new(small(), &encoder);
        // The changes start as none at all: with something added they are some.
        let weights = net.layout.cut(&(net.layout.initial(1) + 0.1), Kind::Float);
        let tuned = twin.tune(&net.changes, &weights);
        assert!(!tuned.forward(&ids, &mask).equal(&before));
        assert!(encoder.plain().forward(&ids, &mask).equal(&before));
        std::fs::remove_dir_all(folder).ok();
    }
}

//! What the sentence encoder says of examples, found once while it stays as published.

use std::{collections::HashMap, sync::Arc};

use half::{f16, slice::HalfFloatSliceExt};
use tch::{Device, Kind, Tensor};

use crate::net::{
    NetError,
    batch::{Instance, Texts, Vectors},
    encoder::{Encoder, pool},
    tokens::SchemaPieces,
    weights::read,
};

/// Schema texts remembered.
const TEXTS: usize = 120_000;
/// Schemas remembered.
const SCHEMAS: usize = 256;
/// Texts encoded at once.
const AT_ONCE: usize = 32;

/// Asks the sentence encoder and remembers what it says of schema texts.
#[derive(Debug)]
pub struct Reader {
    encoder: Encoder,
    texts: HashMap<Vec<u32>, Box<[f16]>>,
    schemas: HashMap<usize, (Arc<SchemaPieces>, Arc<Vec<f32>>)>,
}

impl Reader {
    /// With nothing remembered; `encoder` must be on the CPU.
    pub fn new(encoder: Encoder) -> Self {
        Self {
            encoder,
            texts: HashMap::new(),
            schemas: HashMap::new(),
        }
    }

    /// Fills in the vectors of every instance.
    pub fn fill(&mut self, instances: &mut [Instance]) -> Result<(), NetError> {
        let mut order: Vec<usize> = (0..instances.len()).collect();
        order.sort_by_key(|&at| instances[at].question.ids.len());
        for chunk in order.chunks(AT_ONCE) {
            let ids: Vec<&[u32]> = chunk
                .iter()
                .map(|&at| instances[at].question.ids.as_slice())
                .collect();
            let texts = Texts::pad_to(&ids, 1, Device::Cpu);
            let length = texts.ids.size()[1] as usize;
            let states = self.states(&texts)?;
            let width = states.len() / (length * chunk.len()).max(1);
            for (&at, states) in chunk.iter().zip(states.chunks(length * width)) {
                let pools = &instances[at].question.pools;
                let mut spans = vec![0.0; pools.len() * width];
                for (span, pieces) in spans.chunks_mut(width).zip(pools) {
                    let share = 1.0 / pieces.len().max(1) as f32;
                    for &piece in pieces {
                        let state = &states[usize::from(piece) * width..][..width];
                        for (to, value) in span.iter_mut().zip(state) {
                            *to += share * value;
                        }
                    }
                }
                let texts = self.schema(&instances[at].schema)?;
                instances[at].vectors = Some(Vectors { texts, spans });
            }
        }
        Ok(())
    }

    fn states(&self, texts: &Texts) -> Result<Vec<f32>, NetError> {
        tch::no_grad(|| read(&self.encoder.plain().forward(&texts.ids, &texts.mask)))
    }

    /// Vectors of all of a schema's texts, one after the other.
    fn schema(&mut self, schema: &Arc<SchemaPieces>) -> Result<Arc<Vec<f32>>, NetError> {
        let address = Arc::as_ptr(schema) as usize;
        if let Some((_, known)) = self.schemas.get(&address) {
            return Ok(known.clone());
        }
        if self.texts.len() > TEXTS {
            self.texts.clear();
        }
        let mut missing: Vec<&Vec<u32>> = schema
            .texts
            .iter()
            .filter(|ids| !self.texts.contains_key(*ids))
            .collect();
        missing.sort_by_key(|ids| ids.len());
        for chunk in missing.chunks(AT_ONCE) {
            let ids: Vec<&[u32]> = chunk.iter().map(|ids| ids.as_slice()).collect();
            let texts = Texts::pad_to(&ids, 1, Device::Cpu);
            let pooled = tch::no_grad(|| -> Result<Tensor, NetError> {
                let states = self.encoder.plain().forward(&texts.ids, &texts.mask);
                Ok(pool(&states.to_kind(Kind::Float), &texts.mask))
            })?;
            let pooled = read(&pooled)?;
            for (ids, vector) in chunk.iter().zip(pooled.chunks(pooled.len() / chunk.len())) {
                let halves = vector.iter().map(|&value| f16::from_f32(value)).collect();
                self.texts.insert((*ids).clone(), halves);
            }
        }
        let mut all = Vec::new();
        for ids in &schema.texts {
            if let Some(vector) = self.texts.get(ids) {
                let start = all.len();
                all.resize(start + vector.len(), 0.0);
                vector.convert_to_f32_slice(&mut all[start..]);
            }
        }
        if self.schemas.len() >= SCHEMAS {
            self.schemas.clear();
        }
        let all = Arc::new(all);
        // The entry keeps the schema alive, so no address comes back for another one.
        self.schemas.insert(address, (schema.clone(), all.clone()));
        Ok(all)
    }
}

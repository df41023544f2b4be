//! Trained weights as one flat vector, cut into named tensors.
//!
//! One vector means one optimiser step for everything: the gradient arrives as a single tensor, so clipping,
//! AdamW and averaging cost a dozen operations whatever the number of layers.

use std::collections::HashMap;

use half::f16;
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use tch::{Device, Kind, Tensor};

use super::NetError;

/// How a tensor starts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Init {
    /// All zero.
    Zeros,
    /// All one.
    Ones,
    /// Normal with this standard deviation.
    Normal(f64),
}

/// Handle of one tensor in [`Weights`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot(usize);

#[derive(Debug, Clone)]
struct Spec {
    name: String,
    shape: Vec<i64>,
    init: Init,
    rate: f64,
}

impl Spec {
    fn len(&self) -> i64 {
        self.shape.iter().product()
    }
}

/// Names, shapes and order of all trained tensors.
#[derive(Debug, Clone, Default)]
pub struct Layout {
    specs: Vec<Spec>,
}

impl Layout {
    /// Adds a tensor; `rate` scales its learning rate.
    pub fn add(&mut self, name: String, shape: &[i64], init: Init, rate: f64) -> Slot {
        self.specs.push(Spec {
            name,
            shape: shape.to_vec(),
            init,
            rate,
        });
        Slot(self.specs.len() - 1)
    }

    /// Number of trained values.
    pub fn len(&self) -> i64 {
        self.specs.iter().map(Spec::len).sum()
    }

    /// Whether nothing was added.
    pub fn is_empty(&self) -> bool {
        self.specs.is_empty()
    }

    /// Fresh weights on the CPU, the same for the same seed.
    pub fn initial(&self, seed: i64) -> Tensor {
        tch::manual_seed(seed);
        let parts: Vec<Tensor> = self
            .specs
            .iter()
            .map(|spec| {
                let options = (Kind::Float, Device::Cpu);
                match spec.init {
                    Init::Zeros => Tensor::zeros([spec.len()], options),
                    Init::Ones => Tensor::ones([spec.len()], options),
                    Init::Normal(deviation) => Tensor::randn([spec.len()], options) * deviation,
                }
            })
            .collect();
        Tensor::cat(&parts, 0)
    }

    /// A vector with `f` of every tensor repeated over its length: decay masks, learning-rate factors.
    fn spread(&self, f: impl Fn(&Spec) -> f64) -> Tensor {
        let parts: Vec<Tensor> = self
            .specs
            .iter()
            .map(|spec| Tensor::full([spec.len()], f(spec), (Kind::Float, Device::Cpu)))
            .collect();
        Tensor::cat(&parts, 0)
    }

    /// 1 where weight decay applies (matrices), 0 for biases and norms.
    pub fn decay(&self) -> Tensor {
        self.spread(|spec| f64::from(u8::from(spec.shape.len() > 1)))
    }

    /// Learning-rate factor of every value.
    pub fn rates(&self) -> Tensor {
        self.spread(|spec| spec.rate)
    }

    /// Cuts the flat vector into its tensors, in the precision `kind`. Gradients flow back as one vector.
    pub fn cut(&self, flat: &Tensor, kind: Kind) -> Weights {
        let sizes: Vec<i64> = self.specs.iter().map(Spec::len).collect();
        let parts = flat.to_kind(kind).split_with_sizes(&sizes[..], 0);
        let tensors = parts
            .iter()
            .zip(&self.specs)
            .map(|(part, spec)| part.view(&spec.shape[..]))
            .collect();
        Weights { tensors }
    }

    /// The weights as a safetensors file in half precision.
    pub fn to_bytes(
        &self,
        flat: &Tensor,
        metadata: HashMap<String, String>,
    ) -> Result<Vec<u8>, NetError> {
        let values: Vec<f32> = read(flat)?;
        let halves: Vec<u8> = values
            .iter()
            .flat_map(|&value| f16::from_f32(value).to_le_bytes())
            .collect();
        let mut start = 0;
        let mut views = Vec::with_capacity(self.specs.len());
        for spec in &self.specs {
            let end = start + 2 * spec.len() as usize;
            let shape = spec.shape.iter().map(|&size| size as usize).collect();
            let view = TensorView::new(Dtype::F16, shape, &halves[start..end])
                .map_err(|error| NetError::Weights(error.to_string()))?;
            views.push((spec.name.clone(), view));
            start = end;
        }
        safetensors::serialize(views, Some(metadata))
            .map_err(|error| NetError::Weights(error.to_string()))
    }

    /// Reads what [`Layout::to_bytes`] wrote, on the CPU in single precision.
    pub fn from_bytes(&self, bytes: &[u8]) -> Result<Tensor, NetError> {
        let file = SafeTensors::deserialize(bytes)
            .map_err(|error| NetError::Weights(error.to_string()))?;
        let mut parts = Vec::with_capacity(self.specs.len());
        for spec in &self.specs {
            let view = file
                .tensor(&spec.name)
                .map_err(|error| NetError::Weights(format!("{}: {error}", spec.name)))?;
            let shape: Vec<i64> = view.shape().iter().map(|&size| size as i64).collect();
            if shape != spec.shape {
                return Err(NetError::Weights(format!(
                    "{} has shape {shape:?}, expected {:?}",
                    spec.name, spec.shape
                )));
            }
            parts.push(from_view(&view)?.view([spec.len()]));
        }
        Ok(Tensor::cat(&parts, 0))
    }
}

/// Reads the metadata of a safetensors file.
pub fn metadata(bytes: &[u8]) -> Result<HashMap<String, String>, NetError> {
    let (_, header) =
        SafeTensors::read_metadata(bytes).map_err(|error| NetError::Weights(error.to_string()))?;
    Ok(header.metadata().clone().unwrap_or_default())
}

/// A stored tensor of any common float format, as single precision on the CPU.
pub fn from_view(view: &TensorView<'_>) -> Result<Tensor, NetError> {
    let shape: Vec<i64> = view.shape().iter().map(|&size| size as i64).collect();
    let kind = match view.dtype() {
        Dtype::F32 => Kind::Float,
        Dtype::F16 => Kind::Half,
        Dtype::BF16 => Kind::BFloat16,
        other => {
            return Err(NetError::Weights(format!(
                "unsupported number format {other:?}"
            )));
        }
    };
    Ok(Tensor::f_from_data_size(view.data(), &shape, kind)?.to_kind(Kind::Float))
}

/// Copies a tensor's values out, in order.
pub fn read(tensor: &Tensor) -> Result<Vec<f32>, NetError> {
    let flat = tensor
        .to_device(Device::Cpu)
        .to_kind(Kind::Float)
        .contiguous()
        .view([-1]);
    Ok(Vec::<f32>::try_from(&flat)?)
}

/// All trained tensors, by slot.
#[derive(Debug)]
pub struct Weights {
    tensors: Vec<Tensor>,
}

impl std::ops::Index<Slot> for Weights {
    type Output = Tensor;

    fn index(&self, slot: Slot) -> &Tensor {
        &self.tensors[slot.0]
    }
}

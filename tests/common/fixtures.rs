//! Checkpoints and cases under `tests/fixtures`, made with an independent PyTorch implementation.

use std::path::PathBuf;

use bdlm::gpu::{DType, Gpu};
use bdlm::hub::ModelFiles;
use bdlm::model::{Checkpoint, Habits, Network, Spec};
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};

/// A checkpoint and its cases.
pub struct Fixture {
    pub spec: Spec,
    folder: PathBuf,
    cases: Cases,
}

/// Inputs, and what comes of them.
pub struct Cases(Vec<u8>);

impl Fixture {
    pub fn open(name: &str) -> Fixture {
        let folder = folder(name);
        let spec = Spec::from_json(&read(&folder, "config.json")).unwrap();
        Fixture { spec, folder, cases: Cases::open(name) }
    }

    /// A model whose files do not say all of its habits.
    pub fn open_with(name: &str, habits: Habits) -> Fixture {
        let folder = folder(name);
        let spec = Spec::of_files(&ModelFiles::open(&folder).unwrap(), habits).unwrap();
        Fixture { spec, folder, cases: Cases::open(name) }
    }

    pub fn load(&self, gpu: &Gpu, weights: DType) -> Network {
        self.load_as(gpu, weights, &self.spec)
    }

    /// With another config of the same shape.
    pub fn load_as(&self, gpu: &Gpu, weights: DType, spec: &Spec) -> Network {
        let files = ModelFiles::open(&self.folder).unwrap();
        let shards: Vec<_> = files.weights.iter().map(|file| (file.path(), &**file)).collect();
        let checkpoint = Checkpoint::new(spec, &shards).unwrap();
        Network::load(gpu, &checkpoint, weights, &mut |_, _| {}).unwrap()
    }

    /// The bytes of its `model.safetensors`.
    pub fn weights(&self) -> Vec<u8> {
        read(&self.folder, "model.safetensors")
    }
}

impl std::ops::Deref for Fixture {
    type Target = Cases;

    fn deref(&self) -> &Cases {
        &self.cases
    }
}

impl Cases {
    pub fn open(name: &str) -> Cases {
        Cases::file(name, "cases.safetensors")
    }

    pub fn file(name: &str, file: &str) -> Cases {
        Cases(read(&folder(name), file))
    }

    /// Numbers that are stored as f16.
    pub fn f16(&self, name: &str) -> Vec<f32> {
        let data = self.data(name, Dtype::F16).as_chunks().0;
        data.iter().map(|&b| half::f16::from_le_bytes(b).to_f32()).collect()
    }

    pub fn tensor(&self, name: &str) -> TensorView<'_> {
        self.cases().tensor(name).unwrap()
    }

    /// The one number of a tensor without sides.
    pub fn scalar(&self, name: &str) -> u32 {
        assert!(self.shape(name).is_empty(), "{name}");
        self.ids(name)[0]
    }

    pub fn has(&self, name: &str) -> bool {
        self.cases().tensor(name).is_ok()
    }

    pub fn shape(&self, name: &str) -> Vec<usize> {
        self.tensor(name).shape().to_vec()
    }

    pub fn f32(&self, name: &str) -> Vec<f32> {
        self.data(name, Dtype::F32).as_chunks().0.iter().map(|&b| f32::from_le_bytes(b)).collect()
    }

    pub fn f64(&self, name: &str) -> Vec<f64> {
        self.data(name, Dtype::F64).as_chunks().0.iter().map(|&b| f64::from_le_bytes(b)).collect()
    }

    /// Tokens that are stored as int32.
    pub fn ids_of_i32(&self, name: &str) -> Vec<u32> {
        let data = self.data(name, Dtype::I32).as_chunks().0;
        data.iter().map(|&b| u32::try_from(i32::from_le_bytes(b)).unwrap()).collect()
    }

    pub fn ids(&self, name: &str) -> Vec<u32> {
        let data = self.data(name, Dtype::I64).as_chunks().0;
        data.iter().map(|&b| u32::try_from(i64::from_le_bytes(b)).unwrap()).collect()
    }

    /// The bytes of a tensor that is not empty and has this type.
    fn data(&self, name: &str, dtype: Dtype) -> &[u8] {
        let tensor = self.tensor(name);
        assert_eq!(tensor.dtype(), dtype, "{name}");
        assert!(!tensor.data().is_empty(), "{name} holds no numbers");
        tensor.data()
    }

    fn cases(&self) -> SafeTensors<'_> {
        SafeTensors::deserialize(&self.0).unwrap()
    }
}

pub fn folder(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

fn read(folder: &std::path::Path, file: &str) -> Vec<u8> {
    std::fs::read(folder.join(file)).unwrap()
}

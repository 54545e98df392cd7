//! Everything that was measured of a model on a machine, and how two such reports compare.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::gpu::DType;
use crate::measure::compare::{Comparison, Timings};
use crate::measure::counts::PassCounts;
use crate::measure::kernels::Kernels;
use crate::measure::likelihood::LikelihoodTime;
use crate::measure::passes::Passes;
use crate::measure::prompt::PromptTime;
use crate::measure::text::TextTime;
use crate::measure::training::TrainTime;
use crate::model::Network;

/// All of it. Parts that were not measured are absent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BenchReport {
    /// The adapter's name.
    pub adapter: String,
    /// Vulkan, Metal or another.
    pub backend: String,
    /// The driver, with its version.
    pub driver: String,
    /// Family of kernels, and what else was chosen.
    pub kernel_family: String,
    /// The model's name.
    pub model: String,
    /// How weights were held.
    pub weights: DType,
    /// From the name of the model to weights on the device.
    pub load_ms: f64,
    /// Denoising passes, by block size and context.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub passes: Vec<Passes>,
    /// Texts, by block size.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub texts: Vec<TextTime>,
    /// Prompts, by block size.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub prompts: Vec<PromptTime>,
    /// Likelihoods, by block size.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub likelihoods: Vec<LikelihoodTime>,
    /// Training, by block size.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trainings: Vec<TrainTime>,
    /// What kernels issue, by pass.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub counts: Vec<PassCounts>,
    /// Kernels alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernels: Option<Kernels>,
    /// The most memory that the process had until kernels were timed alone, device memory of
    /// software adapters included; where the system reports it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak_host_bytes: Option<u64>,
    /// Against an earlier report.
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
    pub compared: Option<Comparison>,
}

impl BenchReport {
    /// What is known before anything is timed: the model's name, the driver's, the time of loading.
    pub fn new(network: &Network, model: String, driver: String, load: Duration) -> BenchReport {
        let gpu = network.gpu();
        BenchReport {
            adapter: gpu.info().name.clone(),
            backend: gpu.info().backend.to_string(),
            driver,
            kernel_family: gpu.tuning().to_string(),
            model,
            weights: network.weights_dtype(),
            load_ms: load.as_secs_f64() * 1e3,
            passes: Vec::new(),
            texts: Vec::new(),
            prompts: Vec::new(),
            likelihoods: Vec::new(),
            trainings: Vec::new(),
            counts: Vec::new(),
            kernels: None,
            peak_host_bytes: None,
            compared: None,
        }
    }

    /// This run beside an earlier one.
    pub fn compared_with(&self, before: &BenchReport) -> Comparison {
        Comparison::new(&before.timings(), self.timings())
    }

    fn timings(&self) -> Timings {
        let weights = format!("{:?}", self.weights);
        let values = [&self.model, &weights, &self.adapter, &self.driver, &self.kernel_family];
        let names = ["model", "weights", "adapter", "driver", "kernels"];
        let settings = names.into_iter().zip(values.map(String::clone)).collect();
        Timings { settings, times: self.times() }
    }

    fn times(&self) -> Vec<(String, f64)> {
        let mut times = Vec::new();
        for passes in &self.passes {
            let what = format!("pass, block {}, context {}", passes.block_size, passes.context);
            times.push((what, passes.pass_ms.median));
        }
        for text in &self.texts {
            let size = text.block_size;
            times.push((format!("token of a text, block {size}"), 1e3 / text.tokens_per_sec));
            times.push((format!("first block, block {size}"), text.first_block_ms));
        }
        for prompt in &self.prompts {
            let what = format!("token of a prompt, block {}", prompt.block_size);
            times.push((what, 1e3 / prompt.tokens_per_sec));
        }
        for likelihood in &self.likelihoods {
            let (size, draws) = (likelihood.block_size, likelihood.draws);
            let what = format!("token of a likelihood, block {size}, {draws} draws");
            times.push((what, 1e3 / likelihood.tokens_per_sec));
        }
        for training in &self.trainings {
            let (size, count) = (training.block_size, training.sequences);
            let what = format!("token of training, block {size}, {count} sequences");
            times.push((what, 1e3 / training.tokens_per_sec));
        }
        for kernel in self.kernels.iter().flat_map(|kernels| &kernels.kernels) {
            // By its work, so that another kernel for it is compared.
            let work = kernel.kernel.split('_').next().unwrap_or_default();
            times.push((format!("{work}, {}", kernel.shape), kernel.ms.median));
        }
        times
    }
}

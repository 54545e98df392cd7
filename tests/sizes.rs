//! Networks of odd sizes, which are padded at load: whole passes against a network on the CPU that
//! knows no padding.

mod common;

use std::collections::HashMap;
use std::path::Path;

use bdlm::gpu::{DType, Gpu};
use bdlm::model::{Batch, Checkpoint, Network, Spec};
use bdlm::sample::{Engine, MemoryPlan, Request};
use common::{check, gpus, tolerances};
use safetensors::tensor::{Dtype, TensorView};

type Tensors = HashMap<String, Vec<f32>>;

/// A network of these sizes, with weights large enough that every part of it shows in the logits.
struct Sized {
    spec: Spec,
    tensors: Tensors,
    file: Vec<u8>,
}

impl Sized {
    fn new(sizes: &[(&str, usize)], switches: &[(&str, bool)]) -> Sized {
        let mut json = serde_json::json!({
            "model_type": "bd3lm", "block_size": 4, "vocab_size": 37, "model_length": 12,
            "hidden_dim": 32, "cond_dim": 16, "n_blocks": 2, "n_heads": 2, "cross_attn": true,
            "causal": false, "bos_token_id": 0,
        });
        sizes.iter().for_each(|&(key, size)| json[key] = size.into());
        switches.iter().for_each(|&(key, on)| json[key] = on.into());
        let spec = Spec::from_json(json.to_string().as_bytes()).unwrap();
        let mut random = fastrand::Rng::with_seed(7);
        let (mut tensors, mut stored) = (Tensors::new(), Vec::new());
        for (name, shape) in spec.tensors() {
            let count = shape.iter().product();
            let (middle, width) = if name.contains("norm") { (1.0, 0.5) } else { (0.0, 0.6) };
            let number = || middle + width * (random.f32() - 0.5);
            let numbers: Vec<f32> = std::iter::repeat_with(number).take(count).collect();
            let bytes: Vec<u8> = numbers.iter().flat_map(|x| x.to_le_bytes()).collect();
            stored.push((format!("backbone.{name}"), shape, bytes));
            tensors.insert(name, numbers);
        }
        let views = stored.iter().map(|(name, shape, bytes)| {
            (name.as_str(), TensorView::new(Dtype::F32, shape.clone(), bytes).unwrap())
        });
        let file = safetensors::serialize(views, None).unwrap();
        Sized { spec, tensors, file }
    }

    fn load(&self, gpu: &Gpu) -> Network {
        let path = Path::new("model.safetensors");
        let checkpoint = Checkpoint::new(&self.spec, &[(path, &self.file)]).unwrap();
        Network::load(gpu, &checkpoint, DType::F32, &mut |_, _| {}).unwrap()
    }

    fn tensor(&self, name: &str) -> &[f32] {
        &self.tensors[name]
    }

    /// `x w^T + bias` of one row.
    fn linear(&self, name: &str, x: &[f64]) -> Vec<f64> {
        let weight = self.tensor(&format!("{name}.weight"));
        let sums = weight
            .chunks(x.len())
            .map(|w| w.iter().zip(x).map(|(w, x)| f64::from(*w) * x).sum::<f64>());
        match self.tensors.get(&format!("{name}.bias")) {
            Some(bias) => sums.zip(bias).map(|(sum, bias)| sum + f64::from(*bias)).collect(),
            None => sums.collect(),
        }
    }

    /// The conditioning vector of noise level sigma.
    fn condition(&self, sigma: f64) -> Vec<f64> {
        let angle = |j: usize| sigma * (-(1e4f64.ln()) * j as f64 / 128.0).exp();
        let cosines = (0..128).map(|j| angle(j).cos());
        let embedded: Vec<f64> = cosines.chain((0..128).map(|j| angle(j).sin())).collect();
        let silu = |x: Vec<f64>| x.into_iter().map(|x| x / (1.0 + (-x).exp())).collect::<Vec<_>>();
        let hidden = silu(self.linear("sigma_map.mlp.0", &embedded));
        silu(self.linear("sigma_map.mlp.2", &hidden))
    }

    /// `LN(x) * weight * (1 + scale) + shift`.
    fn norm(&self, name: &str, x: &[f64], shift: &[f64], scale: &[f64]) -> Vec<f64> {
        let n = x.len() as f64;
        let mean = x.iter().sum::<f64>() / n;
        let variance = x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n;
        let weight = self.tensor(name);
        let normed = |i: usize| (x[i] - mean) / (variance + 1e-5).sqrt() * f64::from(weight[i]);
        (0..x.len()).map(|i| normed(i) * (1.0 + scale[i]) + shift[i]).collect()
    }

    /// Half-split rotation of every head of a row.
    fn rotate(&self, row: &mut [f64], position: usize) {
        let half = self.spec.head_width / 2;
        for head in row.chunks_mut(2 * half) {
            for j in 0..half {
                let angle = position as f64 * 10_000f64.powf(-(j as f64) / half as f64);
                let (a, b) = (head[j], head[j + half]);
                head[j] = a * angle.cos() - b * angle.sin();
                head[j + half] = b * angle.cos() + a * angle.sin();
            }
        }
    }

    /// Logits of one sequence, block-causal.
    fn logits(&self, ids: &[u32], sigma: f64) -> Vec<f32> {
        let (c, d, n) = (self.spec.channels, self.spec.head_width, ids.len());
        let block = self.spec.block_size().unwrap_or(n);
        let condition = self.condition(sigma);
        let table = self.tensor("vocab_embed.embedding");
        let row = |&id: &u32| table[id as usize * c..][..c].iter().map(|&x| f64::from(x)).collect();
        let mut xs: Vec<Vec<f64>> = ids.iter().map(row).collect();
        for layer in 0..self.spec.n_layers {
            let name = |tensor: &str| format!("blocks.{layer}.{tensor}");
            let m = self.linear(&name("adaLN_modulation"), &condition);
            let m: Vec<&[f64]> = m.chunks(c).collect();
            let mut qkv: Vec<Vec<f64>> = xs
                .iter()
                .map(|x| self.norm(&name("norm1.weight"), x, m[0], m[1]))
                .map(|y| self.linear(&name("attn_qkv"), &y))
                .collect();
            qkv.iter_mut().enumerate().for_each(|(t, row)| self.rotate(&mut row[..2 * c], t));
            for t in 0..n {
                let end = ((t / block + 1) * block).min(n);
                let mut found = vec![0.0; c];
                for head in 0..c / d {
                    let at = head * d;
                    let dot = |s: usize| -> f64 {
                        (0..d).map(|i| qkv[t][at + i] * qkv[s][c + at + i]).sum()
                    };
                    let scores: Vec<f64> =
                        (0..end).map(|s| (dot(s) / (d as f64).sqrt()).exp()).collect();
                    let sum: f64 = scores.iter().sum();
                    for (s, score) in scores.iter().enumerate() {
                        (0..d).for_each(|i| found[at + i] += score / sum * qkv[s][2 * c + at + i]);
                    }
                }
                let out = self.linear(&name("attn_out"), &found);
                (0..c).for_each(|i| xs[t][i] += m[2][i] * out[i]);
            }
            for x in &mut xs {
                let y = self.norm(&name("norm2.weight"), x, m[3], m[4]);
                let gelu = |x: f64| {
                    0.5 * x * (1.0 + (0.797_884_560_802_865_4 * (x + 0.044_715 * x.powi(3))).tanh())
                };
                let hidden: Vec<f64> =
                    self.linear(&name("mlp.0"), &y).into_iter().map(gelu).collect();
                let down = self.linear(&name("mlp.2"), &hidden);
                (0..c).for_each(|i| x[i] += m[5][i] * down[i]);
            }
        }
        let m = self.linear("output_layer.adaLN_modulation", &condition);
        let (shift, scale) = m.split_at(c);
        let logits = |x: &Vec<f64>| {
            let y = self.norm("output_layer.norm_final.weight", x, shift, scale);
            self.linear("output_layer.linear", &y)
        };
        xs.iter().flat_map(logits).map(|x| x as f32).collect()
    }
}

fn ids(network: &Sized) -> Vec<u32> {
    (0..network.spec.window as u32).map(|i| i * 31 % network.spec.n_drawable() as u32).collect()
}

/// Every kernel family gives the logits of the network on the CPU.
fn check_sizes(sizes: &[(&str, usize)]) {
    let sized = Sized::new(sizes, &[]);
    let ids = ids(&sized);
    let wanted = sized.logits(&ids, 0.0);
    for gpu in gpus() {
        let batch = Batch { ids: ids.clone(), length: ids.len(), ..Batch::default() };
        let got = sized.load(&gpu).logits(&batch, None).unwrap();
        check(&got, &wanted, tolerances::LOGITS_F32)
            .unwrap_or_else(|e| panic!("{sizes:?}, {:?} kernels: {e}", gpu.kernels()));
    }
}

#[test]
fn a_conditioning_vector_may_have_any_width() {
    for width in [1, 20, 129] {
        check_sizes(&[("cond_dim", width)]);
    }
}

#[test]
fn a_noise_level_reaches_layers_through_a_vector_of_any_width() {
    let switches = [("cross_attn", false), ("time_conditioning", true)];
    let sized = Sized::new(&[("cond_dim", 129), ("hidden_dim", 36), ("n_heads", 3)], &switches);
    let ids = ids(&sized);
    let wanted = sized.logits(&ids, 0.7);
    for gpu in gpus() {
        let sigma = Some(vec![0.7]);
        let batch = Batch { ids: ids.clone(), length: ids.len(), sigma, ..Batch::default() };
        let got = sized.load(&gpu).logits(&batch, None).unwrap();
        check(&got, &wanted, tolerances::LOGITS_F32)
            .unwrap_or_else(|e| panic!("{:?} kernels: {e}", gpu.kernels()));
        assert!(check(&got, &sized.logits(&ids, 0.6), tolerances::LOGITS_F32).is_err());
    }
}

#[test]
fn heads_may_be_any_multiple_of_four_wide() {
    // Three heads of 12, nine of 4, five of 20, and the widest.
    for (channels, heads) in [(36, 3), (36, 9), (100, 5), (256, 1)] {
        check_sizes(&[("hidden_dim", channels), ("n_heads", heads)]);
    }
}

#[test]
fn vocabularies_and_windows_may_have_any_size() {
    for (vocabulary, window, block) in [(3, 1, 1), (5, 6, 3), (131, 21, 7)] {
        check_sizes(&[
            ("vocab_size", vocabulary),
            ("model_length", window),
            ("block_size", block),
            ("hidden_dim", 20),
            ("n_heads", 1),
        ]);
    }
}

#[test]
fn a_memory_plan_counts_the_padding() {
    let odd = [("hidden_dim", 36), ("n_heads", 3), ("cond_dim", 129), ("vocab_size", 131)];
    let noisy = [("cross_attn", false), ("time_conditioning", true)];
    for switches in [&[][..], &noisy[..], &[("cross_attn", false), ("causal", true)]] {
        let sized = Sized::new(&odd, switches);
        for gpu in gpus() {
            let request = Request { length: 12, samples: 2, batch: 2, ..Default::default() };
            let engine = Engine::new(sized.load(&gpu), None);
            let [cache_bytes, activations_bytes] =
                engine.run(request.clone()).unwrap().size_bytes();
            let weights_bytes = engine.network().size_bytes();
            let held = MemoryPlan { weights_bytes, cache_bytes, activations_bytes };
            let plan = MemoryPlan::new(&sized.spec, DType::F32, gpu.kernels(), &request);
            assert_eq!(plan, held, "{switches:?}, {:?} kernels", gpu.kernels());
        }
    }
}

#[test]
fn a_network_without_its_padding_rule_is_rejected() {
    let sized = Sized::new(&[("hidden_dim", 36), ("n_heads", 3)], &[]);
    let ids = ids(&sized);
    let wanted = sized.logits(&ids, 0.0);
    // The same weights cut into heads of another width.
    let other = Sized::new(&[("hidden_dim", 36), ("n_heads", 9)], &[]);
    assert!(check(&other.logits(&ids, 0.0), &wanted, tolerances::LOGITS_F16).is_err());
}

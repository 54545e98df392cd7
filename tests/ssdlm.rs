//! SSD-LM against an independent implementation: the network, every step of its sampler, its files.

mod common;

use bdlm::event::{CellState, Event};
use bdlm::gpu::{Commands, DType, Readback, Recorder, Tensor};
use bdlm::model::{KvCache, Network, Row, SimplexRows, Workspace};
use bdlm::sample::{
    ContextPolicy, Engine, GivenNoise, Nucleus, Projection, Prompt, Request, Sampler, Sampling,
    Simplex, Watch,
};
use common::fixtures::Fixture;
use common::{check, gpus};
use serde_json::Value;

/// The published agreement of implementations, see the fixture's source: f32 sums of another order.
const LOGITS: f32 = 1e-4;
/// A token's clean state, and the deviation of noise.
const K: f32 = 5.0;

/// States are exact but for the schedule's rounding, once the discrete choices agree.
const STATE: f32 = 1e-5;

/// A case of the fixture.
struct Case {
    name: String,
    steps: usize,
    block: usize,
    blocks: usize,
    batch: usize,
    grows: bool,
    projection: Projection,
    top_p: f32,
}

impl Case {
    fn all() -> Vec<Case> {
        let file = common::fixtures::folder("ssdlm").join("cases.json");
        let json: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
        let cases = json["cases"].as_object().unwrap();
        let case = |(name, case): (&String, &Value)| {
            let number = |key: &str| case[key].as_u64().unwrap() as usize;
            Case {
                name: name.clone(),
                steps: number("T"),
                block: number("block"),
                blocks: number("blocks"),
                batch: number("batch"),
                grows: case["context_policy"] == "grow",
                projection: match case["mode"].as_str().unwrap() {
                    "greedy" => Projection::Greedy,
                    "sampling" => Projection::Sampling,
                    _ => Projection::MultiHot,
                },
                top_p: case["top_p"].as_f64().unwrap() as f32,
            }
        };
        let cases: Vec<Case> = cases.iter().map(case).collect();
        assert_eq!(cases.len(), 7);
        cases
    }

    fn tensor(&self, name: &str) -> String {
        format!("{}/{name}", self.name)
    }

    /// What a block of a sample sees before it.
    fn context(&self, f: &Fixture, block: usize, sample: usize) -> Vec<u32> {
        let name = self.tensor("context_ids");
        let all = if f.has(&name) { f.ids_of_i32(&name) } else { Vec::new() };
        let first = all.len() / self.batch;
        let mut context = all[sample * first..(sample + 1) * first].to_vec();
        let ids = f.ids_of_i32(&self.tensor("ids"));
        let own = &ids[sample * self.blocks * self.block..][..block * self.block];
        if self.grows || block == 0 {
            context.extend(own);
            return context;
        }
        own[(block - 1) * self.block..].to_vec()
    }

    /// The request of one sample.
    fn request(&self, f: &Fixture, sample: usize) -> Request {
        let context = self.context(f, 0, sample);
        let policy = if self.grows { ContextPolicy::Grow } else { ContextPolicy::Last };
        let simplex = Simplex { steps: self.steps, projection: self.projection, context: policy };
        Request {
            length: context.len() + self.blocks * self.block,
            prompt: Prompt::Exact(context),
            block_size: Some(self.block),
            sampling: Sampling {
                sampler: Sampler::Simplex(simplex),
                top_p: if self.top_p > 0.0 { self.top_p } else { 1.0 },
                nucleus: Nucleus::Crossing,
                ..Sampling::default()
            },
            min_entropy: 0.0,
            ..Request::default()
        }
    }

    /// The noise of one sample.
    fn noise(&self, f: &Fixture, sample: usize) -> GivenNoise {
        let all = |name: &str, count: usize| -> Vec<f32> {
            (0..count).flat_map(|before| self.rows(f, name, before, sample)).collect()
        };
        let uniforms = match self.projection {
            Projection::Sampling => f.f32(&self.tensor("uniforms")),
            _ => Vec::new(),
        };
        assert!(uniforms.is_empty() || self.batch == 1);
        GivenNoise {
            initial: all("noise_init", self.blocks),
            steps: all("noise_steps", self.blocks * self.steps),
            uniforms,
        }
    }

    /// The tokens that come of it.
    fn ids(&self, f: &Fixture, sample: usize) -> Vec<u32> {
        let count = self.blocks * self.block;
        f.ids_of_i32(&self.tensor("ids"))[sample * count..(sample + 1) * count].to_vec()
    }

    /// Numbers `[.., n, V]` of one sample, of a tensor `[.., b, n, V]`.
    fn rows(&self, f: &Fixture, name: &str, before: usize, sample: usize) -> Vec<f32> {
        let size = self.block * f.spec.vocab_size;
        f.f32(&self.tensor(name))[(before * self.batch + sample) * size..][..size].to_vec()
    }
}

/// Logits of a block after a context, of its state and noise level.
fn block_logits(network: &Network, context: &[u32], state: &[f32], level: f32) -> Vec<f32> {
    let (gpu, spec) = (network.gpu(), network.spec());
    let v = spec.vocab_size;
    let held = v.next_multiple_of(8);
    let cells = state.len() / v;
    let rows = cells + context.len();
    let probabilities = Tensor::multiplied(gpu, "probabilities", &[cells, held]).unwrap();
    let softmax = |x: &[f32]| {
        let highest = x.iter().copied().fold(f32::MIN, f32::max);
        let mut p: Vec<f64> = x.iter().map(|x| f64::from(x - highest).exp()).collect();
        let sum: f64 = p.iter().sum();
        p.iter_mut().for_each(|p| *p /= sum);
        p.resize(held, 0.0);
        p.into_iter().map(|p| p as f32)
    };
    let numbers: Vec<f32> = state.chunks(v).flat_map(softmax).collect();
    probabilities.write(gpu, &numbers).unwrap();
    let time = network.times(&[level]).unwrap();
    let time = Tensor::from_slice(gpu, "time", &[time.len()], DType::F32, &time).unwrap();
    let row =
        |index: usize, id: u32| Row { id, position: index, slot: index, spans: [0, rows, 0, 0] };
    let own = (0..cells).map(|i| row(context.len() + i, spec.masked_id()));
    let before = context.iter().enumerate().map(|(i, &id)| row(i, id));
    let all: Vec<Row> = own.chain(before).collect();
    let workspace = Workspace::new(gpu, spec, rows).unwrap();
    let cache = KvCache::new(gpu, spec, network.cache_dtype(), rows).unwrap();
    workspace.write(gpu, &all, &cache).unwrap();
    let mut pass = workspace.pass(rows, rows, &cache, None).unwrap();
    pass.simplex = Some(SimplexRows { probabilities, time });
    let logits = Tensor::activation(gpu, "logits", &[cells, spec.logits_columns()]).unwrap();
    let mut r = Recorder::new(gpu);
    network.record_layers(&mut r, &pass).unwrap();
    network.record_final_norm(&mut r, &pass, &pass.x.rows(0, cells).unwrap()).unwrap();
    network.record_head(&mut r, &pass, 0, &logits).unwrap();
    let mut commands = Commands::new(gpu);
    commands.run(&r.finish().unwrap());
    let count = cells * spec.logits_columns();
    let staging = Readback::new(gpu, (count * 4) as u64);
    let numbers: Vec<f32> = pollster::block_on(commands.read(&logits, count, &staging)).unwrap();
    numbers.chunks(spec.logits_columns()).flat_map(|row| &row[..v]).copied().collect()
}

#[test]
fn logits_of_the_first_and_the_last_step_agree() {
    let f = Fixture::open("ssdlm");
    for gpu in gpus() {
        let network = f.load(&gpu, DType::F32);
        for case in Case::all() {
            let t = case.steps;
            for (block, sample) in
                (0..case.blocks).flat_map(|j| (0..case.batch).map(move |b| (j, b)))
            {
                let context = case.context(&f, block, sample);
                let noise = case.rows(&f, "noise_init", block, sample);
                let first: Vec<f32> = noise.iter().map(|x| K * x).collect();
                let last = case.rows(&f, "x_steps", block * t + t - 2, sample);
                for (state, level, name) in
                    [(first, 1.0, "logits_first"), (last, 1.0 / t as f32, "logits_last")]
                {
                    let got = block_logits(&network, &context, &state, level);
                    let wanted = case.rows(&f, name, block, sample);
                    check(&got, &wanted, LOGITS).unwrap_or_else(|e| {
                        panic!("{} {name} {block} {sample} {:?}: {e}", case.name, gpu.kernels())
                    });
                }
            }
        }
    }
}

#[test]
fn another_noise_level_gives_other_logits() {
    let f = Fixture::open("ssdlm");
    let Some(gpu) = common::gpu(None) else { return };
    let network = f.load(&gpu, DType::F32);
    let case = &Case::all()[0];
    let noise = case.rows(&f, "noise_init", 0, 0);
    let state: Vec<f32> = noise.iter().map(|x| K * x).collect();
    let got = block_logits(&network, &case.context(&f, 0, 0), &state, 0.875);
    assert!(check(&got, &case.rows(&f, "logits_first", 0, 0), 0.1).is_err());
}

#[test]
fn every_state_and_all_tokens_agree_with_given_noise() {
    let f = Fixture::open("ssdlm");
    for gpu in gpus() {
        let engine = Engine::new(f.load(&gpu, DType::F32), None);
        for case in Case::all() {
            for sample in 0..case.batch {
                let what = format!("{} {sample} {:?}", case.name, gpu.kernels());
                let request = case.request(&f, sample);
                let watched = Request { watch: Watch::Steps { candidates: 3 }, ..request.clone() };
                let mut run = engine.run_given(watched, case.noise(&f, sample)).unwrap();
                let mut seen = 0;
                while let Some(event) = run.next().unwrap() {
                    let Event::Step(step) = event else { continue };
                    if step.step == 0 {
                        continue;
                    }
                    let is_last = step.step == case.steps;
                    for cell in &step.cells {
                        let masked = cell.state == CellState::Masked;
                        assert!(masked != is_last && cell.candidates.len() == 3, "{what}");
                    }
                    let got = run.simplex().unwrap().unwrap();
                    let wanted = case.rows(&f, "x_steps", seen, sample);
                    check(&got, &wanted, STATE)
                        .unwrap_or_else(|e| panic!("{what}, step {}: {e}", step.step));
                    seen += 1;
                }
                assert_eq!(seen, case.blocks * case.steps, "{what}");
                let mut run = engine.run_given(request, case.noise(&f, sample)).unwrap();
                let done = std::iter::from_fn(|| run.next().unwrap()).find_map(|e| match e {
                    Event::Done(done) => Some(done),
                    _ => None,
                });
                let done = done.unwrap();
                let n_context = case.context(&f, 0, sample).len();
                assert_eq!(done.ids[n_context..], case.ids(&f, sample), "{what}");
                assert_eq!(done.nfe, case.blocks * case.steps, "{what}");
                assert_eq!(done.passes, done.nfe, "{what}");
            }
        }
    }
}

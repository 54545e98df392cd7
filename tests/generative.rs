//! Generative perplexity against the fixture's.

mod common;

use std::ops::ControlFlow;
use std::sync::Arc;

use bdlm::eval::{GenerativeReport, GenerativeScorer, SampleScore, ScoredSample};
use bdlm::gpu::{DType, Gpu};
use common::fixtures::Fixture;
use common::{check, gpu, gpus, tolerances};

fn score(gpu: &Gpu, f: &Fixture, eos: Option<u32>, samples: &[Vec<u32>]) -> Vec<SampleScore> {
    let mut scorer = GenerativeScorer::new(Arc::new(f.load(gpu, DType::F32)), eos).unwrap();
    let going_on = &mut |_, _| ControlFlow::Continue(());
    pollster::block_on(scorer.score(samples, going_on)).unwrap().unwrap()
}

fn samples(f: &Fixture) -> Vec<Vec<u32>> {
    let n = f.shape("genppl.ids")[1];
    f.ids("genppl.ids").chunks(n).map(<[u32]>::to_vec).collect()
}

fn report(scores: &[SampleScore]) -> GenerativeReport {
    let scored = |(sample, score): (usize, &SampleScore)| ScoredSample {
        sample,
        gen_ppl: Some((score.sum() / score.tokens() as f64).exp()),
        nll: score.sum(),
        tokens: score.tokens(),
        entropy: score.entropy,
        length: score.nll.len(),
        nfe: Some(10 + sample),
        passes: None,
    };
    let scored: Vec<ScoredSample> = scores.iter().enumerate().map(scored).collect();
    GenerativeReport::new("gpt2", &scored).unwrap()
}

#[test]
fn likelihoods_slide_over_samples_longer_than_the_window() {
    let f = Fixture::open("gpt2-tiny");
    let eos = f.spec.eos_token_id;
    for gpu in gpus() {
        let scores = score(&gpu, &f, eos, &samples(&f));
        let nll: Vec<f32> = scores.iter().flat_map(|s| &s.nll).map(|&x| x as f32).collect();
        check(&nll, &f.f32("genppl.nll"), tolerances::LOGITS_F32).unwrap();
        let valid: Vec<f32> =
            scores.iter().flat_map(|s| &s.valid).map(|&v| if v { 1.0 } else { 0.0 }).collect();
        assert_eq!(valid, f.f32("genppl.valid"));
        let entropy: Vec<f32> = scores.iter().map(|s| s.entropy as f32).collect();
        check(&entropy, &f.f32("genppl.entropy"), tolerances::OP).unwrap();
        let wanted = f64::from(f.f32("genppl.ppl")[0]);
        let report = report(&scores);
        assert!((report.gen_ppl / wanted - 1.0).abs() < 1e-4, "{}, {wanted}", report.gen_ppl);
        assert_eq!((report.nfe, report.passes), (Some(10.5), None));
        // An end of text that counts is noticed.
        let all = score(&gpu, &f, None, &samples(&f));
        assert!((self::report(&all).gen_ppl / wanted - 1.0).abs() > 1e-3);
    }
}

#[test]
fn samples_of_any_length_are_scored_alone_as_together() {
    let Some(gpu) = gpu(None) else { return };
    let f = Fixture::open("gpt2-tiny");
    let whole = samples(&f).remove(0);
    let samples: Vec<Vec<u32>> = [1, 2, 31, 33, 75].map(|n| whole[..n].to_vec()).into();
    let together = score(&gpu, &f, None, &samples);
    assert_eq!(together.len(), samples.len());
    for (ids, wanted) in samples.iter().zip(&together) {
        assert_eq!(
            &score(&gpu, &f, None, std::slice::from_ref(ids))[0],
            wanted,
            "{} tokens",
            ids.len()
        );
        assert_eq!(wanted.tokens(), ids.len() - 1);
    }
}

#[test]
fn models_that_do_not_predict_token_by_token_are_refused() {
    let Some(gpu) = gpu(None) else { return };
    for name in ["mdlm", "sedd"] {
        let network = Arc::new(Fixture::open(name).load(&gpu, DType::F32));
        let error = GenerativeScorer::new(network, None).err().unwrap().to_string();
        assert!(error.contains("expected a model that predicts token by token"), "{error}");
    }
    let f = Fixture::open("bd3lm-block4");
    let ids = f.ids("train.x0")[..40].to_vec();
    let scores = score(&gpu, &f, None, &[ids]);
    assert!(scores[0].nll[1..].iter().all(|&nll| nll > 0.0), "block size 1 predicts each token");
}

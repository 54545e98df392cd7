//! `bdlm gradients`: what it stores, and what it says of wrong input.

use std::path::Path;

use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};

use crate::commands::input;
use crate::common::fixtures::{Fixture, folder};
use crate::common::tolerances;
use crate::{bdlm, check_failure, fixture, stderr};

const INPUT: [(&str, &str); 3] = [("ids", "train.x0"), ("noisy", "train.xt"), ("t", "train.t")];

fn f32s(view: &TensorView<'_>) -> Vec<f32> {
    assert_eq!(view.dtype(), Dtype::F32);
    view.data().as_chunks().0.iter().map(|&b| f32::from_le_bytes(b)).collect()
}

/// Runs the command on tensors of a fixture.
fn run(name: &str, folder: &Path, tensors: &[(&str, &str)]) -> Option<std::process::Output> {
    let mut command = bdlm()?;
    let path = input(&Fixture::open(name), folder, tensors);
    let command = command.args(["gradients", "--model", &fixture(name), "--input"]).arg(path);
    Some(command.arg("--output").arg(folder.join("output.safetensors")).output().unwrap())
}

#[test]
fn gradients_of_every_tensor_are_stored_under_the_checkpoints_names() {
    let (name, temporary) = ("bd3lm-block4", tempfile::tempdir().unwrap());
    let Some(output) = run(name, temporary.path(), &INPUT) else { return };
    assert!(output.status.success(), "{}", stderr(&output));
    let bytes = std::fs::read(temporary.path().join("output.safetensors")).unwrap();
    let wanted = std::fs::read(folder(name).join("gradients.safetensors")).unwrap();
    let [got, wanted] = [&bytes, &wanted].map(|bytes| SafeTensors::deserialize(bytes).unwrap());
    assert_eq!(got.len(), wanted.len() + 1);
    for (tensor, wanted) in wanted.tensors() {
        let got = got.tensor(&tensor).unwrap();
        assert_eq!(got.shape(), wanted.shape(), "{tensor}");
        let (got, wanted) = (f32s(&got), f32s(&wanted));
        let largest = wanted.iter().fold(0.0f32, |most, x| most.max(x.abs()));
        let error = got.iter().zip(&wanted).fold(0.0f32, |worst, (a, b)| worst.max((a - b).abs()));
        assert!(error <= tolerances::GRADIENT * largest, "{tensor}: {error} of {largest}");
    }
    let (f, loss) = (Fixture::open(name), got.tensor("loss").unwrap());
    assert_eq!(loss.shape(), f.shape("train.loss"));
    crate::common::check(&f32s(&loss), &f.f32("train.loss"), tolerances::LOSS).unwrap();
}

#[test]
fn inputs_of_gradients_that_do_not_fit_are_reported() {
    let refuses = |name: &str, tensors: &[(&str, &str)], words: &[&str]| {
        let temporary = tempfile::tempdir().unwrap();
        let Some(output) = run(name, temporary.path(), tensors) else { return };
        check_failure(&output, 1, words).unwrap_or_else(|e| panic!("{name} {tensors:?} {e}"));
        assert!(!temporary.path().join("output.safetensors").exists());
    };
    let name = "bd3lm-block4";
    refuses(name, &INPUT[..1], &["holds no `noisy` [B, n] int64"]);
    refuses(name, &INPUT[..2], &["holds no `t` [B, n] float32"]);
    refuses(name, &INPUT[1..], &["holds no `ids` [B, n] int64"]);
    let t = ("t", "train.sigma");
    refuses(name, &[INPUT[0], INPUT[1], t], &["t is F32 [3], expected F32 [3, 32]"]);
    let inputs = [("ids", "x0"), ("noisy", "xt"), ("t", "t")];
    refuses("sedd", &inputs, &["this checkpoint is score entropy (SEDD), expected BD3-LM or MDLM"]);
}

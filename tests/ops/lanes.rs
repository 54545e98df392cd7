//! Outer products across 16 lanes, which Mesa's software adapter has where it computes with 512 bits,
//! as the command line asks it to. A process has one width, so another one runs these.

use std::path::Path;
use std::process::Command;

use bdlm::gpu::{DType, KernelFamily, has_512_bits};

use crate::attention::check_attention;
use crate::common::gpu;
use crate::matmul::{WEIGHTS, check_matmul};
use crate::rotary::{CACHES, Heads, check_qkv};

/// Tests that hold for any number of lanes, beside the one below.
const OTHERS: [&str; 7] = [
    "attention::attention_over_a_long_window_sees_all_of_it",
    "matmul::a_chunk_of_a_weight_begins_where_it_is_cut",
    "matmul::a_product_goes_where_the_next_one_reads_it",
    "matmul::a_view_of_rows_begins_with_its_first_row",
    "matmul::a_weight_over_the_binding_limit_is_cut_into_parts",
    "rotary::few_rows_need_one_dispatch_for_queries_keys_and_values",
    "matmul::what_is_no_number_stays_none_in_products",
];

#[test]
fn outer_products_agree_on_sixteen_lanes() {
    let Some(gpu) = gpu(Some(KernelFamily::Outer)) else { return };
    if !has_512_bits() || !gpu.info().name.contains("llvmpipe") {
        return eprintln!("SKIPPED: no adapter that computes with 512 bits");
    }
    let mut process = Command::new(std::env::current_exe().unwrap());
    process.args(["--include-ignored", "--nocapture", "--exact", "lanes::on_sixteen_lanes"]);
    process.args(OTHERS).env("LP_NATIVE_VECTOR_WIDTH", "512");
    // What was compiled for 8 lanes would be taken for the same.
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("mesa-512");
    let output = process.env("MESA_SHADER_CACHE_DIR", cache).output().unwrap();
    let words = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    let all = format!("{} passed", 1 + OTHERS.len());
    assert!(output.status.success() && words.contains(&all), "{words}{errors}");
}

#[test]
#[ignore = "the test above runs it where there are 16 lanes"]
fn on_sixteen_lanes() {
    let Some(gpu) = gpu(Some(KernelFamily::Outer)) else { return };
    if gpu.info().subgroup_min_size != 16 {
        return eprintln!("SKIPPED: run by the test above where there are 16 lanes");
    }
    for size in [(1, 1, 8), (4, 98, 64), (8, 64, 72), (9, 131, 40), (33, 70, 24)] {
        WEIGHTS.into_iter().for_each(|dtype| check_matmul(&gpu, size, dtype));
    }
    // Wide tiles.
    for size in [(5, 520, 512), (18, 648, 520)] {
        WEIGHTS.into_iter().for_each(|dtype| check_matmul(&gpu, size, dtype));
    }
    // An odd number of heads, of which a tile has two.
    for (t, cached) in [(1, DType::F16), (7, DType::F32), (16, DType::F16), (13, DType::F16)] {
        check_qkv(&gpu, (t, 576), Heads::alike(9, 64), [DType::F16, cached]);
        check_qkv(&gpu, (t, 512), Heads::alike(8, 64), [DType::Q8, cached]);
        // A tile whose left half is rotated and whose right half is not, and an odd number of all.
        check_qkv(&gpu, (t, 520), Heads::grouped(6, 1, 64), [DType::F16, cached]);
        check_qkv(&gpu, (t, 640), Heads::grouped(9, 3, 64), [DType::F16, cached]);
    }
    for (d, group) in [(64, 4), (64, 16), (64, 70), (24, 13), (8, 1)] {
        CACHES
            .into_iter()
            .for_each(|dtype| check_attention(&gpu, Heads::alike(3, d), group, dtype, 1.0));
    }
    for (queries, keys, d) in [(6, 2, 64), (4, 1, 40)] {
        check_attention(&gpu, Heads::grouped(queries, keys, d), 13, DType::F16, 1.0);
    }
    check_attention(&gpu, Heads::alike(2, 32), 13, DType::F16, 8.0);
}

//! Every shader, as text: parsed and validated by naga without a GPU.

mod kernels;
mod parts;
mod text;

use bdlm::gpu::layout::TEXTURE_WIDTH;
use bdlm::gpu::{KERNELS, KernelSource};
use bdlm::sample::StepUniform;
use naga::valid::{Capabilities, SubgroupOperationSet, ValidationFlags, Validator};

fn check(wgsl: &str, kernel: &str) -> Result<(), String> {
    let module = naga::front::wgsl::parse_str(wgsl).map_err(|e| e.emit_to_string(wgsl))?;
    // Unpacking f16 is part of WebGPU; naga lists it since WebGL lacks it.
    let capabilities = Capabilities::SUBGROUP
        | Capabilities::SHADER_FLOAT16_IN_FLOAT32
        | Capabilities::SHADER_FLOAT16
        | Capabilities::COOPERATIVE_MATRIX;
    Validator::new(ValidationFlags::all(), capabilities)
        .subgroup_stages(naga::valid::ShaderStages::COMPUTE)
        .subgroup_operations(SubgroupOperationSet::all())
        .validate(&module)
        .map_err(|e| e.emit_to_string(wgsl))?;
    let entry_points: Vec<_> = module.entry_points.iter().map(|e| e.name.as_str()).collect();
    if entry_points != [kernel] {
        return Err(format!("entry points are {entry_points:?}, expected [{kernel:?}]"));
    }
    let bindings = module.global_variables.iter().filter_map(|(_, v)| Some(v.binding?.binding));
    let mut bindings: Vec<u32> = bindings.collect();
    bindings.sort_unstable();
    if !bindings.iter().copied().eq(0..bindings.len() as u32) {
        return Err(format!("bindings are {bindings:?}, expected 0..n"));
    }
    let with_default = module.overrides.iter().find(|(_, o)| o.init.is_some());
    match with_default {
        Some((_, o)) => Err(format!("override {:?} has a default", o.name)),
        None => Ok(()),
    }
}

#[test]
fn every_shader_is_valid_and_its_entry_point_is_named_like_its_file() {
    let failures: Vec<String> =
        KERNELS.iter().filter_map(|kernel| check(&kernel.wgsl(), kernel.name).err()).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn a_wrong_shader_is_rejected() {
    let shader = |body: &str| format!("@compute @workgroup_size(1) fn right() {{ {body} }}");
    assert!(check(&shader(""), "right").is_ok());
    assert!(check(&shader("let x = missing;"), "right").is_err());
    assert!(check(&shader(""), "wrong").is_err());
    let gap = "@group(0) @binding(1) var<storage, read> x: array<u32>; ";
    assert!(check(&format!("{gap}{}", shader("_ = x[0];")), "right").is_err());
    assert!(check(&format!("override N: u32 = 1u; {}", shader("_ = N;")), "right").is_err());
}

#[test]
fn every_shader_file_is_a_kernel_of_the_table_or_a_part_of_one() {
    let modules: String = KERNELS.iter().copied().map(KernelSource::wgsl).collect();
    for path in text::files("shaders").into_iter().filter(|path| path.ends_with(".wgsl")) {
        let text = text::read(&path);
        assert!(modules.contains(&text), "{path} is not used by any kernel");
        let is_kernel = KERNELS.iter().any(|kernel| kernel.parts[0] == text);
        assert_eq!(text::is_kernel(&path), is_kernel, "{path} is in the wrong folder");
    }
}

#[test]
fn textures_are_as_wide_as_the_shaders_think() {
    for kernel in KERNELS {
        let module = naga::front::wgsl::parse_str(&kernel.wgsl()).unwrap();
        let named = |(_, c): &(_, &naga::Constant)| c.name.as_deref() == Some("TEXTURE_WIDTH");
        let (_, constant) = module.constants.iter().find(named).unwrap();
        let wanted = naga::Expression::Literal(naga::Literal::U32(TEXTURE_WIDTH));
        assert_eq!(module.global_expressions[constant.init], wanted);
    }
}

/// Names and offsets of the members of `Step`.
fn step_layout(wgsl: &str) -> Vec<(String, usize)> {
    let module = naga::front::wgsl::parse_str(wgsl).unwrap();
    let step = module.types.iter().find(|(_, t)| t.name.as_deref() == Some("Step")).unwrap().1;
    let naga::TypeInner::Struct { members, span } = &step.inner else { panic!("no struct") };
    assert_eq!(*span as usize, size_of::<StepUniform>());
    members.iter().map(|m| (m.name.clone().unwrap(), m.offset as usize)).collect()
}

#[test]
fn the_uniform_step_is_laid_out_as_in_rust() {
    macro_rules! offsets {
        ($($name:ident),*) => {
            vec![$((stringify!($name).to_string(), std::mem::offset_of!(StepUniform, $name))),*]
        };
    }
    let wanted = offsets!(
        step,
        open_count,
        open_below,
        top_k,
        top_p,
        inverse_temperature,
        noise,
        order,
        bound,
        test,
        leftmost,
        measured,
        measures_kept,
        keeps_crossing,
        signal,
        spread
    );
    let reveal = KERNELS.iter().find(|kernel| kernel.name == "reveal").unwrap();
    let found = step_layout(&reveal.wgsl());
    assert_eq!(found[..wanted.len()], wanted);
    let swapped = reveal
        .wgsl()
        .replace("    top_k: u32, ", "")
        .replace("top_p: f32,", "top_p: f32, top_k: u32,");
    assert_ne!(step_layout(&swapped)[..wanted.len()], wanted, "another layout is noticed");
}

//! Devices: a host program's own, with whatever limits and features it has, and lost ones; and what
//! tensors and weights take of their memory.

mod common;

use bdlm::event::Event;
use bdlm::gpu::{
    Commands, DType, Gpu, GpuOptions, KernelFamily, Memory, Onto, Planned, Readback, Recorder,
    Tensor, Tuning, Weight,
};
use bdlm::hub::ModelFiles;
use bdlm::sample::{Engine, Prompt, Request, Watch};
use bdlm::{Error, wgpu};
use common::gpu;

/// A device as a host program would request it.
fn host_device(features: wgpu::Features) -> Option<(wgpu::Device, wgpu::Queue)> {
    gpu(None)?;
    let adapter = Gpu::adapters().into_iter().next().unwrap();
    let descriptor = wgpu::DeviceDescriptor {
        required_features: features & adapter.features(),
        // WebGPU's defaults, as eframe asks for: 128 MiB bindings, 256 invocations.
        required_limits: wgpu::Limits::default(),
        ..Default::default()
    };
    Some(pollster::block_on(adapter.request_device(&descriptor)).unwrap())
}

fn request() -> Request {
    Request { prompt: Prompt::Text("The king".into()), length: 32, ..Default::default() }
}

fn ids(gpu: &Gpu) -> Vec<u32> {
    let engine = common::tales(gpu);
    let mut run = engine.run(request()).unwrap();
    loop {
        if let Some(Event::Done(done)) = run.next().unwrap() {
            return done.ids;
        }
    }
}

#[test]
fn a_host_s_own_device_gives_the_same_text() {
    let Some(own) = gpu(None) else { return };
    let wanted = ids(&own);
    for features in [wgpu::Features::empty(), wgpu::Features::SUBGROUP] {
        let (device, queue) = host_device(features).unwrap();
        let adopted = Gpu::adopt(device, queue, &GpuOptions::default()).unwrap();
        assert!(adopted.max_bytes(Memory::Buffer) <= 128 << 20);
        assert_eq!(ids(&adopted), wanted, "{features:?}, {:?} kernels", adopted.kernels());
    }
}

#[test]
fn what_the_driver_compiled_is_kept_and_what_is_damaged_is_made_anew() {
    let Some(own) = gpu(None) else { return };
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("made/anew");
    let kept = || Gpu::request(&GpuOptions { cache: Some(cache.clone()), ..Default::default() });
    let gpu = kept().unwrap();
    if !gpu.device().features().contains(wgpu::Features::PIPELINE_CACHE) {
        assert!(!cache.exists());
        return common::skip("the backend has no pipeline cache", false);
    }
    let wanted = ids(&own);
    assert_eq!(ids(&gpu), wanted);
    let files: Vec<_> = std::fs::read_dir(&cache).unwrap().map(|f| f.unwrap().path()).collect();
    let [file] = &files[..] else { panic!("{files:?}") };
    let whole = std::fs::read(file).unwrap();
    assert_eq!(ids(&kept().unwrap()), wanted);
    assert_eq!(std::fs::read(file).unwrap(), whole);
    for damaged in [&whole[..7], &whole[..whole.len() - 1], &[whole.as_slice(), &[0]].concat()] {
        std::fs::write(file, damaged).unwrap();
        assert_eq!(ids(&kept().unwrap()), wanted);
        let anew = std::fs::read(file).unwrap();
        assert_ne!(anew, damaged, "what is damaged is replaced");
        assert_eq!(ids(&kept().unwrap()), wanted);
        assert_eq!(std::fs::read(file).unwrap(), anew, "what is whole is read");
    }
    // Where nothing can be written nothing is kept.
    let cache = Some(file.join("below a file"));
    let gpu = Gpu::request(&GpuOptions { cache, ..Default::default() }).unwrap();
    assert_eq!(ids(&gpu), wanted);
}

#[test]
fn a_choice_that_was_kept_is_used_where_it_can_be() {
    let Some(own) = gpu(None) else { return };
    let folder = tempfile::tempdir().unwrap();
    let options = |kernels| GpuOptions {
        kernels,
        cache: Some(folder.path().into()),
        ..GpuOptions::default()
    };
    let used = |kernels| Gpu::request(&options(kernels)).unwrap().tuning();
    let believed = used(None);
    assert_eq!(believed, Tuning::of(own.kernels()));

    let chosen = Tuning { few_rows: 8, shares: Some(2), ..Tuning::of(KernelFamily::Plain) };
    let file = chosen.keep(folder.path(), own.info()).unwrap();
    assert_eq!(used(None), chosen);
    assert_eq!(used(Some(KernelFamily::Plain)), chosen);
    let forced = Some(KernelFamily::Workgroup);
    assert_eq!(used(forced), Tuning::of(KernelFamily::Workgroup), "what is forced wins");
    assert_eq!(Gpu::request(&GpuOptions::default()).unwrap().tuning(), believed);
    let mut other = own.info().clone();
    other.driver_info += ", the next version";
    assert_eq!(Tuning::kept(folder.path(), &other), None);

    // Neither what this device cannot run nor what makes no sense.
    Tuning::of(KernelFamily::Cooperative).keep(folder.path(), own.info()).unwrap();
    let (device, queue) = host_device(wgpu::Features::empty()).unwrap();
    let adopted = Gpu::adopt(device, queue, &options(None)).unwrap();
    assert_ne!(adopted.kernels(), KernelFamily::Cooperative);
    for unsound in [
        Tuning { shares: Some(9), ..chosen },
        Tuning { few_rows: 65, ..chosen },
        Tuning { height: 4, ..chosen },
    ] {
        unsound.keep(folder.path(), own.info()).unwrap();
        assert_eq!(used(None), believed);
        let options = GpuOptions { tuning: Some(unsound), ..GpuOptions::default() };
        let refused = Gpu::request(&options).unwrap_err().to_string();
        assert!(refused.contains("the tuning's"), "{refused}");
    }
    for damaged in ["", "{", "[1]"] {
        std::fs::write(&file, damaged).unwrap();
        assert_eq!(used(None), believed);
        chosen.keep(folder.path(), own.info()).unwrap();
        assert_eq!(used(None), chosen, "a damaged file is replaced");
    }
    // What another version wrote for another adapter is none of ours.
    std::fs::write(&file, r#"{"another": {"kernels": "of the future"}}"#).unwrap();
    chosen.keep(folder.path(), own.info()).unwrap();
    assert_eq!(used(None), chosen);
    assert!(std::fs::read_to_string(&file).unwrap().contains("of the future"));

    chosen.keep(folder.path(), own.info()).unwrap();
    Tuning::forget(folder.path(), own.info()).unwrap();
    assert_eq!(used(None), believed);
}

#[test]
fn kernels_that_a_device_cannot_run_are_refused() {
    let Some((device, queue)) = host_device(wgpu::Features::empty()) else { return };
    let options = GpuOptions { kernels: Some(KernelFamily::Outer), ..Default::default() };
    let error = Gpu::adopt(device, queue, &options).unwrap_err().to_string();
    assert!(error.contains("subgroups of 8 or of 16 lanes"), "{error}");
}

#[test]
fn a_lost_device_is_an_error_and_no_hang() {
    let Some(_) = gpu(None) else { return };
    for watch in [Watch::Blocks, Watch::Steps { candidates: 0 }] {
        let own = Gpu::request(&GpuOptions::default()).unwrap();
        let engine =
            Engine::load(&own, &ModelFiles::embedded(), DType::F16, &mut |_, _| {}).unwrap();
        let mut run = engine.run(Request { watch, ..request() }).unwrap();
        assert!(matches!(run.next(), Ok(Some(Event::Start(_)))));
        own.device().destroy();
        let lost = std::iter::from_fn(|| run.next().transpose()).find_map(Result::err);
        assert!(matches!(lost, Some(Error::DeviceLost(_))), "{lost:?}");
        assert!(matches!(run.next(), Ok(None)), "after an error the run is over");
        assert!(engine.run(request()).is_err() || own.check().is_err());
    }
}

#[test]
fn a_plan_of_memory_counts_what_is_allocated() {
    for gpu in common::gpus() {
        let family = gpu.kernels();
        for planned in [
            Planned::plain("plain", &[3, 5], DType::F16, 8),
            Planned::words("words", &[65, 7]),
            Planned::activation("activation", &[1, 8]),
            Planned::multiplied("multiplied", &[65, 24]),
            Planned::attended("attended", &[33, 48], DType::F16, 16),
            Planned::attended("attended", &[33, 512], DType::F32, 256),
            Planned::weight("weight", [129, 72], DType::Q8),
        ] {
            let made = planned.make(&gpu).unwrap();
            assert_eq!(planned.bytes(family), made.size_bytes(), "{family:?}, {planned:?}");
        }
        for dtype in [DType::F32, DType::F16, DType::Q8, DType::Q4] {
            let weight = Weight::upload(&gpu, "w", [129, 72], dtype, &[0.5; 129 * 72]).unwrap();
            let planned = Planned::weight("w", [129, 72], dtype);
            assert_eq!(planned.bytes(family), weight.size_bytes(), "{family:?}, {dtype:?}");
        }
    }
}

#[test]
fn a_weight_that_is_read_in_pieces_is_whole() {
    /// Larger than a piece, with rows that end within a line of texels.
    const SHAPE: [usize; 2] = [300, 16_392];
    // A group of 8-bit integers has the scale 1 if its largest number is 127.
    let number = |row: usize, column: usize| match column % 64 {
        0 => 127.0,
        _ => ((row * 31 + column * 37) % 255) as f32 - 127.0,
    };
    let ids = [0, 127, 128, 255, 256, 299];
    let wanted: Vec<f32> =
        ids.iter().flat_map(|&row| (0..SHAPE[1]).map(move |c| number(row, c))).collect();
    for (kernels, limit) in [(KernelFamily::Outer, None), (KernelFamily::Workgroup, Some(12 << 20))]
    {
        let options =
            GpuOptions { kernels: Some(kernels), max_binding_bytes: limit, ..Default::default() };
        let Some(_) = gpu(Some(kernels)) else { continue };
        let gpu = Gpu::request(&options).unwrap();
        for dtype in [DType::F32, DType::F16, DType::Q8] {
            let mut pieces = Vec::new();
            let weight = Weight::stream(&gpu, "w", SHAPE, dtype, |rows, numbers| {
                pieces.push(rows.clone());
                numbers.extend(rows.flat_map(|row| (0..SHAPE[1]).map(move |c| number(row, c))));
                Ok(())
            });
            assert_eq!(pieces, [0..128, 128..256, 256..300], "each row is asked for once");
            assert_eq!(embedded(&gpu, &weight.unwrap(), &ids), wanted, "{kernels}, {dtype:?}");
        }
        let short = |rows: std::ops::Range<usize>, numbers: &mut Vec<f32>| {
            numbers.resize(rows.len() * SHAPE[1] - 1, 0.0);
            Ok(())
        };
        let refused = Weight::stream(&gpu, "w", SHAPE, DType::F16, short);
        assert!(matches!(refused, Err(Error::Shape { .. })), "{refused:?}");
    }
}

/// Rows of a weight, as the embedding reads them.
fn embedded(gpu: &Gpu, weight: &Weight, ids: &[usize]) -> Vec<f32> {
    let words: Vec<u32> = ids.iter().map(|&id| id as u32).collect();
    let rows = Tensor::padded(gpu, "ids", &[ids.len()], DType::U32, 64).unwrap();
    rows.write(gpu, &words).unwrap();
    let x = Tensor::activation(gpu, "x", &[ids.len(), weight.shape()[1]]).unwrap();
    let mut recorder = Recorder::new(gpu);
    recorder.embedding(&rows, weight, Onto::Nothing, &x).unwrap();
    let plan = pollster::block_on(recorder.finish_async()).unwrap();
    let mut commands = Commands::new(gpu);
    commands.run(&plan);
    let count = ids.len() * weight.shape()[1];
    let staging = Readback::new(gpu, 4 * count as u64);
    pollster::block_on(commands.read(&x, count, &staging)).unwrap()
}

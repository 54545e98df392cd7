//! A program of one's own that shows a run: the engine computes on the device that draws the window,
//! and the block view takes the events as they come.
//!
//! `cargo run --release -p bdlm_app --example embed`

use bdlm::gpu::{DType, Gpu, GpuOptions};
use bdlm::hub::ModelFiles;
use bdlm::sample::{Engine, Prompt, Request, Run, Watch};
use bdlm_app::{BlockView, Recording};
use eframe::egui_wgpu::{WgpuConfiguration, WgpuSetup, WgpuSetupExisting};

struct Embed {
    run: Run,
    recording: Recording,
    error: Option<bdlm::Error>,
}

impl eframe::App for Embed {
    fn ui(&mut self, ui: &mut egui::Ui, _frame: &mut eframe::Frame) {
        // One step a frame; a larger model would be pulled on a thread of its own.
        match self.run.next() {
            Ok(Some(event)) => {
                self.recording.push(event);
                ui.ctx().request_repaint();
            }
            Ok(None) => {}
            Err(error) => self.error = Some(error),
        }
        let newest = self.recording.moments().len().saturating_sub(1);
        egui::CentralPanel::default_margins().show(ui, |ui| {
            ui.heading("A block view in another program");
            BlockView::new(&self.recording, newest).show(ui);
            if let Some(error) = &self.error {
                ui.colored_label(ui.visuals().error_fg_color, error.to_string());
            }
        });
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // The window's device is asked for with the adapter's own limits, which the engine needs.
    let instance = bdlm::wgpu::Instance::default();
    let adapter = pollster::block_on(instance.request_adapter(&Default::default()))?;
    let features = bdlm::wgpu::Features::SUBGROUP & adapter.features();
    let (device, queue) =
        pollster::block_on(adapter.request_device(&bdlm::wgpu::DeviceDescriptor {
            required_features: features,
            required_limits: adapter.limits(),
            ..Default::default()
        }))?;
    let gpu = Gpu::adopt(device.clone(), queue.clone(), &GpuOptions::default())?;
    let engine = Engine::load(&gpu, &ModelFiles::embedded(), DType::F16, &mut |_, _| {})?;
    let run = engine.run(Request {
        prompt: Prompt::Text("Once upon a time".into()),
        watch: Watch::Steps { candidates: 0 },
        ..Request::default()
    })?;
    let setup = WgpuSetup::Existing(WgpuSetupExisting { instance, adapter, device, queue });
    let wgpu_options = WgpuConfiguration { wgpu_setup: setup, ..Default::default() };
    let options = eframe::NativeOptions { wgpu_options, ..Default::default() };
    let app = Embed { run, recording: Recording::default(), error: None };
    eframe::run_native("bdlm embedded", options, Box::new(|_| Ok(Box::new(app))))?;
    Ok(())
}

//! The window: opened, and opened again if the device that draws it is lost.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind, set_hook, take_hook};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use bdlm::wgpu::{DeviceLostReason, DeviceType};
use bdlm_app::Recording;
use bdlm_app::app::App;
use bdlm_app::engine::EngineBackend;
use bdlm_app::state::Banner;

use crate::args::Args;

/// A device that is lost again so soon will be lost once more.
const SOON: Duration = Duration::from_secs(60);

/// Shows the window until it is closed.
pub fn window(args: &Args, recording: Option<&Recording>) -> Result<()> {
    let (lost, begun) = (Arc::new(AtomicBool::new(false)), Instant::now());
    // Drawing with a lost device panics in the library that draws: that is no fault to report.
    let (is_lost, report) = (lost.clone(), take_hook());
    set_hook(Box::new(move |panic| {
        if !is_lost.load(Ordering::SeqCst) {
            report(panic);
        }
    }));
    let shown = catch_unwind(AssertUnwindSafe(|| show(args, recording, &lost)));
    match shown {
        _ if lost.load(Ordering::SeqCst) => again(args, begun),
        Ok(outcome) => outcome,
        Err(panic) => resume_unwind(panic),
    }
}

fn show(args: &Args, recording: Option<&Recording>, lost: &Arc<AtomicBool>) -> Result<()> {
    let options = eframe::NativeOptions {
        viewport: egui::ViewportBuilder::default()
            .with_title("bdlm")
            .with_app_id("bdlm")
            .with_inner_size([1280.0, 800.0])
            .with_min_inner_size([640.0, 480.0]),
        // All that is drawn is of one colour each.
        dithering: false,
        ..Default::default()
    };
    let begin = |cc: &eframe::CreationContext<'_>| {
        let app = begin(cc, (args, recording), lost.clone())?;
        Ok(Box::new(app) as Box<dyn eframe::App>)
    };
    eframe::run_native("bdlm", options, Box::new(begin)).map_err(|e| {
        // The system's own words name a file of the window library.
        let cause = match e.to_string() {
            words if words.contains("WAYLAND_DISPLAY") => {
                "neither WAYLAND_DISPLAY nor DISPLAY is set".to_string()
            }
            words if words.contains("Failed to create surface") || words.contains("adapter") => {
                "no adapter can draw to it (a driver for Vulkan, Metal or DX12 is needed)".into()
            }
            words => words,
        };
        anyhow::anyhow!(
            "no window can be opened: {cause}; without a screen, use --screenshot FILE.png"
        )
    })
}

/// The app, as it was when it was closed.
fn begin(
    cc: &eframe::CreationContext<'_>,
    (args, recording): (&Args, Option<&Recording>),
    lost: Arc<AtomicBool>,
) -> std::io::Result<App> {
    let kept = cc.storage.and_then(|storage| eframe::get_value(storage, eframe::APP_KEY));
    let prefs = args.applied_to(kept.unwrap_or_default());
    let mut app = App::new(&cc.egui_ctx, prefs, EngineBackend::with_user_cache())?;
    if let Some(painter) = &cc.wgpu_render_state {
        let is_cpu = painter.adapter.get_info().device_type == DeviceType::Cpu;
        app.state.prefs.is_drawn_slowly = is_cpu;
        let (flag, wake) = (lost.clone(), cc.egui_ctx.clone());
        painter.device.set_device_lost_callback(move |reason, _| {
            if reason == DeviceLostReason::Unknown {
                flag.store(true, Ordering::SeqCst);
                wake.request_repaint();
            }
        });
        app.watch_painter(lost);
    }
    if let Some(folder) = eframe::storage_dir("bdlm") {
        app.keep_runs_in(&cc.egui_ctx, folder.join("runs"))?;
    }
    match recording {
        Some(recording) => app.open(recording.clone()),
        None => {
            app.restore();
            app.load();
        }
    }
    if args.reopened {
        let sentence = "The device that drew the window was lost.";
        let cause = "The window was opened again; the texts that were shown are kept.";
        app.state.banner = Some(Banner::of(sentence, cause));
    }
    Ok(app)
}

/// Starts the program again: a process cannot do without what the drivers have kept of the lost device.
fn again(args: &Args, begun: Instant) -> Result<()> {
    let lost = "the device that draws the window was lost";
    let advice = "the texts are kept; update its driver, or name another with WGPU_ADAPTER_NAME";
    if args.reopened && begun.elapsed() < SOON {
        bail!("{lost} again soon after it was opened; {advice}");
    }
    let failed = || format!("{lost}, and the program cannot be started again; {advice}");
    let mut command = Command::new(std::env::current_exe().with_context(failed)?);
    command.args(std::env::args_os().skip(1));
    if !args.reopened {
        command.arg("--reopened");
    }
    #[cfg(unix)]
    return Err(std::os::unix::process::CommandExt::exec(&mut command)).with_context(failed);
    #[cfg(not(unix))]
    command.spawn().map(|_| ()).with_context(failed)
}

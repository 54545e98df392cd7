//! The window as a page: a canvas that follows the browser's window.

mod spoken;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bdlm::hub::{DEFAULT_MODEL, HubOptions, kept_models};
use bdlm::wgpu::{DeviceLostReason, DeviceType};
use bdlm_app::app::App;
use bdlm_app::engine::EngineBackend;
use bdlm_app::state::{Action, Banner, Link, Remedy, State};
use eframe::egui::{Context, Ui};
use eframe::egui_wgpu::RenderState;
use wasm_bindgen::prelude::*;
use web_sys::{HtmlCanvasElement, HtmlElement};

use spoken::Spoken;

/// Where the package lies, with the default model in it.
const BESIDE: &str = "pkg/";

/// Draws the window on a canvas. `query` is what is behind the `?` of the page's address; `status` and
/// `text` are elements that say what is shown to those who cannot see the canvas.
///
/// # Errors
/// What keeps the browser from drawing.
#[wasm_bindgen]
pub async fn start(
    canvas: HtmlCanvasElement,
    query: String,
    status: HtmlElement,
    text: HtmlElement,
) -> Result<(), JsValue> {
    let link = Link::read(&query);
    let is_here = match link.model() {
        None | Some(DEFAULT_MODEL) => true,
        Some(id) => {
            let id = match link.hub.as_deref() {
                Some(hub) => format!("{}/{id}", hub.trim_end_matches('/')),
                None => id.into(),
            };
            kept_models().await.iter().any(|model| model.id == id)
        }
    };
    let begin = move |cc: &eframe::CreationContext<'_>| {
        let kept = cc.storage.and_then(|storage| eframe::get_value(storage, eframe::APP_KEY));
        let prefs = link.applied_to(kept.unwrap_or_default());
        let hub = HubOptions { endpoint: link.hub.clone(), ..HubOptions::default() };
        let mut app = App::new(&cc.egui_ctx, prefs, EngineBackend::of_page(hub, BESIDE.into()))?;
        // A painter that is a processor needs its time for the model.
        app.state.prefs.is_drawn_slowly = cc.wgpu_render_state.as_ref().is_some_and(is_software);
        let is_lost = Arc::new(AtomicBool::new(false));
        if let Some(painter) = &cc.wgpu_render_state {
            let (lost, wake) = (is_lost.clone(), cc.egui_ctx.clone());
            painter.device.set_device_lost_callback(move |reason, _| {
                if reason == DeviceLostReason::Unknown {
                    lost.store(true, Ordering::SeqCst);
                    wake.request_repaint();
                }
            });
        }
        match is_here {
            true => app.load(),
            false => ask(&mut app.state, link.hub.as_deref()),
        }
        let (is_saved, spoken) = (link.is_plain(), Spoken::new(status, text));
        let link = Some(link).filter(Link::begins);
        let page = Page { app, link, is_saved, spoken, is_lost };
        Ok(Box::new(page) as Box<dyn eframe::App>)
    };
    let options = eframe::WebOptions { dithering: false, ..Default::default() };
    eframe::WebRunner::new().start(canvas, options, Box::new(begin)).await
}

/// A link does not fetch a model that is not here without being asked to.
fn ask(state: &mut State, hub: Option<&str>) {
    let source = state.models.source.clone();
    let (name, hub) = (&source.name, hub.unwrap_or("huggingface.co"));
    state.banner = Some(Banner {
        sentence: format!("This link asks for the model {name}."),
        cause: format!("It would be downloaded from {hub}, and kept in this browser."),
        remedy: Some(("Download it".into(), Remedy::Load(source))),
    });
}

/// Whether a painter is a processor: browsers tell no more of an adapter.
fn is_software(painter: &RenderState) -> bool {
    painter.adapter.get_info().device_type == DeviceType::Cpu
}

/// The app, and what a page needs beside it.
struct Page {
    app: App,
    /// What the address asks for, if that is a text: it begins as soon as the model is there.
    link: Option<Link>,
    /// A visit by a link changes nothing that the browser keeps.
    is_saved: bool,
    spoken: Spoken,
    /// Nothing can be drawn any more: the page says so in its own words.
    is_lost: Arc<AtomicBool>,
}

impl eframe::App for Page {
    fn logic(&mut self, ctx: &Context, frame: &mut eframe::Frame) {
        if self.app.state.can_generate()
            && let Some(link) = self.link.take()
        {
            link.apply_settings(&mut self.app.state.prefs.panes[0]);
            let now = ctx.input(|input| input.time);
            self.app.act(ctx, Action::Generate, now);
        }
        self.app.logic(ctx, frame);
        self.spoken.say(&self.app.state);
        if self.is_lost.swap(false, Ordering::SeqCst) {
            self.spoken.say_lost();
        }
    }

    fn ui(&mut self, ui: &mut Ui, frame: &mut eframe::Frame) {
        self.app.ui(ui, frame);
    }

    fn clear_color(&self, visuals: &eframe::egui::Visuals) -> [f32; 4] {
        self.app.clear_color(visuals)
    }

    fn save(&mut self, storage: &mut dyn eframe::Storage) {
        if self.is_saved {
            self.app.save(storage);
        }
    }
}

//! Colours and sizes: one sequential ramp for confidence, one accent, two themes that follow the
//! system.

use egui::{Color32, CornerRadius, FontFamily, FontId, Stroke, TextStyle, Theme, Visuals};

/// Size of the text that is being written, in points.
pub const TEXT_SIZE: f32 = 16.0;
/// Height of a line of it.
pub const LINE_HEIGHT: f32 = 25.0;
/// Characters of the longest line, about.
pub const LINE_CHARS: f32 = 75.0;

/// Colours that egui's visuals have no place for.
#[derive(Clone, Copy, Debug)]
pub struct Palette {
    /// Text that is being read.
    pub text: Color32,
    /// Text of the prompt, and what is said beside.
    pub quiet: Color32,
    /// Text that the network does not see any more.
    pub faded: Color32,
    /// Action and selection.
    pub accent: Color32,
    /// Text on the accent.
    pub on_accent: Color32,
    /// Lines of masked cells.
    pub hatch: Color32,
    /// Ground of masked cells.
    pub masked: Color32,
    /// Boundaries of blocks.
    pub boundary: Color32,
    /// The line where a finished block begins.
    pub bar: Color32,
    /// Ground of the text.
    pub page: Color32,
    /// Light of a cell that has just opened.
    pub glow: Color32,
    /// Ground of words that were looked for.
    pub found: Color32,
    /// Ground of an error.
    pub error: Color32,
    is_dark: bool,
}

/// The palette of the theme that is on.
pub fn palette(ui: &egui::Ui) -> Palette {
    palette_of(ui.visuals())
}

/// The palette of these visuals.
pub fn palette_of(visuals: &Visuals) -> Palette {
    if visuals.dark_mode { DARK } else { LIGHT }
}

/// On dark ground.
pub const DARK: Palette = Palette {
    text: Color32::from_rgb(230, 232, 236),
    quiet: Color32::from_rgb(158, 166, 178),
    faded: Color32::from_rgb(128, 135, 147),
    accent: Color32::from_rgb(94, 168, 255),
    on_accent: Color32::from_rgb(10, 22, 38),
    hatch: Color32::from_rgb(74, 82, 96),
    masked: Color32::from_rgb(36, 41, 50),
    boundary: Color32::from_rgb(64, 71, 84),
    bar: Color32::from_rgb(98, 108, 126),
    page: Color32::from_rgb(22, 25, 31),
    glow: Color32::from_rgb(120, 112, 84),
    found: Color32::from_rgb(96, 80, 22),
    error: Color32::from_rgb(74, 32, 36),
    is_dark: true,
};

/// On light ground.
pub const LIGHT: Palette = Palette {
    text: Color32::from_rgb(28, 32, 38),
    quiet: Color32::from_rgb(88, 96, 108),
    faded: Color32::from_rgb(108, 115, 126),
    accent: Color32::from_rgb(18, 96, 196),
    on_accent: Color32::from_rgb(255, 255, 255),
    hatch: Color32::from_rgb(188, 195, 206),
    masked: Color32::from_rgb(234, 237, 242),
    boundary: Color32::from_rgb(204, 210, 219),
    bar: Color32::from_rgb(150, 160, 175),
    page: Color32::from_rgb(253, 253, 252),
    glow: Color32::from_rgb(255, 224, 130),
    found: Color32::from_rgb(255, 226, 122),
    error: Color32::from_rgb(253, 228, 226),
    is_dark: false,
};

/// Viridis at eleven points, dark to bright. Source: matplotlib.
const VIRIDIS: [[u8; 3]; 11] = [
    [68, 1, 84],
    [72, 36, 117],
    [65, 68, 135],
    [53, 95, 141],
    [42, 120, 142],
    [33, 145, 140],
    [34, 168, 132],
    [68, 191, 112],
    [122, 209, 81],
    [189, 223, 38],
    [253, 231, 37],
];

impl Palette {
    /// The ramp's colour for a number from 0 to 1.
    pub fn ramp(&self, x: f32) -> Color32 {
        let x = if x.is_finite() { x.clamp(0.0, 1.0) } else { 0.0 } * (VIRIDIS.len() - 1) as f32;
        let (i, part) = ((x as usize).min(VIRIDIS.len() - 2), x.fract());
        let part = if x as usize == VIRIDIS.len() - 1 { 1.0 } else { part };
        let [from, to] = [VIRIDIS[i], VIRIDIS[i + 1]];
        let mix = |c: usize| f32::from(from[c]) * (1.0 - part) + f32::from(to[c]) * part;
        Color32::from_rgb(mix(0) as u8, mix(1) as u8, mix(2) as u8)
    }

    /// A mark of this confidence, on dark ground never too dark to be seen.
    pub fn tick(&self, x: f32) -> Color32 {
        if self.is_dark { self.ramp(0.2 + 0.8 * x) } else { self.ramp(0.85 * x) }
    }

    /// Ground for text of this confidence: the ramp, thinned so that text stays readable.
    pub fn ground(&self, x: f32) -> Color32 {
        let strength = if self.is_dark { 0.39 } else { 0.38 };
        self.page.lerp_to_gamma(self.ramp(x), strength)
    }
}

/// Sets fonts, spacing and both themes up.
pub fn install(ctx: &egui::Context) {
    ctx.all_styles_mut(|style| {
        let sizes = [
            (TextStyle::Small, 11.5),
            (TextStyle::Body, 13.5),
            (TextStyle::Button, 13.5),
            (TextStyle::Heading, 16.0),
        ];
        for (text, size) in sizes {
            style.text_styles.insert(text, FontId::new(size, FontFamily::Proportional));
        }
        style.text_styles.insert(TextStyle::Monospace, FontId::new(13.0, FontFamily::Monospace));
        style.spacing.item_spacing = egui::vec2(8.0, 7.0);
        style.spacing.button_padding = egui::vec2(9.0, 4.0);
        style.spacing.interact_size.y = 26.0;
        style.spacing.slider_width = 130.0;
        style.animation_time = 0.12;
        // Beside what is scrolled, never over it.
        style.spacing.scroll = egui::style::ScrollStyle::solid();
        style.spacing.scroll.bar_width = 7.0;
    });
    ctx.set_visuals_of(Theme::Dark, visuals(Visuals::dark(), &DARK));
    ctx.set_visuals_of(Theme::Light, visuals(Visuals::light(), &LIGHT));
}

fn visuals(mut visuals: Visuals, palette: &Palette) -> Visuals {
    let (panel, extreme) = match palette.is_dark {
        true => (Color32::from_rgb(29, 33, 40), Color32::from_rgb(16, 19, 24)),
        false => (Color32::from_rgb(243, 244, 246), Color32::WHITE),
    };
    visuals.panel_fill = panel;
    visuals.window_fill = panel;
    visuals.extreme_bg_color = extreme;
    visuals.override_text_color = Some(palette.text);
    visuals.weak_text_color = Some(palette.quiet);
    visuals.hyperlink_color = palette.accent;
    visuals.selection.bg_fill = palette.accent.gamma_multiply(0.45);
    visuals.selection.stroke = Stroke::new(1.0, palette.text);
    visuals.widgets.noninteractive.bg_stroke = Stroke::new(1.0, palette.boundary);
    // A blinking caret would draw the window anew twice a second.
    visuals.text_cursor.blink = false;
    visuals.window_corner_radius = CornerRadius::same(8);
    visuals
}

/// A sentence beside what matters.
pub fn quiet(ui: &mut egui::Ui, words: &str) {
    ui.label(egui::RichText::new(words).color(palette(ui).quiet));
}

/// A small one.
pub fn note(ui: &mut egui::Ui, words: &str) {
    ui.label(egui::RichText::new(words).small().color(palette(ui).quiet));
}

/// A window that has room for one thing at a time, such as a telephone: beside the text there is nothing.
pub fn is_narrow(ctx: &egui::Context) -> bool {
    ctx.content_rect().width() < 600.0
}

/// Text on the accent: for the one button that matters.
pub fn primary(ui: &egui::Ui, words: &str) -> egui::Button<'static> {
    let palette = palette(ui);
    let text = egui::RichText::new(words).color(palette.on_accent).strong();
    egui::Button::new(text).fill(palette.accent).corner_radius(6)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative luminance. Source: WCAG 2.1.
    fn luminance(color: Color32) -> f32 {
        let channel = |c: u8| {
            let c = f32::from(c) / 255.0;
            if c <= 0.03928 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * channel(color.r()) + 0.7152 * channel(color.g()) + 0.0722 * channel(color.b())
    }

    fn contrast(a: Color32, b: Color32) -> f32 {
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn text_can_be_read_on_every_ground() {
        assert!(contrast(Color32::WHITE, Color32::BLACK) > 20.9);
        assert!(contrast(DARK.hatch, DARK.page) < 4.5, "a faint line is rejected");
        for palette in [DARK, LIGHT] {
            for i in 0..=100 {
                let ground = palette.ground(i as f32 / 100.0);
                let found = contrast(palette.text, ground);
                assert!(found >= 4.5, "{found} at {i} %, dark: {}", palette.is_dark);
            }
            let pairs = [
                (palette.text, palette.page),
                (palette.quiet, palette.page),
                (palette.faded, palette.page),
                (palette.text, palette.masked),
                (palette.quiet, palette.masked),
                (palette.on_accent, palette.accent),
                (palette.text, palette.error),
                (palette.text, palette.found),
            ];
            for (text, ground) in pairs {
                let found = contrast(text, ground);
                assert!(found >= 4.5, "{found}: {text:?} on {ground:?}");
            }
        }
    }

    #[test]
    fn the_ramp_gets_brighter_from_end_to_end() {
        let luminances: Vec<f32> =
            (0..=50).map(|i| luminance(DARK.ramp(i as f32 / 50.0))).collect();
        assert!(luminances.windows(2).all(|pair| pair[1] >= pair[0] - 0.002), "{luminances:?}");
        assert_eq!(DARK.ramp(f32::NAN), DARK.ramp(0.0));
        assert_eq!(DARK.ramp(1.0), Color32::from_rgb(253, 231, 37));
    }
}

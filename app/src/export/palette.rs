//! The colours of an animation: chosen once, for all of its frames.

use egui::ColorImage;

/// Colours, three bytes each, and which of them is nearest to a colour of five bits a channel.
pub(super) struct Palette {
    pub(super) colors: Vec<u8>,
    nearest: Vec<Option<u8>>,
}

impl Palette {
    /// The colours of some pictures.
    pub(super) fn of(pictures: &[ColorImage]) -> Palette {
        let mut counts = std::collections::BTreeMap::<u16, usize>::new();
        for pixel in pictures.iter().flat_map(|picture| &picture.pixels) {
            *counts.entry(key(*pixel)).or_default() += 1;
        }
        let mut found: Vec<(u16, usize)> = counts.into_iter().collect();
        found.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
        // The exact colour of large areas, so that grounds are not tinted.
        let exact = |wanted: u16| {
            let pixels = pictures.iter().flat_map(|picture| &picture.pixels);
            let like = pixels.filter(|pixel| key(**pixel) == wanted);
            like.take(1).flat_map(|pixel| [pixel.r(), pixel.g(), pixel.b()]).collect::<Vec<u8>>()
        };
        let colors = found.into_iter().take(256).flat_map(|(color, _)| exact(color)).collect();
        Palette { colors, nearest: vec![None; 1 << 15] }
    }

    /// A picture in these colours.
    pub(super) fn indices(&mut self, picture: &ColorImage) -> Vec<u8> {
        let index = |pixel: &egui::Color32| {
            let at = usize::from(key(*pixel));
            *self.nearest[at].get_or_insert_with(|| nearest(&self.colors, *pixel))
        };
        picture.pixels.iter().map(index).collect()
    }
}

fn key(pixel: egui::Color32) -> u16 {
    let part = |c: u8| u16::from(c >> 3);
    part(pixel.r()) << 10 | part(pixel.g()) << 5 | part(pixel.b())
}

fn nearest(colors: &[u8], pixel: egui::Color32) -> u8 {
    let wanted = [pixel.r(), pixel.g(), pixel.b()];
    let distance = |color: &[u8]| -> u32 {
        color.iter().zip(wanted).map(|(&a, b)| u32::from(a.abs_diff(b)).pow(2)).sum()
    };
    let best = colors.chunks_exact(3).enumerate().min_by_key(|(_, color)| distance(color));
    best.map_or(0, |(i, _)| i as u8)
}

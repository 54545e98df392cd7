//! Where moments are on the timeline: each block of the planned text has a slot of the same width, and
//! its steps share it. What is drawn does not move when more comes.

use crate::recording::Recording;

/// A block's part of the timeline.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Slot {
    /// Its first moment, and how many there are.
    first: usize,
    count: usize,
    /// How many there will be, about.
    expected: usize,
}

/// The timeline of a recording.
#[derive(Debug, Default)]
pub struct Slots {
    slots: Vec<Slot>,
    /// Slots of blocks that have not begun.
    to_come: usize,
}

impl Slots {
    /// The slots of a recording. What a run that was stopped has not written stays to come.
    pub fn of(recording: &Recording) -> Slots {
        let mut slots: Vec<Slot> = Vec::new();
        let mut block = None;
        for (i, moment) in recording.moments().iter().enumerate() {
            let here = recording.step(i).map(|step| (moment.take, step.block_idx));
            match slots.last_mut().filter(|_| here == block) {
                Some(slot) => (slot.count, slot.expected) = (slot.count + 1, slot.expected + 1),
                None => slots.push(Slot { first: i, count: 1, expected: 1 }),
            }
            block = here;
        }
        let is_whole = recording.done().is_some();
        if let (Some(slot), Some(last), false) =
            (slots.last_mut(), recording.moments().last(), is_whole)
        {
            let opened: usize =
                recording.moments()[slot.first..].iter().map(|moment| moment.opened).sum();
            let steps = slot.count.saturating_sub(1).max(1);
            slot.expected = slot.count + (last.masked * steps).div_ceil(opened.max(steps));
        }
        let start = recording.start().filter(|_| !is_whole);
        let blocks = start.map_or(0, |start| start.length.div_ceil(start.block_size.max(1)));
        let now = recording.moments().len().checked_sub(1).and_then(|m| recording.step(m));
        // One more is for the finished text.
        let to_come = match (now, start) {
            (Some(step), _) => (blocks + 1).saturating_sub(step.block_idx + 1),
            (None, Some(start)) => {
                (blocks + 1) - (start.ids.len() / start.block_size.max(1)).min(blocks)
            }
            (None, None) => 0,
        };
        Slots { slots, to_come: if is_whole { 0 } else { to_come } }
    }

    fn count(&self) -> f32 {
        (self.slots.len() + self.to_come).max(1) as f32
    }

    /// Where a moment is, and how wide: parts of the whole.
    pub fn place(&self, moment: usize) -> (f32, f32) {
        let at = self.slots.partition_point(|slot| slot.first <= moment).saturating_sub(1);
        let Some(slot) = self.slots.get(at) else { return (0.0, 1.0) };
        let width = 1.0 / (self.count() * slot.expected as f32);
        (at as f32 / self.count() + width * (moment - slot.first) as f32, width)
    }

    /// The moment at a part of the whole; the newest where nothing has come yet.
    pub fn moment(&self, part: f32) -> usize {
        let Some(last) = self.slots.last() else { return 0 };
        let x = part.clamp(0.0, 1.0) * self.count();
        let Some(slot) = self.slots.get(x as usize) else { return last.first + last.count - 1 };
        slot.first + ((x.fract() * slot.expected as f32) as usize).min(slot.count - 1)
    }

    /// Where blocks begin: parts of the whole.
    pub fn boundaries(&self) -> impl Iterator<Item = f32> {
        (1..self.slots.len()).map(|i| i as f32 / self.count())
    }

    /// Where dots stand for what is to come: parts of the whole.
    pub fn dots(&self) -> impl Iterator<Item = f32> {
        let count = self.count();
        let last = self.slots.last().copied();
        let of_slot = last.into_iter().flat_map(|slot| {
            (slot.count..slot.expected).map(move |i| (i as f32 + 0.5) / slot.expected as f32)
        });
        let begun = self.slots.len().saturating_sub(1) as f32;
        let begun = of_slot.map(move |part| (begun + part) / count);
        let per_slot = last.map_or(1, |slot| slot.expected).clamp(1, 4);
        let rest = (self.slots.len()..self.slots.len() + self.to_come).flat_map(move |slot| {
            (0..per_slot).map(move |i| (slot as f32 + (i as f32 + 0.5) / per_slot as f32) / count)
        });
        begun.chain(rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recorded(n_events: usize) -> Recording {
        let run = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/run.jsonl");
        let events = crate::recording::read_events(&run).unwrap_or_default();
        Recording::of(events.into_iter().take(n_events))
    }

    #[test]
    fn what_was_drawn_stays_where_it_is() {
        // The first block begins inside: with two given cells and two masked ones.
        let early = Slots::of(&recorded(9));
        for n_events in 10..36 {
            let later = Slots::of(&recorded(n_events));
            assert_eq!(early.place(2), later.place(2), "{n_events} events");
            assert!((early.place(3).0 - later.place(3).0).abs() < 1e-6, "{n_events} events");
        }
        let whole = Slots::of(&recorded(usize::MAX));
        assert!(whole.dots().next().is_none() && early.dots().next().is_some());
    }

    #[test]
    fn every_moment_is_found_where_it_is() {
        for n_events in [12, usize::MAX, 2, 0] {
            let recording = recorded(n_events);
            let slots = Slots::of(&recording);
            for moment in 0..recording.moments().len() {
                let (left, width) = slots.place(moment);
                assert_eq!(slots.moment(left + 0.5 * width), moment);
            }
            assert_eq!(slots.moment(1.0), recording.moments().len().saturating_sub(1));
        }
    }
}

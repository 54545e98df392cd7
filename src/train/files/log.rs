//! The log of a run: tables of its steps and validations, and their curves as a picture.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::hub::kept;
use crate::plot::{Panel, Series, png};
use crate::train::event::{IntervalVariance, TrainEvent, TrainStep, Validation};
use crate::train::files::folder::{CURVES, STEPS, VALIDATIONS, VARIANCES};
use crate::{Error, Result};

const STEP_COLUMNS: &str = "step,secs,loss,grad_norm,rate,block_size,tokens_per_sec";
const VALIDATION_COLUMNS: &str = "step,block_size,nats_per_token,noise_low,noise_high";
const VARIANCE_COLUMNS: &str = "step,noise_low,noise_high,total_variance";
/// Points of a curve; of more steps the means of neighbours are drawn.
const MAX_POINTS: usize = 200;

/// The log of a run, in its folder.
#[derive(Debug)]
pub struct Log {
    folder: PathBuf,
    steps: Table,
    validations: Table,
    /// What each search for an interval of noise found; a file from the first search on.
    variances: Option<Table>,
}

/// A table in a file that grows.
#[derive(Debug)]
struct Table {
    path: PathBuf,
    file: File,
    rows: Vec<Vec<f64>>,
}

impl Table {
    /// The table in a file, without its rows of steps from `step` on: what happened after the last save
    /// happens again.
    fn open(path: PathBuf, head: &str, step: usize) -> Result<Table> {
        let before = std::fs::read_to_string(&path).unwrap_or_default();
        let kept = before.lines().skip(1).filter_map(|line| {
            let row =
                line.split(',').map(|cell| cell.parse().ok()).collect::<Option<Vec<f64>>>()?;
            row.first().is_some_and(|&at| at < step as f64).then_some((line, row))
        });
        let (lines, rows): (Vec<&str>, Vec<Vec<f64>>) = kept.unzip();
        let text = [&[head], &lines[..], &[""]].concat().join("\n");
        kept::replace(&path, text.as_bytes()).map_err(Error::io(&path))?;
        let file = OpenOptions::new().append(true).open(&path).map_err(Error::io(&path))?;
        Ok(Table { path, file, rows })
    }

    fn push(&mut self, row: Vec<f64>) -> Result<()> {
        let cells: Vec<String> = row.iter().map(ToString::to_string).collect();
        writeln!(self.file, "{}", cells.join(",")).map_err(Error::io(&self.path))?;
        self.rows.push(row);
        Ok(())
    }
}

impl Log {
    /// The log of a run that is at a step.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn open(folder: &Path, step: usize) -> Result<Log> {
        let searched = folder.join(VARIANCES);
        let open = |path| Table::open(path, VARIANCE_COLUMNS, step + 1);
        Ok(Log {
            variances: searched.exists().then(|| open(searched)).transpose()?,
            folder: folder.into(),
            steps: Table::open(folder.join(STEPS), STEP_COLUMNS, step)?,
            // A validation of that step happened before it.
            validations: Table::open(folder.join(VALIDATIONS), VALIDATION_COLUMNS, step + 1)?,
        })
    }

    /// Adds what an event says.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Internal`] if the curves cannot be drawn.
    pub fn push(&mut self, event: &TrainEvent) -> Result<()> {
        match event {
            TrainEvent::Step(step) => {
                let TrainStep { loss, grad_norm, rate, tokens_per_sec, secs, .. } = *step;
                let (at, size) = (step.step as f64, step.block_size as f64);
                self.steps.push(vec![at, secs, loss, grad_norm, rate, size, tokens_per_sec])
            }
            TrainEvent::Validation(Validation { step, nelbo, interval, variances }) => {
                let at = *step as f64;
                for found in nelbo {
                    let (size, nats) = (found.block_size as f64, found.nats_per_token);
                    self.validations.push(vec![at, size, nats, interval.low, interval.high])?;
                }
                if !variances.is_empty() {
                    self.push_variances(at, variances)?;
                }
                self.draw()
            }
            TrainEvent::Done { .. } => self.draw(),
            _ => Ok(()),
        }
    }

    fn push_variances(&mut self, step: f64, variances: &[IntervalVariance]) -> Result<()> {
        let path = self.folder.join(VARIANCES);
        let table = match &mut self.variances {
            Some(table) => table,
            none => none.insert(Table::open(path, VARIANCE_COLUMNS, 0)?),
        };
        for IntervalVariance { interval, total_variance } in variances {
            table.push(vec![step, interval.low, interval.high, *total_variance])?;
        }
        Ok(())
    }

    fn draw(&self) -> Result<()> {
        let column = |rows: &[Vec<f64>], at: usize| -> Vec<(f64, f64)> {
            means(rows.iter().map(|row| (row[0], row[at])).collect())
        };
        let mut series =
            vec![Series { name: "training".into(), points: column(&self.steps.rows, 2) }];
        let mut sizes: Vec<f64> = self.validations.rows.iter().map(|row| row[1]).collect();
        sizes.sort_by(f64::total_cmp);
        sizes.dedup();
        for size in sizes {
            let rows = self.validations.rows.iter().filter(|row| row[1] == size);
            let points = rows.map(|row| (row[0], row[2])).collect();
            series.push(Series { name: format!("held out, block {size}"), points });
        }
        let loss = Panel { x_label: "step", y_label: "nats per token", series };
        let speed = Panel {
            x_label: "step",
            y_label: "tokens per second",
            series: vec![Series { name: "speed".into(), points: column(&self.steps.rows, 6) }],
        };
        let picture = png(&[loss, speed])?;
        let path = self.folder.join(CURVES);
        kept::replace(&path, &picture).map_err(Error::io(&path))
    }
}

/// Means of neighbouring points, where there are many.
fn means(points: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    let points: Vec<_> = points.into_iter().filter(|(_, y)| y.is_finite()).collect();
    let mean = |some: &[(f64, f64)]| {
        let count = some.len() as f64;
        let sum = some.iter().fold((0.0, 0.0), |sum, point| (sum.0 + point.0, sum.1 + point.1));
        (sum.0 / count, sum.1 / count)
    };
    points.chunks(points.len().div_ceil(MAX_POINTS).max(1)).map(mean).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::interval::Interval;

    #[test]
    fn a_log_goes_on_where_its_run_does() {
        let folder = tempfile::tempdir().unwrap();
        let step = |step| {
            TrainEvent::Step(TrainStep {
                step,
                loss: 2.5,
                grad_norm: 1.0,
                rate: 1e-3,
                block_size: 4,
                tokens_per_sec: 10.0,
                done: 0.5,
                secs: 1.0,
            })
        };
        let searched = |step| {
            let interval = Interval { low: 0.3, high: 0.8 };
            let variances = vec![IntervalVariance { interval, total_variance: 1.5 }];
            TrainEvent::Validation(Validation { step, nelbo: Vec::new(), interval, variances })
        };
        let mut log = Log::open(folder.path(), 0).unwrap();
        (0..4).for_each(|i| log.push(&step(i)).unwrap());
        assert!(!folder.path().join(VARIANCES).exists(), "nothing was searched for");
        log.push(&searched(2)).unwrap();
        log.push(&searched(3)).unwrap();
        let mut log = Log::open(folder.path(), 2).unwrap();
        log.push(&step(2)).unwrap();
        log.push(&searched(3)).unwrap();
        log.push(&TrainEvent::Done { step: 3, secs: 1.0 }).unwrap();
        let text = |file| std::fs::read_to_string(folder.path().join(file)).unwrap();
        let steps = text("steps.csv");
        let steps: Vec<&str> = steps.lines().map(|line| line.split(',').next().unwrap()).collect();
        assert_eq!(steps, ["step", "0", "1", "2"]);
        assert_eq!(
            text("variances.csv"),
            format!("{VARIANCE_COLUMNS}\n2,0.3,0.8,1.5\n3,0.3,0.8,1.5\n")
        );
        assert!(folder.path().join("curves.png").is_file());
    }

    #[test]
    fn long_curves_are_drawn_by_their_means() {
        let points: Vec<(f64, f64)> = (0..1000).map(|i| (f64::from(i), f64::from(i % 2))).collect();
        let drawn = means(points);
        assert!(drawn.len() <= MAX_POINTS && drawn.iter().all(|(_, y)| (y - 0.5).abs() < 0.11));
        assert!(means(Vec::new()).is_empty());
    }
}

//! Sums of columns and of rows.

use crate::Result;
use crate::gpu::kernels::{COLUMN_SUMS, COLUMN_SUMS_MERGE, SCATTER, SUM_ROWS};
use crate::gpu::memory::{Override, Tensor};
use crate::gpu::ops::layout::{flag, skipped};
use crate::gpu::plan::Recorder;

/// Most shares that rows are cut into.
const MAX_SHARES: usize = 128;
/// Fewest rows of a share, unless there are fewer.
const MIN_ROWS: usize = 16;
/// Words of a target of [`Recorder::sum_rows`]: begin and end of its list, its row.
pub(super) const TARGET_WORDS: usize = 4;

/// Numbers of the room for the shares of sums of `columns` columns.
pub fn column_sums_room(columns: usize) -> usize {
    MAX_SHARES * columns
}

/// How rows are cut into shares.
#[derive(Clone, Copy)]
pub(super) struct Shares {
    /// Rows of a share.
    pub(super) rows: usize,
    /// Shares.
    pub(super) count: usize,
}

impl Shares {
    pub(super) fn of(rows: usize) -> Shares {
        let share = rows.div_ceil(MAX_SHARES).max(MIN_ROWS);
        Shares { rows: share, count: rows.div_ceil(share) }
    }

    /// Fails unless there is room for so many columns of every share.
    pub(super) fn expect_room(self, partials: &Tensor, columns: usize) -> Result<()> {
        partials.expect(&[partials.dim(0).max(self.count * columns)])
    }
}

impl Recorder<'_> {
    /// Workgroups whose lanes own four columns each.
    pub(super) fn groups_of_columns(&self, columns: usize) -> usize {
        (columns / 4).div_ceil(self.lanes() as usize)
    }

    /// `y += sum over the rows of x`.
    ///
    /// # Shapes
    /// x `[T, C]`, y `[N]` for the first N columns; partials `[`[`column_sums_room`]` or more]`.
    /// # Errors
    /// [`crate::Error::Shape`].
    pub fn column_sums(&mut self, x: &Tensor, partials: &Tensor, y: &Tensor) -> Result<()> {
        let (t, c) = (x.dim(0), x.dim(1));
        x.expect(&[t, c.next_multiple_of(4)])?;
        y.expect(&[y.dim(0).min(c)])?;
        let shares = Shares::of(t);
        shares.expect_room(partials, c)?;
        let mut overrides = vec![
            ("T", t as f64),
            ("C", c as f64),
            ("SHARE", shares.rows as f64),
            ("LANES", self.lanes()),
        ];
        overrides.extend(skipped("X_SKIPPED", x));
        let groups = [self.groups_of_columns(c), shares.count, 1];
        self.dispatch(COLUMN_SUMS.of(x.memory()), &overrides, &[x, partials], groups)?;
        self.merge_columns(partials, (c, shares.count), y, ColumnSums::Added)
    }

    /// Adds the shares of column sums.
    pub(super) fn merge_columns(
        &mut self,
        partials: &Tensor,
        (columns, shares): (usize, usize),
        y: &Tensor,
        how: ColumnSums,
    ) -> Result<()> {
        let (at, add) = match how {
            ColumnSums::Added => (0, true),
            ColumnSums::StoredFrom(column) => (column, false),
        };
        let mut overrides: Vec<Override> = vec![
            ("C", columns as f64),
            ("SHARES", shares as f64),
            ("AT", at as f64),
            ("ADD", flag(add)),
            ("LANES", self.lanes()),
        ];
        overrides.extend(skipped("Y_SKIPPED", y));
        let groups = [self.groups_of_columns(columns), 1, 1];
        self.dispatch(COLUMN_SUMS_MERGE.of(y.memory()), &overrides, &[partials, y], groups)
    }

    /// `y[target] = sum of the rows of x that are listed for it`, or adds it: `targets` are
    /// `[begin, end, row of y, 0]`, and their rows `order[begin..end]`. Targets without rows leave y as
    /// it was.
    ///
    /// # Shapes
    /// x `[T, C]`, order `[N]`, targets `[targets, 4]`, y `[rows, C]`.
    /// # Errors
    /// [`crate::Error::Shape`].
    pub fn sum_rows(
        &mut self,
        x: &Tensor,
        (order, targets): (&Tensor, &Tensor),
        add: bool,
        y: &Tensor,
    ) -> Result<()> {
        let c = x.dim(1);
        x.expect(&[x.dim(0), c.next_multiple_of(4)])?;
        targets.expect(&[targets.dim(0), TARGET_WORDS])?;
        y.expect(&[y.dim(0), c])?;
        let overrides = [("C", c as f64), ("ADD", flag(add)), ("LANES", self.lanes())];
        self.dispatch(&SUM_ROWS, &overrides, &[x, order, targets, y], [targets.dim(0), 1, 1])
    }

    /// `y[t] = x[places[t]]`, or 0 where the place is none of x's rows.
    ///
    /// # Shapes
    /// x `[R, C]`, places `[T]`, y `[T, C]`.
    /// # Errors
    /// [`crate::Error::Shape`].
    pub fn scatter(&mut self, x: &Tensor, places: &Tensor, y: &Tensor) -> Result<()> {
        let (r, c, t) = (x.dim(0), x.dim(1), places.dim(0));
        x.expect(&[r, c.next_multiple_of(4)])?;
        y.expect(&[t, c])?;
        let overrides = [("C", c as f64), ("ROWS", r as f64), ("LANES", self.lanes())];
        self.dispatch(&SCATTER, &overrides, &[x, places, y], [t, 1, 1])
    }
}

/// Where sums of columns go.
#[derive(Clone, Copy)]
pub(super) enum ColumnSums {
    /// They are added to y.
    Added,
    /// They are stored from this column on.
    StoredFrom(usize),
}

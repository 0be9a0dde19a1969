//! Spreadsheets as CSV: an existing list of software read with a preview that says of every row how it is read or
//! why not, and lists written so that no cell is taken for a formula.
//!
//! Invariant: every row of the file is in the preview exactly once, also those above the table and the refused ones.
//! Invariant: reading what was written gives the same cells.

mod cells;
mod columns;
mod plan;
mod read;
mod verdict;
mod write;

pub use cells::Encoding;
pub use columns::Column;
pub use plan::{Place, Plan};
pub use read::{Counts, Preview, Reading, Row, SheetTitle, read, read_as};
pub use verdict::SheetVerdict;
pub use write::{guard, unguard, write};

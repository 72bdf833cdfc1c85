//! History: compressed chunks per tag with summaries, in append-only segments, built from the
//! journal's tail. Nothing here decides what is asked of it; `docs/reference/history.md` describes
//! the files byte by byte.

mod bits;
mod book;
mod bytes;
mod chart;
mod chunk;
mod clock;
mod compact;
mod entry;
mod error;
mod files;
mod floats;
mod fold;
mod folds;
mod frame;
mod gather;
mod historian;
mod ingest;
mod integers;
mod open;
mod options;
mod piece;
mod quarantine;
mod read;
mod recover;
mod retention;
mod rollup;
pub mod scan;
mod segment;
mod sources;
mod state;
mod summary;
mod upkeep;
mod usage;
mod value;
mod walk;
mod writer;

pub use book::TagInfo;
pub use chart::{Chart, ChartPoint};
pub use chunk::{NO_SOURCE_TIME, Wanted};
pub use error::{HistoryError, OpenError, ReadError, Trouble};
pub use fold::{Buckets, Fold, FoldNumbers, Need};
pub use folds::{FoldRow, Folds};
pub use historian::{Historian, Maintained, Stats};
pub use ingest::{CURSOR, run_ingest};
pub use options::{OnTrouble, Options};
pub use piece::Piece;
pub use read::{ChunkView, Chunks, Pieces, Scan};
pub use recover::Opened;
pub use retention::{Keep, Kept, Retention, RuleOf};
pub use rollup::Width;
pub use summary::{Numbers, Summary};
/// What [`Historian::append`] takes.
pub use tagwerk_journal::{Block, Payload, Span, TagSet as BlockSet};
pub use usage::{TagUsage, Usage};
pub use value::Values;

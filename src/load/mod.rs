//! A file of a person as the input of a sync, and what became of its rows in files beside it.
//!
//! `file` opens the file and says what it is. `csv_rows` and `jsonl_rows` read its rows, and `record_lines` makes them the
//! lines of a source: records, and every few thousand rows a state with the position after them. So the pipeline
//! loads a file as it loads everything else. `acknowledged` takes the states that come back, moves what the sync stored
//! about their rows into the result files (`results`, `result_file`), and notes the position in the work folder
//! (`work_folder`), where the next run goes on. This module knows nothing of the pipeline and of the org.

mod acknowledged;
mod csv_rows;
mod error;
mod file;
mod jsonl_rows;
mod names;
mod own_columns;
mod position;
mod record_lines;
mod result_file;
mod results;
mod rows;
mod work_folder;

use std::sync::{Arc, OnceLock};

use airbyte::Error;

pub(crate) use acknowledged::{Acknowledged, Finished, Loaded, cause};
pub(crate) use error::{changed, how_to_go_on};
pub(crate) use file::{FileFormat, InputFile};
pub(crate) use names::FileNames;
pub(crate) use own_columns::is_own;
pub(crate) use record_lines::RecordLines;
pub(crate) use results::{Folders, Layout, Results};
pub(crate) use rows::Rows;
pub(crate) use work_folder::{Identity, WorkFolder};

/// Why a thread of the load gave up. The pipeline knows only that a read or a write failed, or that it is to stop.
pub(crate) type Failure = Arc<OnceLock<Error>>;

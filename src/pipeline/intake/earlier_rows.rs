//! What the log says of the rows that earlier attempts wrote.

use super::Stream;
use crate::journal::EarlierRows;
use airbyte::StreamName;

/// Says which records were not sent again, and after a sync that succeeded, which rows did not come again.
pub(super) fn report_earlier_rows(streams: &[Stream], has_succeeded: bool) {
    for stream in streams {
        for rows in &stream.earlier {
            report(&stream.name, rows, has_succeeded);
        }
    }
}

fn report(stream: &StreamName, rows: &EarlierRows, has_succeeded: bool) {
    let (job, records, left) = (rows.job(), rows.records, rows.free());
    if records > 0 {
        tracing::info!(job, %stream, records, "records that a job of an earlier attempt has written were not sent again");
    }
    if has_succeeded && left > 0 {
        tracing::warn!(
            job,
            %stream,
            rows = left,
            "rows that a job of an earlier attempt wrote did not come again unchanged: their records may be written \
             twice"
        );
    }
}

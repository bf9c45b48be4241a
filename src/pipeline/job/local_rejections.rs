//! The records that the connector itself rejects.

use super::rejection_reasons::{Example, RejectionReasons};
use crate::convert::source_columns;
use crate::pipeline::batch::LocalRejection;
use crate::rejected::{RejectedRecord, RejectedWriter, RejectionDetails};
use airbyte::Result;

/// Stores the records that the connector itself rejected, and counts the reasons.
pub(super) async fn store_local_rejections(
    mut writer: Option<&mut RejectedWriter>,
    rejections: &[LocalRejection],
    reasons: &mut RejectionReasons,
) -> Result<()> {
    for LocalRejection { origin, data, rejection } in rejections {
        let Some(writer) = &mut writer else {
            reasons.add_rejection(rejection, 1, || Some(Example::of_source(origin.extracted_at_ms)));
            continue;
        };
        let field = rejection.field.as_deref().unwrap_or_default();
        let details = RejectionDetails::local(rejection.code.as_str(), &rejection.message, field);
        let record = RejectedRecord::new(origin.extracted_at_ms, source_columns(data), details);
        writer.write(&record).await?;
        reasons.add_rejection(rejection, 1, || Some(Example::stored(&record, writer)));
    }
    Ok(())
}

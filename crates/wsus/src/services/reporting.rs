//! ReportEventBatch.

use cmsim_wire::wusp::report_event_batch::{ReportEventBatch, ReportEventBatchResponse};

use super::Thrown;
use crate::server::Inner;

impl Inner {
    pub(super) async fn report_event_batch(&self, call: ReportEventBatch) -> Result<ReportEventBatchResponse, Thrown> {
        let authorized = self.authorize(call.cookie.as_ref()).await?;
        self.susdb.report(&authorized.session.client_id, &call.event_batch).await?;
        Ok(ReportEventBatchResponse { received: true })
    }
}

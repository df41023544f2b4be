//! Sending a request, and again in other words where the upstream's dialect turns out to differ.

use std::sync::atomic::Ordering;

use tidegate_schema::Result;

use super::{
    Proxy,
    body::{Wording, body},
    limit_name,
    server::Deadline,
    wire::Answer,
};
use crate::workers::{GenerateRequest, ResponseFormat};

impl Proxy {
    /// Asks for `answers` answers, the first of which has the number `first`. Where the upstream will not write several
    /// to one request it is asked for one; whoever reads sees which did not come.
    pub(super) async fn begin(
        &self,
        request: &GenerateRequest,
        first: u32,
        answers: u32,
        deadline: Deadline,
    ) -> Result<Answer> {
        let mut newer = self.newer_limit.load(Ordering::Relaxed);
        let mut renamed = false;
        let mut format = request.response_format.as_ref().filter(|format| {
            matches!(format, ResponseFormat::Demanded(_))
                || !self.writes_freely.load(Ordering::Relaxed)
        });
        let mut dropped = false;
        let mut several = answers > 1 && !self.one_answer.load(Ordering::Relaxed);
        loop {
            let wording = Wording {
                model: &self.upstream_name,
                limit: limit_name(newer),
                format,
                answers: if several { answers } else { 1 },
                first,
            };
            let (path, body) = body(request, &wording);
            let refusal = match self.send(path, &body, deadline).await? {
                Ok(response) => {
                    if renamed {
                        self.newer_limit.store(newer, Ordering::Relaxed);
                    }
                    if dropped {
                        self.writes_freely.store(true, Ordering::Relaxed);
                        tracing::info!(
                            model = self.metadata.name,
                            "refuses response_format; it is asked without from now on"
                        );
                    }
                    return Ok(response);
                }
                Err(refusal) => refusal,
            };
            if request.max_tokens.is_some()
                && !renamed
                && refusal.prefers(limit_name(newer), limit_name(!newer))
            {
                (newer, renamed) = (!newer, true);
            } else if several && request.best_of.is_none() && refusal.names_the_number() {
                several = false;
                self.one_answer.store(true, Ordering::Relaxed);
            } else if (refusal.blames_the_request() || refusal.names_the_form())
                && matches!(format, Some(ResponseFormat::Wished(_)))
            {
                // Many OpenAI-style servers do not know response_format, and we can read free text as well.
                (format, dropped) = (None, true);
            } else {
                return Err(refusal.into_error(&self.server.words));
            }
        }
    }
}

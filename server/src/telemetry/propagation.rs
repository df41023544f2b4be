//! Trace contexts as the W3C writes them: taken from whoever calls, passed on to the models that are asked.

use super::requests;

/// Longest `tracestate` that is passed on, bytes.
const MOST_STATE: usize = 512;

/// A place in a trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TraceContext {
    pub(super) trace_id: [u8; 16],
    /// The span that others are within.
    pub(super) span_id: [u8; 8],
    /// The span that this one is within.
    pub(super) parent: Option<[u8; 8]>,
    /// Whether spans of this trace are wanted.
    pub(super) sampled: bool,
    /// What tracing systems say to each other, unread.
    state: Option<String>,
}

impl TraceContext {
    /// A trace that begins here.
    pub(super) fn root() -> Self {
        Self {
            trace_id: rand::random(),
            span_id: rand::random(),
            parent: None,
            sampled: true,
            state: None,
        }
    }

    /// A span within this one.
    pub(super) fn child(&self) -> Self {
        Self {
            span_id: rand::random(),
            parent: Some(self.span_id),
            ..self.clone()
        }
    }

    /// What the headers say; none where they are not what the W3C wrote down, so that a trace begins anew.
    pub(super) fn read(traceparent: &str, tracestate: Option<&str>) -> Option<Self> {
        let mut fields = traceparent.trim().split('-');
        let version = fields.next()?;
        let (trace_id, span_id) = (bytes::<16>(fields.next()?)?, bytes::<8>(fields.next()?)?);
        let [flags] = bytes::<1>(fields.next()?)?;
        let [number] = bytes::<1>(version)?;
        // Later versions may say more behind this; the first says no more.
        let more = fields.next().is_some();
        if number == 0xff || (number == 0 && more) || trace_id == [0; 16] || span_id == [0; 8] {
            return None;
        }
        Some(Self {
            trace_id,
            span_id,
            parent: None,
            sampled: flags & 1 == 1,
            state: tracestate
                .filter(|state| !state.is_empty() && state.len() <= MOST_STATE)
                .map(str::to_owned),
        })
    }

    fn traceparent(&self) -> String {
        format!(
            "00-{}-{}-0{}",
            hex::encode(self.trace_id),
            hex::encode(self.span_id),
            u8::from(self.sampled)
        )
    }
}

fn bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    // The W3C knows small letters alone.
    if text.bytes().any(|sign| sign.is_ascii_uppercase()) {
        return None;
    }
    let mut bytes = [0; N];
    hex::decode_to_slice(text, &mut bytes).ok()?;
    Some(bytes)
}

/// Headers for a request to a model, made while a request of a caller is answered: `traceparent`, and `tracestate`
/// where the caller sent it. Nothing where nobody traces.
pub fn headers() -> Vec<(&'static str, String)> {
    let Some(trace) = requests::current().and_then(|request| request.outgoing()) else {
        return Vec::new();
    };
    let mut headers = vec![("traceparent", trace.traceparent())];
    if let Some(state) = trace.state {
        headers.push(("tracestate", state));
    }
    headers
}

/// Adds [`headers`] to a request.
pub fn propagate(mut request: reqwest::RequestBuilder) -> reqwest::RequestBuilder {
    for (name, value) in headers() {
        request = request.header(name, value);
    }
    request
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use chrono::DateTime;

    use super::*;
    use crate::telemetry::requests::{TracedRequest, within};

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn reads_what_the_w3c_wrote_down_and_nothing_else() {
        let read = TraceContext::read(PARENT, Some("a=1")).expect("a context");
        assert_eq!(read.traceparent(), PARENT);
        assert!(read.sampled && read.state.as_deref() == Some("a=1"));
        let child = read.child();
        assert_eq!(child.trace_id, read.trace_id);
        assert_eq!(child.parent, Some(read.span_id));
        assert_ne!(child.span_id, read.span_id);
        let unsampled = PARENT.replace("-01", "-00");
        assert!(
            !TraceContext::read(&unsampled, None)
                .expect("a context")
                .sampled
        );
        let later = format!("01{}-more", &PARENT[2..]);
        assert!(TraceContext::read(&later, None).is_some());
        for bad in [
            "",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
        ] {
            assert_eq!(TraceContext::read(bad, None), None, "{bad}");
        }
        let long = "x".repeat(MOST_STATE + 1);
        let read = TraceContext::read(PARENT, Some(&long)).expect("a context");
        assert_eq!(read.state, None);
    }

    #[tokio::test]
    async fn a_model_is_told_of_the_callers_trace() {
        assert!(headers().is_empty());
        let trace = TraceContext::read(PARENT, Some("a=1"));
        let request = Arc::new(TracedRequest::new(DateTime::UNIX_EPOCH, trace));
        let told = within(request, async { headers() }).await;
        assert_eq!(
            told,
            [
                ("traceparent", PARENT.to_owned()),
                ("tracestate", "a=1".to_owned())
            ]
        );
    }
}

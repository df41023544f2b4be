//! Calls under way, counted while they are.

use prometheus_client::metrics::gauge::Gauge;

/// Where calls under way are counted.
pub struct OpenSeries(pub(super) Gauge);

impl OpenSeries {
    /// A call is under way, until what is given is dropped.
    pub fn opened(&self) -> UnderWay {
        self.0.inc();
        UnderWay(self.0.clone())
    }
}

/// A call under way, until it is dropped.
pub struct UnderWay(Gauge);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.dec();
    }
}

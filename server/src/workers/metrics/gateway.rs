//! What the gateway and the cluster tell: attempts behind the first, other models asked, breakers, instances.
//!
//! Names of models and routes come from the configuration or the cluster, so there are few.

use std::sync::Arc;

use prometheus_client::{
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

use super::{names, open::OpenSeries};

type Value = Arc<str>;
type One = [(&'static str, Value); 1];
type Two = [(&'static str, Value); 2];

/// How a model's breaker stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Breaker {
    /// Calls go through.
    Closed,
    /// One call is tried.
    HalfOpen,
    /// No call goes through.
    Open,
}

/// Numbers of the gateway and the cluster.
pub struct Gateway {
    retries: Family<Two, Counter>,
    fallbacks: Family<Two, Counter>,
    breaker: Family<One, Gauge>,
    rate_limited: Family<One, Counter>,
    open: Family<One, Gauge>,
    cache: Family<Two, Counter>,
    instances: Family<One, Gauge>,
    healthy: Family<One, Gauge>,
}

fn one(model: &str) -> One {
    [(names::MODEL, Arc::from(model))]
}

fn two(model: &str, name: &'static str, value: &str) -> Two {
    [(names::MODEL, Arc::from(model)), (name, Arc::from(value))]
}

impl Gateway {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let new = Self {
            retries: Family::default(),
            fallbacks: Family::default(),
            breaker: Family::default(),
            rate_limited: Family::default(),
            open: Family::default(),
            cache: Family::default(),
            instances: Family::default(),
            healthy: Family::default(),
        };
        for (name, help, family) in [
            (
                names::RETRIES,
                "Attempts behind the first, by the error of the one before",
                &new.retries,
            ),
            (
                names::FALLBACKS,
                "Calls that another model took than the one first chosen",
                &new.fallbacks,
            ),
            (
                names::CACHE,
                "Questions to the cache of exact answers",
                &new.cache,
            ),
        ] {
            registry.register(name, help, family.clone());
        }
        registry.register(
            names::RATE_LIMITED,
            "Calls that an upstream refused because there were too many",
            new.rate_limited.clone(),
        );
        for (name, help, family) in [
            (
                names::BREAKER,
                "How a model's breaker stands: 0 closed, 1 half open, 2 open",
                &new.breaker,
            ),
            (names::UPSTREAM_OPEN, "Calls open at a model", &new.open),
            (
                names::INSTANCES,
                "Instances of a model in the cluster",
                &new.instances,
            ),
            (
                names::INSTANCES_HEALTHY,
                "Healthy instances of a model in the cluster",
                &new.healthy,
            ),
        ] {
            registry.register(name, help, family.clone());
        }
        new
    }

    /// A call is tried again at the same model, for an error of this kind.
    pub fn retried(&self, model: &str, error: &str) {
        let labels = two(model, names::ERROR, error);
        self.retries.get_or_create_owned(&labels).inc();
    }

    /// A call of `route` was taken over by `target`.
    pub fn fell_back(&self, route: &str, target: &str) {
        let labels = two(route, names::ANSWERED_BY, target);
        self.fallbacks.get_or_create_owned(&labels).inc();
    }

    /// A model's breaker stands so from now on.
    pub fn breaker(&self, model: &str, state: Breaker) {
        let number = match state {
            Breaker::Closed => 0,
            Breaker::HalfOpen => 1,
            Breaker::Open => 2,
        };
        self.breaker.get_or_create_owned(&one(model)).set(number);
    }

    /// An upstream refused a call because there were too many.
    pub fn rate_limited(&self, model: &str) {
        self.rate_limited.get_or_create_owned(&one(model)).inc();
    }

    /// Where calls that are open at a model are counted.
    pub fn open(&self, model: &str) -> OpenSeries {
        OpenSeries(self.open.get_or_create_owned(&one(model)))
    }

    /// The cache of exact answers was asked, and had it or not.
    pub fn cached(&self, model: &str, hit: bool) {
        let labels = two(model, names::RESULT, if hit { "hit" } else { "miss" });
        self.cache.get_or_create_owned(&labels).inc();
    }

    /// So many instances of a model are known, and so many of them are healthy.
    pub fn instances(&self, model: &str, known: usize, healthy: usize) {
        let labels = one(model);
        self.instances
            .get_or_create_owned(&labels)
            .set(known as i64);
        self.healthy
            .get_or_create_owned(&labels)
            .set(healthy as i64);
    }

    /// A model is gone from the cluster.
    pub fn no_instances(&self, model: &str) {
        let labels = one(model);
        self.instances.remove(&labels);
        self.healthy.remove(&labels);
    }
}

#[cfg(test)]
mod tests {
    use super::super::shared;
    use super::*;

    #[test]
    fn attempts_breakers_and_instances_are_told() {
        let gateway = shared().gateway();
        gateway.retried("a", "upstream");
        gateway.fell_back("fast", "b");
        gateway.breaker("a", Breaker::Open);
        gateway.rate_limited("a");
        gateway.cached("a", true);
        gateway.instances("vicuna@llm", 3, 2);
        gateway.instances("gone@llm", 1, 1);
        gateway.no_instances("gone@llm");
        let open = gateway.open("a").opened();
        let text = shared().text().expect("text");
        for line in [
            "tidegate_gateway_retries_total{gen_ai_request_model=\"a\",error_type=\"upstream\"} 1",
            "tidegate_gateway_fallbacks_total{gen_ai_request_model=\"fast\",gen_ai_response_model=\"b\"} 1",
            "tidegate_gateway_breaker_state{gen_ai_request_model=\"a\"} 2",
            "tidegate_gateway_upstream_rate_limited_total{gen_ai_request_model=\"a\"} 1",
            "tidegate_gateway_upstream_open{gen_ai_request_model=\"a\"} 1",
            "tidegate_gateway_cache_requests_total{gen_ai_request_model=\"a\",tidegate_result=\"hit\"} 1",
            "tidegate_cluster_instances_healthy{gen_ai_request_model=\"vicuna@llm\"} 2",
        ] {
            assert!(text.contains(line), "{line} in {text}");
        }
        assert!(!text.contains("gone@llm"), "{text}");
        drop(open);
        let text = shared().text().expect("text");
        assert!(
            text.contains("tidegate_gateway_upstream_open{gen_ai_request_model=\"a\"} 0"),
            "{text}"
        );
    }
}

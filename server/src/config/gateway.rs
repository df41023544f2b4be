//! The gateway: what holds for every upstream, and names that stand for other models.

use std::collections::{HashMap, HashSet};

use serde::Deserialize;

use super::{Config, ConfigError, Kind};

/// Most models that a route names.
const MOST_NAMED: usize = 64;
/// Most routes.
const MOST_ROUTES: usize = 1024;
/// Names of the models that come with the product, which a route would hide.
const BUILT_IN: [&str; 2] = ["tidegate-sql", "all-minilm-l6-v2"];

/// What holds for every upstream.
#[derive(Debug, Clone, Deserialize)]
pub struct Gateway {
    /// Failures within the window, at least half of its calls, behind which a model is left alone; 0 for never.
    pub breaker_failures: u32,
    /// Seconds of the window.
    pub breaker_window_seconds: u64,
    /// Seconds that a model is left alone before one call tries it.
    pub breaker_open_seconds: u64,
    /// Milliseconds before the first retry at most; twice that before the next.
    pub retry_first_ms: u64,
    /// Milliseconds before any retry at most. Who asks for more patience is not waited for.
    pub retry_most_ms: u64,
    /// Megabytes of kept answers.
    pub cache_megabytes: u64,
}

/// A name that stands for other models.
#[derive(Debug, Clone, Deserialize)]
pub struct Route {
    /// What callers ask for.
    pub name: String,
    /// Models or routes that share the calls by weight; one makes an alias.
    #[serde(default)]
    pub targets: Vec<Target>,
    /// Models or routes that are asked in this order where no target answers.
    #[serde(default)]
    pub fallbacks: Vec<String>,
}

/// One of those that share a route's calls.
#[derive(Debug, Clone, Deserialize)]
pub struct Target {
    /// A model's or another route's name.
    pub model: String,
    /// Its share; the model's own `weight` where unsaid. 0 makes it a fallback.
    #[serde(default)]
    pub weight: Option<f64>,
}

impl Route {
    /// Every name that it names, targets first.
    pub fn named(&self) -> impl Iterator<Item = &str> {
        self.targets
            .iter()
            .map(|target| target.model.as_str())
            .chain(self.fallbacks.iter().map(String::as_str))
    }
}

impl Config {
    /// The share of a target: its own, or its model's.
    pub fn weight_of(&self, target: &Target) -> f64 {
        target.weight.unwrap_or_else(|| {
            self.models
                .iter()
                .find(|model| model.name == target.model)
                .map_or(1.0, |model| model.weight)
        })
    }

    /// What is wrong with `[gateway]` and `[[routes]]`.
    pub(super) fn check_gateway(&self) -> Result<(), ConfigError> {
        let gateway = &self.gateway;
        for (name, value, least, most) in [
            (
                "breaker_failures",
                u64::from(gateway.breaker_failures),
                0,
                1_000_000,
            ),
            (
                "breaker_window_seconds",
                gateway.breaker_window_seconds,
                1,
                3_600,
            ),
            (
                "breaker_open_seconds",
                gateway.breaker_open_seconds,
                1,
                3_600,
            ),
            ("retry_first_ms", gateway.retry_first_ms, 1, 60_000),
            ("retry_most_ms", gateway.retry_most_ms, 1, 600_000),
            ("cache_megabytes", gateway.cache_megabytes, 0, 1_048_576),
        ] {
            if !(least..=most).contains(&value) {
                return Err(ConfigError::bad(
                    format!("gateway.{name}"),
                    format!("is {value}; it must lie between {least} and {most}"),
                ));
            }
        }
        if self.routes.len() > MOST_ROUTES {
            return Err(ConfigError::bad(
                "routes",
                format!("there are more than {MOST_ROUTES}"),
            ));
        }
        for (i, route) in self.routes.iter().enumerate() {
            self.check_name(i, route)?;
            self.check_targets(i, route)?;
        }
        self.check_circles()?;
        self.check_kinds()
    }

    /// A route's name is its own: it hides no model and no other route.
    fn check_name(&self, i: usize, route: &Route) -> Result<(), ConfigError> {
        let bad = |reason: String| Err(ConfigError::bad(format!("routes[{i}].name"), reason));
        let name = &route.name;
        if name.is_empty() || name.len() > 255 || name.contains(['@', '\0']) {
            return bad("must have 1 to 255 bytes and must not contain '@'".to_owned());
        }
        if let Some(at) = self.models.iter().position(|model| model.name == *name) {
            return bad(format!(
                "'{name}' is the name of models[{at}], which the route would hide; rename one of the two"
            ));
        }
        if let Some(at) = self.routes[..i]
            .iter()
            .position(|other| other.name == *name)
        {
            return bad(format!(
                "'{name}' is the name of routes[{at}] too; rename one of the two"
            ));
        }
        if self.builtin.enabled && BUILT_IN.contains(&name.as_str()) {
            return bad(format!(
                "'{name}' is the name of a built-in model, which the route would hide; rename the route"
            ));
        }
        Ok(())
    }

    fn check_targets(&self, i: usize, route: &Route) -> Result<(), ConfigError> {
        let bad =
            |key: &str, reason: String| Err(ConfigError::bad(format!("routes[{i}].{key}"), reason));
        if route.targets.is_empty() {
            return bad(
                "targets",
                "must name a model at least, as [{ model = \"NAME\" }]".to_owned(),
            );
        }
        if route.named().count() > MOST_NAMED {
            return bad(
                "targets",
                format!("more than {MOST_NAMED} models are named, fallbacks included"),
            );
        }
        for (at, target) in route.targets.iter().enumerate() {
            if target
                .weight
                .is_some_and(|weight| !(0.0..=1e6).contains(&weight))
            {
                return bad(
                    &format!("targets[{at}].weight"),
                    "must lie between 0 and 1000000".to_owned(),
                );
            }
        }
        if route
            .targets
            .iter()
            .all(|target| self.weight_of(target) == 0.0)
        {
            return bad(
                "targets",
                "all weights are 0; one must be above it".to_owned(),
            );
        }
        let mut seen: Vec<&str> = Vec::new();
        for name in route.named() {
            if name.is_empty() {
                return bad("targets", "a model's name is empty".to_owned());
            }
            if seen.contains(&name) {
                return bad("targets", format!("'{name}' is named twice"));
            }
            seen.push(name);
        }
        Ok(())
    }

    /// No route leads back to itself.
    fn check_circles(&self) -> Result<(), ConfigError> {
        let routes: HashMap<&str, &Route> = self
            .routes
            .iter()
            .map(|route| (route.name.as_str(), route))
            .collect();
        // Those from which no circle is reached.
        let mut straight = HashSet::new();
        for (i, route) in self.routes.iter().enumerate() {
            let mut path = Vec::new();
            if let Some(circle) = circle(&route.name, &routes, &mut path, &mut straight) {
                return Err(ConfigError::bad(
                    format!("routes[{i}]"),
                    format!("leads in a circle: {circle}; take one of them out"),
                ));
            }
        }
        Ok(())
    }

    /// Models of one route are of one kind, as far as the configuration knows them.
    fn check_kinds(&self) -> Result<(), ConfigError> {
        for (i, route) in self.routes.iter().enumerate() {
            let mut known: Option<(&str, Kind)> = None;
            for name in route.named() {
                let Some(model) = self.models.iter().find(|model| model.name == name) else {
                    continue;
                };
                match known {
                    Some((first, kind)) if kind != model.kind => {
                        return Err(ConfigError::bad(
                            format!("routes[{i}].targets"),
                            format!(
                                "'{first}' and '{name}' are models of different kinds; a route stands for models of one"
                            ),
                        ));
                    }
                    _ => known = Some((name, model.kind)),
                }
            }
        }
        Ok(())
    }
}

/// The names of a circle that is reached from `name`, in its order.
fn circle<'a>(
    name: &'a str,
    routes: &HashMap<&'a str, &'a Route>,
    path: &mut Vec<&'a str>,
    straight: &mut HashSet<&'a str>,
) -> Option<String> {
    if let Some(at) = path.iter().position(|passed| *passed == name) {
        return Some(format!("{} -> {name}", path[at..].join(" -> ")));
    }
    if straight.contains(name) {
        return None;
    }
    if let Some(route) = routes.get(name) {
        path.push(name);
        for next in route.named() {
            if let Some(found) = circle(next, routes, path, straight) {
                return Some(found);
            }
        }
        path.pop();
    }
    straight.insert(name);
    None
}

#[cfg(test)]
mod tests;

//! Routes: what a name stands for, as tiers of models, and the order in which they are asked.

use std::collections::{HashMap, HashSet};

use indexmap::IndexMap;

use crate::{
    config::{self, Config},
    workers::ModelKind,
};

/// A model of a route, with its share of the calls.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Choice {
    pub(super) model: String,
    pub(super) weight: f64,
}

/// What a name stands for. A model of one tier is asked when all of the tiers before it did not answer.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Plan {
    pub(super) tiers: Vec<Vec<Choice>>,
    /// What its models are for, where the configuration knows one of them.
    pub(super) kind: Option<ModelKind>,
}

impl Plan {
    /// Every model, by tier.
    pub(super) fn models(&self) -> impl Iterator<Item = &str> {
        self.tiers
            .iter()
            .flatten()
            .map(|choice| choice.model.as_str())
    }
}

/// Every route of a configuration without circles, as it is written down there, with routes of routes laid flat.
pub(super) fn plans(config: &Config) -> IndexMap<String, Plan> {
    let mut tiers = HashMap::new();
    for route in &config.routes {
        flatten(&route.name, config, &mut tiers);
    }
    config
        .routes
        .iter()
        .filter_map(|route| {
            let tiers: Vec<Vec<Choice>> = tiers.remove(&route.name)?;
            let kind = tiers
                .iter()
                .flatten()
                .find_map(|choice| config.models.iter().find(|m| m.name == choice.model))
                .map(|model| kind(model.kind));
            Some((route.name.clone(), Plan { tiers, kind }))
        })
        .collect()
}

/// What a model is for, in the workers' words.
fn kind(kind: config::Kind) -> ModelKind {
    match kind {
        config::Kind::Llm => ModelKind::Llm,
        config::Kind::Embedding => ModelKind::Embedding,
        config::Kind::Reranker => ModelKind::Reranker,
    }
}

/// The tiers of a name, each route worked out once.
fn flatten(
    name: &str,
    config: &Config,
    known: &mut HashMap<String, Vec<Vec<Choice>>>,
) -> Vec<Vec<Choice>> {
    if let Some(tiers) = known.get(name) {
        return tiers.clone();
    }
    let Some(route) = config.routes.iter().find(|route| route.name == name) else {
        return vec![vec![Choice {
            model: name.to_owned(),
            weight: 1.0,
        }]];
    };
    let mut first: IndexMap<String, f64> = IndexMap::new();
    let (mut behind, mut idle) = (Vec::new(), Vec::new());
    for target in &route.targets {
        let weight = config.weight_of(target);
        let inner = flatten(&target.model, config, known);
        if weight == 0.0 {
            idle.extend(inner);
            continue;
        }
        // A route shares its own share among its models.
        let mut inner = inner.into_iter();
        let sharing = inner.next().unwrap_or_default();
        let sum: f64 = sharing.iter().map(|choice| choice.weight).sum();
        for choice in sharing {
            *first.entry(choice.model).or_default() += weight * choice.weight / sum;
        }
        behind.extend(inner);
    }
    let first = first
        .into_iter()
        .map(|(model, weight)| Choice { model, weight })
        .collect();
    let fallbacks = route
        .fallbacks
        .iter()
        .flat_map(|name| flatten(name, config, known));
    let all: Vec<Vec<Choice>> = std::iter::once(first)
        .chain(behind)
        .chain(idle)
        .chain(fallbacks)
        .collect();
    let tiers = without_repeats(all);
    known.insert(name.to_owned(), tiers.clone());
    tiers
}

/// A model is asked once, at its first place.
fn without_repeats(tiers: Vec<Vec<Choice>>) -> Vec<Vec<Choice>> {
    let mut seen = HashSet::new();
    tiers
        .into_iter()
        .map(|tier| {
            tier.into_iter()
                .filter(|choice| seen.insert(choice.model.clone()))
                .collect::<Vec<_>>()
        })
        .filter(|tier| !tier.is_empty())
        .collect()
}

/// The order in which candidates are asked, each given by its tier, its weight and its open calls: by tier, drawn by
/// weight within one; among those of the same weight the one with the fewest open calls comes first.
pub(super) fn in_order(
    candidates: impl Iterator<Item = (usize, f64, usize)>,
    mut random: impl FnMut() -> f64,
) -> Vec<usize> {
    let mut left: Vec<(usize, (usize, f64, usize))> = candidates.enumerate().collect();
    let mut order = Vec::with_capacity(left.len());
    while let Some(tier) = left.iter().map(|(_, (tier, ..))| *tier).min() {
        let shares = |(_, (other, weight, _)): &(usize, (usize, f64, usize))| {
            if *other == tier { *weight } else { 0.0 }
        };
        let sum: f64 = left.iter().map(shares).sum();
        let mut point = random() * sum;
        let drawn = left
            .iter()
            .position(|candidate| {
                point -= shares(candidate);
                candidate.1.0 == tier && point < 0.0
            })
            // A point at the very end of all shares.
            .or_else(|| left.iter().rposition(|(_, (other, ..))| *other == tier));
        let Some(drawn) = drawn else { break };
        let weight = left[drawn].1.1;
        let mut chosen = drawn;
        for (at, (_, (other, same, open))) in left.iter().enumerate() {
            if *other == tier && *same == weight && *open < left[chosen].1.2 {
                chosen = at;
            }
        }
        order.push(left.remove(chosen).0);
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(routes: &str, name: &str) -> Vec<Vec<(String, f64)>> {
        let models = ["a", "b", "c", "d"]
            .map(|name| format!("[[models]]\nname='{name}'\nprovider='dummy'\n"))
            .concat();
        let config = Config::from_toml(&format!("{models}{routes}")).expect("valid");
        let plan = plans(&config).swap_remove(name).expect("is a route");
        assert_eq!(plan.kind, Some(ModelKind::Llm));
        plan.tiers
            .into_iter()
            .map(|tier| tier.into_iter().map(|c| (c.model, c.weight)).collect())
            .collect()
    }

    fn tier(choices: &[(&str, f64)]) -> Vec<(String, f64)> {
        choices
            .iter()
            .map(|(model, weight)| ((*model).to_owned(), *weight))
            .collect()
    }

    #[test]
    fn targets_share_and_fallbacks_follow_in_order() {
        let tiers = plan(
            "[[routes]]\nname='x'\ntargets=[{model='a', weight=3}, {model='b', weight=0}, {model='c'}]\n\
             fallbacks=['d', 'elsewhere']\n",
            "x",
        );
        assert_eq!(
            tiers,
            [
                tier(&[("a", 3.0), ("c", 1.0)]),
                tier(&[("b", 1.0)]),
                tier(&[("d", 1.0)]),
                tier(&[("elsewhere", 1.0)]),
            ]
        );
    }

    #[test]
    fn a_route_of_a_route_shares_its_share_and_nobody_is_asked_twice() {
        let tiers = plan(
            "[[routes]]\nname='x'\ntargets=[{model='y', weight=4}, {model='c', weight=2}]\nfallbacks=['a', 'd']\n\
             [[routes]]\nname='y'\ntargets=[{model='a', weight=3}, {model='b', weight=1}]\nfallbacks=['d']\n",
            "x",
        );
        assert_eq!(
            tiers,
            [
                tier(&[("a", 3.0), ("b", 1.0), ("c", 2.0)]),
                tier(&[("d", 1.0)])
            ]
        );
    }

    fn order(candidates: &[(usize, f64, usize)], points: &[f64]) -> Vec<usize> {
        let mut points = points.iter().copied().chain(std::iter::repeat(0.0));
        in_order(candidates.iter().copied(), || {
            points.next().unwrap_or_default()
        })
    }

    #[test]
    fn the_first_is_drawn_by_weight_and_tiers_stay_in_order() {
        let candidates = [(0, 3.0, 0), (0, 1.0, 0), (1, 9.0, 0)];
        assert_eq!(order(&candidates, &[0.0]), [0, 1, 2]);
        assert_eq!(order(&candidates, &[0.74]), [0, 1, 2]);
        assert_eq!(order(&candidates, &[0.76]), [1, 0, 2]);
        assert_eq!(order(&candidates, &[1.0]), [1, 0, 2], "the very end");
    }

    #[test]
    fn among_equals_the_one_with_the_fewest_open_calls_is_first() {
        let candidates = [(0, 1.0, 5), (0, 1.0, 2), (0, 2.0, 0)];
        assert_eq!(order(&candidates, &[0.0]), [1, 0, 2]);
        assert_eq!(order(&candidates, &[0.9]), [2, 1, 0]);
    }

    #[test]
    fn shares_come_out_as_they_were_written() {
        let candidates = [(0, 3.0, 0), (0, 1.0, 0)];
        let firsts = (0..1_000)
            .filter(|at| order(&candidates, &[f64::from(*at) / 1_000.0])[0] == 0)
            .count();
        assert_eq!(firsts, 750);
    }
}

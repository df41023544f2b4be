//! Routes that are read and those that are refused.

use super::*;

const MODELS: &str = "[[models]]\nname='a'\nprovider='dummy'\n[[models]]\nname='b'\nprovider='dummy'\nweight=0\n\
                      [[models]]\nname='e'\nprovider='dummy'\nkind='embedding'\n";

fn said(routes: &str) -> String {
    Config::from_toml(&format!("{MODELS}{routes}"))
        .expect_err("is refused")
        .to_string()
}

#[test]
fn routes_are_read_with_their_weights() {
    let config = Config::from_toml(&format!(
        "{MODELS}[[routes]]\nname='fast'\ntargets=[{{model='a', weight=3}}, {{model='b'}}]\nfallbacks=['far away']\n"
    ))
    .expect("valid");
    let route = &config.routes[0];
    assert_eq!(config.weight_of(&route.targets[0]), 3.0);
    assert_eq!(
        config.weight_of(&route.targets[1]),
        0.0,
        "the model's own weight"
    );
    assert_eq!(route.named().collect::<Vec<_>>(), ["a", "b", "far away"]);
}

#[test]
fn a_route_hides_nothing_and_both_are_named() {
    let route = |name: &str| format!("[[routes]]\nname='{name}'\ntargets=[{{model='a'}}]\n");
    assert!(
        said(&route("b"))
            .starts_with("routes[0].name: 'b' is the name of models[1], which the route")
    );
    assert!(
        said(&format!("{}{}", route("x"), route("x")))
            .starts_with("routes[1].name: 'x' is the name of routes[0] too")
    );
    assert!(said(&route("tidegate-sql")).contains("a built-in model"));
    assert!(said(&route("x@y")).contains("must not contain '@'"));
}

#[test]
fn a_circle_is_refused_and_shown() {
    let told = said(
        "[[routes]]\nname='x'\ntargets=[{model='a'}]\nfallbacks=['y']\n\
         [[routes]]\nname='y'\ntargets=[{model='x'}]\n",
    );
    assert!(
        told.starts_with("routes[0]: leads in a circle: x -> y -> x"),
        "{told}"
    );
    let told = said("[[routes]]\nname='x'\ntargets=[{model='x'}]\n");
    assert!(told.contains("x -> x"), "{told}");
}

#[test]
fn what_a_route_cannot_do_is_named() {
    assert!(said("[[routes]]\nname='x'\n").starts_with("routes[0].targets: must name"));
    assert!(said("[[routes]]\nname='x'\ntargets=[{model='b'}]\n").contains("all weights are 0"));
    assert!(
        said("[[routes]]\nname='x'\ntargets=[{model='a', weight=-1}]\n")
            .starts_with("routes[0].targets[0].weight: must lie")
    );
    assert!(
        said("[[routes]]\nname='x'\ntargets=[{model='a'}]\nfallbacks=['a']\n")
            .contains("'a' is named twice")
    );
    assert!(
        said("[[routes]]\nname='x'\ntargets=[{model='a'}]\nfallbacks=['e']\n")
            .contains("'a' and 'e' are models of different kinds")
    );
    assert!(said("[gateway]\nretry_first_ms=0\n").starts_with("gateway.retry_first_ms: is 0"));
}

#[test]
fn a_misspelt_key_of_a_route_is_named_with_the_nearest() {
    let told = said("[[routes]]\nname='x'\ntarget=[{model='a'}]\n");
    assert!(
        told.contains("routes[0].target: no such key; did you mean 'targets'"),
        "{told}"
    );
    let told = said("[[routes]]\nname='x'\ntargets=[{model='a', wieght=1}]\n");
    assert!(
        told.contains("routes[0].targets[0].wieght: no such key; did you mean 'weight'"),
        "{told}"
    );
    assert!(said("[routes]\nname='x'\n").contains("write [[routes]]"));
}

#[test]
fn a_models_bounds_at_the_gateway_are_checked() {
    let told = |more: &str| {
        Config::from_toml(&format!(
            "[[models]]\nname='p'\nprovider='proxy'\nbase_url='http://127.0.0.1:1/v1'\n{more}"
        ))
        .map_err(|error| error.to_string())
    };
    let config = told("").expect("valid");
    let model = &config.models[0];
    assert_eq!(
        (model.retries, model.connect_seconds, model.max_concurrent),
        (2, 10, 0)
    );
    assert_eq!((model.weight, model.cache_seconds), (1.0, 0));
    for (more, start) in [
        ("wire='soap'", "models[0].wire: is 'soap'; it must be"),
        ("retries=11", "models[0].retries: is 11; it must lie"),
        ("weight=-1", "models[0].weight: is -1; it must lie"),
        (
            "timeout_seconds=0",
            "models[0].timeout_seconds: is 0; it must",
        ),
    ] {
        let refused = told(more).expect_err("is refused");
        assert!(refused.starts_with(start), "{refused}");
    }
}

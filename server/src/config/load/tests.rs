//! What is read, what is refused, and what wins.

use secrecy::ExposeSecret;

use super::*;

#[test]
fn the_embedded_defaults_are_valid() {
    let config = Config::builtin_defaults();
    assert_eq!(config.server.port, 5670);
    assert!(config.models.is_empty());
}

#[test]
fn an_unknown_key_names_the_nearest() {
    let error = Config::from_toml("[server]\nprot = 1").expect_err("unknown key");
    assert_eq!(
        error.to_string(),
        "server.prot: no such key; did you mean 'port'?"
    );
    let error = Config::from_toml("[serve]\nport = 1").expect_err("unknown section");
    assert!(
        error.to_string().contains("did you mean 'server'"),
        "{error}"
    );
    let error = Config::from_toml("[[models]]\nname='x'\nprovider='proxy'\nbase_ur='y'")
        .expect_err("unknown");
    assert!(
        error.to_string().contains("did you mean 'base_url'"),
        "{error}"
    );
}

#[test]
fn a_model_has_bounds_of_its_own_with_sane_defaults() {
    let table = |more: &str| format!("[[models]]\nname='x'\nprovider='torch'\npath='y'\n{more}");
    let config = Config::from_toml(&table("")).expect("valid");
    let model = &config.models[0];
    assert_eq!(
        (model.max_sequences, model.prefill_chunk, model.queue),
        (16, 256, 64)
    );
    assert_eq!(
        (model.kv_cache_mb, model.context_length, model.threads),
        (0, 0, 0)
    );
    let error = Config::from_toml(&table("max_sequences = 0")).expect_err("none at once");
    assert_eq!(
        error.to_string(),
        "models[0].max_sequences: is 0; it must lie between 1 and 1024"
    );
    let error = Config::from_toml(&table("prefil_chunk = 1")).expect_err("unknown");
    assert!(
        error.to_string().contains("did you mean 'prefill_chunk'"),
        "{error}"
    );
}

#[test]
fn a_wrong_type_is_named() {
    let error = Config::from_toml("[server]\nport = 'x'").expect_err("wrong type");
    assert_eq!(
        error.to_string(),
        "server.port: must be a integer, not a string"
    );
}

#[test]
fn the_environment_wins_and_fills_in_secrets() {
    let environment = |name: &str| match name {
        "TIDEGATE_SERVER_PORT" => Some("7000".to_owned()),
        "TIDEGATE_DATABASE_SECRET_KEY" => Some("${env:KEY}".to_owned()),
        "KEY" => Some("abc".to_owned()),
        _ => None,
    };
    let config = Config::load(None, &environment).expect("valid");
    assert_eq!(config.server.port, 7000);
    assert_eq!(config.database.secret_key.expose_secret(), "abc");
}

#[test]
fn a_missing_variable_is_an_error_that_names_the_key() {
    let mut value: Value = Value::String("${env:NOT_SET}".to_owned());
    let error = substitute(&mut value, "models[0].api_key", &|_| None).expect_err("not set");
    assert_eq!(
        error.to_string(),
        "models[0].api_key: the environment variable NOT_SET is not set"
    );
}

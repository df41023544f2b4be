//! What stands behind an encoder, read from its directory.

use super::*;

fn directory(files: &[(&str, &str)]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("the temporary directory is writable");
    for (name, text) in files {
        let path = directory.path().join(name);
        std::fs::create_dir_all(path.parent().expect("within the directory")).expect("writable");
        std::fs::write(path, text).expect("writable");
    }
    directory
}

fn read(files: &[(&str, &str)]) -> Result<Modules> {
    Modules::read(directory(files).path(), |_| Ok(4))
}

fn complaint(files: &[(&str, &str)]) -> String {
    let Err(error) = read(files) else {
        panic!("must be refused")
    };
    error.to_string()
}

fn modules(kinds: &[(&str, &str)]) -> String {
    let list: Vec<String> = kinds
        .iter()
        .map(|(kind, path)| {
            format!("{{\"idx\": 0, \"type\": \"sentence_transformers.models.{kind}\", \"path\": \"{path}\"}}")
        })
        .collect();
    format!("[{}]", list.join(", "))
}

fn pooled(config: &str) -> Vec<Pooling> {
    read(&[("1_Pooling/config.json", config)])
        .expect("known")
        .pooler
        .poolings
}

#[test]
fn poolings_are_read_in_both_spellings_and_stand_in_one_order() {
    assert_eq!(
        read(&[]).expect("the mean").pooler.poolings,
        [Pooling::Mean]
    );
    assert_eq!(pooled("{}"), [Pooling::Mean]);
    assert_eq!(
        pooled(r#"{"pooling_mode_cls_token": true, "pooling_mode_mean_tokens": false}"#),
        [Pooling::First]
    );
    assert_eq!(pooled(r#"{"pooling_mode": "lasttoken"}"#), [Pooling::Last]);
    assert_eq!(
        pooled(r#"{"pooling_mode_mean_tokens": true, "pooling_mode_max_tokens": true}"#),
        [Pooling::Max, Pooling::Mean]
    );
    let error = complaint(&[(
        "1_Pooling/config.json",
        r#"{"pooling_mode_mean_tokens": false}"#,
    )]);
    assert!(error.contains("mean_sqrt_len"), "{error}");
    let error = complaint(&[("1_Pooling/config.json", r#"{"pooling_mode": "attention"}"#)]);
    assert!(error.contains("'attention' is not known"), "{error}");
}

#[test]
fn modules_are_run_in_the_order_that_is_listed() {
    let list = modules(&[
        ("Transformer", ""),
        ("Pooling", "1_Pooling"),
        ("Normalize", "2_Normalize"),
    ]);
    let modules = read(&[
        ("modules.json", list.as_str()),
        (
            "1_Pooling/config.json",
            r#"{"pooling_mode": "cls", "include_prompt": false}"#,
        ),
    ])
    .expect("known");
    assert_eq!(modules.pooler.poolings, [Pooling::First]);
    assert!(!modules.pooler.pools_prompt && modules.pooler.steps.len() == 1);
}

#[test]
fn modules_that_cannot_be_run_are_refused_by_name() {
    let refused = |kinds: &[(&str, &str)]| {
        let list = modules(kinds);
        complaint(&[
            ("modules.json", list.as_str()),
            ("1_Pooling/config.json", "{}"),
        ])
    };
    let error = refused(&[("Transformer", ""), ("LSTM", "1_LSTM")]);
    assert!(error.contains("'LSTM', which is not known"), "{error}");
    let error = refused(&[("Pooling", "1_Pooling"), ("Transformer", "")]);
    assert!(error.contains("'Pooling' where none can be"), "{error}");
    let error = refused(&[("Transformer", "../elsewhere")]);
    assert!(
        error.contains("must be a folder of this directory"),
        "{error}"
    );
    let error = refused(&[("Transformer", "")]);
    assert!(error.contains("a Transformer and a Pooling"), "{error}");
}

#[test]
fn a_dense_layer_must_fit_what_stands_before_it() {
    let list = modules(&[
        ("Transformer", ""),
        ("Pooling", "1_Pooling"),
        ("Dense", "2_Dense"),
    ]);
    let dense = |config: &str| {
        complaint(&[
            ("modules.json", list.as_str()),
            ("1_Pooling/config.json", "{}"),
            ("2_Dense/config.json", config),
        ])
    };
    let error = dense(r#"{"in_features": 5, "out_features": 2}"#);
    assert!(
        error.contains("in_features: is 5") && error.contains("gives 4"),
        "{error}"
    );
    let error = dense(
        r#"{"in_features": 4, "out_features": 2,
            "activation_function": "torch.nn.modules.activation.PReLU"}"#,
    );
    assert!(error.contains("PReLU' is not known"), "{error}");
    let error = dense(r#"{"in_features": 4, "out_features": 2}"#);
    assert!(error.contains("model.safetensors"), "{error}");
}

#[test]
fn prompts_are_found_by_name_and_the_default_without_one() {
    let config = r#"{"prompts": {"query": "query: ", "document": "passage: "}, "default_prompt_name": "document"}"#;
    let folder = directory(&[("config_sentence_transformers.json", config)]);
    let prompts = Prompts::read(folder.path()).expect("known");
    assert_eq!(prompts.get(None), Ok("passage: "));
    assert_eq!(prompts.get(Some("query")), Ok("query: "));
    assert_eq!(
        prompts.get(Some("title")),
        Err("document, query".to_owned())
    );
    let folder = directory(&[(
        "config_sentence_transformers.json",
        r#"{"prompts": {}, "default_prompt_name": "query"}"#,
    )]);
    assert!(Prompts::read(folder.path()).is_err());
    assert_eq!(
        Prompts::read(&folder.path().join("none"))
            .expect("none")
            .get(None),
        Ok("")
    );
}

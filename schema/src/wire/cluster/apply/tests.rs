//! Acts of a worker, read as DB-GPT writes them.

use super::*;

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        other => panic!("{other} is no object"),
    }
}

#[test]
fn a_start_names_everything_it_lacks() {
    let problems = StartupBody::read(&object(json!({"model": "zz"}))).expect_err("lacks four");
    let fields: Vec<&Value> = problems.iter().map(|problem| &problem.loc[1]).collect();
    assert_eq!(fields, ["host", "port", "worker_type", "params"]);
    let whole = json!({"host": "127.0.0.1", "port": 8001, "model": "m", "worker_type": "text2vec", "params": {}});
    let read = StartupBody::read(&object(whole)).expect("reads");
    assert_eq!(read.worker_type, DeployedKind::Embedding);
    assert_eq!(
        serde_json::to_value(&read).expect("JSON")["worker_type"],
        "text2vec"
    );
}

#[test]
fn an_act_is_one_of_four() {
    let problems = ApplyBody::read(&object(json!({"model": "m", "apply_type": "explode"})));
    let problems = serde_json::to_value(problems.expect_err("no act")).expect("JSON");
    assert_eq!(
        problems,
        json!([{
            "type": "enum", "loc": ["body", "apply_type"],
            "msg": "Input should be 'start', 'stop', 'restart' or 'update_params'", "input": "explode",
            "ctx": {"expected": "'start', 'stop', 'restart' or 'update_params'"}
        }])
    );
    let read = ApplyBody::read(&object(json!({"model": "m", "apply_type": "restart"})));
    let read = read.expect("reads");
    assert_eq!(read.apply_type, ApplyType::Restart);
    assert!(read.params.is_empty());
}

#[test]
fn counting_needs_no_model() {
    let read = CountBody::read(&object(json!({"prompt": "hi"}))).expect("reads");
    assert_eq!(read.model, None);
    let embeddings = json!({"model": "m", "input": "hello"});
    let problems = EmbeddingsBody::read(&object(embeddings)).expect_err("no list");
    assert_eq!(problems[0].kind, "list_type");
}

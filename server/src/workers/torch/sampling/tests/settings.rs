//! What a request may say of choosing.

use tidegate_schema::Error;

use super::*;

#[test]
fn contradictory_settings_are_refused_by_name_with_a_remedy() {
    type Change = fn(&mut GenerateRequest);
    let cases: [(Change, &str); 16] = [
        (|r| r.temperature = Some(-0.5), "temperature"),
        (|r| r.temperature = Some(f32::NAN), "temperature"),
        (|r| r.temperature = Some(1000.0), "temperature"),
        (|r| r.top_p = Some(0.0), "top_p"),
        (|r| r.top_p = Some(1.5), "top_p"),
        (|r| r.top_k = Some(0), "top_k"),
        (|r| r.min_p = Some(1.5), "min_p"),
        (|r| r.min_p = Some(-0.5), "min_p"),
        (|r| r.typical_p = Some(0.0), "typical_p"),
        (|r| r.typical_p = Some(2.0), "typical_p"),
        (|r| r.presence_penalty = Some(2.5), "presence_penalty"),
        (|r| r.frequency_penalty = Some(-2.5), "frequency_penalty"),
        (|r| r.repetition_penalty = Some(0.0), "repetition_penalty"),
        (
            |r| r.repetition_penalty = Some(f32::NAN),
            "repetition_penalty",
        ),
        (|r| r.logit_bias = [(1000, 1.0)].into(), "logit_bias"),
        (|r| r.logit_bias = [(1, 101.0)].into(), "logit_bias"),
    ];
    for (change, field) in cases {
        let mut request = GenerateRequest::default();
        change(&mut request);
        let refused = Sampling::new(&request, &Defaults::default(), 1000).expect_err(field);
        let Error::Invalid {
            field: named,
            reason,
        } = refused
        else {
            panic!("{field}: {refused}")
        };
        assert_eq!(named, field);
        assert!(reason.len() > 20, "{reason}");
    }
}

#[test]
fn the_models_defaults_hold_where_nothing_is_said() {
    let defaults = Defaults {
        temperature: 0.5,
        top_p: 0.75,
        top_k: Some(20),
        min_p: 0.25,
        typical_p: 0.5,
        repetition_penalty: 1.5,
    };
    let silent = Sampling::new(&GenerateRequest::default(), &defaults, 10).expect("valid");
    assert_eq!(
        (silent.temperature, silent.top_p, silent.top_k),
        (0.5, 0.75, 20)
    );
    assert_eq!(
        (silent.min_p, silent.typical_p, silent.repetition),
        (0.25, 0.5, 1.5)
    );
    let said = GenerateRequest {
        top_k: Some(u32::MAX),
        top_p: Some(1.0),
        ..GenerateRequest::default()
    };
    let said = Sampling::new(&said, &defaults, 10).expect("valid");
    assert_eq!((said.top_p, said.top_k), (1.0, u32::MAX as usize));
}

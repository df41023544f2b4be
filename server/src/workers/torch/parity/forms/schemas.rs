//! Random JSON schemas whose answers are short enough for a tiny model's window, over all words that can be held to.

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha12Rng;
use serde_json::{Map, Value, json};

/// Most bytes that an answer may take, each of which may be a token.
const MOST: usize = 200;
/// Nesting.
const DEEPEST: usize = 3;

/// A schema and the most bytes of an answer to it.
type Drawn = (Value, usize);

/// Draws schemas.
pub(super) struct Schemas {
    random: ChaCha12Rng,
    definitions: Map<String, Value>,
}

impl Schemas {
    /// The same ones for the same seed.
    pub(super) fn new(seed: u64) -> Self {
        Self {
            random: ChaCha12Rng::seed_from_u64(seed),
            definitions: Map::new(),
        }
    }

    /// Another one.
    pub(super) fn draw(&mut self) -> Value {
        loop {
            self.definitions.clear();
            let (mut schema, most) = self.any(DEEPEST);
            if most > MOST {
                continue;
            }
            if !self.definitions.is_empty() {
                schema["$defs"] = Value::Object(self.definitions.clone());
            }
            return schema;
        }
    }

    fn below(&mut self, bound: usize) -> usize {
        self.random.random_range(0..bound)
    }

    fn flip(&mut self) -> bool {
        self.below(2) == 0
    }

    fn any(&mut self, deeper: usize) -> Drawn {
        let Some(deeper) = deeper.checked_sub(1) else {
            return self.simple();
        };
        match self.below(14) {
            0..=3 => self.simple(),
            4..=6 => self.object(deeper),
            7 | 8 => self.array(deeper),
            9 => self.tuple(deeper),
            10 => self.choice(deeper),
            11 => self.tagged(deeper),
            12 => self.reference(deeper),
            _ => self.mapping(),
        }
    }

    fn simple(&mut self) -> Drawn {
        match self.below(10) {
            0 => (json!({"type": "null"}), 4),
            1 => (json!({"type": "boolean"}), 5),
            2 | 3 => self.integer(),
            4 => self.number(),
            5 => self.string(),
            6 => self.constant(),
            7 => self.pattern(),
            8 => (json!({"type": ["string", "null"], "maxLength": 3}), 14),
            _ => (
                json!({"allOf": [{"type": "integer", "minimum": 0}, {"maximum": 9}]}),
                2,
            ),
        }
    }

    fn integer(&mut self) -> Drawn {
        let low = self.below(1_000) as i64 - 500;
        let high = low + 6 + self.below(2_000) as i64;
        let schema = match self.below(3) {
            0 => json!({"type": "integer", "minimum": low, "maximum": high}),
            1 => json!({"type": "integer", "exclusiveMinimum": low, "exclusiveMaximum": high}),
            _ => json!({"type": "integer", "minimum": low, "maximum": high, "multipleOf": 3}),
        };
        (schema, 6)
    }

    fn number(&mut self) -> Drawn {
        let low = (self.below(100) as f64 - 50.0) / 2.0;
        let high = low + 0.5 + self.below(100) as f64 / 2.0;
        let schema = if self.flip() {
            json!({"type": "number", "minimum": low, "maximum": high})
        } else {
            json!({"type": "number", "exclusiveMinimum": low, "maximum": high})
        };
        (schema, 48)
    }

    fn string(&mut self) -> Drawn {
        let least = self.below(3);
        let most = least + self.below(5);
        (
            json!({"type": "string", "minLength": least, "maxLength": most}),
            2 + 4 * most,
        )
    }

    fn constant(&mut self) -> Drawn {
        let pool = [
            json!("red"),
            json!("b\"lue\n"),
            json!("日本"),
            json!(1),
            json!(-7),
            json!(2.5),
            json!(true),
            json!(null),
            json!([1, "x"]),
            json!({"k": 1}),
        ];
        let first = self.below(pool.len());
        if self.flip() {
            return (json!({"const": pool[first]}), 12);
        }
        let count = 1 + self.below(4);
        let choices: Vec<&Value> = pool.iter().cycle().skip(first).take(count).collect();
        (json!({"enum": choices}), 12)
    }

    fn pattern(&mut self) -> Drawn {
        let (word, text, most) = [
            ("pattern", "^[a-c]{2,4}$", 6),
            ("pattern", r"^\d{3}-\d{2}$", 8),
            ("pattern", "^(ab|cd){1,3}$", 8),
            ("pattern", "^[^x]{1,3}$", 14),
            ("format", "date", 12),
            ("format", "time", 28),
            ("format", "uuid", 38),
            ("format", "ipv4", 17),
        ][self.below(8)];
        (json!({"type": "string", word: text}), most)
    }

    fn object(&mut self, deeper: usize) -> Drawn {
        let names = ["a", "name", "b c", "é", "x\"y"];
        let (first, count) = (self.below(names.len()), self.below(4));
        let (mut members, mut required, mut most) = (Map::new(), Vec::new(), 2);
        for name in names.iter().cycle().skip(first).take(count) {
            let (member, long) = self.any(deeper);
            most += json!(name).to_string().len() + 4 + long;
            members.insert((*name).to_owned(), member);
            if self.flip() {
                required.push(*name);
            }
        }
        let schema = json!({
            "type": "object", "properties": members, "required": required, "additionalProperties": false,
        });
        (schema, most)
    }

    fn array(&mut self, deeper: usize) -> Drawn {
        let (items, long) = self.any(deeper);
        let least = self.below(3);
        let most = least + self.below(2);
        let schema = json!({"type": "array", "items": items, "minItems": least, "maxItems": most});
        (schema, 2 + most * (long + 2))
    }

    fn tuple(&mut self, deeper: usize) -> Drawn {
        let ((first, one), (second, two)) = (self.any(deeper), self.any(deeper));
        let schema = json!({
            "type": "array", "prefixItems": [first, second], "items": false, "minItems": 2,
        });
        (schema, 4 + one + two)
    }

    fn choice(&mut self, deeper: usize) -> Drawn {
        let ((first, one), (second, two)) = (self.any(deeper), self.any(deeper));
        (json!({"anyOf": [first, second]}), one.max(two))
    }

    fn tagged(&mut self, deeper: usize) -> Drawn {
        let (value, long) = self.any(deeper);
        let of = |kind: &str, value: &Value| {
            json!({
                "type": "object", "properties": {"kind": {"const": kind}, "v": value}, "required": ["kind", "v"],
                "additionalProperties": false,
            })
        };
        if self.flip() {
            let schema = json!({"oneOf": [{"type": "string", "maxLength": 2}, of("a", &value)]});
            return (schema, (22 + long).max(10));
        }
        let schema = json!({"oneOf": [of("a", &value), of("b", &json!({"type": "boolean"}))]});
        (schema, 22 + long.max(5))
    }

    fn reference(&mut self, deeper: usize) -> Drawn {
        let (definition, long) = self.any(deeper);
        let name = format!("d{}", self.definitions.len());
        self.definitions.insert(name.clone(), definition);
        (json!({"$ref": format!("#/$defs/{name}")}), long)
    }

    fn mapping(&mut self) -> Drawn {
        let most = 1 + self.below(2);
        let schema = json!({
            "type": "object", "patternProperties": {"^k[0-9]$": {"type": "integer", "minimum": 0, "maximum": 9}},
            "additionalProperties": false, "maxProperties": most,
        });
        (schema, 2 + most * 10)
    }
}

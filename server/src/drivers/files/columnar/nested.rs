//! Lists, structs and maps as JSON.

use arrow::{
    array::{Array, ArrayRef, AsArray as _},
    datatypes::DataType,
    error::ArrowError,
    util::display::array_value_to_string,
};
use serde_json::{Map, Number, Value};

use super::values::{bytes, decimal, float, text, whole};

/// A value as JSON. What JSON has no number for (decimals, NaN) is text, and so are days, times and bytes.
pub(super) fn json(array: &ArrayRef, row: usize) -> Result<Value, ArrowError> {
    if array.is_null(row) {
        return Ok(Value::Null);
    }
    if let DataType::Boolean = array.data_type() {
        return Ok(Value::Bool(array.as_boolean().value(row)));
    }
    if let Some(number) = whole(array, row) {
        return Ok(Value::Number(number.into()));
    }
    if let Some(number) = float(array, row) {
        let written = Number::from_f64(number);
        return Ok(written.map_or_else(|| Value::String(number.to_string()), Value::Number));
    }
    if let Some(text) = text(array, row) {
        return Ok(Value::String(text.to_owned()));
    }
    if let Some(bytes) = bytes(array, row) {
        return Ok(Value::String(format!("0x{}", hex::encode(bytes))));
    }
    if let Some(digits) = decimal(array, row) {
        return Ok(Value::String(digits));
    }
    match array.data_type() {
        DataType::List(_) => list(&array.as_list::<i32>().value(row)),
        DataType::LargeList(_) => list(&array.as_list::<i64>().value(row)),
        DataType::FixedSizeList(..) => list(&array.as_fixed_size_list().value(row)),
        DataType::Struct(fields) => {
            let columns = array.as_struct().columns();
            let mut object = Map::new();
            for (field, column) in fields.iter().zip(columns) {
                object.insert(field.name().clone(), json(column, row)?);
            }
            Ok(Value::Object(object))
        }
        DataType::Map(..) => {
            let entries = array.as_map().value(row);
            let (keys, values) = (entries.column(0), entries.column(1));
            let mut object = Map::new();
            for entry in 0..entries.len() {
                let key = match json(keys, entry)? {
                    Value::String(key) => key,
                    other => other.to_string(),
                };
                object.insert(key, json(values, entry)?);
            }
            Ok(Value::Object(object))
        }
        _ => Ok(Value::String(array_value_to_string(array, row)?)),
    }
}

fn list(items: &ArrayRef) -> Result<Value, ArrowError> {
    let items = (0..items.len()).map(|item| json(items, item));
    items.collect::<Result<_, _>>().map(Value::Array)
}

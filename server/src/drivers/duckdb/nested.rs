//! Lists, structs, maps and unions, which become JSON documents.

use std::{ops::Range, rc::Rc};

use duckdb::arrow::{
    array::{Array, AsArray, OffsetSizeTrait},
    datatypes::{ArrowNativeType, DataType},
};
use serde_json::{Map, Number, Value};
use tidegate_schema::model::Cell;

use super::{
    cells::{Column, Reader, at_least},
    types::Type,
};

/// How to read a nested array; `None` for what DuckDB is not known to send.
pub(super) fn reader<'a>(array: &'a dyn Array, kind: &'a Type) -> Option<Reader<'a>> {
    match array.data_type() {
        DataType::List(_) => list::<i32>(array, kind),
        DataType::LargeList(_) => list::<i64>(array, kind),
        DataType::FixedSizeList(..) => {
            let array = array.as_fixed_size_list_opt()?;
            let length = array.value_length() as usize;
            let items = Column::new(array.values().as_ref(), kind.part(0));
            Some(items_of(items, move |row| row * length..(row + 1) * length))
        }
        DataType::Struct(_) => fields(array, kind),
        DataType::Map(..) => map(array, kind),
        DataType::Union(..) => union(array, kind),
        _ => None,
    }
}

fn list<'a, O: OffsetSizeTrait>(array: &'a dyn Array, kind: &'a Type) -> Option<Reader<'a>> {
    let array = array.as_list_opt::<O>()?;
    let offsets = array.value_offsets();
    let items = Column::new(array.values().as_ref(), kind.part(0));
    Some(items_of(items, move |row| {
        offsets[row].as_usize()..offsets[row + 1].as_usize()
    }))
}

/// A list whose items are a stretch of one array.
fn items_of<'a>(
    items: Column<'a>,
    stretch: impl Fn(usize) -> Range<usize> + Copy + 'a,
) -> Reader<'a> {
    let items = Rc::new(items);
    let scales = items.clone();
    at_least(
        move |row| {
            let items = stretch(row).map(|at| json(items.cell(at)));
            Cell::Json(Value::Array(items.collect()).into())
        },
        move |row| scales.weight_of(stretch(row)),
    )
}

fn fields<'a>(array: &'a dyn Array, kind: &'a Type) -> Option<Reader<'a>> {
    let array = array.as_struct_opt()?;
    let named = array.fields().iter().zip(array.columns()).enumerate();
    let fields: Vec<(&'a str, Column<'a>)> = named
        .map(|(nth, (field, column))| {
            let column = Column::new(column.as_ref(), kind.part(nth));
            (field.name().as_str(), column)
        })
        .collect();
    let fields = Rc::new(fields);
    let scales = fields.clone();
    Some(at_least(
        move |row| {
            let fields = fields.iter();
            let values = fields.map(|(name, column)| ((*name).to_owned(), json(column.cell(row))));
            Cell::Json(Value::Object(values.collect()).into())
        },
        move |row| {
            let fields = scales.iter();
            fields
                .map(|(name, column)| name.len() + column.weight_of(row..row + 1))
                .sum()
        },
    ))
}

/// A map is an object with its keys as text.
fn map<'a>(array: &'a dyn Array, kind: &'a Type) -> Option<Reader<'a>> {
    let array = array.as_map_opt()?;
    let offsets = array.value_offsets();
    let stretch = move |row: usize| offsets[row].as_usize()..offsets[row + 1].as_usize();
    let keys = Rc::new(Column::new(array.keys().as_ref(), kind.part(0)));
    let values = Rc::new(Column::new(array.values().as_ref(), kind.part(1)));
    let (key_scales, value_scales) = (keys.clone(), values.clone());
    Some(at_least(
        move |row| {
            let mut object = Map::new();
            for at in stretch(row) {
                let key = keys.cell(at).to_text().unwrap_or_default();
                object.insert(key, json(values.cell(at)));
            }
            Cell::Json(Value::Object(object).into())
        },
        move |row| key_scales.weight_of(stretch(row)) + value_scales.weight_of(stretch(row)),
    ))
}

/// A union shows the value of the member it is.
fn union<'a>(array: &'a dyn Array, kind: &'a Type) -> Option<Reader<'a>> {
    let array = array.as_union_opt()?;
    let DataType::Union(members, _) = array.data_type() else {
        return None;
    };
    let members: Vec<(i8, Column<'a>)> = members
        .iter()
        .enumerate()
        .map(|(nth, (id, _))| {
            let column = Column::new(array.child(id).as_ref(), kind.part(nth));
            (id, column)
        })
        .collect();
    let members = Rc::new(members);
    let scales = members.clone();
    Some(at_least(
        move |row| {
            let cell = member(&members, array.type_id(row))
                .map_or(Cell::Null, |column| column.cell(array.value_offset(row)));
            if cell == Cell::Null {
                Cell::Null
            } else {
                Cell::Json(json(cell).into())
            }
        },
        move |row| {
            let at = array.value_offset(row);
            member(&scales, array.type_id(row)).map_or(0, |column| column.weight_of(at..at + 1))
        },
    ))
}

fn member<'m, 'a>(members: &'m [(i8, Column<'a>)], id: i8) -> Option<&'m Column<'a>> {
    members
        .iter()
        .find(|(known, _)| *known == id)
        .map(|(_, column)| column)
}

/// A value inside of another. Decimals, and numbers that JSON cannot write, are texts, so that they keep every digit.
fn json(cell: Cell) -> Value {
    match cell {
        Cell::Null => Value::Null,
        Cell::Bool(value) => value.into(),
        Cell::Int(value) => value.into(),
        Cell::Float(value) => {
            Number::from_f64(value).map_or_else(|| value.to_string().into(), Value::Number)
        }
        Cell::Json(value) => *value,
        other => other.to_text().unwrap_or_default().into(),
    }
}

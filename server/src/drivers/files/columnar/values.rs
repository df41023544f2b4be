//! One value of an array, as its column in the private database keeps it.

use arrow::{
    array::{Array, ArrayRef, AsArray as _},
    datatypes::{
        ArrowTemporalType, DataType, Date32Type, Date64Type, Decimal32Type, Decimal64Type,
        Decimal128Type, Decimal256Type, Float16Type, Float32Type, Float64Type, Int8Type, Int16Type,
        Int32Type, Int64Type, Time32MillisecondType, Time32SecondType, Time64MicrosecondType,
        Time64NanosecondType, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType,
        TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type, UInt32Type,
        UInt64Type,
    },
    error::ArrowError,
    util::display::array_value_to_string,
};
use chrono::{NaiveDateTime, NaiveTime};
use rusqlite::types::ValueRef;

use super::nested;
use crate::drivers::{
    files::{
        infer::{Kind, numeric},
        moments::{spell_day, spell_plain, spell_time, spell_zoned},
    },
    floats::widened,
};

/// What bytes or text are, where the file says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    None,
    Uuid,
    Json,
    Enum,
}

/// Reads a value that is not null; `spelled` lends room for one that is written differently.
pub(super) fn read<'a>(
    array: &'a ArrayRef,
    row: usize,
    kind: Kind,
    mark: Mark,
    spelled: &'a mut String,
) -> Result<ValueRef<'a>, ArrowError> {
    if let Some(number) = whole(array, row) {
        return Ok(ValueRef::Integer(number));
    }
    if let Some(number) = float(array, row) {
        return Ok(if number.is_nan() {
            ValueRef::Null
        } else {
            ValueRef::Real(number)
        });
    }
    if let Some(text) = text(array, row) {
        return Ok(ValueRef::Text(text.as_bytes()));
    }
    spelled.clear();
    if let Some(bytes) = bytes(array, row) {
        match mark {
            Mark::None => return Ok(ValueRef::Blob(bytes)),
            Mark::Uuid => match uuid::Uuid::from_slice(bytes) {
                Ok(uuid) => spelled.push_str(&uuid.to_string()),
                Err(_) => return Ok(ValueRef::Blob(bytes)),
            },
            Mark::Json | Mark::Enum => spelled.push_str(&String::from_utf8_lossy(bytes)),
        }
    } else if let Some(digits) = decimal(array, row) {
        let is_number = matches!(kind, Kind::Decimal { .. });
        if let Some(number) = numeric(plain(&digits)).filter(|_| is_number) {
            return Ok(number);
        }
        *spelled = digits;
    } else if matches!(kind, Kind::Json) {
        *spelled = nested::json(array, row)?.to_string();
    } else if !spell_moment(array, row, spelled) {
        *spelled = array_value_to_string(array, row)?;
    }
    Ok(ValueRef::Text(spelled.as_bytes()))
}

/// Whether the value is a float that is no number.
pub(super) fn is_nan(array: &ArrayRef, row: usize) -> bool {
    float(array, row).is_some_and(f64::is_nan)
}

/// Booleans and the integers that fit; the column's type says which it is.
pub(super) fn whole(array: &ArrayRef, row: usize) -> Option<i64> {
    Some(match array.data_type() {
        DataType::Boolean => i64::from(array.as_boolean().value(row)),
        DataType::Int8 => i64::from(array.as_primitive::<Int8Type>().value(row)),
        DataType::Int16 => i64::from(array.as_primitive::<Int16Type>().value(row)),
        DataType::Int32 => i64::from(array.as_primitive::<Int32Type>().value(row)),
        DataType::Int64 => array.as_primitive::<Int64Type>().value(row),
        DataType::UInt8 => i64::from(array.as_primitive::<UInt8Type>().value(row)),
        DataType::UInt16 => i64::from(array.as_primitive::<UInt16Type>().value(row)),
        DataType::UInt32 => i64::from(array.as_primitive::<UInt32Type>().value(row)),
        DataType::UInt64 => {
            let number = array.as_primitive::<UInt64Type>().value(row);
            return i64::try_from(number).ok();
        }
        _ => return None,
    })
}

/// Floats of every width.
pub(super) fn float(array: &ArrayRef, row: usize) -> Option<f64> {
    Some(match array.data_type() {
        DataType::Float16 => widened(array.as_primitive::<Float16Type>().value(row).to_f32()),
        DataType::Float32 => widened(array.as_primitive::<Float32Type>().value(row)),
        DataType::Float64 => array.as_primitive::<Float64Type>().value(row),
        _ => return None,
    })
}

/// Text of every encoding.
pub(super) fn text(array: &ArrayRef, row: usize) -> Option<&str> {
    Some(match array.data_type() {
        DataType::Utf8 => array.as_string::<i32>().value(row),
        DataType::LargeUtf8 => array.as_string::<i64>().value(row),
        DataType::Utf8View => array.as_string_view().value(row),
        _ => return None,
    })
}

/// Bytes of every encoding.
pub(super) fn bytes(array: &ArrayRef, row: usize) -> Option<&[u8]> {
    Some(match array.data_type() {
        DataType::Binary => array.as_binary::<i32>().value(row),
        DataType::LargeBinary => array.as_binary::<i64>().value(row),
        DataType::BinaryView => array.as_binary_view().value(row),
        DataType::FixedSizeBinary(_) => array.as_fixed_size_binary().value(row),
        _ => return None,
    })
}

/// Decimals of every width, and integers beyond 64 signed bits, with all their digits.
pub(super) fn decimal(array: &ArrayRef, row: usize) -> Option<String> {
    Some(match array.data_type() {
        DataType::Decimal32(..) => array.as_primitive::<Decimal32Type>().value_as_string(row),
        DataType::Decimal64(..) => array.as_primitive::<Decimal64Type>().value_as_string(row),
        DataType::Decimal128(..) => array.as_primitive::<Decimal128Type>().value_as_string(row),
        DataType::Decimal256(..) => array.as_primitive::<Decimal256Type>().value_as_string(row),
        DataType::UInt64 => array.as_primitive::<UInt64Type>().value(row).to_string(),
        _ => return None,
    })
}

/// A decimal without the zeros at its end that say nothing of its value.
pub(super) fn plain(digits: &str) -> &str {
    if digits.contains('.') {
        digits.trim_end_matches('0').trim_end_matches('.')
    } else {
        digits
    }
}

/// Writes a day, time or point in time; false for anything else, and for one beyond the calendar.
fn spell_moment(array: &ArrayRef, row: usize, out: &mut String) -> bool {
    if let Some(time) = time(array, row) {
        spell_time(time, out);
        return true;
    }
    let at = match array.data_type() {
        DataType::Date32 => at::<Date32Type>(array, row),
        DataType::Date64 => at::<Date64Type>(array, row),
        DataType::Timestamp(TimeUnit::Second, _) => at::<TimestampSecondType>(array, row),
        DataType::Timestamp(TimeUnit::Millisecond, _) => at::<TimestampMillisecondType>(array, row),
        DataType::Timestamp(TimeUnit::Microsecond, _) => at::<TimestampMicrosecondType>(array, row),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => at::<TimestampNanosecondType>(array, row),
        _ => None,
    };
    match (at, array.data_type()) {
        (None, _) => return false,
        (Some(at), DataType::Date32 | DataType::Date64) => spell_day(at.date(), out),
        // With a zone of any name, what is stored is UTC.
        (Some(at), DataType::Timestamp(_, Some(_))) => {
            spell_zoned(at.and_utc().fixed_offset(), out);
        }
        (Some(at), _) => spell_plain(at, out),
    }
    true
}

fn at<T>(array: &ArrayRef, row: usize) -> Option<NaiveDateTime>
where
    T: ArrowTemporalType,
    i64: From<T::Native>,
{
    array.as_primitive::<T>().value_as_datetime(row)
}

fn time(array: &ArrayRef, row: usize) -> Option<NaiveTime> {
    match array.data_type() {
        DataType::Time32(TimeUnit::Second) => {
            array.as_primitive::<Time32SecondType>().value_as_time(row)
        }
        DataType::Time32(_) => array
            .as_primitive::<Time32MillisecondType>()
            .value_as_time(row),
        DataType::Time64(TimeUnit::Microsecond) => array
            .as_primitive::<Time64MicrosecondType>()
            .value_as_time(row),
        DataType::Time64(_) => array
            .as_primitive::<Time64NanosecondType>()
            .value_as_time(row),
        _ => None,
    }
}

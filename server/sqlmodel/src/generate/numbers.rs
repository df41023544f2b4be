//! Numbers as people write them.

use super::dice::Dice;

const SMALL: [&str; 13] = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    "eleven", "twelve",
];

/// The word for a small number.
pub(super) fn in_words(number: u64) -> Option<&'static str> {
    match number {
        0..=12 => Some(SMALL[number as usize]),
        15 => Some("fifteen"),
        20 => Some("twenty"),
        _ => None,
    }
}

/// A round number within a range, as someone would ask about.
pub(super) fn round_value(range: Option<[f64; 2]>, decimals: bool, dice: &mut Dice) -> f64 {
    let [low, high] = range.unwrap_or([1.0, 1000.0]);
    let raw = low + (high - low) * (0.08 + 0.84 * dice.unit());
    if decimals && high - low <= 12.0 {
        return (raw * 2.0).round() / 2.0;
    }
    if decimals && dice.chance(0.12) {
        return (raw * 100.0).round() / 100.0;
    }
    let digits = if dice.chance(0.7) { 1 } else { 2 };
    let magnitude = raw.abs().max(1.0).log10().floor() as i32 + 1;
    let step = 10_f64.powi((magnitude - digits).max(0));
    let half = if digits == 1 && dice.chance(0.3) && step >= 10.0 {
        step / 2.0
    } else {
        step
    };
    let value = (raw / half).round() * half;
    if value < low && low >= 1.0 {
        low.ceil()
    } else {
        value
    }
}

/// The number as text. Money may carry its sign.
pub(super) fn text(value: f64, money: bool, dice: &mut Dice) -> String {
    if value.fract() != 0.0 {
        let plain = if money && (value * 100.0).fract().abs() < 1e-6 {
            let two = format!("{value:.2}");
            two.strip_suffix(".00").map(str::to_owned).unwrap_or(two)
        } else {
            format!("{value}")
        };
        return if money && dice.chance(0.15) {
            format!("${plain}")
        } else {
            plain
        };
    }
    let whole = value as i64;
    if (2..=12).contains(&whole) && !money && dice.chance(0.22) {
        return SMALL[whole as usize].to_owned();
    }
    let plain = if whole >= 1000 && whole % 1000 == 0 && dice.chance(0.14) {
        format!("{}k", whole / 1000)
    } else if whole >= 1000 && dice.chance(0.22) {
        thousands(whole)
    } else {
        whole.to_string()
    };
    if !money {
        return plain;
    }
    match dice.weighted(&[10.0, 2.0, 1.0, 0.8, 0.8]) {
        1 => format!("${plain}"),
        2 => format!("€{plain}"),
        3 => format!("{plain} dollars"),
        4 => format!("{plain} euros"),
        _ => plain,
    }
}

fn thousands(whole: i64) -> String {
    let digits = whole.to_string();
    let mut out = String::new();
    for (at, ch) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(ch);
    }
    out
}

/// A count for "top n", in digits or as a word.
pub(super) fn count_text(count: u32, dice: &mut Dice) -> String {
    match in_words(u64::from(count)) {
        Some(word) if dice.chance(0.35) => word.to_owned(),
        _ => count.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_digits_by_threes() {
        assert_eq!(thousands(1234567), "1,234,567");
        assert_eq!(thousands(1000), "1,000");
    }
}

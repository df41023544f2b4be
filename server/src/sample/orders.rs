//! Five years of orders: growth, seasons, weekdays, and customers who differ in how often they come.

use chrono::{Datelike, NaiveDate, Weekday};

use super::{
    catalogue::Product,
    customers::Customer,
    dice::{Dice, day, days_after, sums},
};

const ORDERS: usize = 50_000;

pub(super) struct Order {
    /// Place among the customers.
    pub(super) customer: usize,
    pub(super) day: NaiveDate,
    pub(super) status: &'static str,
    pub(super) payment: &'static str,
    pub(super) shipped: Option<NaiveDate>,
    pub(super) items: Vec<Item>,
}

pub(super) struct Item {
    /// Place among the products.
    pub(super) product: usize,
    pub(super) quantity: i64,
    /// Price of one, on that day.
    pub(super) cents: i64,
}

/// January to December.
const SEASON: [f64; 12] = [
    0.86, 0.80, 0.90, 0.94, 1.00, 1.02, 0.88, 0.90, 0.97, 1.02, 1.32, 1.55,
];
const ITEMS: [(usize, f64); 6] = [
    (1, 0.28),
    (2, 0.30),
    (3, 0.20),
    (4, 0.12),
    (5, 0.07),
    (6, 0.03),
];
const QUANTITIES: [(i64, f64); 4] = [(1, 0.72), (2, 0.18), (3, 0.06), (4, 0.04)];
const PAYMENTS: [(&str, f64); 4] = [
    ("card", 0.55),
    ("paypal", 0.25),
    ("bank transfer", 0.13),
    ("gift card", 0.07),
];
const BUSINESS_PAYMENTS: [(&str, f64); 4] = [
    ("card", 0.34),
    ("paypal", 0.10),
    ("bank transfer", 0.53),
    ("gift card", 0.03),
];
/// How an old order ended.
const ENDINGS: [(&str, f64); 5] = [
    ("completed", 0.868),
    ("returned", 0.062),
    ("cancelled", 0.058),
    ("shipped", 0.008),
    ("pending", 0.004),
];
/// How a recent one stands.
const RECENT: [(&str, f64); 4] = [
    ("shipped", 0.62),
    ("pending", 0.24),
    ("completed", 0.10),
    ("cancelled", 0.04),
];

pub(super) fn make(dice: &mut Dice, customers: &[Customer], products: &[Product]) -> Vec<Order> {
    let first = day(2021, 1, 1);
    let last = day(2025, 12, 31);
    let days: Vec<NaiveDate> = first.iter_days().take_while(|day| *day <= last).collect();
    let busy = sums(days.iter().map(|day| busyness(*day, first)));
    let eager = sums(customers.iter().map(|customer| customer.eagerness));
    let liked = sums(products.iter().map(|product| product.popularity));
    let mut drawn: Vec<NaiveDate> = (0..ORDERS)
        .map(|_| days[dice.place(&busy, busy[busy.len() - 1])])
        .collect();
    drawn.sort_unstable();
    drawn
        .into_iter()
        .map(|day| {
            // Customers stand in the order they signed up, so those of that day are a prefix.
            let known = customers.partition_point(|customer| customer.signed_up <= day);
            let customer = dice.place(&eager, eager[known - 1]);
            order(
                dice,
                day,
                (customer, &customers[customer]),
                products,
                &liked,
                last,
            )
        })
        .collect()
}

fn order(
    dice: &mut Dice,
    day: NaiveDate,
    (place, customer): (usize, &Customer),
    products: &[Product],
    liked: &[f64],
    last: NaiveDate,
) -> Order {
    let count = dice.weighted(&ITEMS);
    let mut items: Vec<Item> = Vec::with_capacity(count);
    while items.len() < count {
        let at = dice.place(liked, liked[liked.len() - 1]);
        let product = &products[at];
        let sold = product.launched <= day && product.until.is_none_or(|until| day <= until);
        let wanted = dice.unit() < season_of(product.category, day.month());
        if sold && wanted && items.iter().all(|item| item.product != at) {
            let mut quantity = dice.weighted(&QUANTITIES);
            if customer.segment != "consumer" && product.cents < 15_000 {
                quantity += dice.between(0, 3);
            }
            items.push(Item {
                product: at,
                quantity,
                cents: price_on(product, day),
            });
        }
    }
    let age = (last - day).num_days();
    let status = if age < 3 {
        dice.weighted(&[("pending", 0.8), ("shipped", 0.17), ("cancelled", 0.03)])
    } else if age < 14 {
        dice.weighted(&RECENT)
    } else {
        dice.weighted(&ENDINGS)
    };
    let after = dice.weighted(&[(1, 0.42), (2, 0.30), (3, 0.16), (4, 0.08), (6, 0.04)]);
    let left_the_house = match status {
        "pending" => false,
        "cancelled" => dice.chance(0.12),
        _ => true,
    };
    let payments = if customer.segment == "business" {
        &BUSINESS_PAYMENTS
    } else {
        &PAYMENTS
    };
    Order {
        customer: place,
        day,
        status,
        payment: dice.weighted(payments),
        shipped: left_the_house.then(|| days_after(day, after)),
        items,
    }
}

/// Orders of a day, relative to others.
fn busyness(day: NaiveDate, first: NaiveDate) -> f64 {
    let growth = 1.0 + 1.3 * (day - first).num_days() as f64 / 1_826.0;
    let weekday = match day.weekday() {
        Weekday::Mon => 1.12,
        Weekday::Tue | Weekday::Wed => 1.04,
        Weekday::Thu => 1.0,
        Weekday::Fri => 0.95,
        Weekday::Sat => 0.84,
        Weekday::Sun => 1.01,
    };
    let sale = if is_black_friday(day) { 2.6 } else { 1.0 };
    growth * SEASON[day.month0() as usize] * weekday * sale
}

/// The last Friday of November but for a month that ends on one: the day after the fourth Thursday.
fn is_black_friday(day: NaiveDate) -> bool {
    day.month() == 11 && day.weekday() == Weekday::Fri && (23..=29).contains(&day.day())
}

/// How likely something of a category is wanted in a month.
fn season_of(category: &str, month: u32) -> f64 {
    match (category, month) {
        ("Garden", 4..=6) | ("Toys", 11..=12) => 1.0,
        ("Garden", 3 | 7 | 8) => 0.7,
        ("Garden", _) => 0.22,
        ("Toys", _) => 0.5,
        ("Sports", 5..=8 | 1) => 0.85,
        ("Clothing", 3..=4 | 9..=11) => 0.8,
        _ => 0.65,
    }
}

/// Prices rose by three percent a year up to today's, and Black Friday takes a fifth off.
fn price_on(product: &Product, day: NaiveDate) -> i64 {
    let percent = 100 - 3 * i64::from(2025 - day.year());
    let cents = (product.cents * percent + 50) / 100;
    if is_black_friday(day) {
        (cents * 80 + 50) / 100
    } else {
        cents
    }
}

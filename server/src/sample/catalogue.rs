//! What the shop sells: eight categories, thirty products each, from brands that do not exist.

use chrono::NaiveDate;

use super::dice::{Dice, day, days_after};

pub(super) struct Product {
    pub(super) name: String,
    pub(super) category: &'static str,
    pub(super) brand: &'static str,
    /// Today's price.
    pub(super) cents: i64,
    pub(super) stock: i64,
    pub(super) launched: NaiveDate,
    /// The last day it was sold, for a discontinued one.
    pub(super) until: Option<NaiveDate>,
    pub(super) popularity: f64,
}

/// Category, its popularity, its brands, and its kinds of products with a low and a high price.
type Category = (
    &'static str,
    f64,
    [&'static str; 5],
    [(&'static str, u16, u16); 10],
);

const CATEGORIES: [Category; 8] = [
    (
        "Electronics",
        1.5,
        ["Voltara", "Nimbus", "Kestrel Audio", "Pixelon", "Hexacore"],
        [
            ("Wireless Headphones", 59, 249),
            ("Bluetooth Speaker", 29, 159),
            ("Laptop 14\"", 649, 1299),
            ("4K Monitor", 219, 549),
            ("Mechanical Keyboard", 49, 149),
            ("Wireless Mouse", 15, 69),
            ("USB-C Charger", 12, 45),
            ("Smart Watch", 99, 329),
            ("Tablet 11\"", 199, 599),
            ("Webcam", 29, 119),
        ],
    ),
    (
        "Books",
        1.3,
        [
            "Lantern Press",
            "Old Harbour",
            "Bluebird Books",
            "Northlight",
            "Quillworks",
        ],
        [
            ("Nordic Cookbook", 18, 39),
            ("Crime Novel", 8, 19),
            ("World Atlas", 24, 59),
            ("Gardening Handbook", 14, 32),
            ("Children's Stories", 9, 22),
            ("History of the Sea", 15, 35),
            ("Travel Guide", 11, 25),
            ("Poetry Collection", 9, 20),
            ("Science Primer", 16, 38),
            ("Fantasy Trilogy", 22, 48),
        ],
    ),
    (
        "Clothing",
        1.25,
        ["Fjellsteg", "Marlowe", "Tern & Co", "Aurelia", "Baymont"],
        [
            ("Rain Jacket", 59, 189),
            ("Wool Sweater", 45, 129),
            ("T-Shirt", 12, 35),
            ("Jeans", 39, 109),
            ("Running Tights", 25, 69),
            ("Winter Coat", 99, 289),
            ("Leather Belt", 19, 49),
            ("Scarf", 12, 45),
            ("Socks 5-Pack", 9, 24),
            ("Summer Dress", 29, 89),
        ],
    ),
    (
        "Home",
        1.1,
        ["Hearthly", "Oakfield", "Lumenor", "Casabel", "Stillwater"],
        [
            ("Table Lamp", 25, 119),
            ("Coffee Maker", 39, 199),
            ("Duvet Cover", 29, 99),
            ("Cast Iron Pan", 29, 89),
            ("Wall Clock", 15, 59),
            ("Storage Basket", 9, 35),
            ("Robot Vacuum", 179, 499),
            ("Knife Set", 39, 149),
            ("Wool Rug", 79, 349),
            ("Candle Set", 9, 29),
        ],
    ),
    (
        "Toys",
        0.95,
        [
            "Tumbletop",
            "Brickadoo",
            "Little Otter",
            "Puzzlewick",
            "Zephyr Toys",
        ],
        [
            ("Building Blocks", 15, 79),
            ("Wooden Train", 19, 69),
            ("Jigsaw Puzzle", 9, 29),
            ("Board Game", 19, 59),
            ("Plush Bear", 9, 35),
            ("Remote Control Car", 25, 99),
            ("Dollhouse", 39, 149),
            ("Craft Kit", 9, 32),
            ("Kite", 8, 25),
            ("Science Kit", 18, 55),
        ],
    ),
    (
        "Sports",
        0.9,
        ["Ridgeline", "Strideway", "Polarfox", "Aquanaut", "Summitra"],
        [
            ("Yoga Mat", 15, 59),
            ("Tennis Racket", 39, 179),
            ("Hiking Backpack", 49, 189),
            ("Dumbbell Set", 25, 149),
            ("Road Bike Helmet", 35, 129),
            ("Camping Tent", 89, 399),
            ("Football", 12, 39),
            ("Swim Goggles", 8, 32),
            ("Cross-Country Skis", 119, 399),
            ("Water Bottle", 8, 25),
        ],
    ),
    (
        "Beauty",
        0.85,
        ["Solenne", "Purewell", "Ivoria", "Mosswater", "Bellamira"],
        [
            ("Face Cream", 12, 59),
            ("Shampoo", 6, 22),
            ("Perfume", 29, 119),
            ("Lipstick", 8, 29),
            ("Hand Soap", 5, 15),
            ("Hair Dryer", 25, 129),
            ("Electric Toothbrush", 25, 129),
            ("Sunscreen", 9, 25),
            ("Nail Polish", 5, 15),
            ("Beard Oil", 9, 28),
        ],
    ),
    (
        "Garden",
        0.65,
        [
            "Greenmoor",
            "Thistledown",
            "Rootwell",
            "Terrafond",
            "Willowbank",
        ],
        [
            ("Garden Hose", 19, 69),
            ("Lawn Mower", 149, 499),
            ("Plant Pot", 6, 39),
            ("Pruning Shears", 12, 45),
            ("Bird Feeder", 9, 35),
            ("Patio Chair", 35, 149),
            ("Herb Seeds", 4, 12),
            ("Watering Can", 9, 32),
            ("Barbecue Grill", 79, 399),
            ("String Lights", 12, 45),
        ],
    ),
];

/// Brands that make each kind of product.
const MAKERS: usize = 3;
const DISCONTINUED: f64 = 0.12;
const NEARLY_SOLD_OUT: f64 = 0.09;

pub(super) fn make(dice: &mut Dice) -> Vec<Product> {
    let mut products = Vec::new();
    for (category, liked, brands, kinds) in &CATEGORIES {
        for (kind, low, high) in kinds {
            let first = dice.below(brands.len());
            for nth in 0..MAKERS {
                let brand = brands[(first + nth * 2) % brands.len()];
                let product = product(
                    dice,
                    category,
                    brand,
                    kind,
                    (i64::from(*low), i64::from(*high)),
                );
                let popularity = product.popularity * liked;
                products.push(Product {
                    popularity,
                    ..product
                });
            }
        }
    }
    products
}

fn product(
    dice: &mut Dice,
    category: &'static str,
    brand: &'static str,
    kind: &str,
    (low, high): (i64, i64),
) -> Product {
    // Whole units less a little, as shops have it.
    let ending = dice.weighted(&[(1, 0.45), (5, 0.2), (10, 0.2), (50, 0.15)]);
    let cents = dice.between(low, high) * 100 - ending;
    // Half of the range was there from the start; the rest came year by year.
    let launched = if dice.chance(0.55) {
        days_after(day(2019, 2, 1), dice.between(0, 690))
    } else {
        days_after(day(2021, 1, 4), dice.between(0, 1_600))
    };
    let until = dice.chance(DISCONTINUED).then(|| {
        let left = (day(2025, 11, 30) - launched).num_days();
        days_after(launched, left / 2 + dice.between(0, left / 2))
    });
    let stock = if until.is_some() {
        dice.weighted(&[(0, 0.7), (3, 0.2), (11, 0.1)])
    } else if dice.chance(NEARLY_SOLD_OUT) {
        dice.between(0, 19)
    } else {
        dice.between(20, 420)
    };
    // Dear things sell less often; some things are simply liked.
    let affordable = (60.0 / (cents as f64 / 100.0 + 40.0)).sqrt();
    let liked = 1.0 / dice.unit().max(0.02).sqrt();
    Product {
        name: format!("{brand} {kind}"),
        category,
        brand,
        cents,
        stock,
        launched,
        until,
        popularity: affordable * liked,
    }
}

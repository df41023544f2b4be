//! The sample database `shop`: an invented web shop over five years, the same rows on every machine.
//!
//! Everything is drawn from one seed with arithmetic of our own, so neither a new release of a random-number
//! library nor another processor changes a row.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, params};
use tidegate_schema::{Error, Result};

mod catalogue;
mod customers;
mod dice;
mod orders;

use dice::Dice;

/// Any change of it is another shop.
const SEED: u64 = 0x5107_2021;
/// A half-written file of a process that was killed is removed when it is older.
const STALE: Duration = Duration::from_mins(10);

const TABLES: &str = "
CREATE TABLE customers (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    email TEXT NOT NULL,
    city TEXT NOT NULL,
    country TEXT NOT NULL,
    segment TEXT NOT NULL CHECK (segment IN ('consumer', 'business', 'education')),
    signup_date DATE NOT NULL
);
CREATE TABLE products (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    category TEXT NOT NULL,
    brand TEXT NOT NULL,
    price REAL NOT NULL,
    stock INTEGER NOT NULL,
    discontinued BOOLEAN NOT NULL,
    launched_on DATE NOT NULL
);
CREATE TABLE orders (
    id INTEGER PRIMARY KEY,
    customer_id INTEGER NOT NULL REFERENCES customers (id),
    order_date DATE NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('completed', 'shipped', 'pending', 'cancelled', 'returned')),
    payment_method TEXT NOT NULL CHECK (payment_method IN ('card', 'paypal', 'bank transfer', 'gift card')),
    total_amount REAL NOT NULL,
    shipped_date DATE
);
CREATE TABLE order_items (
    id INTEGER PRIMARY KEY,
    order_id INTEGER NOT NULL REFERENCES orders (id),
    product_id INTEGER NOT NULL REFERENCES products (id),
    quantity INTEGER NOT NULL,
    unit_price REAL NOT NULL
);";

/// Made after the rows, which is faster.
const INDEXES: &str = "
CREATE INDEX orders_customer_id ON orders (customer_id);
CREATE INDEX orders_order_date ON orders (order_date);
CREATE INDEX order_items_order_id ON order_items (order_id);
CREATE INDEX order_items_product_id ON order_items (product_id);
ANALYZE;";

/// Makes the shop at `path`. Blocks for a moment.
///
/// The file is written beside its place and renamed, so that it is whole or not there, even after a power cut.
pub fn create(path: &Path) -> Result<()> {
    let failed = |error: Box<dyn std::error::Error + Send + Sync>| {
        Error::internal(
            format!("making the sample database '{}'", path.display()),
            error,
        )
    };
    if let Some(folder) = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    {
        fs::create_dir_all(folder).map_err(|error| failed(error.into()))?;
    }
    let partial = partial_path(path);
    remove_stale(path);
    let done = write(&partial)
        .map_err(|error| failed(error.into()))
        .and_then(|()| publish(&partial, path).map_err(|error| failed(error.into())));
    if done.is_err() {
        // The error says what went wrong; a file that cannot be removed adds nothing to it.
        let _ = fs::remove_file(&partial);
    }
    done
}

fn partial_path(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".partial-{}", std::process::id()));
    path.with_file_name(name)
}

/// Leftovers of killed processes. One that is still at work touches its file all the time.
fn remove_stale(path: &Path) {
    let Some(prefix) = path
        .file_name()
        .map(|name| format!("{}.partial-", name.to_string_lossy()))
    else {
        return;
    };
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let age = entry
            .metadata()
            .and_then(|meta| meta.modified())
            .ok()
            .and_then(|at| at.elapsed().ok());
        if entry.file_name().to_string_lossy().starts_with(&prefix)
            && age.is_some_and(|age| age > STALE)
        {
            let _ = fs::remove_file(entry.path());
        }
    }
}

fn publish(partial: &Path, path: &Path) -> io::Result<()> {
    File::open(partial)?.sync_all()?;
    fs::rename(partial, path)?;
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    // Not every file system lets a folder be synced; the rename itself has happened.
    let _ = File::open(folder).and_then(|folder| folder.sync_all());
    Ok(())
}

fn write(path: &Path) -> rusqlite::Result<()> {
    if path.exists() {
        let _ = fs::remove_file(path);
    }
    let mut connection = Connection::open(path)?;
    // The file is worthless until it is renamed, so nothing has to survive a crash before.
    connection.execute_batch("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;")?;
    let transaction = connection.transaction()?;
    transaction.execute_batch(TABLES)?;
    fill(&transaction)?;
    transaction.execute_batch(INDEXES)?;
    transaction.commit()?;
    connection.close().map_err(|(_, error)| error)
}

fn fill(connection: &Connection) -> rusqlite::Result<()> {
    let customers = customers::make(&mut Dice::new(SEED, 1));
    let products = catalogue::make(&mut Dice::new(SEED, 2));
    let orders = orders::make(&mut Dice::new(SEED, 3), &customers, &products);

    let mut insert = connection.prepare("INSERT INTO customers VALUES (?, ?, ?, ?, ?, ?, ?)")?;
    for (id, customer) in (1_i64..).zip(&customers) {
        let day = customer.signed_up.to_string();
        insert.execute(params![
            id,
            customer.name,
            customer.email,
            customer.city,
            customer.country,
            customer.segment,
            day
        ])?;
    }
    let mut insert = connection.prepare("INSERT INTO products VALUES (?, ?, ?, ?, ?, ?, ?, ?)")?;
    for (id, product) in (1_i64..).zip(&products) {
        insert.execute(params![
            id,
            product.name,
            product.category,
            product.brand,
            money(product.cents),
            product.stock,
            product.until.is_some(),
            product.launched.to_string()
        ])?;
    }
    let mut insert = connection.prepare("INSERT INTO orders VALUES (?, ?, ?, ?, ?, ?, ?)")?;
    let mut insert_item = connection.prepare("INSERT INTO order_items VALUES (?, ?, ?, ?, ?)")?;
    let mut item_id = 0_i64;
    for (id, order) in (1_i64..).zip(&orders) {
        let total: i64 = order
            .items
            .iter()
            .map(|item| item.quantity * item.cents)
            .sum();
        insert.execute(params![
            id,
            order.customer as i64 + 1,
            order.day.to_string(),
            order.status,
            order.payment,
            money(total),
            order.shipped.map(|day| day.to_string())
        ])?;
        for item in &order.items {
            item_id += 1;
            let product = item.product as i64 + 1;
            insert_item.execute(params![
                item_id,
                id,
                product,
                item.quantity,
                money(item.cents)
            ])?;
        }
    }
    Ok(())
}

fn money(cents: i64) -> f64 {
    cents as f64 / 100.0
}

#[cfg(test)]
mod tests;

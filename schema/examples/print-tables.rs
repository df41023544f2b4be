//! Prints `schema/src/tables.rs` as the migrations have it; `cargo xtask codegen` writes it down.

fn main() -> Result<(), tidegate_schema::Error> {
    use std::io::Write as _;

    let text = tidegate_schema::store::print_tables()?;
    std::io::stdout()
        .write_all(text.as_bytes())
        .map_err(|error| tidegate_schema::Error::internal("printing", error))
}

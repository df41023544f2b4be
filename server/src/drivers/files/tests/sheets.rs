//! Workbooks.

use rust_xlsxwriter::{ExcelDateTime, Format, Formula, Workbook, XlsxError};

use super::{Place, rows, types};
use crate::drivers::Driver as _;

fn saved(place: &Place, name: &str, make: impl FnOnce(&mut Workbook) -> Result<(), XlsxError>) {
    let mut book = Workbook::new();
    make(&mut book)
        .and_then(|()| book.save(place.path(name)))
        .expect("saved");
}

#[tokio::test]
async fn every_sheet_is_a_table_with_its_types() {
    let place = Place::new();
    saved(&place, "book.xlsx", |book| {
        let sheet = book.add_worksheet();
        sheet.set_name("Orders 2024")?;
        // Blank rows and a blank column come first.
        let names = ["id", "day", "at", "length", "share", "ok", "total", "odd"];
        for (column, name) in names.iter().enumerate() {
            sheet.write(2, column as u16 + 1, *name)?;
        }
        let day = Format::new().set_num_format("yyyy-mm-dd");
        let moment = Format::new().set_num_format("yyyy-mm-dd hh:mm:ss");
        let length = Format::new().set_num_format("[h]:mm:ss");
        let share = Format::new().set_num_format("0%");
        sheet.write(3, 1, 1)?;
        sheet.write_datetime_with_format(3, 2, &ExcelDateTime::from_ymd(2024, 2, 29)?, &day)?;
        let at = ExcelDateTime::from_ymd(2024, 2, 29)?.and_hms(13, 30, 15)?;
        sheet.write_datetime_with_format(3, 3, &at, &moment)?;
        sheet.write_number_with_format(3, 4, 1.25, &length)?;
        sheet.write_number_with_format(3, 5, 0.25, &share)?;
        sheet.write_boolean(3, 6, true)?;
        sheet.write_formula(3, 7, Formula::new("=1+1.5").set_result("2.5"))?;
        sheet.write(3, 8, 5)?;
        sheet.write(4, 1, 2)?;
        sheet.write_formula(4, 7, Formula::new("=NA()").set_result("#N/A"))?;
        sheet.write(4, 8, "five")?;
        book.add_worksheet().set_name("nothing")?;
        let hidden = book.add_worksheet();
        hidden.set_name("hidden")?.set_hidden(true);
        hidden.write(0, 0, "only")?;
        Ok(())
    });
    let files = place.opened("book.xlsx").await;
    let tables = files.introspect().await.expect("reads").tables;
    let known: Vec<_> = tables
        .iter()
        .map(|table| (table.name.as_str(), table.comment.as_deref()))
        .collect();
    assert_eq!(
        known,
        [
            ("Orders_2024", Some("sheet 'Orders 2024' of book.xlsx")),
            ("hidden", Some("hidden sheet 'hidden' of book.xlsx"))
        ]
    );
    assert_eq!(
        types(&files, "SELECT * FROM Orders_2024").await,
        [
            "id INTEGER",
            "day DATE",
            "at TIMESTAMP",
            "length TEXT",
            "share REAL",
            "ok BOOLEAN",
            "total REAL",
            "odd TEXT"
        ]
    );
    assert_eq!(
        rows(&files, "SELECT * FROM Orders_2024").await,
        [
            "1|2024-02-29|2024-02-29T13:30:15|30:00:00|0.25|true|2.5|5",
            "2|-|-|-|-|-|-|five"
        ]
    );
    assert_eq!(rows(&files, "SELECT count(*) FROM hidden").await, ["0"]);
}

#[tokio::test]
async fn merged_headings_name_their_columns() {
    let place = Place::new();
    saved(&place, "sales.xlsx", |book| {
        let sheet = book.add_worksheet();
        let plain = Format::new();
        sheet.merge_range(0, 0, 0, 4, "Sales by quarter", &plain)?;
        sheet.merge_range(1, 0, 2, 0, "region", &plain)?;
        sheet.merge_range(1, 1, 1, 2, "2023", &plain)?;
        sheet.merge_range(1, 3, 1, 4, "2024", &plain)?;
        for (column, name) in ["Q1", "Q2", "Q1", "Q2"].iter().enumerate() {
            sheet.write(2, column as u16 + 1, *name)?;
        }
        sheet.write(3, 0, "north")?;
        for column in 1..5_u16 {
            sheet.write(3, column, column * 10)?;
        }
        Ok(())
    });
    let files = place.opened("sales.xlsx").await;
    assert_eq!(
        types(&files, "SELECT * FROM sales").await,
        [
            "region TEXT",
            "2023 Q1 INTEGER",
            "2023 Q2 INTEGER",
            "2024 Q1 INTEGER",
            "2024 Q2 INTEGER"
        ]
    );
    assert_eq!(rows(&files, "SELECT \"2024 Q1\" FROM sales").await, ["30"]);
    let tables = files.introspect().await.expect("reads").tables;
    assert_eq!(
        tables[0].comment.as_deref(),
        Some("sheet 'Sheet1' (Sales by quarter) of sales.xlsx")
    );
}

#[tokio::test]
async fn sheets_of_files_in_a_folder_carry_the_files_name() {
    let place = Place::with("other.csv", "a\n1\n");
    saved(&place, "book.xlsx", |book| {
        for name in ["one", "two"] {
            let sheet = book.add_worksheet();
            sheet.set_name(name)?;
            sheet.write(0, 0, "id")?;
            sheet.write(1, 0, 1)?;
        }
        Ok(())
    });
    let files = place.opened("").await;
    let tables = files.introspect().await.expect("reads").tables;
    let names: Vec<&str> = tables.iter().map(|table| table.name.as_str()).collect();
    assert_eq!(names, ["book_one", "book_two", "other"]);
}

#[tokio::test]
async fn long_sheets_are_streamed() {
    let place = Place::new();
    saved(&place, "long.xlsx", |book| {
        let sheet = book.add_worksheet();
        sheet.write(0, 0, "id")?.write(0, 1, "word")?;
        for row in 1..=20_000_u32 {
            sheet.write(row, 0, row)?;
            sheet.write(row, 1, format!("word {row}"))?;
        }
        Ok(())
    });
    let files = place.opened("long.xlsx").await;
    assert_eq!(
        rows(&files, "SELECT count(*), max(id) FROM long").await,
        ["20000|20000"]
    );
}

#[tokio::test]
async fn what_is_no_workbook_is_named() {
    let place = Place::new();
    place.write("a.xls", "<html><table><tr><td>1</td></tr></table></html>");
    assert!(place.refused("a.xls").await.contains("a web page"));
    place.write("a.xlsx", "id,name\n1,x\n");
    assert!(place.refused("a.xlsx").await.contains("name it .csv"));
    place.write("a.xlsx", b"PK\x03\x04 and no more");
    assert!(place.refused("a.xlsx").await.contains("cannot be unpacked"));
    saved(&place, "a.xlsx", |book| {
        book.add_worksheet();
        Ok(())
    });
    assert!(
        place
            .refused("a.xlsx")
            .await
            .contains("no sheet with a value")
    );
    saved(&place, "b.xlsx", |book| {
        let sheet = book.add_worksheet();
        for column in 0..2_100_u16 {
            sheet.write(0, column, format!("c{column}"))?;
        }
        Ok(())
    });
    let error = place.refused("b.xlsx").await;
    assert!(error.contains("sheet 'Sheet1' has 2100 columns"), "{error}");
}

//! CSV, TSV and their kin.

use std::{fmt::Write as _, fs::File, io::Write as _};

use encoding_rs::{GBK, SHIFT_JIS, WINDOWS_1252};
use futures::StreamExt as _;
use tidegate_schema::model::Cell;

use super::{Place, rows, types};
use crate::drivers::{Batch, Driver as _, Limits};

#[tokio::test]
async fn every_type_survives() {
    let place = Place::with(
        "t.csv",
        "id,code,big,price,size,ok,born,seen,at,note\n\
         1,007,18446744073709551616,1.50,1e3,true,2024-01-02,2024-01-02T03:04:05Z,10:30,\"a, \"\"b\"\"\nc\"\n\
         -2,010,1,20,0.25,False,2024/3/4,2024-05-06 07:08:09.5+00:00,9:05:01,\n",
    );
    let files = place.opened("t.csv").await;
    assert_eq!(
        types(&files, "SELECT * FROM t").await,
        [
            "id INTEGER",
            "code TEXT",
            "big TEXT",
            "price DECIMAL(4,2)",
            "size REAL",
            "ok BOOLEAN",
            "born DATE",
            "seen TIMESTAMP",
            "at TIME",
            "note TEXT"
        ]
    );
    let set = files
        .run("SELECT * FROM t ORDER BY id DESC", Limits::default())
        .await;
    let set = set.expect("runs");
    let kinds = |cell: &Cell| match cell {
        Cell::Int(_) => 'i',
        Cell::Text(_) => 't',
        Cell::Decimal(_) => 'd',
        Cell::Float(_) => 'f',
        Cell::Bool(_) => 'b',
        Cell::Date(_) => 'D',
        Cell::TimestampTz(_) => 'Z',
        Cell::Time(_) => 'T',
        Cell::Null => '-',
        _ => '?',
    };
    let line = |row: &[Cell]| row.iter().map(kinds).collect::<String>();
    assert_eq!(line(&set.rows[0]), "ittdfbDZTt");
    assert_eq!(line(&set.rows[1]), "ittdfbDZT-");
    assert_eq!(
        rows(&files, "SELECT code, big, note FROM t ORDER BY id DESC").await,
        ["007|18446744073709551616|a, \"b\"\nc", "010|1|-"]
    );
    let comment = |tables: &[tidegate_schema::model::CatalogueTable]| {
        tables[0].columns[2].comment.clone().unwrap_or_default()
    };
    let catalogue = files.introspect().await.expect("reads");
    assert!(comment(&catalogue.tables).contains("more digits"));
}

#[tokio::test]
async fn empty_without_quotes_is_null_and_with_quotes_is_empty_text() {
    let place = Place::with("t.csv", "n,s\n1,\n,\"\"\n3, x \n");
    let files = place.opened("t.csv").await;
    assert_eq!(
        rows(&files, "SELECT n, s FROM t").await,
        ["1|-", "-|", "3| x "]
    );
    assert_eq!(types(&files, "SELECT n FROM t").await, ["n INTEGER"]);
}

#[tokio::test]
async fn encodings_are_told_by_their_bytes() {
    let chinese = "编号,城市,备注\n1,北京,首都是一个很大的城市有很多人在那里工作和生活\n\
        2,上海,这个港口城市的经济也很发达\n3,广州,在中国的南方天气很热\n";
    let japanese = "番号,都市\n1,東京は日本の首都です\n2,大阪はにぎやかな町です\n";
    let french = "numéro;ville;prix\n1;Orléans;été très chaud\n2;Besançon;forêt à côté\n";
    let utf_16 = |text: &str, big: bool, mark: bool| {
        let start = mark.then_some(0xfeff).into_iter();
        let halves = start.chain(text.encode_utf16());
        let bytes = halves.flat_map(|half| {
            if big {
                half.to_be_bytes()
            } else {
                half.to_le_bytes()
            }
        });
        bytes.collect::<Vec<u8>>()
    };
    for (bytes, sql, expected) in [
        (chinese.as_bytes().to_vec(), "SELECT 城市 FROM t", "北京"),
        (
            GBK.encode(chinese).0.into_owned(),
            "SELECT 城市 FROM t",
            "北京",
        ),
        (utf_16(chinese, false, true), "SELECT 城市 FROM t", "北京"),
        (utf_16(chinese, true, true), "SELECT 城市 FROM t", "北京"),
        (utf_16(chinese, false, false), "SELECT 城市 FROM t", "北京"),
        (utf_16(chinese, true, false), "SELECT 城市 FROM t", "北京"),
        (
            SHIFT_JIS.encode(japanese).0.into_owned(),
            "SELECT 都市 FROM t",
            "東京は日本の首都です",
        ),
        (
            WINDOWS_1252.encode(french).0.into_owned(),
            "SELECT ville FROM t",
            "Orléans",
        ),
        (
            [&b"\xef\xbb\xbf"[..], chinese.as_bytes()].concat(),
            "SELECT 编号, 城市 FROM t",
            "1|北京",
        ),
    ] {
        let place = Place::with("t.csv", bytes);
        let files = place.opened("t.csv").await;
        assert_eq!(rows(&files, sql).await[0], expected);
    }
}

#[tokio::test]
async fn separators_are_told_by_the_first_lines() {
    for (name, text) in [
        ("t.csv", "a,b\n1,\"x;y;z\"\n2,w\n"),
        ("t.csv", "a;b\n1;x,y\n2;z,w\n"),
        ("t.tsv", "a\tb\n1\tx, y\n2\tz\n"),
        ("t.txt", "a|b\r\n1|x\r\n2|y\r\n"),
        ("t.csv", "sep=^\na^b\n1^x\n2^y"),
        ("t.csv", "a,b\r1,x\r2,y\r"),
    ] {
        let place = Place::with(name, text);
        let files = place.opened(name).await;
        assert_eq!(
            types(&files, "SELECT * FROM t").await,
            ["a INTEGER", "b TEXT"],
            "{text}"
        );
        assert_eq!(rows(&files, "SELECT sum(a) FROM t").await, ["3"], "{text}");
    }
    let place = Place::with("t.csv", "word\nhello\nworld\n");
    let files = place.opened("t.csv").await;
    assert_eq!(rows(&files, "SELECT word FROM t").await, ["hello", "world"]);
}

#[tokio::test]
async fn columns_without_names_are_numbered() {
    let place = Place::with("t.csv", "1,2024-01-02,x\n2,2024-01-03,y\n");
    let files = place.opened("t.csv").await;
    assert_eq!(
        types(&files, "SELECT * FROM t").await,
        ["column1 INTEGER", "column2 DATE", "column3 TEXT"]
    );
    assert_eq!(rows(&files, "SELECT count(*) FROM t").await, ["2"]);
    let place = Place::with("t.csv", "id,id,,x,\n1,2,3,4,\n");
    let files = place.opened("t.csv").await;
    assert_eq!(
        types(&files, "SELECT * FROM t").await,
        ["id INTEGER", "id_2 INTEGER", "column3 INTEGER", "x INTEGER"]
    );
    let place = Place::with("t.csv", "id,name");
    let files = place.opened("t.csv").await;
    assert_eq!(
        types(&files, "SELECT * FROM t").await,
        ["id TEXT", "name TEXT"]
    );
    assert_eq!(rows(&files, "SELECT count(*) FROM t").await, ["0"]);
}

#[tokio::test]
async fn faults_name_row_line_and_column() {
    let wide = (0..10_000)
        .map(|n| format!("c{n}"))
        .collect::<Vec<_>>()
        .join(",");
    let mut damaged = String::from("id,name\n");
    for n in 0..50 {
        let _ = writeln!(damaged, "{n},grün und weiß");
    }
    let mut damaged = damaged.into_bytes();
    damaged.extend_from_slice(b"50,gr\xfcn\n");
    let mut torn_utf_16: Vec<u8> = "\u{feff}id,name\n1,Bo\n2,C"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    // Half of a pair, and a letter behind it.
    torn_utf_16.extend_from_slice(b"\x00\xd8y\0\n\0");
    for (bytes, part) in [
        (
            b"a,b\n1,2\n\n1,2,3\n".to_vec(),
            "row 3 (line 4) has 3 fields where the first row has 2",
        ),
        (b"a,b\n1,2\n1\n".to_vec(), "row 3 (line 3) has 1 fields"),
        (
            b"a,b\n1,\"2\n".to_vec(),
            "begins in line 2 has a quote that is never closed",
        ),
        (
            b"a,b\n1,\"2\"x\n".to_vec(),
            "line 2 has text behind the closing quote of field 2",
        ),
        (b"\x89PNG\r\n\x1a\n\0\0\0".to_vec(), "a PNG image"),
        (b"PK\x03\x04abc".to_vec(), "rename it to .xlsx"),
        (b"a,b\n\0\0\x01\x02,3\n".to_vec(), "zero bytes"),
        (wide.into_bytes(), "has 10000 columns; at most 2000"),
        (damaged, "line 52 holds bytes that are not UTF-8"),
        (b"\xff\xfe\0\0a\0\0\0".to_vec(), "UTF-32"),
        (
            vec![b','; 200_000],
            "begins in line 1 has more than 100000 fields",
        ),
        // Each of them would be text in some encoding.
        (b"a,b\n\0\x01\x02\0\0,3\n".to_vec(), "binary data"),
        (
            (0..4_000_u16)
                .flat_map(|n| (n % 256).to_le_bytes())
                .collect(),
            "binary data",
        ),
        (b"\x01\x02\x03\x04,\x05\x06\n".repeat(20), "binary data"),
        (torn_utf_16, "row 3 (line 3), column 2: before byte"),
    ] {
        let place = Place::with("t.csv", &bytes);
        let error = place.refused("t.csv").await;
        assert!(error.contains(part), "{part}: {error}");
    }
    let place = Place::with("t.csv", "a,b\n1,2,\n3,4,, \n");
    let files = place.opened("t.csv").await;
    assert_eq!(rows(&files, "SELECT a, b FROM t").await, ["1|2", "3|4"]);
}

#[tokio::test]
async fn a_stray_word_far_down_makes_the_column_text_and_loses_nothing() {
    let mut text = String::from("id,amount\n");
    for n in 0..30_000 {
        let _ = writeln!(text, "{n},{n}.50");
    }
    text.push_str("30000,n/a\n");
    let place = Place::with("t.csv", &text);
    let files = place.opened("t.csv").await;
    assert_eq!(
        types(&files, "SELECT * FROM t").await,
        ["id INTEGER", "amount TEXT"]
    );
    assert_eq!(
        rows(
            &files,
            "SELECT amount FROM t WHERE id IN (1, 30000) ORDER BY id"
        )
        .await,
        ["1.50", "n/a"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_thousand_rows_are_read_and_streamed() {
    const ROWS: i64 = 200_000;
    let place = Place::new();
    let file = File::create(place.path("big.csv")).expect("created");
    let mut file = std::io::BufWriter::new(file);
    writeln!(file, "id,day,price,word").expect("written");
    for n in 0..ROWS {
        let day = n % 28 + 1;
        writeln!(file, "{n},{day:02}/02/2024,{n}.25,\"word, {n}\"").expect("written");
    }
    file.into_inner().expect("flushed");
    let files = place.opened("big.csv").await;
    let sum = ROWS * (ROWS - 1) / 2;
    assert_eq!(
        rows(
            &files,
            "SELECT count(*), sum(id), min(day), max(day) FROM big"
        )
        .await,
        [format!("{ROWS}|{sum}|2024-02-01|2024-02-28")]
    );
    let limits = Limits {
        rows: 1_000_000,
        bytes: 1 << 30,
        ..Limits::default()
    };
    let mut stream = files
        .stream("SELECT * FROM big", limits)
        .await
        .expect("runs");
    let mut seen = 0;
    while let Some(batch) = stream.batches.next().await {
        match batch.expect("rows") {
            Batch::Rows(rows) => {
                assert!(rows.len() <= 1_000, "the batches are small");
                seen += rows.len();
            }
            Batch::Cut(rows) => panic!("cut at {rows}"),
        }
    }
    assert_eq!(seen as i64, ROWS);
}

//! Data files as a stranger might send them: far larger than memory should be, torn, disguised, in the encodings that
//! spreadsheets write.

use std::{
    fs::File,
    io::{BufWriter, Write as _},
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use arrow::{
    array::{ArrayRef, Int64Array, StringArray},
    record_batch::RecordBatch,
};
use encoding_rs::GBK;
use parquet::arrow::ArrowWriter;
use rust_xlsxwriter::Workbook;
use tempfile::TempDir;
use tidegate_schema::{
    Error, Result,
    model::{Cell, Engine},
};
use tidegate_server::drivers::{self, Driver};

use crate::{alone, bed::within, cases::Faults, ground::at};

/// In an unoptimised build on a busy machine.
const PATIENCE: Duration = Duration::from_mins(3);
/// Rows of a large file, each of a kilobyte and a little.
const ROWS: i64 = 64_000;
/// What reading them may take; the file has more than sixty megabytes.
const MOST_MEMORY: usize = 40 << 20;
const LONGEST_MESSAGE: usize = 2_000;
/// Every ending that a data file may have.
const ENDINGS: [&str; 13] = [
    "csv", "tsv", "tab", "txt", "json", "jsonl", "ndjson", "xlsx", "xlsm", "xlsb", "xls", "ods",
    "parquet",
];

/// A folder for files, and another for what is made of them.
struct Place {
    files: TempDir,
    cache: TempDir,
}

impl Place {
    fn new() -> Self {
        let folder = || tempfile::tempdir().expect("a folder");
        Self {
            files: folder(),
            cache: folder(),
        }
    }

    async fn open(&self, path: &Path) -> Result<Arc<dyn Driver>> {
        let connection = at(Engine::File, path);
        drivers::connect("data", &connection, PATIENCE, self.cache.path()).await
    }

    /// Opens a file of these bytes.
    async fn opened(&self, name: &str, bytes: &[u8]) -> Result<Arc<dyn Driver>> {
        let path = self.files.path().join(name);
        std::fs::write(&path, bytes).expect("written");
        self.open(&path).await
    }

    /// Takes down what is wrong with the refusal of a file.
    async fn check(&self, faults: &mut Faults, name: &str, what: &str, bytes: &[u8]) {
        let place = format!("{name}, {what}");
        match self.opened(name, bytes).await.err() {
            Some(error @ Error::Invalid { .. }) => {
                let text = error.to_string();
                let says = text.starts_with("path: ") && text.contains(name);
                if !says || text.len() > LONGEST_MESSAGE {
                    faults.add(format!("{place}: {text}"));
                }
            }
            other => faults.add(format!("{place}: {other:?}")),
        }
        let left = std::fs::read_dir(self.cache.path()).expect("a folder");
        faults.same(&place, &0, &left.count());
    }
}

async fn one(driver: &dyn Driver, sql: &str) -> Option<String> {
    let set = driver.run(sql, within(PATIENCE)).await.expect(sql);
    set.rows.first()?.first().and_then(Cell::to_text)
}

/// Writes a file of [`ROWS`] rows: what comes before them, a row by its number, what parts two, what comes after.
fn large(path: &Path, [before, between, after]: [&str; 3], row: impl Fn(i64, &str) -> String) {
    let word = "x".repeat(1_000);
    let mut file = BufWriter::new(File::create(path).expect("made"));
    file.write_all(before.as_bytes()).expect("written");
    for n in 0..ROWS {
        let parted = if n == 0 { "" } else { between };
        write!(file, "{parted}{}", row(n, &word)).expect("written");
    }
    file.write_all(after.as_bytes()).expect("written");
    file.flush().expect("written");
}

/// A file is read as a stream, twice, and never lies in memory.
async fn takes_little_memory(name: &str, write: impl FnOnce(&Path)) {
    let place = Place::new();
    // What a first file takes for good.
    let small = format!("small_{name}");
    drop(place.opened(&small, b"{\"n\": 1}\n{\"n\": 2}\n").await);
    let path = place.files.path().join(name);
    write(&path);
    let bytes = std::fs::metadata(&path).expect("there").len();
    assert!(bytes > 60_000_000, "{bytes} bytes");
    let before = alone::resident().unwrap_or_default();
    let started = Instant::now();
    let driver = place.open(&path).await.expect("opens");
    let took = started.elapsed();
    let most = alone::peak().unwrap_or_default().saturating_sub(before);
    alone::say(&format!(
        "{name}: {:.0} MB took {:.1} MB of memory and {took:.1?}",
        bytes as f64 / 1e6,
        most as f64 / 1e6
    ));
    let table = path.file_stem().expect("a stem").to_string_lossy();
    let sql = format!("SELECT count(*) || ' ' || sum(n) || ' ' || max(length(word)) FROM {table}");
    let expected = format!("{ROWS} {} 1000", ROWS * (ROWS - 1) / 2);
    assert_eq!(one(&*driver, &sql).await, Some(expected));
    assert!(most < MOST_MEMORY, "memory grew by {most} bytes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_csv_takes_little_memory() {
    if !alone::is_alone() {
        return alone::run("data_files::a_large_csv_takes_little_memory").await;
    }
    takes_little_memory("large.csv", |path| {
        large(path, ["n,word\n", "\n", "\n"], |n, word| {
            format!("{n},\"{word}\"")
        });
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_json_array_takes_little_memory() {
    if !alone::is_alone() {
        return alone::run("data_files::a_large_json_array_takes_little_memory").await;
    }
    takes_little_memory("large.json", |path| {
        large(path, ["[", ",\n", "]"], |n, word| {
            format!("{{\"n\": {n}, \"word\": \"{word}\"}}")
        });
    })
    .await;
}

/// Bytes of all values in no order, the same each time.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    std::iter::repeat_with(next).take(length).collect()
}

#[tokio::test]
async fn noise_is_refused_whatever_it_is_called() {
    let place = Place::new();
    let noise = noise(64 << 10);
    let mut faults = Faults::default();
    for ending in ENDINGS {
        for (what, beginning) in [
            ("from the first byte on", &b""[..]),
            ("behind what an archive begins with", b"PK\x03\x04"),
            (
                "behind what an old workbook begins with",
                b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
            ),
            ("behind what a Parquet file begins with", b"PAR1"),
            ("behind what a packed file begins with", b"\x1f\x8b\x08"),
            ("behind rows", b"id,name\n1,a\n2,b\n"),
            ("behind an object", b"{\"id\": 1}\n{\"id\": "),
        ] {
            let bytes = [beginning, &noise].concat();
            place
                .check(&mut faults, &format!("t.{ending}"), what, &bytes)
                .await;
        }
    }
    faults.none();
}

#[tokio::test]
async fn torn_files_are_refused() {
    let mut book = Workbook::new();
    let sheet = book.add_worksheet();
    for row in 0..200_u32 {
        sheet.write(row, 0, row).expect("a cell");
        sheet.write(row, 1, format!("word {row}")).expect("a cell");
    }
    let book = book.save_to_buffer().expect("a workbook");
    let columns: [(&str, ArrayRef); 2] = [
        ("n", Arc::new(Int64Array::from_iter_values(0..5_000))),
        (
            "word",
            Arc::new(StringArray::from_iter_values(
                (0..5_000).map(|n| format!("word {n}")),
            )),
        ),
    ];
    let batch = RecordBatch::try_from_iter(columns).expect("a batch");
    let mut parquet = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut parquet, batch.schema(), None).expect("a writer");
    writer.write(&batch).expect("written");
    writer.close().expect("closed");
    let rows: Vec<String> = (0..500).map(|n| format!("{{\"n\": {n}}}")).collect();
    let json = format!("[{}]", rows.join(",\n")).into_bytes();
    let csv = format!("n,word\n1,a\n2,\"{}\"\n", "b\n".repeat(500)).into_bytes();

    let place = Place::new();
    let mut faults = Faults::default();
    for (name, whole) in [
        ("t.xlsx", book),
        ("t.parquet", parquet),
        ("t.json", json),
        ("t.csv", csv),
    ] {
        if let Err(error) = Place::new().opened(name, &whole).await {
            faults.add(format!("{name}, whole: {error}"));
        }
        // The last two bytes of the text formats close what is open.
        for length in [whole.len() / 4, whole.len() / 2, whole.len() - 2] {
            let what = format!("{length} of {} bytes", whole.len());
            place
                .check(&mut faults, name, &what, &whole[..length])
                .await;
        }
    }
    faults.none();
}

#[tokio::test]
async fn a_list_of_names_as_a_chinese_spreadsheet_writes_it_is_read() {
    let people = [
        ("张伟", "北京", "销售部"),
        ("王芳", "上海", "财务部"),
        ("李娜", "广州", "人事部"),
        ("刘洋", "深圳", "技术部"),
        ("陈静", "杭州", "市场部"),
        ("杨勇", "成都", "采购部"),
        ("赵敏", "武汉", "仓储部"),
        ("黄磊", "南京", "客服部"),
        ("周杰", "重庆", "生产部"),
        ("吴霞", "天津", "质检部"),
    ];
    let mut text = String::from("编号,姓名,城市,部门,工资\r\n");
    for (nth, (name, town, room)) in people.into_iter().enumerate() {
        text.extend([format!("{nth},{name},{town},{room},{}.50\r\n", 5_000 + nth)]);
    }
    let bytes = GBK.encode(&text).0;
    assert!(String::from_utf8(bytes.to_vec()).is_err(), "no UTF-8");
    let place = Place::new();
    let driver = place.opened("staff.csv", &bytes).await.expect("opens");
    let sql = "SELECT 姓名 || ' ' || 城市 || ' ' || 部门 FROM staff WHERE 编号 = 7";
    assert_eq!(
        one(&*driver, sql).await.as_deref(),
        Some("黄磊 南京 客服部")
    );
    let sql = "SELECT 工资 FROM staff WHERE 姓名 = '张伟'";
    assert_eq!(one(&*driver, sql).await.as_deref(), Some("5000.50"));
}

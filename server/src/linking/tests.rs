//! Small catalogues in which it is plain what a question is about.

use async_trait::async_trait;
use tidegate_schema::{
    Result,
    model::{CatalogueColumn, CatalogueTable, ForeignKey},
};

use super::*;
use crate::workers::{ModelKind, ModelMetadata};

fn table(name: &str, columns: &str) -> CatalogueTable {
    CatalogueTable {
        name: name.to_owned(),
        columns: columns
            .split_whitespace()
            .map(|name| CatalogueColumn {
                name: name.to_owned(),
                data_type: "text".to_owned(),
                ..CatalogueColumn::default()
            })
            .collect(),
        ..CatalogueTable::default()
    }
}

fn commented(name: &str, columns: &str, comment: &str) -> CatalogueTable {
    CatalogueTable {
        comment: Some(comment.to_owned()),
        ..table(name, columns)
    }
}

fn refers(mut table: CatalogueTable, column: &str, target: &str) -> CatalogueTable {
    table.foreign_keys.push(ForeignKey {
        columns: vec![column.to_owned()],
        references_schema: None,
        references_table: target.to_owned(),
        references_columns: vec!["id".to_owned()],
    });
    table
}

/// Tables that have nothing to do with anything asked here.
fn noise(count: usize) -> Vec<CatalogueTable> {
    (0..count)
        .map(|n| table(&format!("gadget_{n}"), "id alpha beta gamma"))
        .collect()
}

fn of(tables: Vec<CatalogueTable>) -> Catalogue {
    Catalogue {
        tables: tables.into_iter().chain(noise(60)).collect(),
    }
}

fn names(catalogue: &Catalogue, question: &str) -> Vec<String> {
    let index = SchemaIndex::build(catalogue);
    index
        .recall(catalogue, question, None)
        .into_iter()
        .map(|at| catalogue.tables[at].full_name())
        .collect()
}

#[test]
fn shortened_names_are_found_by_whole_words() {
    let catalogue = of(vec![
        table("cust_mstr", "id nm"),
        table("whse_stk", "id qty"),
        table("emp", "id nm"),
    ]);
    assert_eq!(
        names(&catalogue, "how many customers are there?")[0],
        "cust_mstr"
    );
    assert_eq!(names(&catalogue, "stock of each warehouse")[0], "whse_stk");
    assert_eq!(names(&catalogue, "workers by name")[0], "emp");
}

#[test]
fn the_table_named_so_comes_before_those_named_after_it() {
    let catalogue = of(vec![
        table("customer_address_type", "id code"),
        table("customer_note", "id customer_id note"),
        table("customer", "id name"),
        table("visit", "id customer_id day"),
    ]);
    assert_eq!(names(&catalogue, "list all customers")[0], "customer");
}

#[test]
fn a_copy_comes_after_its_original_unless_it_is_asked_for() {
    let catalogue = of(vec![
        table("invoice_bak", "id total day"),
        table("invoice_2019", "id total day"),
        table("invoice", "id total day"),
        table("zz_invoice", "something else entirely"),
    ]);
    let found = names(&catalogue, "total of the invoices");
    assert_eq!(found[0], "invoice");
    let place = |name: &str| found.iter().position(|one| one == name);
    assert!(
        place("zz_invoice") < place("invoice_bak"),
        "a table of other columns is no copy: {found:?}"
    );
    assert_eq!(names(&catalogue, "invoices of 2019")[0], "invoice_2019");
}

#[test]
fn comments_columns_and_values_are_found() {
    let mut ships = table("t_77", "id vessel_nm");
    ships.columns[1].values = vec!["Fram".to_owned(), "Maud".to_owned()];
    let catalogue = of(vec![
        ships,
        commented("x12", "id a b", "Complaints that customers have sent in"),
        table("y13", "id overtime_hrs"),
    ]);
    assert_eq!(names(&catalogue, "when did the Fram sail?")[0], "t_77");
    assert_eq!(names(&catalogue, "complaints per month")[0], "x12");
    assert_eq!(names(&catalogue, "who worked overtime?")[0], "y13");
}

#[test]
fn two_tables_bring_the_one_between_them() {
    let catalogue = of(vec![
        table("student", "id name"),
        table("course", "id title"),
        refers(
            refers(table("x_rel_9", "s_id c_id"), "s_id", "student"),
            "c_id",
            "course",
        ),
        refers(
            refers(
                table("long_story", "s_id c_id a b c d e f"),
                "s_id",
                "student",
            ),
            "c_id",
            "course",
        ),
    ]);
    let found = names(&catalogue, "students per course");
    assert_eq!(
        found[..3],
        ["student", "course", "x_rel_9"].map(str::to_owned)
    );
}

#[test]
fn what_a_table_refers_to_comes_with_it() {
    let catalogue = of(vec![
        refers(table("payslip", "id p_id net"), "p_id", "q9"),
        table("q9", "id nm"),
    ]);
    assert_eq!(
        names(&catalogue, "payslips"),
        ["payslip".to_owned(), "q9".to_owned()]
    );
}

#[test]
fn lines_belong_to_their_table_and_what_stands_beside_it_is_asked_for_by_its_own_words() {
    let mut tables: Vec<CatalogueTable> = ["note", "file", "tag", "kind"]
        .iter()
        .map(|end| {
            refers(
                table(&format!("ord_{end}"), "id ord_id txt"),
                "ord_id",
                "ord_hdr",
            )
        })
        .collect();
    tables.push(refers(
        table("ord_ln", "id ord_id txt"),
        "ord_id",
        "ord_hdr",
    ));
    tables.push(table("ord_hdr", "id day"));
    let catalogue = of(tables);
    let found = names(&catalogue, "all orders");
    assert_eq!(
        found[..2],
        ["ord_hdr", "ord_ln"].map(str::to_owned),
        "{found:?}"
    );
    assert_eq!(names(&catalogue, "notes on orders")[0], "ord_note");
}

#[test]
fn every_part_of_a_question_gets_its_table() {
    let mut tables: Vec<CatalogueTable> = (0..25)
        .map(|n| table(&format!("supplier_thing{n}"), "id note"))
        .collect();
    tables.push(table("delivery", "id day"));
    let catalogue = of(tables);
    let found = names(&catalogue, "suppliers and their deliveries");
    assert!(found[..3].contains(&"delivery".to_owned()), "{found:?}");
}

#[test]
fn tables_that_are_not_handed_in_are_not_found() {
    let whole = of(vec![
        table("salary", "id amount"),
        table("salary_band", "id low high"),
    ]);
    let index = SchemaIndex::build(&whole);
    let granted = Catalogue {
        tables: vec![whole.tables[1].clone(), whole.tables[5].clone()],
    };
    let found = index.recall(&granted, "salaries", None);
    assert_eq!(found, [0]);
}

#[test]
fn a_question_that_matches_nothing_gets_what_others_refer_to() {
    let catalogue = of(vec![
        refers(table("a1", "id h"), "h", "hub"),
        refers(table("a2", "id h"), "h", "hub"),
        table("hub", "id"),
    ]);
    assert_eq!(names(&catalogue, "???")[0], "hub");
}

#[test]
fn tables_of_other_scripts_are_found() {
    let catalogue = of(vec![
        commented("t_kh", "id", "客户信息表"),
        commented("t_dd", "id", "订单明细"),
    ]);
    assert_eq!(names(&catalogue, "每个客户有多少")[0], "t_kh");
}

#[test]
fn descriptions_leave_out_what_every_table_has() {
    let mut tables: Vec<CatalogueTable> = (0..40)
        .map(|n| table(&format!("thing_{n}"), "id created_at"))
        .collect();
    let mut special = commented("ord_hdr", "id created_at dlv_dt", "Orders. ");
    special.schema = Some("sls".to_owned());
    tables.push(special);
    let index = SchemaIndex::build(&Catalogue { tables });
    assert_eq!(
        index.texts().last().map(String::as_str),
        Some("sales order header. Orders. delivery date")
    );
}

/// Sees words as directions: a text that names pay points one way, every other text the other way.
struct Compass;

#[async_trait]
impl Embedder for Compass {
    fn metadata(&self) -> ModelMetadata {
        ModelMetadata::new("compass", ModelKind::Embedding)
    }

    async fn embed(&self, texts: Vec<String>, _: Option<u32>) -> Result<Vec<Vec<f32>>> {
        let about_pay = |text: &String| text.contains("remuneration") || text.contains("earn");
        let vector = |text: &String| {
            if about_pay(text) {
                vec![1.0, 0.0]
            } else {
                vec![0.0, 1.0]
            }
        };
        Ok(texts.iter().map(vector).collect())
    }
}

#[tokio::test]
async fn vectors_find_what_words_do_not() {
    let catalogue = Arc::new(of(vec![
        table("remuneration", "id gross"),
        table("office", "id floor"),
    ]));
    let index = SchemaIndex::build(&catalogue);
    let vectors = Compass.embed(index.texts().to_vec(), None).await;
    let index = index.with_vectors(vectors.expect("made"));
    assert!(index.has_vectors());
    let linker = Linker::new(Some(Arc::new(index.clone())), Some(Arc::new(Compass)));
    let found = linker.recall(&catalogue, "what does everybody earn?").await;
    assert_eq!(found[0], 0);

    let half = index.with_vectors(vec![vec![1.0, 0.0]]);
    assert!(!half.has_vectors(), "some vectors are none");
    let again = SchemaIndex::build(&catalogue).with_vectors_of(&index);
    assert!(again.has_vectors());
    let other = SchemaIndex::build(&Catalogue::default()).with_vectors_of(&index);
    assert!(!other.has_vectors());
}

#[tokio::test]
async fn a_linker_without_an_index_makes_one() {
    let catalogue = Arc::new(of(vec![table("invoice", "id total")]));
    let found = Linker::default().recall(&catalogue, "invoices").await;
    assert_eq!(found, [0]);
}

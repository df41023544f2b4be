//! What came of a statement, without what its words would tell of tables beyond the caller's grant.

use tidegate_schema::{
    Error,
    model::{Hidden, RowSet, Verdict},
};

use crate::guard::Refusal;

/// What came of a query.
type Ran = Result<(Verdict, RowSet), Refusal>;

/// Refuses a result that may not be told. Before the audit log hears of it.
pub(crate) fn refuse(hidden: Option<&Hidden>, ran: &mut Ran) {
    let (Some(hidden), Ok((verdict, rows))) = (hidden, &*ran) else {
        return;
    };
    let Some(reason) = hidden.refusal(verdict, rows) else {
        return;
    };
    let verdict = Verdict {
        allowed: false,
        reason: reason.clone(),
        ..verdict.clone()
    };
    *ran = Err(Refusal {
        verdict,
        error: Error::Forbidden { reason },
    });
}

/// Takes out what may not be told of it. Behind the audit log, which has the database's own words.
pub(crate) fn veil(hidden: Option<&Hidden>, ran: &mut Ran) {
    let Some(hidden) = hidden else { return };
    match ran {
        Ok((verdict, _)) => hidden.plan(verdict),
        Err(refusal) => veil_refusal(hidden, refusal),
    }
}

/// The same for a refusal.
pub(crate) fn veil_refusal(hidden: &Hidden, refusal: &mut Refusal) {
    refusal.error = hidden.error(&refusal.verdict, refusal.error.clone());
    hidden.plan(&mut refusal.verdict);
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use tidegate_schema::model::{Catalogue, CatalogueTable, Cell};

    use super::*;

    fn hidden() -> Hidden {
        let table = |name: &str| CatalogueTable {
            name: name.to_owned(),
            ..CatalogueTable::default()
        };
        let whole = Catalogue {
            tables: vec![table("people"), table("payroll")],
        };
        Hidden::beyond(&whole, &BTreeSet::from(["people".to_owned()]))
    }

    #[expect(
        clippy::unnecessary_wraps,
        clippy::result_large_err,
        reason = "what the functions under test take"
    )]
    fn ran(statement: &str) -> Ran {
        let verdict = Verdict {
            allowed: true,
            statement: statement.to_owned(),
            plan: Some("SCAN payroll".to_owned()),
            ..Verdict::default()
        };
        let rows = RowSet {
            rows: vec![vec![Cell::Text("SCAN payroll".to_owned())]],
            ..RowSet::default()
        };
        Ok((verdict, rows))
    }

    #[test]
    fn what_may_not_be_told_is_refused_and_plans_are_left_out() {
        let hidden = hidden();
        let mut explained = ran("explain");
        refuse(Some(&hidden), &mut explained);
        veil(Some(&hidden), &mut explained);
        let refusal = explained.expect_err("refused");
        assert!(!refusal.verdict.allowed && refusal.verdict.plan.is_none());
        assert!(matches!(refusal.error, Error::Forbidden { .. }));

        let mut read = ran("select");
        refuse(Some(&hidden), &mut read);
        veil(Some(&hidden), &mut read);
        let (verdict, rows) = read.expect("rows are the table's own");
        assert!(verdict.plan.is_none() && rows.rows.len() == 1);

        let mut open = ran("explain");
        refuse(None, &mut open);
        veil(None, &mut open);
        assert!(open.is_ok_and(|(verdict, _)| verdict.plan.is_some()));
    }
}

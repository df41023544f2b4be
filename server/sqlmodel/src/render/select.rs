//! The statement as a whole: which tables are joined, what is grouped, and how the rows come out.

use super::{
    Dialect, RenderError,
    conditions::{Conditions, Lines, column, every},
    expressions::{Context, sign},
    graph::{Graph, Hop},
    names::{Names, name, number},
};
use crate::{
    query::{Aggregate, Argument, Bucket, Function, Item, Order, Predicate, Query, Value},
    schema::{ColumnId, Schema, TableId, identifier_words},
};

pub(super) fn statement(
    query: &Query,
    schema: &Schema,
    dialect: Dialect,
) -> Result<String, RenderError> {
    check(query, schema)?;
    let mut core = Vec::new();
    for table in items(query).flat_map(|item| tables_of(schema, &item)) {
        if !core.contains(&table) {
            core.push(table);
        }
    }
    let mut spoken_of = vec![false; schema.tables.len()];
    for predicate in query.filter.iter().flatten() {
        if let Some(c) = column(predicate) {
            spoken_of[schema.columns[c].table] = true;
        }
    }
    let graph = Graph::new(schema, &query.via, spoken_of);
    let tree = graph
        .tree(&core)
        .map_err(|to| unreachable(schema, core[0], to))?;
    let mut statement = Statement {
        query,
        schema,
        dialect,
        graph,
        joined: vec![core[0]],
        hops: Vec::new(),
    };
    for hop in tree {
        statement.join(hop, false);
    }
    let core_size = statement.joined.len();
    statement.join_filters()?;
    statement.write(core_size)
}

struct Statement<'a> {
    query: &'a Query,
    schema: &'a Schema,
    dialect: Dialect,
    graph: Graph,
    /// Joined tables, the first being the one after `FROM`.
    joined: Vec<TableId>,
    /// How each but the first is joined, and whether rows without a partner stay.
    hops: Vec<(Hop, bool)>,
}

impl Statement<'_> {
    fn join(&mut self, hop: Hop, left: bool) {
        self.joined.push(hop.to);
        self.hops.push((hop, left));
    }

    /// Joins the tables that only filter and hold at most one row per row joined so far.
    fn join_filters(&mut self) -> Result<(), RenderError> {
        // A condition that stands alone needs its row; one alternative of several must not drop the others'.
        for (lone, left) in [(true, false), (false, true)] {
            let mut tables: Vec<TableId> = Vec::new();
            for clause in self
                .query
                .filter
                .iter()
                .filter(|clause| (clause.len() == 1) == lone)
            {
                tables.extend(
                    clause
                        .iter()
                        .filter_map(column)
                        .map(|c| self.schema.columns[c].table),
                );
            }
            while let Some(way) = self.next_way_up(&tables)? {
                let mut outer = false;
                for hop in way {
                    let edge = &self.graph.edges[hop.edge];
                    outer |= left
                        && edge
                            .pairs
                            .iter()
                            .any(|&(c, _)| self.schema.columns[c].nullable);
                    self.join(hop, outer);
                }
            }
        }
        Ok(())
    }

    fn next_way_up(&self, tables: &[TableId]) -> Result<Option<Vec<Hop>>, RenderError> {
        let mut best: Option<Vec<Hop>> = None;
        for &table in tables.iter().filter(|t| !self.joined.contains(t)) {
            let way = self
                .graph
                .path(&self.joined, table, &[])
                .ok_or_else(|| unreachable(self.schema, self.joined[0], table))?;
            if way.iter().all(|&hop| self.graph.is_up(hop))
                && best.as_ref().is_none_or(|best| way.len() < best.len())
            {
                best = Some(way);
            }
        }
        Ok(best)
    }

    fn write(&self, core_size: usize) -> Result<String, RenderError> {
        let conditions = Conditions {
            schema: self.schema,
            graph: &self.graph,
            dialect: self.dialect,
            joined: &self.joined,
        };
        let mut names = Names::default();
        names.open();
        names.qualified = self.joined.len() > 1
            || self
                .query
                .filter
                .iter()
                .flatten()
                .any(|predicate| match column(predicate) {
                    Some(c) => !self.joined.contains(&self.schema.columns[c].table),
                    None => true,
                });
        let mut from = vec![format!("FROM {}", names.add(self.schema, self.joined[0]))];
        for &(hop, left) in &self.hops {
            let table = names.add(self.schema, hop.to);
            let keyword = if left { "LEFT JOIN" } else { "JOIN" };
            from.push(format!(
                "{keyword} {table} ON {}",
                conditions.on(hop, &names)
            ));
        }
        let mut filter = conditions.all(&self.query.filter, &mut names)?;

        let context = Context {
            schema: self.schema,
            names: &names,
            dialect: self.dialect,
        };
        filter.extend(self.without_nulls(&context));
        let columns = self.outputs(&context);
        let rows = self.rows(core_size);
        let mut lines = vec![Self::head(&columns, rows)];
        lines.extend(from);
        lines.extend(every("WHERE", filter));
        let keys = self.group_keys(&context, rows);
        if !keys.is_empty() {
            lines.push(format!("GROUP BY {}", keys.join(", ")));
        }
        if let Some(having) = &self.query.having {
            let Value::Number(value) = having.value else {
                return Err(RenderError::Mismatch {
                    column: self.aggregate(&context, having.aggregate),
                    value: format!("{:?}", having.value),
                });
            };
            let aggregate = self.aggregate(&context, having.aggregate);
            lines.push(format!(
                "HAVING {aggregate} {} {}",
                sign(having.comparison),
                number(value)
            ));
        }
        if let Some(order) = &self.query.order {
            lines.push(self.order_by(&context, order, &columns, rows));
        }
        if let Some(limit) = self.query.limit {
            lines.push(format!("LIMIT {limit}"));
        }
        Ok(lines.join("\n"))
    }

    fn head(columns: &[Output], rows: Rows) -> String {
        let shown: Vec<String> = columns
            .iter()
            .map(|output| match &output.alias {
                Some(alias) => format!("{} AS {}", output.sql, name(alias)),
                None => output.sql.clone(),
            })
            .collect();
        let distinct = if rows == Rows::Distinct {
            "DISTINCT "
        } else {
            ""
        };
        format!("SELECT {distinct}{}", shown.join(", "))
    }

    /// How the joined rows become the rows shown.
    fn rows(&self, core_size: usize) -> Rows {
        let query = self.query;
        let aggregated = items(query).any(|item| matches!(item, Item::Aggregate(_)));
        if aggregated {
            return Rows::Grouped;
        }
        let shown: Vec<TableId> = query
            .select
            .iter()
            .flat_map(|item| tables_of(self.schema, item))
            .collect();
        let core = &self.joined[..core_size];
        let repeated = !core.iter().all(|t| self.above(&shown).contains(t));
        let order_shown = query
            .order
            .as_ref()
            .is_none_or(|order| self.is_shown(&order.by));
        match (query.distinct || repeated, order_shown) {
            (false, _) => Rows::Plain,
            (true, true) => Rows::Distinct,
            // A sort key that is not shown has many values per row shown: its extreme one counts.
            (true, false) => Rows::Extreme,
        }
    }

    /// The joined tables that hold one row per row of these tables.
    fn above(&self, tables: &[TableId]) -> Vec<TableId> {
        let mut above = tables.to_vec();
        let mut at = 0;
        while at < above.len() {
            for (hop, _) in &self.hops {
                let edge = &self.graph.edges[hop.edge];
                if edge.child == above[at] && !above.contains(&edge.parent) {
                    above.push(edge.parent);
                }
            }
            at += 1;
        }
        above
    }

    fn is_shown(&self, item: &Item) -> bool {
        self.query.select.contains(item)
            || matches!(item, Item::Column(c)
                if self.query.select.contains(&Item::AllOf(self.schema.columns[*c].table)))
    }

    fn group_keys(&self, context: &Context, rows: Rows) -> Vec<String> {
        if !matches!(rows, Rows::Grouped | Rows::Extreme) {
            return Vec::new();
        }
        let counted: Vec<TableId> = items(self.query)
            .filter(|item| matches!(item, Item::Aggregate(_)))
            .flat_map(|item| tables_of(self.schema, &item))
            .collect();
        let mut keys: Vec<String> = Vec::new();
        let mut add = |key: String| {
            if !keys.contains(&key) {
                keys.push(key);
            }
        };
        let plain = self.query.select.iter().chain(
            self.query
                .order
                .iter()
                .map(|order| &order.by)
                .filter(|_| rows == Rows::Grouped),
        );
        for item in plain {
            match *item {
                Item::Aggregate(_) => {}
                Item::Bucket(bucket, c) => add(context.bucket(bucket, c)),
                Item::AllOf(table) => {
                    let own = self.schema.tables[table].columns.clone();
                    let primary = || own.clone().filter(|&c| self.schema.columns[c].primary);
                    if primary().next().is_some() {
                        primary().for_each(|c| add(context.column(c)));
                    } else {
                        own.for_each(|c| add(context.column(c)));
                    }
                }
                Item::Column(c) => {
                    let own = &self.schema.columns[c];
                    if self.query.select.contains(&Item::AllOf(own.table)) {
                        continue;
                    }
                    add(context.column(c));
                    let table = &self.schema.tables[own.table];
                    let counted_elsewhere = counted.iter().any(|&t| t != own.table);
                    let entity = match rows {
                        // Namesakes are different rows, unless rows of that very table are counted.
                        Rows::Grouped => {
                            table.label == Some(c) && !own.values_complete && counted_elsewhere
                        }
                        _ => !self.query.distinct,
                    };
                    if entity {
                        table
                            .columns
                            .clone()
                            .filter(|&c| self.schema.columns[c].primary)
                            .for_each(|c| add(context.column(c)));
                    }
                }
            }
        }
        keys
    }

    fn order_by(&self, context: &Context, order: &Order, columns: &[Output], rows: Rows) -> String {
        let shown = self
            .query
            .select
            .iter()
            .zip(columns)
            .find(|(item, _)| **item == order.by)
            .and_then(|(_, output)| output.alias.as_deref());
        let mut key = match shown {
            Some(alias) => name(alias),
            None => self.item(context, &order.by),
        };
        if rows == Rows::Extreme {
            key = format!("{}({key})", if order.descending { "MAX" } else { "MIN" });
        }
        let direction = if order.descending { " DESC" } else { "" };
        // PostgreSQL puts missing values on top of a descending order, SQLite at its end.
        let nulls = if order.descending
            && self.dialect == Dialect::Postgres
            && sort_columns(&order.by).any(|c| self.schema.columns[c].nullable)
        {
            " NULLS LAST"
        } else {
            ""
        };
        format!("ORDER BY {key}{direction}{nulls}")
    }

    /// Keeps rows without a value from passing for the smallest ones.
    fn without_nulls(&self, context: &Context) -> Vec<Lines> {
        let (Some(_), Some(order)) = (self.query.limit, &self.query.order) else {
            return Vec::new();
        };
        let counts = items(self.query).any(|item| {
            matches!(
                item,
                Item::Aggregate(Aggregate {
                    argument: Argument::Rows(_),
                    ..
                })
            )
        });
        if order.descending || (counts && matches!(order.by, Item::Aggregate(_))) {
            return Vec::new();
        }
        let filtered = |c: ColumnId| {
            self.query
                .filter
                .iter()
                .any(|clause| match clause.as_slice() {
                    [predicate] => column(predicate) == Some(c),
                    _ => false,
                })
        };
        sort_columns(&order.by)
            .filter(|&c| self.schema.columns[c].nullable && !filtered(c))
            .map(|c| vec![format!("{} IS NOT NULL", context.column(c))])
            .collect()
    }

    fn item(&self, context: &Context, item: &Item) -> String {
        match *item {
            Item::Column(c) => context.column(c),
            Item::Bucket(bucket, c) => context.bucket(bucket, c),
            Item::Aggregate(aggregate) => self.aggregate(context, aggregate),
            Item::AllOf(table) if context.names.qualified => {
                format!("{}.*", context.names.table(self.schema, table))
            }
            Item::AllOf(_) => "*".to_owned(),
        }
    }

    fn aggregate(&self, context: &Context, aggregate: Aggregate) -> String {
        let argument = match aggregate.argument {
            Argument::Rows(table) => return self.count(context, table),
            Argument::Column(c) => context.column(c),
            Argument::Product(a, b) => format!("{} * {}", context.column(a), context.column(b)),
        };
        match aggregate.function {
            Function::Count => format!("COUNT({argument})"),
            Function::CountDistinct => format!("COUNT(DISTINCT {argument})"),
            Function::Sum => format!("SUM({argument})"),
            Function::Avg => format!("AVG({argument})"),
            Function::Min => format!("MIN({argument})"),
            Function::Max => format!("MAX({argument})"),
        }
    }

    /// The number of a table's rows: all joined rows where each is one of them, else the different ones.
    fn count(&self, context: &Context, table: TableId) -> String {
        let above = self.above(&[table]);
        if self.joined.iter().all(|joined| above.contains(joined)) {
            return "COUNT(*)".to_owned();
        }
        let keys: Vec<String> = self.schema.tables[table]
            .columns
            .clone()
            .filter(|&c| self.schema.columns[c].primary)
            .map(|c| context.column(c))
            .collect();
        let own = context.names.table(self.schema, table);
        match (keys.as_slice(), self.dialect) {
            ([key], _) => format!("COUNT(DISTINCT {key})"),
            ([], Dialect::Sqlite) => format!("COUNT(DISTINCT {own}.rowid)"),
            ([], Dialect::Postgres) => format!("COUNT(DISTINCT {own}.ctid)"),
            (keys, Dialect::Sqlite) => format!("COUNT(DISTINCT {})", keys.join(" || '/' || ")),
            (keys, Dialect::Postgres) => format!("COUNT(DISTINCT ({}))", keys.join(", ")),
        }
    }

    fn outputs(&self, context: &Context) -> Vec<Output> {
        // An alias must not be taken for a column of the joined tables.
        let mut taken: Vec<String> = self
            .joined
            .iter()
            .flat_map(|&t| self.schema.columns[self.schema.tables[t].columns.clone()].iter())
            .map(|c| c.name.to_lowercase())
            .collect();
        let shown: Vec<ColumnId> = self
            .query
            .select
            .iter()
            .filter_map(|item| {
                if let Item::Column(c) = item {
                    Some(*c)
                } else {
                    None
                }
            })
            .collect();
        self.query
            .select
            .iter()
            .map(|item| {
                let sql = self.item(context, item);
                let wish = match *item {
                    Item::AllOf(_) => None,
                    Item::Column(c) => {
                        let same = |other: ColumnId| {
                            other != c
                                && self.schema.columns[other].name == self.schema.columns[c].name
                        };
                        let table = &self.schema.tables[self.schema.columns[c].table].name;
                        let wish = format!("{} {}", singular(table), self.schema.columns[c].name);
                        shown.iter().any(|&other| same(other)).then_some(wish)
                    }
                    Item::Bucket(bucket, c) => {
                        let unit = match bucket {
                            Bucket::Year => "year",
                            Bucket::Quarter => "quarter",
                            Bucket::Month => "month",
                            Bucket::Day => "day",
                            Bucket::Weekday => "weekday",
                        };
                        let unit = if taken.iter().any(|t| t == unit) {
                            format!("{} {unit}", self.schema.columns[c].name)
                        } else {
                            unit.to_owned()
                        };
                        Some(unit)
                    }
                    Item::Aggregate(aggregate) => Some(self.wish(aggregate)),
                };
                let alias = wish.map(|wish| {
                    let base = identifier_words(&wish).join("_");
                    let mut alias = base.clone();
                    let mut copy = 2;
                    while taken.contains(&alias) {
                        alias = format!("{base}_{copy}");
                        copy += 1;
                    }
                    taken.push(alias.clone());
                    alias
                });
                Output { sql, alias }
            })
            .collect()
    }

    fn wish(&self, aggregate: Aggregate) -> String {
        let of = match aggregate.argument {
            Argument::Rows(table) => singular(&self.schema.tables[table].name),
            Argument::Column(c) => self.schema.columns[c].name.clone(),
            Argument::Product(..) => "product".to_owned(),
        };
        match (aggregate.function, aggregate.argument) {
            (Function::Sum, Argument::Product(..)) => "total".to_owned(),
            (Function::Count, _) => format!("{of} count"),
            (Function::CountDistinct, _) => format!("different {of} count"),
            (Function::Sum, _) => format!("total {of}"),
            (Function::Avg, _) => format!("average {of}"),
            (Function::Min, _) => format!("lowest {of}"),
            (Function::Max, _) => format!("highest {of}"),
        }
    }
}

/// How joined rows become shown rows.
#[derive(Clone, Copy, PartialEq)]
enum Rows {
    Plain,
    Distinct,
    Grouped,
    /// Grouped only to sort by the extreme of a key that is not shown.
    Extreme,
}

struct Output {
    sql: String,
    alias: Option<String>,
}

/// Everything that must be computed from joined rows: what is shown, the group condition, the sort key.
fn items(query: &Query) -> impl Iterator<Item = Item> + '_ {
    query
        .select
        .iter()
        .cloned()
        .chain(
            query
                .having
                .iter()
                .map(|having| Item::Aggregate(having.aggregate)),
        )
        .chain(query.order.iter().map(|order| order.by.clone()))
}

fn tables_of(schema: &Schema, item: &Item) -> Vec<TableId> {
    match *item {
        Item::AllOf(table)
        | Item::Aggregate(Aggregate {
            argument: Argument::Rows(table),
            ..
        }) => vec![table],
        _ => sort_columns(item)
            .map(|c| schema.columns[c].table)
            .collect(),
    }
}

/// The columns an item is computed from.
fn sort_columns(item: &Item) -> impl Iterator<Item = ColumnId> + use<> {
    let (first, second) = match *item {
        Item::Column(c) | Item::Bucket(_, c) => (Some(c), None),
        Item::Aggregate(aggregate) => match aggregate.argument {
            Argument::Rows(_) => (None, None),
            Argument::Column(c) => (Some(c), None),
            Argument::Product(a, b) => (Some(a), Some(b)),
        },
        Item::AllOf(_) => (None, None),
    };
    first.into_iter().chain(second)
}

fn singular(noun: &str) -> String {
    if let Some(stem) = noun.strip_suffix("ies") {
        format!("{stem}y")
    } else if ["sses", "ches", "shes", "xes"]
        .iter()
        .any(|end| noun.ends_with(end))
    {
        noun[..noun.len() - 2].to_owned()
    } else if noun.ends_with("ss") {
        noun.to_owned()
    } else {
        noun.strip_suffix('s').unwrap_or(noun).to_owned()
    }
}

fn unreachable(schema: &Schema, from: TableId, to: TableId) -> RenderError {
    let table = |t: TableId| schema.tables[t].name.clone();
    RenderError::Unreachable {
        from: table(from),
        to: table(to),
    }
}

/// Refuses a query that names what the schema lacks.
fn check(query: &Query, schema: &Schema) -> Result<(), RenderError> {
    if query.select.is_empty() {
        return Err(RenderError::Empty);
    }
    let table = |id: TableId| {
        if id < schema.tables.len() {
            Ok(())
        } else {
            Err(RenderError::Unknown { what: "table", id })
        }
    };
    let known = |id: ColumnId| match schema.columns.get(id) {
        Some(column) => table(column.table),
        None => Err(RenderError::Unknown { what: "column", id }),
    };
    for item in items(query) {
        sort_columns(&item).try_for_each(known)?;
        match item {
            Item::AllOf(id)
            | Item::Aggregate(Aggregate {
                argument: Argument::Rows(id),
                ..
            }) => table(id)?,
            Item::Aggregate(Aggregate {
                argument: Argument::Product(a, b),
                ..
            }) => {
                known(a)?;
                known(b)?;
            }
            _ => {}
        }
    }
    for predicate in query.filter.iter().flatten() {
        column(predicate).map_or(Ok(()), known)?;
        if let Predicate::Exists(id, _, inner) = predicate {
            table(*id)?;
            for predicate in inner {
                match column(predicate) {
                    Some(c) => known(c)?,
                    None => return Err(RenderError::Nested),
                }
            }
        }
    }
    query.via.iter().copied().try_for_each(known)
}

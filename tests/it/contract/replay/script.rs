//! What the recorded model server answered, by question.

use tidegate_tests::upstream::Script;

/// The charts of "Build an order dashboard".
const DASHBOARD: &str = r#"[{"thoughts": "Order volume per status.", "showcase": "BarChart",
 "sql": "SELECT status, COUNT(*) AS orders FROM orders GROUP BY status ORDER BY orders DESC LIMIT 50",
 "title": "Orders by status"},
{"thoughts": "Cities with most orders.", "showcase": "PieChart",
 "sql": "SELECT c.city AS city, COUNT(o.order_id) AS orders FROM customers c JOIN orders o ON o.customer_id = c.customer_id GROUP BY c.city ORDER BY orders DESC LIMIT 10",
 "title": "Orders by city"},
{"thoughts": "Revenue per category.", "showcase": "Table",
 "sql": "SELECT p.category AS category, ROUND(SUM(i.quantity * i.unit_price), 2) AS revenue FROM order_items i JOIN products p ON p.product_id = i.product_id GROUP BY p.category ORDER BY revenue DESC",
 "title": "Revenue by category"},
{"thoughts": "Total number of orders.", "showcase": "IndicatorValue",
 "sql": "SELECT COUNT(*) AS total_orders FROM orders",
 "title": "Total orders"}]"#;

/// The table of the uploaded `sales.csv`. The recorded model was told `data_analysis_table`.
const SHEET: &str = "sales";

/// The model's answers.
pub(super) fn script() -> Script {
    let answer = |thoughts: &str, direct: &str, sql: &str, display: &str| {
        // In the order and spacing of the recorded answers: they are stored as they come.
        format!(
            "{{\"thoughts\": \"{thoughts}\", \"direct_response\": \"{direct}\", \"sql\": \"{sql}\", \
             \"display_type\": \"{display}\"}}"
        )
    };
    let months = "SELECT strftime('%Y-%m', o.order_date) AS month, COUNT(*) AS orders, \
                  ROUND(SUM(o.total_amount), 2) AS revenue FROM orders o GROUP BY month ORDER BY month LIMIT 50";
    let statuses = "SELECT status, COUNT(*) AS orders FROM orders GROUP BY status ORDER BY orders DESC LIMIT 50";
    let bad = "SELECT nope FROM missing_table LIMIT 5";
    let regions = format!(
        "SELECT region, SUM(revenue) AS total_revenue FROM {SHEET} GROUP BY region ORDER BY total_revenue DESC"
    );
    Script::default()
        .answer(
            "Orders per month",
            &[&answer(
                "Aggregate orders per month.",
                "",
                months,
                "response_line_chart",
            )],
        )
        .answer(
            "Orders by status",
            &[&answer(
                "Count orders per status.",
                "",
                statuses,
                "response_pie_chart",
            )],
        )
        .answer(
            "hello",
            &[&answer(
                "No SQL is needed.",
                "Hello, how can I help with this database?",
                "",
                "",
            )],
        )
        .answer(
            "run bad sql",
            &[&answer(
                "Query a table that does not exist.",
                "",
                bad,
                "response_table",
            )],
        )
        .answer("Build an order dashboard", &[DASHBOARD])
        .answer(
            "Total revenue per region",
            &[&answer(
                "Total revenue per region, largest first.",
                "",
                &regions,
                "response_bar_chart",
            )],
        )
        .embedding("hello", &[0.034659, 0.059924, -0.062641, 0.077147])
        .embedding("world", &[-0.001087, 0.043952, 0.081978, 0.070294])
        .embedding("a", &[0.085923, -0.054212, 0.061329, -0.024437])
        .embedding("b", &[0.084119, 0.056165, -0.06835, 0.069274])
        .embedding("c", &[-0.010449, 0.024908, 0.067158, 0.025412])
        .embedding("d", &[0.044025, -0.031573, 0.073055, -0.06465])
        .embedding("e", &[-0.021353, -0.028275, -0.080042, -0.064376])
        .embedding("f", &[0.071474, -0.035297, 0.050524, 0.052556])
}

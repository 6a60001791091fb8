//! Bars as SVG.

use std::fmt::Write;

const ROW: usize = 26;
const LABEL: u16 = 250;
const WIDTH: u16 = 420;

/// A bar chart of named figures, drawn to the largest of them.
pub(crate) fn bars(title: &str, unit: &str, rows: &[(String, f64)]) -> String {
    let most = rows
        .iter()
        .map(|(_, figure)| *figure)
        .fold(f64::MIN_POSITIVE, f64::max);
    let height = 40 + rows.len() * ROW;
    let all = LABEL + WIDTH + 110;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{all}\" height=\"{height}\" viewBox=\"0 0 {all} {height}\" \
         font-family=\"sans-serif\" font-size=\"13\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n\
         <text x=\"8\" y=\"20\" font-weight=\"bold\">{title}</text>\n"
    );
    for (number, (name, figure)) in rows.iter().enumerate() {
        let top = 34 + number * ROW;
        let middle = top + 14;
        let length = (figure / most * f64::from(WIDTH)).max(1.0);
        let end = f64::from(LABEL) + length + 6.0;
        writeln!(
            svg,
            "<text x=\"{}\" y=\"{middle}\" text-anchor=\"end\">{name}</text>\
             <rect x=\"{LABEL}\" y=\"{top}\" width=\"{length:.1}\" height=\"18\" fill=\"#3a6ea5\"/>\
             <text x=\"{end:.1}\" y=\"{middle}\">{} {unit}</text>",
            LABEL - 8,
            super::report::figure(*figure),
        )
        .expect("a string takes every line");
    }
    svg.push_str("</svg>\n");
    svg
}

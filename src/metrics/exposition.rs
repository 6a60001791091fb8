//! The text format that Prometheus reads (exposition format 0.0.4).

use std::fmt::{Display, Write};

/// The media type of the text.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What the samples of a family are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts in buckets.
    Histogram,
}

impl Kind {
    const fn word(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// The text while it is written, family after family.
#[derive(Debug, Default)]
pub struct Exposition {
    text: String,
    family: &'static str,
}

impl Exposition {
    /// Begins a family. The samples that follow belong to it.
    pub fn family(&mut self, name: &'static str, kind: Kind, help: &str) {
        self.family = name;
        let help = help.replace('\\', "\\\\").replace('\n', "\\n");
        let kind = kind.word();
        self.append(format_args!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
    }

    /// Writes a sample of the family, whose name may have a suffix.
    pub fn sample(&mut self, suffix: &str, labels: &[(&str, &str)], value: u64) {
        self.line(suffix, labels, value);
    }

    /// The same with a fraction.
    pub fn sample_f64(&mut self, suffix: &str, labels: &[(&str, &str)], value: f64) {
        self.line(suffix, labels, value);
    }

    /// The text.
    pub fn finish(self) -> String {
        self.text
    }

    fn line(&mut self, suffix: &str, labels: &[(&str, &str)], value: impl Display) {
        let family = self.family;
        self.append(format_args!("{family}{suffix}"));
        for (at, (name, value)) in labels.iter().enumerate() {
            let before = if at == 0 { '{' } else { ',' };
            self.append(format_args!("{before}{name}=\"{}\"", escaped(value)));
        }
        let end = if labels.is_empty() { "" } else { "}" };
        self.append(format_args!("{end} {value}\n"));
    }

    fn append(&mut self, arguments: std::fmt::Arguments<'_>) {
        self.text
            .write_fmt(arguments)
            .expect("writing to a string cannot fail");
    }
}

/// A label's value as the format wants it: backslash, double quote and line feed are escaped.
fn escaped(value: &str) -> String {
    value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_people_wrote_cannot_break_out_of_their_label() {
        let mut text = Exposition::default();
        text.family("state", Kind::Gauge, "one\ntwo");
        text.sample("", &[("name", "a\"} 1\nb\\"), ("other", "x")], 1);
        text.sample_f64("_sum", &[], 0.5);
        assert_eq!(
            text.finish(),
            "# HELP state one\\ntwo\n# TYPE state gauge\n\
             state{name=\"a\\\"} 1\\nb\\\\\",other=\"x\"} 1\nstate_sum 0.5\n"
        );
    }
}

//! Metrics as OpenMetrics text (<https://prometheus.io/docs/specs/om/open_metrics_spec/>): families with
//! type, unit and help, counters that end in `_total`, cumulative buckets, `# EOF`. Invariant: a family is
//! written once, with all its samples together, and its name ends in its unit.

use std::fmt::{self, Display, Write};

use super::Latencies;

/// What a server says this text is.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// A family's name (its unit at the end), unit and help. An empty unit is none.
#[derive(Debug, Clone, Copy)]
pub struct Family {
    /// Letters, digits and `_`.
    pub name: &'static str,
    /// As the name ends, or empty.
    pub unit: &'static str,
    /// One sentence.
    pub help: &'static str,
}

/// A label's name and value.
pub type Label<'a> = (&'static str, &'a str);

/// A text in the making.
#[derive(Debug, Default)]
pub struct Text(String);

impl Text {
    /// A counter without labels.
    pub fn count(&mut self, family: Family, value: f64) {
        self.head(family, "counter");
        self.sample(family.name, "_total", &[], None, value);
    }

    /// A counter, with a sample for each value of one label.
    pub fn counts<'a>(
        &mut self,
        family: Family,
        label: &'static str,
        samples: impl IntoIterator<Item = (&'a str, f64)>,
    ) {
        self.head(family, "counter");
        for (value, count) in samples {
            self.sample(family.name, "_total", &[(label, value)], None, count);
        }
    }

    /// A gauge; without a sample when its value is not known.
    pub fn gauge(&mut self, family: Family, value: Option<f64>) {
        self.head(family, "gauge");
        if let Some(value) = value {
            self.sample(family.name, "", &[], None, value);
        }
    }

    /// A gauge, with a sample for each value of one label.
    pub fn gauges<'a>(
        &mut self,
        family: Family,
        label: &'static str,
        samples: impl IntoIterator<Item = (&'a str, f64)>,
    ) {
        self.head(family, "gauge");
        for (value, measured) in samples {
            self.sample(family.name, "", &[(label, value)], None, measured);
        }
    }

    /// A fact that labels tell.
    pub fn info(&mut self, family: Family, labels: &[Label<'_>]) {
        self.head(family, "info");
        self.sample(family.name, "_info", labels, None, 1.0);
    }

    /// A histogram in seconds.
    pub fn histogram(&mut self, family: Family, latencies: &Latencies) {
        self.head(family, "histogram");
        for (end, count) in latencies.cumulative() {
            self.sample(family.name, "_bucket", &[], Some(end), count as f64);
        }
        self.sample(family.name, "_count", &[], None, latencies.count() as f64);
        self.sample(family.name, "_sum", &[], None, latencies.sum_seconds());
    }

    /// The whole text.
    #[must_use]
    pub fn finish(mut self) -> String {
        self.0.push_str("# EOF\n");
        self.0
    }

    fn head(&mut self, Family { name, unit, help }: Family, kind: &str) {
        debug_assert!(unit.is_empty() || name.ends_with(unit), "{name} must end in its unit");
        self.line(format_args!("# TYPE {name} {kind}"));
        if !unit.is_empty() {
            self.line(format_args!("# UNIT {name} {unit}"));
        }
        self.line(format_args!("# HELP {name} {}", Escaped(help)));
    }

    fn sample(
        &mut self,
        name: &str,
        suffix: &str,
        labels: &[Label<'_>],
        end: Option<f64>,
        value: f64,
    ) {
        self.0.push_str(name);
        self.0.push_str(suffix);
        let mut separator = '{';
        for (name, value) in labels {
            self.label(&mut separator, name, &Escaped(value));
        }
        if let Some(end) = end {
            self.label(&mut separator, "le", &Number(end));
        }
        if separator == ',' {
            self.0.push('}');
        }
        self.line(format_args!(" {}", Number(value)));
    }

    fn label(&mut self, separator: &mut char, name: &str, value: &dyn Display) {
        write!(self.0, "{separator}{name}=\"{value}\"").expect("a String takes text");
        *separator = ',';
    }

    fn line(&mut self, text: fmt::Arguments<'_>) {
        writeln!(self.0, "{text}").expect("a String takes text");
    }
}

/// A number as the format wants it: with a point, infinity by its name.
struct Number(f64);

impl Display for Number {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            value if value.is_nan() => formatter.write_str("NaN"),
            value if value.is_infinite() && value > 0.0 => formatter.write_str("+Inf"),
            value if value.is_infinite() => formatter.write_str("-Inf"),
            value => write!(formatter, "{value:?}"),
        }
    }
}

/// A text with what would end its line or its quotes escaped.
struct Escaped<'a>(&'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            match character {
                '\\' => formatter.write_str("\\\\")?,
                '"' => formatter.write_str("\\\"")?,
                '\n' => formatter.write_str("\\n")?,
                character => formatter.write_char(character)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_are_written_as_the_format_wants_them() {
        let family = |name, unit| Family { name, unit, help: "What it \"is\"." };
        let mut text = Text::default();
        text.counts(family("a_bytes", "bytes"), "stage", [("x\"\n", 3.0)]);
        text.gauge(family("b", ""), Some(0.5));
        text.gauge(family("unknown", ""), None);
        text.info(family("c", ""), &[("date", "2025"), ("region", "r")]);
        let mut latencies = Latencies::default();
        latencies.record(1);
        text.histogram(family("d_seconds", "seconds"), &latencies);
        let text = text.finish();
        for part in [
            "# TYPE a_bytes counter\n# UNIT a_bytes bytes\n# HELP a_bytes What it \\\"is\\\".\n\
             a_bytes_total{stage=\"x\\\"\\n\"} 3.0\n# TYPE b gauge\n",
            "\nb 0.5\n# TYPE unknown gauge\n# HELP unknown What it \\\"is\\\".\n# TYPE c info\n",
            "\nc_info{date=\"2025\",region=\"r\"} 1.0\n",
            "\nd_seconds_bucket{le=\"0.001\"} 1.0\n",
            "\nd_seconds_bucket{le=\"+Inf\"} 1.0\nd_seconds_count 1.0\nd_seconds_sum 1e-6\n# EOF\n",
        ] {
            assert!(text.contains(part), "{text} has no {part}");
        }
        assert!(text.ends_with("# EOF\n"));
    }
}

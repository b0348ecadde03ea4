//! The elements of a numeric format and the rules of their order: an optional sign, digits with separators,
//! a point, more digits, an exponent, a sign; and flags anywhere.

use crate::error::{Result, SqlError};

/// Formats are no longer than this.
const LENGTH_MAX: usize = 1 << 20;
/// 64 bits have no more hexadecimal digits.
const HEXADECIMAL_MAX: usize = 16;

/// A place in the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Element {
    /// `9` or `0`
    Digit,
    /// `X` or `x`, and `0` among them.
    Hexadecimal {
        /// Whether letters are capital.
        upper: bool,
    },
    /// `.` or `D`
    Point,
    /// `V`
    HiddenPoint,
    /// `,` or `G`
    Group,
    /// `EEEE` or `eeee`, by its letter.
    Exponent(char),
}

/// How the sign is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    /// `S` in front.
    Front,
    /// `S` at the end.
    Back,
    /// `MI`
    Minus,
    /// `PR`
    Brackets,
}

/// A format that has been understood.
#[derive(Debug, Default)]
pub(super) struct Layout {
    pub(super) elements: Vec<Element>,
    /// The index of the point, or where it would be.
    pub(super) point: usize,
    /// The index of the first `0`.
    pub(super) first_zero: Option<usize>,
    /// Digits before the point.
    pub(super) whole_digits: usize,
    /// Digits after the point.
    pub(super) scale: usize,
    pub(super) has_exponent: bool,
    pub(super) is_hexadecimal: bool,
    pub(super) is_text_minimal: bool,
    /// Roman numerals, in capitals or not.
    pub(super) roman: Option<bool>,
    pub(super) sign: Option<Sign>,
    pub(super) currency: Option<&'static str>,
    /// `FM`
    pub(super) compact: bool,
    /// `B`
    pub(super) blank_zero: bool,
}

/// Where the parser is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Start,
    Whole,
    Fraction,
    AfterExponent,
    Hexadecimal,
    AfterSign,
    Roman,
    TextMinimal,
}

const NAMES: [&str; 21] = [
    "TM9", "TME", "TM", "EEEE", "MI", "PR", "RN", "FM", "$", "0", "9", "X", ".", "D", ",", "G",
    "S", "B", "V", "C", "L",
];

const COMBINED: &str = "'TM', 'TM9' or 'TME' cannot be combined with other format elements";
const TWO_SIGNS: &str = "There can be at most one of 'S', 'MI', or 'PR'";
const GROUP_AND_EXPONENT: &str = "',' or 'G' cannot appear together with 'EEEE'";

impl Layout {
    /// Understands a format.
    pub(super) fn parse(format: &str) -> Result<Self> {
        if format.len() > LENGTH_MAX {
            return Err(wrong(format!("Format string too long; limit {LENGTH_MAX}")));
        }
        let mut parser = Parser {
            layout: Self::default(),
            state: State::Start,
            point: None,
            currency_name: "",
            has_nine: false,
            digits: 0,
        };
        let mut rest = format;
        while !rest.is_empty() {
            let element = NAMES.iter().find(|name| {
                rest.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name))
            });
            let Some(name) = element else {
                let character = rest.chars().next().unwrap_or_default();
                return Err(wrong(format!("Invalid format element '{character}'")));
            };
            let upper = rest.starts_with(|c: char| c.is_ascii_uppercase());
            parser.element(name, upper)?;
            rest = &rest[name.len()..];
        }
        parser.finish()
    }
}

struct Parser {
    layout: Layout,
    state: State,
    point: Option<&'static str>,
    currency_name: &'static str,
    has_nine: bool,
    digits: usize,
}

impl Parser {
    fn element(&mut self, name: &'static str, upper: bool) -> Result<()> {
        match name {
            "FM" if self.layout.compact => return Err(wrong("'FM' cannot be repeated")),
            "FM" => self.layout.compact = true,
            "$" | "C" | "L" => {
                if self.layout.currency.is_some() {
                    return Err(wrong("There can be at most one of '$', 'C' or 'L'"));
                }
                self.currency_name = name;
                self.layout.currency = Some(if name != "C" {
                    "$"
                } else if upper {
                    "USD"
                } else {
                    "usd"
                });
            }
            "B" if self.layout.blank_zero => return Err(wrong("There can be at most one 'B'")),
            "B" => self.layout.blank_zero = true,
            _ => return self.placed(name, upper),
        }
        Ok(())
    }

    /// An element whose order matters.
    fn placed(&mut self, name: &'static str, upper: bool) -> Result<()> {
        if matches!(name, "0" | "9" | "X") {
            self.digits += 1;
        }
        match self.state {
            State::TextMinimal => return Err(wrong(COMBINED)),
            State::Roman => {
                return Err(wrong(format!("'RN' cannot appear together with '{name}'")));
            }
            State::Start => self.start(name, upper)?,
            State::Whole => self.whole(name)?,
            State::Hexadecimal => self.hexadecimal(name)?,
            State::Fraction => self.fraction(name)?,
            State::AfterExponent => self.after_exponent(name)?,
            State::AfterSign => return Err(self.after_sign(name)),
        }
        self.push(name, upper);
        Ok(())
    }

    fn push(&mut self, name: &str, upper: bool) {
        let place = self.layout.elements.len();
        let element = match name {
            "0" => {
                self.layout.first_zero.get_or_insert(place);
                Element::Digit
            }
            "9" => Element::Digit,
            "X" => Element::Hexadecimal { upper },
            "." | "D" => Element::Point,
            "V" => Element::HiddenPoint,
            "," | "G" => Element::Group,
            "EEEE" => Element::Exponent(if upper { 'E' } else { 'e' }),
            _ => return,
        };
        self.layout.elements.push(element);
    }

    fn start(&mut self, name: &'static str, upper: bool) -> Result<()> {
        self.state = match name {
            "S" => {
                self.layout.sign = Some(Sign::Front);
                State::Whole
            }
            "MI" | "PR" => {
                let message = format!("'{name}' can only appear after all digits and 'EEEE'");
                return Err(wrong(message));
            }
            "9" => {
                self.has_nine = true;
                State::Whole
            }
            "0" => State::Whole,
            "X" => State::Hexadecimal,
            "RN" => {
                self.layout.roman = Some(upper);
                State::Roman
            }
            "." | "D" | "V" => {
                self.point = Some(name);
                self.layout.point = self.layout.elements.len();
                State::Fraction
            }
            "TM" | "TM9" | "TME" => {
                self.layout.is_text_minimal = true;
                State::TextMinimal
            }
            _ => return Err(wrong(format!("Unexpected '{name}'"))),
        };
        Ok(())
    }

    fn has_group(&self) -> bool {
        self.layout.elements.contains(&Element::Group)
    }

    fn whole(&mut self, name: &'static str) -> Result<()> {
        match name {
            "S" | "MI" | "PR" => self.back_sign(name)?,
            "EEEE" if self.has_group() => return Err(wrong(GROUP_AND_EXPONENT)),
            "EEEE" => {
                self.layout.has_exponent = true;
                self.layout.point = self.layout.elements.len();
                self.point = Some("");
                self.state = State::AfterExponent;
            }
            "X" if self.has_nine => {
                return Err(wrong("'X' cannot appear together with '9'"));
            }
            "X" if self.has_group() => {
                return Err(wrong("'X' cannot appear together with ',' or 'G'"));
            }
            "X" => self.state = State::Hexadecimal,
            "9" => self.has_nine = true,
            "0" | "," | "G" => {}
            "." | "D" | "V" => {
                self.point = Some(name);
                self.layout.point = self.layout.elements.len();
                self.state = State::Fraction;
            }
            "TM" | "TM9" | "TME" => return Err(wrong(COMBINED)),
            _ => return Err(wrong(format!("Unexpected '{name}'"))),
        }
        Ok(())
    }

    fn fraction(&mut self, name: &'static str) -> Result<()> {
        match name {
            "0" | "9" => self.layout.scale += 1,
            "X" => {
                let point = self.point.unwrap_or_default();
                return Err(wrong(format!("'X' cannot appear together with '{point}'")));
            }
            "EEEE" if self.has_group() => return Err(wrong(GROUP_AND_EXPONENT)),
            "EEEE" => {
                self.layout.has_exponent = true;
                self.state = State::AfterExponent;
            }
            "S" | "MI" | "PR" => self.back_sign(name)?,
            "." | "D" | "V" => return Err(wrong("There can be at most one of '.', 'D', or 'V'")),
            "," | "G" => return Err(wrong("',' or 'G' cannot appear after '.', 'D' or 'V'")),
            _ => return Err(wrong(format!("Unexpected '{name}'"))),
        }
        Ok(())
    }

    fn hexadecimal(&mut self, name: &'static str) -> Result<()> {
        match name {
            "0" | "X" => Ok(()),
            "S" | "MI" | "PR" => self.back_sign(name),
            _ => Err(wrong(format!("'X' cannot appear together with '{name}'"))),
        }
    }

    fn after_exponent(&mut self, name: &'static str) -> Result<()> {
        match name {
            "S" | "MI" | "PR" => self.back_sign(name),
            "," | "G" => Err(wrong(GROUP_AND_EXPONENT)),
            _ => Err(wrong(format!("'{name}' cannot appear after 'EEEE'"))),
        }
    }

    fn back_sign(&mut self, name: &str) -> Result<()> {
        if self.layout.sign.is_some() {
            return Err(wrong(TWO_SIGNS));
        }
        self.layout.sign = Some(match name {
            "S" => Sign::Back,
            "MI" => Sign::Minus,
            _ => Sign::Brackets,
        });
        self.state = State::AfterSign;
        Ok(())
    }

    fn after_sign(&self, name: &str) -> SqlError {
        match (name, self.layout.sign) {
            ("0" | "9" | "X" | "EEEE", Some(Sign::Back)) => {
                wrong("'S' can only appear before or after all digits and 'EEEE'")
            }
            ("0" | "9" | "X" | "EEEE", sign) => {
                let sign = if sign == Some(Sign::Minus) { "MI" } else { "PR" };
                wrong(format!("'{sign}' can only appear after all digits and 'EEEE'"))
            }
            _ => wrong(format!("Unexpected format element '{name}'")),
        }
    }

    fn finish(self) -> Result<Layout> {
        let Self { mut layout, point, currency_name, digits, .. } = self;
        layout.is_hexadecimal =
            layout.elements.iter().any(|element| matches!(element, Element::Hexadecimal { .. }));
        let flags = [(layout.currency.is_some(), currency_name), (layout.blank_zero, "B")];
        for (_, flag) in flags.into_iter().filter(|(is_set, _)| *is_set) {
            if layout.is_text_minimal {
                return Err(wrong(COMBINED));
            }
            if layout.is_hexadecimal || layout.roman.is_some() {
                let name = if layout.is_hexadecimal { "X" } else { "RN" };
                return Err(wrong(format!("'{name}' cannot appear together with '{flag}'")));
            }
        }
        if layout.compact && layout.is_text_minimal {
            return Err(wrong(COMBINED));
        }
        if layout.is_text_minimal || layout.roman.is_some() {
            return Ok(layout);
        }
        if digits == 0 {
            return Err(wrong("Format string must contain at least one of 'X', '0' or '9'"));
        }
        if layout.is_hexadecimal {
            if digits > HEXADECIMAL_MAX {
                return Err(wrong("Max number of 'X' is 16"));
            }
            hexadecimal_zeros(&mut layout.elements);
            return Ok(layout);
        }
        layout.whole_digits = digits - layout.scale;
        if point.is_none() {
            layout.point = layout.elements.len();
        }
        if layout.has_exponent && layout.point >= 2 {
            // A number with an exponent has one digit before the point.
            layout.elements.drain(..layout.point - 1);
            layout.point = 1;
        }
        Ok(layout)
    }
}

/// A `0` among hexadecimal digits has the case of the next `X`, or capitals.
fn hexadecimal_zeros(elements: &mut [Element]) {
    let mut next = Element::Hexadecimal { upper: true };
    for element in elements.iter_mut().rev() {
        match element {
            Element::Digit => *element = next,
            _ => next = *element,
        }
    }
}

fn wrong(message: impl Into<String>) -> SqlError {
    SqlError::evaluation(format!("Error in format string: {}", message.into()))
}

//! A model of dates and times: the rules of `docs/values.md`, read from left to right.

use destination_salesforce::convert::Kind;

/// The rest of a text, of which parts are taken from the left.
struct Rest<'t>(&'t str);

impl<'t> Rest<'t> {
    fn is_over(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes one of these characters, if it is next.
    fn takes(&mut self, characters: &str) -> bool {
        let rest = self.0.strip_prefix(|next| characters.contains(next));
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    /// Takes this many digits.
    fn digits(&mut self, count: usize) -> Option<&'t str> {
        let (digits, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        digits.bytes().all(|byte| byte.is_ascii_digit()).then_some(digits)
    }

    /// Takes all digits that are next.
    fn all_digits(&mut self) -> &'t str {
        let count = self.0.bytes().take_while(u8::is_ascii_digit).count();
        let (digits, rest) = self.0.split_at(count);
        self.0 = rest;
        digits
    }

    fn two(&mut self, largest: u32) -> Option<&'t str> {
        self.digits(2).filter(|digits| number(digits) <= largest)
    }

    fn date(&mut self) -> Option<String> {
        let year = self.digits(4)?;
        let month = self.takes("-").then(|| self.digits(2))??;
        let day = self.takes("-").then(|| self.digits(2))??;
        let (y, m, d) = (number(year), number(month), number(day));
        let february = if y % 400 == 0 || (y % 4 == 0 && y % 100 != 0) { 29 } else { 28 };
        let days = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        let last = usize::try_from(m).ok()?.checked_sub(1).and_then(|month| days.get(month))?;
        ((1700..=4000).contains(&y) && (1..=*last).contains(&d)).then(|| format!("{year}-{month}-{day}"))
    }

    /// The time of day to the second, and its milliseconds with a point, if there are digits after the second.
    fn clock(&mut self) -> Option<Clock> {
        let hour = self.two(23)?;
        let minute = self.takes(":").then(|| self.two(59))??;
        let second = if self.takes(":") { Some(self.two(59)?) } else { None };
        let mut fraction = "";
        if second.is_some() && self.takes(".") {
            fraction = self.all_digits();
            if fraction.is_empty() {
                return None;
            }
        }
        let is_midnight = [hour, minute, second.unwrap_or("00"), fraction].concat().bytes().all(|digit| digit == b'0');
        let kept: String = fraction.chars().chain("000".chars()).take(3).collect();
        let milliseconds = if fraction.is_empty() { String::new() } else { format!(".{kept}") };
        Some(Clock { to_second: format!("{hour}:{minute}:{}", second.unwrap_or("00")), milliseconds, is_midnight })
    }

    /// All that is left, as an offset.
    fn offset(&mut self) -> Option<String> {
        self.0 = self.0.trim_start_matches(' ');
        if ["", "Z", "z", "UTC"].contains(&self.0) {
            return Some("Z".to_owned());
        }
        let sign = self.0.chars().next().filter(|sign| "+-".contains(*sign))?;
        self.takes("+-");
        let hours = self.two(18)?;
        let minutes = match self.is_over() {
            true => "00",
            false => {
                self.takes(":");
                self.two(59)?
            }
        };
        self.is_over().then(|| format!("{sign}{hours}:{minutes}"))
    }
}

struct Clock {
    to_second: String,
    milliseconds: String,
    is_midnight: bool,
}

fn number(digits: &str) -> u32 {
    digits.parse().unwrap_or(u32::MAX)
}

/// The cell of a text in a column of dates or times. `None` if it is rejected.
pub(crate) fn of(kind: Kind, text: &str) -> Option<String> {
    let mut rest = Rest(text);
    if kind == Kind::Time {
        let Clock { to_second, milliseconds, .. } = rest.clock()?;
        let milliseconds = if milliseconds.is_empty() { ".000" } else { &milliseconds };
        let is_utc = matches!(&*rest.offset()?, "Z" | "+00:00" | "-00:00");
        return is_utc.then(|| format!("{to_second}{milliseconds}Z"));
    }
    let date = rest.date()?;
    if rest.is_over() {
        return Some(if kind == Kind::Date { date } else { format!("{date}T00:00:00Z") });
    }
    let Clock { to_second, milliseconds, is_midnight } = rest.takes("Tt ").then(|| rest.clock())??;
    let offset = rest.offset()?;
    match kind {
        Kind::Date => is_midnight.then_some(date),
        _ => Some(format!("{date}T{to_second}{milliseconds}{offset}")),
    }
}

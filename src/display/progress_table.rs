//! The progress of a sync as a table that fits on a terminal, and its summary.

use std::time::Duration;

use super::style::Style;

/// How a sync is going.
#[derive(Debug, Clone, Default)]
pub(crate) struct ProgressView {
    pub(crate) elapsed: Duration,
    /// Records written or rejected in a second.
    pub(crate) rate: u64,
    /// The headings of the counts.
    pub(crate) headings: [&'static str; 3],
    pub(crate) streams: Vec<StreamLine>,
    /// The jobs that run, in words; empty where there are none.
    pub(crate) running: String,
    /// Why records are rejected, the most frequent reason first.
    pub(crate) reasons: Vec<Reason>,
    /// Whether rejected records are kept.
    pub(crate) keeps_rejected: bool,
}

/// The counts of one stream.
#[derive(Debug, Clone)]
pub(crate) struct StreamLine {
    pub(crate) name: String,
    pub(crate) counts: [u64; 3],
}

/// One reason of rejections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reason {
    pub(crate) code: String,
    pub(crate) field: String,
    pub(crate) count: u64,
}

/// The width of a column with counts, and a space before it, where no count is larger.
const COUNT: usize = 14;
const NARROW_COUNT: usize = 11;
const WIDE_ENOUGH: usize = 72;
/// What a name has at least, where the counts can be narrower.
const SHORTEST_NAME: usize = 10;
/// No table is narrower: the headings need as much.
const NARROWEST: usize = 36;
/// No table is wider, so that a name and its counts stay together.
const WIDEST: usize = 100;
/// How many reasons are shown while the sync runs.
const REASONS: usize = 3;
/// Lines besides those of the streams.
const OTHER_LINES: usize = 7 + REASONS;
const MOST_STREAMS: usize = 16;

/// The lines of a running sync. None is longer than a line of the terminal, and all fit on it.
pub(super) fn lines(view: &ProgressView, columns: usize, rows: usize, style: &Style) -> Vec<String> {
    // A line that fills the terminal wraps on some.
    let width = columns.saturating_sub(1).clamp(NARROWEST, WIDEST);
    let most_streams = rows.saturating_sub(OTHER_LINES).clamp(1, MOST_STREAMS);
    let mut lines = table(view, width, most_streams, style);
    if !view.running.is_empty() {
        lines.push(style.dim(&cut(&view.running, width)));
    }
    lines.extend(reasons(&view.reasons, width, REASONS, style));
    lines
}

fn table(view: &ProgressView, width: usize, most_streams: usize, style: &Style) -> Vec<String> {
    let total = total(&view.streams);
    let title =
        format!("{}  {} {}, {} a second", clock(view.elapsed), grouped(total[0]), view.headings[0], grouped(view.rate));
    let count = count_width(view, &total, width);
    let row = |name: &str, [one, two, three]: [String; 3], paint_last: &dyn Fn(&str) -> String| {
        let name_width = width.saturating_sub(3 * count);
        let name = cut(name, name_width);
        let padding = name_width.saturating_sub(name.chars().map(columns_of).sum());
        let last = paint_last(&format!("{three:>count$}"));
        format!("{name}{:padding$}{one:>count$}{two:>count$}{last}", "")
    };
    let plain: &dyn Fn(&str) -> String = &str::to_owned;
    let red: &dyn Fn(&str) -> String = &|text| style.red(text);
    let counts = |name: &str, counts: [u64; 3]| row(name, counts.map(grouped), if counts[2] > 0 { red } else { plain });
    let mut lines =
        vec![style.bold(&cut(&title, width)), style.dim(&row("stream", view.headings.map(str::to_owned), plain))];
    let shown = if view.streams.len() > most_streams { most_streams.saturating_sub(1) } else { view.streams.len() };
    lines.extend(view.streams[..shown].iter().map(|stream| counts(&stream.name, stream.counts)));
    if shown < view.streams.len() {
        let others = &view.streams[shown..];
        lines.push(counts(&format!("{} more streams", others.len()), self::total(others)));
    }
    if view.streams.len() > 1 {
        lines.push(style.bold(&row("all", total.map(grouped), plain)));
    }
    lines
}

/// The width of a column that has room for every count and heading.
fn count_width(view: &ProgressView, total: &[u64; 3], width: usize) -> usize {
    let longest = view.headings.iter().map(|it| it.len()).chain(total.iter().map(|it| grouped(*it).len())).max();
    let preferred = if width >= WIDE_ENOUGH { COUNT } else { NARROW_COUNT.min((width - SHORTEST_NAME) / 3) };
    preferred.max(longest.unwrap_or_default() + 1)
}

/// A line for each of the first reasons, and one for all others.
fn reasons(reasons: &[Reason], width: usize, most: usize, style: &Style) -> Vec<String> {
    let line = |count: u64, text: &str| style.red(&cut(&format!("{:>10} {text}", grouped(count)), width));
    let mut lines: Vec<_> =
        reasons.iter().take(most).map(|it| line(it.count, format!("{} {}", it.code, it.field).trim_end())).collect();
    if let Some(others @ [_, ..]) = reasons.get(most..) {
        let count = others.iter().map(|reason| reason.count).sum();
        lines.push(line(count, &format!("for {} other reasons", others.len())));
    }
    if !lines.is_empty() {
        lines.insert(0, style.dim("rejected"));
    }
    lines
}

/// What a person reads at the end: every stream, each reason, and what to do next. It may be longer than the terminal,
/// which scrolls.
pub(super) fn summary(view: &ProgressView, columns: usize, gives_advice: bool, style: &Style) -> String {
    let width = columns.saturating_sub(1).clamp(NARROWEST, WIDEST);
    let mut lines = table(view, width, usize::MAX, style);
    lines.extend(reasons(&view.reasons, width, usize::MAX, style));
    if gives_advice && !view.reasons.is_empty() {
        let advice: [&str; 2] = if view.keeps_rejected {
            ["See the rejected records with:", "  destination-salesforce rejected --config FILE --summary"]
        } else {
            ["The rejected records are not kept.", "Set object_storage_config to keep them with their reasons."]
        };
        lines.extend(advice.map(str::to_owned));
    }
    lines.join("\n") + "\n"
}

fn total(streams: &[StreamLine]) -> [u64; 3] {
    streams.iter().fold([0; 3], |sum, stream| std::array::from_fn(|index| sum[index] + stream.counts[index]))
}

/// A duration as a clock shows it: 0:42, 1:02:03.
pub(crate) fn clock(elapsed: Duration) -> String {
    let seconds = elapsed.as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

/// A number with a comma after each three digits.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A text of at most `width` columns of a terminal. What is longer ends in an ellipsis. Characters that a terminal does
/// not print are left out: a stream's name comes from outside.
fn cut(text: &str, width: usize) -> String {
    let printable = || text.chars().filter(|character| !character.is_control());
    if printable().map(columns_of).sum::<usize>() <= width {
        return printable().collect();
    }
    let mut used = 0;
    let kept = printable().take_while(|&character| {
        used += columns_of(character);
        used < width
    });
    kept.chain(['…']).collect()
}

/// An upper bound for the columns of a character: those of East Asian scripts and emoji take two.
fn columns_of(character: char) -> usize {
    if character < '\u{1100}' || ('\u{2010}'..='\u{2027}').contains(&character) { 1 } else { 2 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(streams: usize) -> ProgressView {
        let stream = |number| StreamLine {
            name: format!("warehouse.customers_of_region_{number}"),
            counts: [1_234_567, 1_000_000, number as u64 % 2],
        };
        ProgressView {
            elapsed: Duration::from_secs(3723),
            rate: 1_250,
            headings: ["read", "written", "rejected"],
            streams: (0..streams).map(stream).collect(),
            running: "job 7501700000ABCDEAA4 of warehouse.customers_of_region_1 at 400,000 of 1,000,000 rows"
                .to_owned(),
            reasons: (1..=5)
                .rev()
                .map(|count| Reason { code: "INVALID_EMAIL_ADDRESS".repeat(2), field: "Email".to_owned(), count })
                .collect(),
            keeps_rejected: true,
        }
    }

    #[test]
    fn the_table_has_columns_totals_time_rate_and_reasons() {
        let mut view = view(2);
        view.running = "job 7501 at 4 of 10 rows".to_owned();
        view.reasons.truncate(1);
        let lines = lines(&view, 80, 24, &Style::plain());
        assert_eq!(
            lines,
            [
                "1:02:03  2,469,134 read, 1,250 a second",
                "stream                                         read       written      rejected",
                "warehouse.customers_of_region_0           1,234,567     1,000,000             0",
                "warehouse.customers_of_region_1           1,234,567     1,000,000             1",
                "all                                       2,469,134     2,000,000             1",
                "job 7501 at 4 of 10 rows",
                "rejected",
                "         5 INVALID_EMAIL_ADDRESSINVALID_EMAIL_ADDRESS Email",
            ]
        );
    }

    #[test]
    fn no_line_wraps_and_all_fit_on_the_terminal() {
        for columns in [40, 60, 80, 200] {
            for rows in [10, 24, 50] {
                for streams in [0, 1, 7, 100] {
                    let mut view = view(streams);
                    if let Some(stream) = view.streams.first_mut() {
                        stream.name = "仓库.客户".to_owned();
                    }
                    let lines = lines(&view, columns, rows, &Style::plain());
                    assert!(lines.len() < rows.max(OTHER_LINES + 5), "{columns} {rows} {streams}: {lines:#?}");
                    for line in lines {
                        assert!(line.chars().map(columns_of).sum::<usize>() < columns, "{columns} {rows}: {line}");
                    }
                }
            }
        }
    }

    #[test]
    fn streams_that_do_not_fit_are_summed() {
        let lines = lines(&view(100), 60, 24, &Style::plain());
        let others = lines.iter().find(|line| line.contains("more streams")).unwrap();
        assert_eq!(others, "87 more streams         107,407,329  87,000,000          44");
        let shown = lines.iter().filter(|line| line.starts_with("warehouse.customers_of"));
        assert_eq!(shown.count(), 13, "{lines:#?}");
    }

    #[test]
    fn a_name_cannot_break_the_table() {
        for (name, expected) in [
            ("plain", "plain"),
            ("a\u{1b}[2Jb\nc", "a[2Jbc"),
            ("a_name_that_is_too_long", "a_name_th…"),
            ("客户客户客户客户", "客户客户…"),
        ] {
            assert_eq!(cut(name, 10), expected);
        }
    }

    #[test]
    fn the_summary_names_every_stream_each_reason_and_what_to_do() {
        let mut view = view(40);
        let text = summary(&view, 60, true, &Style::plain());
        assert_eq!(text.matches("customers_of").count(), 40, "{text}");
        assert_eq!(text.matches("INVALID_EMAIL_ADDRESSINVALID").count(), 5, "{text}");
        assert!(text.ends_with("rejected --config FILE --summary\n"), "{text}");
        assert!(text.lines().all(|line| line.chars().count() < 60), "{text}");
        view.keeps_rejected = false;
        assert!(summary(&view, 60, true, &Style::plain()).contains("Set object_storage_config"));
        view.reasons.clear();
        view.streams.clear();
        let expected = "1:02:03  0 read, 1,250 a second\n\
                        stream                           read    written   rejected\n";
        assert_eq!(summary(&view, 60, true, &Style::plain()), expected);
    }

    #[test]
    fn three_reasons_are_shown_while_the_sync_runs_and_the_others_are_counted() {
        let shown = |count: u64| {
            let mut view = view(1);
            view.reasons = (1..=count)
                .rev()
                .map(|count| Reason { code: format!("R_{count}"), field: "F".to_owned(), count })
                .collect();
            let lines = lines(&view, 80, 24, &Style::plain());
            lines.into_iter().skip_while(|line| line != "rejected").skip(1).collect::<Vec<_>>()
        };
        let line = |count: u64| format!("{count:>10} R_{count} F");
        assert_eq!(shown(0), [""; 0]);
        assert_eq!(shown(3), [line(3), line(2), line(1)]);
        assert_eq!(shown(4), [line(4), line(3), line(2), format!("{:>10} for 1 other reasons", 1)]);
        assert_eq!(shown(6), [line(6), line(5), line(4), format!("{:>10} for 3 other reasons", 6)]);
    }

    #[test]
    fn only_a_stream_with_rejected_records_has_a_red_count() {
        let lines = lines(&view(2), 80, 24, &Style::colored());
        for (stream, is_red) in [("region_0", false), ("region_1", true)] {
            let line = lines.iter().find(|line| line.contains(&format!("{stream} "))).unwrap();
            assert_eq!(line.contains("\u{1b}[31m"), is_red, "{line:?}");
        }
    }

    #[test]
    fn a_clock_has_hours_from_the_first_one_on() {
        for (seconds, expected) in
            [(0, "0:00"), (42, "0:42"), (60, "1:00"), (3599, "59:59"), (3600, "1:00:00"), (3723, "1:02:03")]
        {
            assert_eq!(clock(Duration::from_secs(seconds)), expected);
        }
        assert_eq!(clock(Duration::from_secs(100 * 3600 + 59)), "100:00:59");
    }

    #[test]
    fn three_digits_each_are_a_group() {
        for (number, expected) in
            [(0, "0"), (999, "999"), (1_000, "1,000"), (123_456, "123,456"), (1_234_567, "1,234,567")]
        {
            assert_eq!(grouped(number), expected);
        }
    }

    #[test]
    fn colors_change_nothing_but_the_colors() {
        let plain = lines(&view(3), 80, 24, &Style::plain()).join("\n");
        let colored = lines(&view(3), 80, 24, &Style::colored()).join("\n");
        assert!(colored.contains('\u{1b}') && !plain.contains('\u{1b}'));
        let mut stripped = colored;
        for code in ["1", "2", "31", "0"] {
            stripped = stripped.replace(&format!("\u{1b}[{code}m"), "");
        }
        assert_eq!(stripped, plain);
    }
}

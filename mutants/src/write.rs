//! Puts switches into a source text.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::ops::Range;

use crate::mutant::{Form, Number, Site};

/// A text with switches, and where they are in it.
#[derive(Debug)]
pub(crate) struct Written {
    /// The new text.
    pub(crate) text: String,
    /// Where each mutant is.
    pub(crate) regions: Vec<Region>,
}

/// Where a mutant is in the new text. A mutant of a constant has a region at each use.
#[derive(Debug)]
pub(crate) struct Region {
    /// The mutant.
    pub(crate) number: Number,
    /// The code that only this mutant runs.
    pub(crate) own: Range<usize>,
    /// The whole site, with the original code.
    pub(crate) site: Range<usize>,
}

/// Writes the switches of all mutants but the dropped ones. Nothing of the text is left out or moved.
pub(crate) fn write(text: &str, sites: &[Site], dropped: &BTreeSet<Number>) -> Written {
    let mut sites: Vec<&Site> = sites.iter().collect();
    // Outer sites come first. One without a length is in front of the code that begins there.
    sites.sort_by_key(|site| (site.start, site.start != site.end, Reverse(site.end), site.form));
    let mut writer = Writer { text, at: 0, written: Written { text: String::new(), regions: vec![] } };
    let mut open: Vec<Open> = vec![];
    for site in sites {
        let mutants: Vec<_> = site.mutants.iter().filter(|(number, _)| !dropped.contains(number)).collect();
        if mutants.is_empty() {
            continue;
        }
        while let Some(outer) = open.pop_if(|outer| outer.end <= site.start) {
            writer.close(outer);
        }
        writer.copy_to(site.start);
        open.push(writer.open(site, &mutants));
    }
    while let Some(site) = open.pop() {
        writer.close(site);
    }
    writer.copy_to(text.len());
    writer.written
}

/// A site whose original code is being written.
struct Open {
    end: usize,
    closing: &'static str,
    start_written: usize,
    first_region: usize,
    regions: usize,
}

struct Writer<'a> {
    text: &'a str,
    /// How much of the text is written.
    at: usize,
    written: Written,
}

impl Writer<'_> {
    fn copy_to(&mut self, end: usize) {
        self.written.text += &self.text[self.at..end];
        self.at = end;
    }

    fn open(&mut self, site: &Site, mutants: &[&(Number, String)]) -> Open {
        let start_written = self.written.text.len();
        let first_region = self.written.regions.len();
        if site.form == Form::Value {
            self.written.text.push('(');
        }
        for (number, code) in mutants {
            let start = self.written.text.len();
            let switch = format!("::mutant_switch::is_on({number})");
            self.written.text += &match site.form {
                Form::Body => format!(" if {switch} {{ return {code}; }} "),
                Form::Arm => format!(" if !{switch} "),
                Form::Never => format!("!{switch} && "),
                Form::Statement => format!("if !{switch} {{ "),
                Form::Statements | Form::Value => format!("if {switch} {{ {code} }} else "),
            };
            let own = start..self.written.text.len();
            self.written.regions.push(Region { number: *number, own: own.clone(), site: own });
        }
        let closing = match site.form {
            Form::Value => {
                self.written.text += "{ ";
                " })"
            }
            Form::Statements => {
                self.written.text += "{ ";
                " }"
            }
            Form::Statement => " }",
            Form::Body | Form::Arm | Form::Never => "",
        };
        Open { end: site.end, closing, start_written, first_region, regions: mutants.len() }
    }

    fn close(&mut self, site: Open) {
        self.copy_to(site.end);
        self.written.text += site.closing;
        let whole = site.start_written..self.written.text.len();
        for region in &mut self.written.regions[site.first_region..][..site.regions] {
            region.site = whole.clone();
        }
    }
}

#[cfg(test)]
mod tests;

//! Compares the records of an org, or what was sent, with those of an org where they should be.
//!
//! Both sides are read with the proof of a full refresh, first the one that should be there. Of each record the key and the
//! time of its change are kept, sorted in temporary files, so that any number of records takes little memory
//! (`entry`, `sorter`). Then both sides are gone through side by side, key by key (`copies`, `differences`).

mod copies;
mod differences;
mod entry;
mod org_side;
mod report;
mod sent;
mod sorter;
mod streams;

use std::cmp::Ordering;
use std::io::{BufRead, BufReader, Read};

use jiff::SignedDuration;

use airbyte::{Error, Output, Result};
use salesforce::Org;

use crate::config::Config;
use crate::moment::Moment;
use crate::plan::CatalogStream;
use copies::{Keys, Repeats};
use differences::{Begin, earlier};
use entry::Identity;
use org_side::OrgSide;
use report::Report;
use sent::{Sent, SentStream, read_sent};
use sorter::Sorter;
pub(crate) use streams::OfStream;
use streams::{ComparedStream, compared_streams};

/// The keys after which other tasks get their turn.
const KEYS_AT_ONCE: u64 = 4096;

/// What is compared, and how.
pub(crate) struct Comparison<'a> {
    pub(crate) catalog: Vec<CatalogStream>,
    /// The keys and the objects that the command line gives to streams.
    pub(crate) keys: &'a [OfStream],
    pub(crate) objects: &'a [OfStream],
    /// The most lines of each difference of a stream.
    pub(crate) differences: u64,
    /// The org where the records should be.
    pub(crate) org: &'a Org,
    pub(crate) config: &'a Config,
}

/// The side that should be there.
pub(crate) enum First<'a> {
    Org(&'a Org, &'a Config),
    Sent(Box<dyn Read + Send>),
}

/// The same, ready to be read or read already.
enum FirstSide<'a> {
    Org(OrgSide<'a>),
    Sent { keys: Keys, records: Vec<u64> },
}

impl Comparison<'_> {
    /// Compares all streams, and writes what is different. Returns the sentences for a person, and whether both sides are
    /// the same.
    ///
    /// # Errors
    /// A side is not read whole, or it is not proven that it is.
    pub(crate) async fn run(self, first: First<'_>, output: &Output) -> Result<(Vec<String>, bool)> {
        let Self { catalog, keys, objects, differences, org, config } = self;
        let streams = compared_streams(catalog, keys, objects)?;
        let wanted: Vec<(&str, &str)> = streams.iter().map(|stream| (&*stream.object, &*stream.second_key)).collect();
        let second = OrgSide::prepare(org, config, &wanted).await?;
        let is_same_org = match &first {
            First::Org(first, _) => first.instance_url().origin() == org.instance_url().origin(),
            First::Sent(_) => false,
        };
        let mut first = prepare(first, &streams, &second).await?;
        let (mut sentences, mut is_same) = (Vec::new(), true);
        for (number, stream) in (0..).zip(&streams) {
            let place = usize::from(number);
            let mut report = Report::new(output, &stream.name, second.key(place), differences);
            if stream.is_by_id() && !is_same_org {
                report.hold();
            }
            Pair { number, stream, second: &second }.compare(&mut first, &mut report).await?;
            let summary = report.end()?;
            sentences.push(summary.sentence(&stream.name));
            is_same &= summary.is_same();
        }
        Ok((sentences, is_same))
    }
}

/// Prepares the side that should be there. What was sent is read to its end.
async fn prepare<'a>(first: First<'a>, streams: &[ComparedStream], second: &OrgSide<'_>) -> Result<FirstSide<'a>> {
    match first {
        First::Org(org, config) => {
            let wanted: Vec<(&str, &str)> =
                streams.iter().map(|stream| (&*stream.name.name, &*stream.first_key)).collect();
            Ok(FirstSide::Org(OrgSide::prepare(org, config, &wanted).await?))
        }
        First::Sent(input) => {
            let streams: Vec<SentStream> = (0..)
                .zip(streams)
                .map(|(number, stream)| SentStream {
                    stream: stream.clone(),
                    identity: Identity { own: None, there: second.comparison(number) },
                })
                .collect();
            // A read of standard input cannot be interrupted, so it must not keep the command from ending.
            let read = tokio::task::spawn_blocking(move || read_sent(buffered(input), &streams));
            let Sent { sorted, records } =
                read.await.map_err(|error| Error::system("What was sent cannot be read.").internal(error))??;
            Ok(FirstSide::Sent { keys: Keys::new(sorted), records })
        }
    }
}

fn buffered(input: Box<dyn Read + Send>) -> impl BufRead {
    BufReader::with_capacity(256 * 1024, input)
}

/// A stream of both sides.
struct Pair<'a> {
    number: u16,
    stream: &'a ComparedStream,
    second: &'a OrgSide<'a>,
}

impl Pair<'_> {
    /// Reads the first side, then the second, and compares them.
    async fn compare(&self, first: &mut FirstSide<'_>, report: &mut Report<'_>) -> Result<()> {
        let there = self.second.comparison(usize::from(self.number));
        // A record that is made while the first side is read is in the second one, or is younger than this.
        let second_begins = self.second.now().await?;
        let mut first_begins = None;
        match first {
            FirstSide::Org(org) => {
                first_begins = org.now().await?;
                let identity = Identity { own: Some(org.comparison(usize::from(self.number))), there };
                let mut sorter = Sorter::new();
                // Stamps have whole seconds, so the second in which it begins belongs to it.
                let end = first_begins.map(|begins| begins.minus(SignedDuration::from_secs(-1)));
                report.summary.first = org.read(self.number, identity, end, &mut sorter).await?;
                let mut keys = Keys::new(sorter.finish()?);
                self.compare_with(&mut keys, Repeats::Records, (first_begins, second_begins), report).await
            }
            FirstSide::Sent { keys, records } => {
                report.summary.first = records[usize::from(self.number)];
                self.compare_with(keys, self.stream.repeats, (first_begins, second_begins), report).await
            }
        }
    }

    async fn compare_with(
        &self,
        first: &mut Keys,
        repeats: Repeats,
        begin: (Option<Moment>, Option<Moment>),
        report: &mut Report<'_>,
    ) -> Result<()> {
        let there = self.second.comparison(usize::from(self.number));
        let mut sorter = Sorter::new();
        let identity = Identity { own: Some(there), there };
        report.summary.second = self.second.read(self.number, identity, None, &mut sorter).await?;
        let mut second = Keys::new(sorter.finish()?);
        let second_of = |moment: Moment| moment.timestamp().as_second();
        let begin = Begin { first: begin.0.map(second_of), second: begin.1.map(second_of) };
        Walk { number: self.number, repeats, begin }.compare(first, &mut second, report).await
    }
}

/// Goes through the keys of a stream on both sides.
struct Walk {
    number: u16,
    /// What several records with one key are on the first side.
    repeats: Repeats,
    begin: Begin,
}

impl Walk {
    async fn compare(self, first: &mut Keys, second: &mut Keys, report: &mut Report<'_>) -> Result<()> {
        let mut one = first.next(self.number, self.repeats)?;
        let mut other = second.next(self.number, Repeats::Records)?;
        let mut keys = 0;
        while let Some(order) = earlier(one.as_ref(), other.as_ref()) {
            let (is_first, is_second) = (order != Ordering::Greater, order != Ordering::Less);
            let judgement = self.begin.judge(one.as_ref().filter(|_| is_first), other.as_ref().filter(|_| is_second));
            if report.tell(&judgement)? {
                report.room().await;
            }
            if is_first {
                one = first.next(self.number, self.repeats)?;
            }
            if is_second {
                other = second.next(self.number, Repeats::Records)?;
            }
            keys += 1;
            if keys % KEYS_AT_ONCE == 0 {
                tokio::task::yield_now().await;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;

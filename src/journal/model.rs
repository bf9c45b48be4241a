//! A model of attempts, journal, org and platform. It explores every order of their steps for a few records, with kills
//! at any moment, and states what holds: no record is lost, and a record is written twice only if an attempt was killed
//! after an entry went away and before its state left.
//!
//! It has one stream of inserts. Records are letters, and records of one letter are equal rows. A job has up to two
//! records, and two jobs may run in parallel. A state that leaves is received.

use std::collections::{BTreeMap, HashSet};

/// A rule of the protocol that a mutation breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    EntryBeforeClose,
    RemovalBeforeState,
    RunningJobsAreWaitedFor,
    AcknowledgedRowsLeaveTheEntry,
}

/// What the source sends, and after how many records it sends a state.
struct Source {
    records: &'static [u8],
    states: &'static [usize],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum JobState {
    Open,
    Running,
    Done,
    Aborted,
}

/// How far an attempt is with a job of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Stage {
    Uploaded,
    Entered,
    Closed,
    /// Closed and entered, in this or the other order.
    Watched,
    Settled,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Job {
    letters: Vec<u8>,
    state: JobState,
}

/// A process.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Attempt {
    /// How many records are read.
    read: usize,
    /// The places of the records in the open batch.
    batch: Vec<usize>,
    /// Its own jobs: the places of their records.
    jobs: BTreeMap<usize, (Vec<usize>, Stage)>,
    /// Letters that earlier jobs wrote and that no record has taken, by job.
    free: BTreeMap<usize, Vec<u8>>,
    /// The records that took one, by job.
    taken: BTreeMap<usize, Vec<usize>>,
    /// The state whose entries are gone, or that has left while its entries are still there.
    leaving: Option<usize>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct World {
    acknowledged: usize,
    jobs: Vec<Job>,
    /// The letters of each entry.
    journal: BTreeMap<usize, Vec<u8>>,
    attempt: Option<Attempt>,
    kills: u8,
    /// Whether an attempt was killed between the removal of an entry and its state.
    doubt: bool,
}

struct Model {
    source: Source,
    broken: Option<Rule>,
}

impl Model {
    fn keeps(&self, rule: Rule) -> bool {
        self.broken != Some(rule)
    }

    /// Explores every order. Returns what went wrong, if anything.
    fn explore(&self) -> Result<usize, &'static str> {
        let first = World {
            acknowledged: 0,
            jobs: Vec::new(),
            journal: BTreeMap::new(),
            attempt: None,
            kills: 2,
            doubt: false,
        };
        let (mut seen, mut open) = (HashSet::from([first.clone()]), vec![first]);
        while let Some(world) = open.pop() {
            if world.attempt.is_none() && world.acknowledged == self.source.records.len() {
                self.check(&world)?;
                continue;
            }
            for next in self.steps(&world) {
                if seen.insert(next.clone()) {
                    open.push(next);
                }
            }
        }
        Ok(seen.len())
    }

    /// What must hold once everything is acknowledged and every job has ended.
    fn check(&self, world: &World) -> Result<(), &'static str> {
        let written = world.jobs.iter().filter(|job| matches!(job.state, JobState::Running | JobState::Done));
        let written: Vec<u8> = written.flat_map(|job| job.letters.clone()).collect();
        for letter in self.source.records {
            let count = |all: &[u8]| all.iter().filter(|it| *it == letter).count();
            let (sent, written) = (count(self.source.records), count(&written));
            if written < sent {
                return Err("a record is lost");
            }
            if written > sent && !world.doubt {
                return Err("a record is written twice without a reason");
            }
        }
        Ok(())
    }

    /// Everything that can happen next.
    fn steps(&self, world: &World) -> Vec<World> {
        let mut steps = Vec::new();
        // The org runs a job.
        for (job, _) in world.jobs.iter().enumerate().filter(|(_, job)| job.state == JobState::Running) {
            let mut next = world.clone();
            next.jobs[job].state = JobState::Done;
            steps.push(next);
        }
        let Some(attempt) = &world.attempt else {
            steps.extend(self.take_over(world));
            return steps;
        };
        if world.kills > 0 {
            let mut next = World { attempt: None, kills: world.kills - 1, ..world.clone() };
            next.doubt |= attempt.leaving.is_some() && self.keeps(Rule::RemovalBeforeState);
            steps.push(next);
        }
        steps.extend(self.leave(world, attempt));
        if attempt.leaving.is_none() {
            steps.extend(self.read(world, attempt));
            steps.extend(attempt.jobs.keys().filter_map(|job| self.load(world, attempt, *job)));
        }
        steps
    }

    /// The platform starts an attempt, which looks at the journal first. None while a job must be waited for.
    fn take_over(&self, world: &World) -> Option<World> {
        let mut next = world.clone();
        let mut free = BTreeMap::new();
        for (job, letters) in &world.journal {
            match world.jobs[*job].state {
                JobState::Open => {
                    next.jobs[*job].state = JobState::Aborted;
                    next.journal.remove(job);
                }
                JobState::Running if self.keeps(Rule::RunningJobsAreWaitedFor) => return None,
                JobState::Running | JobState::Aborted => {}
                JobState::Done => drop(free.insert(*job, letters.clone())),
            }
        }
        next.attempt = Some(Attempt {
            read: world.acknowledged,
            batch: Vec::new(),
            jobs: BTreeMap::new(),
            free,
            taken: BTreeMap::new(),
            leaving: None,
        });
        Some(next)
    }

    /// The attempt reads a record, or seals its last batch.
    fn read(&self, world: &World, attempt: &Attempt) -> Option<World> {
        let mut next = world.clone();
        let own = next.attempt.as_mut()?;
        let place = attempt.read;
        if let Some(letter) = self.source.records.get(place) {
            own.read += 1;
            let earlier = own.free.iter_mut().find_map(|(job, free)| {
                let at = free.iter().position(|it| it == letter)?;
                free.remove(at);
                Some(*job)
            });
            match earlier {
                Some(job) => own.taken.entry(job).or_default().push(place),
                None => own.batch.push(place),
            }
        }
        let is_full = own.batch.len() == 2 || place >= self.source.records.len();
        if is_full && !own.batch.is_empty() {
            let places = std::mem::take(&mut own.batch);
            let letters = places.iter().map(|place| self.source.records[*place]).collect();
            own.jobs.insert(next.jobs.len(), (places, Stage::Uploaded));
            next.jobs.push(Job { letters, state: JobState::Open });
        } else if place >= self.source.records.len() {
            return None;
        }
        Some(next)
    }

    /// The attempt goes on with one of its jobs.
    fn load(&self, world: &World, attempt: &Attempt, job: usize) -> Option<World> {
        let mut next = world.clone();
        let stage = &mut next.attempt.as_mut()?.jobs.get_mut(&job)?.1;
        let enter = |next: &mut BTreeMap<usize, Vec<u8>>| drop(next.insert(job, world.jobs[job].letters.clone()));
        match (attempt.jobs[&job].1, self.keeps(Rule::EntryBeforeClose)) {
            (Stage::Uploaded, true) => {
                *stage = Stage::Entered;
                enter(&mut next.journal);
            }
            (Stage::Uploaded, false) => {
                *stage = Stage::Closed;
                next.jobs[job].state = JobState::Running;
            }
            (Stage::Entered, _) => {
                *stage = Stage::Watched;
                next.jobs[job].state = JobState::Running;
            }
            (Stage::Closed, _) => {
                *stage = Stage::Watched;
                enter(&mut next.journal);
            }
            (Stage::Watched, _) if world.jobs[job].state == JobState::Done => *stage = Stage::Settled,
            (Stage::Watched | Stage::Settled, _) => return None,
        }
        Some(next)
    }

    /// A state leaves in two steps: entries go away, and it is received.
    fn leave(&self, world: &World, attempt: &Attempt) -> Option<World> {
        let mut next = world.clone();
        let first_remove = self.keeps(Rule::RemovalBeforeState);
        match attempt.leaving {
            None => {
                let state = *self.source.states.iter().find(|state| **state > world.acknowledged)?;
                let is_pending = |place: &usize| *place < state;
                let in_jobs = attempt.jobs.values().filter(|(_, stage)| *stage != Stage::Settled);
                let is_open = in_jobs.flat_map(|(places, _)| places).chain(&attempt.batch).any(is_pending);
                if attempt.read < state || is_open {
                    return None;
                }
                next.attempt.as_mut()?.leaving = Some(state);
                if first_remove { self.remove(&mut next, state) } else { next.acknowledged = state }
            }
            Some(state) => {
                next.attempt.as_mut()?.leaving = None;
                if first_remove { next.acknowledged = state } else { self.remove(&mut next, state) }
            }
        }
        let is_over = next.attempt.as_ref()?.leaving.is_none() && next.acknowledged == self.source.records.len();
        if is_over {
            next.attempt = None;
        }
        Some(next)
    }

    /// Removes what a state covers from the journal.
    fn remove(&self, next: &mut World, state: usize) {
        let Some(attempt) = &mut next.attempt else { return };
        let own = attempt.jobs.iter().map(|(job, (places, _))| (*job, places.clone()));
        let taken = attempt.taken.iter().map(|(job, places)| (*job, places.clone()));
        for (job, places) in own.chain(taken).collect::<Vec<_>>() {
            let Some(letters) = next.journal.get_mut(&job) else { continue };
            let covered: Vec<usize> = places.into_iter().filter(|place| *place < state).collect();
            let is_whole = covered.len() == letters.len();
            if is_whole || self.keeps(Rule::AcknowledgedRowsLeaveTheEntry) {
                for place in covered {
                    if let Some(at) = letters.iter().position(|letter| *letter == self.source.records[place]) {
                        letters.remove(at);
                    }
                }
            }
            if letters.is_empty() {
                next.journal.remove(&job);
            }
        }
        let left = |places: &mut Vec<usize>| places.retain(|place| *place >= state);
        attempt.taken.values_mut().for_each(left);
        attempt.jobs.values_mut().for_each(|(places, _)| left(places));
    }
}

/// Records and states that let each rule matter.
const SOURCES: [Source; 4] = [
    Source { records: b"ab", states: &[2] },
    Source { records: b"aba", states: &[1, 3] },
    Source { records: b"aaa", states: &[1, 2, 3] },
    Source { records: b"abca", states: &[1, 3, 4] },
];

#[test]
fn no_record_is_lost_and_none_is_there_twice_without_a_reason() {
    for source in SOURCES {
        let states = Model { source, broken: None }.explore().unwrap();
        assert!(states > 100, "{states}");
    }
}

#[test]
fn each_rule_is_needed() {
    use Rule::*;
    let broken = [
        (EntryBeforeClose, "a record is written twice without a reason"),
        (RemovalBeforeState, "a record is lost"),
        (RunningJobsAreWaitedFor, "a record is written twice without a reason"),
        (AcknowledgedRowsLeaveTheEntry, "a record is lost"),
    ];
    for (rule, expected) in broken {
        let found: Vec<_> =
            SOURCES.into_iter().filter_map(|source| Model { source, broken: Some(rule) }.explore().err()).collect();
        assert!(found.contains(&expected), "{rule:?}: {found:?}");
    }
}

//! What came of a run.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::killer::Blows;
use super::limits::FAILURES_SHOWN;
use super::log::Logged;
use super::plan::{Blow, Plan, Way};
use super::settings::Settings;
use super::verdict::Verdict;

/// What came of all downloads so far.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) by_way: BTreeMap<Way, u64>,
    pub(crate) whole: u64,
    pub(crate) aborted: u64,
    pub(crate) visibly_cut: u64,
    /// Until the log has said whether they are right.
    pub(crate) wiped: Vec<Plan>,
    pub(crate) refused: u64,
    pub(crate) lost: u64,
    pub(crate) corrupt: u64,
    pub(crate) failures: Vec<Failure>,
}

/// A download that was lost or corrupt.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) plan: Plan,
    pub(crate) what: String,
}

impl Tally {
    pub(crate) fn count(&mut self, plan: Plan, verdict: Verdict) {
        *self.by_way.entry(plan.way).or_default() += 1;
        let (counter, what) = match verdict {
            Verdict::Wiped => return self.wiped.push(plan),
            Verdict::Whole => (&mut self.whole, None),
            Verdict::Aborted => (&mut self.aborted, None),
            Verdict::VisiblyCut => (&mut self.visibly_cut, None),
            Verdict::Refused => (&mut self.refused, None),
            Verdict::Lost(why) => (&mut self.lost, Some(format!("lost: {why}"))),
            Verdict::Corrupt(why) => (&mut self.corrupt, Some(format!("corrupt: {why}"))),
        };
        *counter += 1;
        if let Some(what) = what.filter(|_| self.failures.len() < FAILURES_SHOWN) {
            self.failures.push(Failure { plan, what });
        }
    }

    /// Those that were in the kernel's hands before their file was cut are excused.
    pub(crate) fn judge_wiped(&mut self, logged: &Logged) {
        let wiped = std::mem::take(&mut self.wiped).into_iter();
        let (excused, convicted) = wiped.partition(|plan| logged.complete.contains(&plan.tag()));
        self.wiped = excused;
        for plan in Vec::into_iter(convicted) {
            self.corrupt += 1;
            let what = "corrupt: zeros for what the file lost, and it looks whole".into();
            self.failures.push(Failure { plan, what });
        }
    }

    /// The failures, and what the log says of them.
    pub(crate) fn evidence(&self, log: &str) -> Vec<String> {
        let of = |Failure { plan, what }: &Failure| {
            let tag = format!("\"{}\"", plan.tag());
            let lines: Vec<&str> = log.lines().filter(|line| line.contains(&tag)).collect();
            format!("{what}\n  {plan:?}\n  {}", lines.join("\n  "))
        };
        self.failures.iter().map(of).collect()
    }

    pub(crate) fn downloads(&self) -> u64 {
        self.by_way.values().sum()
    }
}

/// What came of a run.
#[derive(Debug)]
pub struct Report {
    pub(crate) settings: Settings,
    pub(crate) took: Duration,
    pub(crate) tally: Tally,
    pub(crate) blows: Blows,
    pub(crate) kills: u64,
    pub(crate) logged: Logged,
    pub(crate) leaked_descriptors: usize,
    /// `None` where they could not be counted, as there are more tables all the time.
    pub(crate) slots_left: Option<u32>,
    /// What the manager's log says of the failures.
    pub(crate) evidence: Vec<String>,
}

impl Report {
    /// Nothing was lost, corrupt, leaked or left, and no worker died but by the harness.
    pub fn is_clean(&self) -> bool {
        let slots_left = self.slots_left.unwrap_or(0);
        (self.tally.lost, self.tally.corrupt) == (0, 0)
            && (self.leaked_descriptors, slots_left) == (0, 0)
            && self.own_deaths() == 0
    }

    /// Workers that died of themselves: their successors hide it from everybody else.
    fn own_deaths(&self) -> u64 {
        let dealt = self.blows.get(Blow::Fault.name()).copied().unwrap_or(0);
        self.logged.strange_deaths + self.logged.faults.saturating_sub(dealt)
    }

    /// There were as many downloads and kills as asked for, and successors had something to go on with.
    pub fn is_enough(&self) -> bool {
        self.tally.downloads() >= self.settings.downloads
            && self.kills >= self.settings.kills
            && self.logged.resumed_downloads > 0
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Tally {
            whole,
            aborted,
            visibly_cut,
            refused,
            ref wiped,
            ..
        } = self.tally;
        writeln!(f, "seed                {}", self.settings.seed)?;
        writeln!(f, "took                {} s", self.took.as_secs())?;
        writeln!(f, "downloads           {}", self.tally.downloads())?;
        for (way, count) in &self.tally.by_way {
            writeln!(f, "  {count:6} {}", way.name())?;
        }
        writeln!(
            f,
            "  {whole:6} whole, {aborted} left by the client, {visibly_cut} cut as their file was, {refused} refused"
        )?;
        writeln!(
            f,
            "  {:6} wiped by the kernel, as their file was cut while the last bytes were under way",
            wiped.len()
        )?;
        writeln!(
            f,
            "  {:6} carried by the manager, the others streamed by PHP",
            self.logged.carried.len()
        )?;
        writeln!(f, "kills               {}", self.kills)?;
        for (name, count) in &self.blows {
            writeln!(f, "  {count:6} {name}")?;
        }
        let Logged {
            resumed_downloads,
            resumed_offers,
            ..
        } = self.logged;
        writeln!(
            f,
            "resumptions         {resumed_downloads}, and {resumed_offers} of offers"
        )?;
        writeln!(f, "own deaths          {}", self.own_deaths())?;
        writeln!(f, "lost                {}", self.tally.lost)?;
        writeln!(f, "corrupt             {}", self.tally.corrupt)?;
        writeln!(f, "leaked descriptors  {}", self.leaked_descriptors)?;
        match self.slots_left {
            Some(count) => writeln!(f, "table slots left    {count}")?,
            None => writeln!(f, "table slots left    not counted")?,
        }
        for line in &self.evidence {
            writeln!(f, "\n{line}")?;
        }
        Ok(())
    }
}

//! send_file on real web servers: one body per case, on every stack, with the manager and without.
//!
//! `answers`: what a client sees. `options`, `settings`, `route`: the other functions, arguments and settings.
//! `server_features`: TLS, HTTP/2, filters. `manager_trouble`: the manager stopped, killed, frozen, full. `load`: many clients, slow clients, many
//! requests; `room`: which bodies leave in-process. `applications`, `frameworks`, `afterwards`: what scripts do around the call. `hostile`, `injection`:
//! requests and arguments made to harm. `table`: lists of requests, answered alike everywhere. `pairs`: HEAD and GET. `clients`: curl, wget,
//! aria2 and Chromium. `balancer`: two nodes behind HAProxy.

mod afterwards;
mod alike;
mod answers;
mod applications;
mod balancer;
mod clients;
mod frameworks;
mod hostile;
mod injection;
mod load;
mod manager_trouble;
mod options;
mod pairs;
mod room;
mod route;
mod server_features;
mod settings;
mod table;
mod table_files;
mod table_options;
mod table_rows;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};

use libtest_mimic::{Arguments, Failed, Trial};
use send_file_php_tests::case::Case;
use send_file_php_tests::stack::{Kind, Options, Stack};

/// A case that any stack can run, shared with others.
type Body = fn(&Case) -> anyhow::Result<()>;

/// A case that compares stacks, shared with others.
type Comparison = fn(&[Case]) -> anyhow::Result<()>;

/// A case that starts stacks of its own.
type OwnBody = fn(Kind) -> anyhow::Result<()>;

/// Names functions by their own names.
#[macro_export]
macro_rules! named {
    ($($case:ident),* $(,)?) => { &[$((stringify!($case), $case)),*] };
}

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let stacks = Arc::new(SharedStacks::default());
    let trials = trials(&stacks);
    let conclusion = libtest_mimic::run(&arguments, trials);
    stacks.stop();
    conclusion.exit_code()
}

fn trials(stacks: &Arc<SharedStacks>) -> Vec<Trial> {
    let mut trials = Vec::new();
    for kind in Kind::ALL {
        for manager in [true, false] {
            let shared = [
                answers::CASES,
                options::CASES,
                pairs::CASES,
                route::cases(kind),
                applications::CASES,
                afterwards::CASES,
                frameworks::CASES,
                hostile::CASES,
                injection::CASES,
                server_features::cases(kind),
            ];
            let shared = shared.into_iter().flatten().chain(clients::cases(kind));
            trials.extend(shared.map(|(name, body)| stacks.trial(kind, manager, name, *body)));
        }
        let both = table::CASES_OF_A_KIND.iter();
        trials.extend(both.map(|(name, body)| stacks.pair_trial(kind, name, *body)));
        trials.extend(
            manager_trouble::CASES
                .iter()
                .chain(options::OWN_CASES)
                .chain(room::OWN_CASES)
                .chain(route::own_cases(kind))
                .chain(settings::own_cases(kind))
                .chain(balancer::cases(kind))
                .map(|(name, body)| own(kind, name, *body)),
        );
        trials.extend(
            load::CASES
                .iter()
                .map(|(name, body)| alone(kind, name, *body)),
        );
    }
    let all = table::CASES_OF_ALL_KINDS.iter();
    trials.extend(all.map(|(name, body)| stacks.trial_on_all(name, *body)));
    trials
}

/// Trials that measure or need the whole machine run while no other does.
static ALONE: RwLock<()> = RwLock::new(());

/// A trial with stacks of its own, which it may disturb.
fn own(kind: Kind, name: &str, body: OwnBody) -> Trial {
    Trial::test(format!("{}/manager/{name}", kind.name()), move || {
        let _others_may_run = ALONE.read().unwrap_or_else(PoisonError::into_inner);
        body(kind).map_err(failed)
    })
}

/// The same, with the machine to itself.
fn alone(kind: Kind, name: &str, body: OwnBody) -> Trial {
    Trial::test(format!("{}/manager/{name}", kind.name()), move || {
        let _alone = ALONE.write().unwrap_or_else(PoisonError::into_inner);
        body(kind).map_err(failed)
    })
}

/// Runs a body on a stack of its own; a failure shows the stack's logs.
fn on_a_new_stack(
    kind: Kind,
    options: &Options,
    body: impl FnOnce(&mut Stack) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut stack = Stack::start(kind, options)?;
    body(&mut stack).map_err(|error| anyhow::anyhow!("{error:#}\n{}", stack.log_tails()))
}

fn failed(error: anyhow::Error) -> Failed {
    Failed::from(format!("{error:#}"))
}

/// A stack that is started by the first who asks for it, or the reason why it cannot be.
type Slot = Arc<OnceLock<Result<Stack, String>>>;

/// Stacks that many trials use, each started by the first.
#[derive(Default)]
struct SharedStacks {
    started: Mutex<BTreeMap<(Kind, bool), Slot>>,
}

impl SharedStacks {
    fn trial(self: &Arc<Self>, kind: Kind, manager: bool, name: &str, body: Body) -> Trial {
        let presence = if manager { "manager" } else { "no_manager" };
        let full_name = format!("{}/{presence}/{name}", kind.name());
        self.trial_on(full_name, vec![(kind, manager)], move |cases| {
            body(&cases[0])
        })
    }

    /// A trial on one kind of stack, with the manager and without.
    fn pair_trial(self: &Arc<Self>, kind: Kind, name: &str, body: Comparison) -> Trial {
        let full_name = format!("{}/both/{name}", kind.name());
        self.trial_on(full_name, vec![(kind, true), (kind, false)], body)
    }

    /// A trial on all stacks, without the manager.
    fn trial_on_all(self: &Arc<Self>, name: &str, body: Comparison) -> Trial {
        let wanted = Kind::ALL.map(|kind| (kind, false)).to_vec();
        self.trial_on(format!("all/no_manager/{name}"), wanted, body)
    }

    fn trial_on(
        self: &Arc<Self>,
        name: String,
        wanted: Vec<(Kind, bool)>,
        body: impl FnOnce(&[Case]) -> anyhow::Result<()> + Send + 'static,
    ) -> Trial {
        let stacks = Arc::clone(self);
        Trial::test(name, move || {
            let _others_may_run = ALONE.read().unwrap_or_else(PoisonError::into_inner);
            let slots: Vec<Slot> = wanted
                .iter()
                .map(|(kind, manager)| stacks.slot(*kind, *manager))
                .collect();
            let mut cases = Vec::new();
            for (slot, (kind, manager)) in slots.iter().zip(&wanted) {
                let stack = slot.get_or_init(|| start(*kind, *manager)).as_ref()?;
                cases.push(Case::on(stack));
            }
            body(&cases).map_err(|error| {
                let logs: String = cases.iter().map(|case| case.stack.log_tails()).collect();
                Failed::from(format!("{error:#}\n{logs}"))
            })
        })
    }

    fn slot(&self, kind: Kind, manager: bool) -> Slot {
        let mut started = self.started.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(started.entry((kind, manager)).or_default())
    }

    fn stop(&self) {
        self.started
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }
}

fn start(kind: Kind, manager: bool) -> Result<Stack, String> {
    let options = if manager {
        Options::with_manager()
    } else {
        Options::without_manager()
    };
    Stack::start(kind, &options).map_err(|error| format!("{error:#}"))
}

//! What a connection takes at once leaves in-process, by the default of `send_file.min_size`.

use anyhow::ensure;
use send_file_php_tests::case::{Case, Tagged};
use send_file_php_tests::client::Connection;
use send_file_php_tests::files::Sample;
use send_file_php_tests::limits::WORKERS;
use send_file_php_tests::stack::{Kind, Options, Stack};

use crate::load::pages_come;
use crate::{OwnBody, named, on_a_new_stack};

pub(crate) const OWN_CASES: &[(&str, OwnBody)] = named![
    what_a_connection_takes_at_once_keeps_it,
    clients_that_read_nothing_of_a_megabyte_hold_no_worker,
];

fn on_a_stack_with_the_default(
    kind: Kind,
    body: impl FnOnce(&mut Stack) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let options = Options::with_manager().ini("send_file.min_size=2M");
    on_a_new_stack(kind, &options, body)
}

fn what_a_connection_takes_at_once_keeps_it(kind: Kind) -> anyhow::Result<()> {
    let sample = Sample::create(&format!("photo-{}.bin", kind.name()), 100_000)?;
    on_a_stack_with_the_default(kind, |stack| {
        let case = Case::on(stack);
        let mut connection = Connection::open(stack.address)?;
        for offset in 0..5 {
            if !kind.keeps_connections() {
                connection = Connection::open(stack.address)?;
            }
            let whole = case.ask_on(&mut connection, &case.get_file(&sample))?;
            whole.is_the_file(&sample)?;
            ensure!(
                !kind.keeps_connections() || !whole.response.head.closes(),
                "{whole:?}"
            );
            if !kind.keeps_connections() {
                connection = Connection::open(stack.address)?;
            }
            let range = case
                .get_file(&sample)
                .with("Range", &format!("bytes={offset}-89999"));
            let range = case.ask_on(&mut connection, &range)?;
            range.is_the_range(&sample, offset..90_000)?;
        }
        let jobs = stack.manager().finished_jobs();
        ensure!(jobs == 0, "{jobs} went to the manager");
        Ok(())
    })
}

fn clients_that_read_nothing_of_a_megabyte_hold_no_worker(kind: Kind) -> anyhow::Result<()> {
    let sample = Sample::create(&format!("megabyte-{}.bin", kind.name()), 1 << 20)?;
    on_a_stack_with_the_default(kind, |stack| {
        let case = Case::on(stack);
        let clients: Vec<_> = (0..4 * WORKERS)
            .map(|_| ask_from_afar(&case, &sample))
            .collect::<anyhow::Result<_>>()?;
        pages_come(&case)?;
        for (request, mut connection) in clients {
            let head = connection.read_head()?;
            let answer = request.answered(connection.read_rest(head, &[], &mut |_| {})?);
            answer.is_the_file(&sample)?;
            // There the web server is near, and its connection takes megabytes from the start.
            if kind != Kind::NginxFpmTcp {
                case.job_is_whole(&answer.tag, sample.len)?;
            }
        }
        Ok(())
    })
}

fn ask_from_afar(case: &Case, sample: &Sample) -> anyhow::Result<(Tagged, Connection)> {
    let request = case.get_file(sample);
    let mut connection = Connection::open_far(case.stack.address)?;
    connection.send(&request.request.bytes())?;
    Ok((request, connection))
}

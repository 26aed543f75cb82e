//! The flags of the sandbox, and what it says.

use nix::libc;
use seccompiler::{SeccompAction, SeccompFilter};

use crate::is_root;
use crate::rig::{Manager, NOBODY};

#[test]
fn a_layer_that_is_missing_is_an_error_where_the_sandbox_is_required() {
    if !is_root() {
        return;
    }
    let manager = Manager::begin(1024, &["--user", "root", "--require-sandbox"], |_| {});
    assert!(!manager.wait_for_exit().success());
    let expected = "--require-sandbox: no own user (--user says root)";
    assert!(manager.log().contains(expected));
    assert!(!manager.socket.exists());
}

#[test]
fn a_kernel_without_seccomp_and_landlock_is_served_with_a_warning_or_not_at_all() {
    if !is_root() {
        return;
    }
    let manager = begin_on_an_old_kernel(&[]);
    manager.wait_until_listening();
    let lines = manager.log_lines("the sandbox is not whole");
    let layers: Vec<_> = lines.iter().map(|line| line["layer"].clone()).collect();
    assert_eq!(layers, ["landlock", "seccomp"]);
    let required = begin_on_an_old_kernel(&["--require-sandbox"]);
    assert!(!required.wait_for_exit().success());
    assert!(required.log().contains("--require-sandbox: no landlock"));
}

#[test]
fn only_root_can_name_another_user() {
    if !is_root() {
        return;
    }
    let manager = Manager::begin_as(NOBODY, &["--user", "54321"]);
    assert!(!manager.wait_for_exit().success());
    assert!(manager.log().contains("only root can become another user"));
}

/// One that is told by a filter that there is no landlock and no seccomp. Filters are inherited from the thread that
/// starts a process.
fn begin_on_an_old_kernel(arguments: &[&str]) -> Manager {
    let missing = [libc::SYS_landlock_create_ruleset, libc::SYS_seccomp];
    let rules = missing.map(|call| (call, Vec::new())).into();
    let architecture = std::env::consts::ARCH.try_into().unwrap();
    let unknown = SeccompAction::Errno(libc::ENOSYS as u32);
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, unknown, architecture).unwrap();
    let program: seccompiler::BpfProgram = filter.try_into().unwrap();
    std::thread::scope(|scope| {
        let begin = || {
            seccompiler::apply_filter(&program).unwrap();
            Manager::begin(1024, arguments, |_| {})
        };
        scope.spawn(begin).join().unwrap()
    })
}

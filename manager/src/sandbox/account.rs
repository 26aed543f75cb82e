//! The user that the manager becomes when root starts it.
#![forbid(unsafe_code)]

use anyhow::{Context, bail};
use nix::unistd::{Gid, Uid, User, geteuid, setgroups, setresgid, setresuid};

/// The user of its own that an administrator can make.
const OWN_USER: &str = "send-file";

/// The user that is everywhere, and that others use, too.
const SHARED_USER: &str = "nobody";

/// The number of `nobody` where nobody has a name (linux/highuid.h).
const SHARED_UID: u32 = 65534;

/// A user and its group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Account {
    uid: Uid,
    gid: Gid,
}

/// Whom to become: who was asked for, or by default the first that there is. `None`: this process stays who it is.
///
/// # Errors
/// A sentence about --user.
pub(super) fn to_become(wanted: Option<&str>) -> anyhow::Result<Option<Account>> {
    let wanted = wanted.map(named).transpose()?;
    match wanted {
        Some(account) if account.uid == geteuid() => Ok(None),
        Some(account) if geteuid().is_root() => Ok(Some(account)),
        Some(_) => {
            bail!("--user: only root can become another user; start the manager as that user")
        }
        None if geteuid().is_root() => default_account().map(Some),
        None => Ok(None),
    }
}

fn default_account() -> anyhow::Result<Account> {
    if let Some(user) = User::from_name(OWN_USER).context("could not look users up")? {
        return Ok(user.into());
    }
    tracing::info!(
        "there is no user {OWN_USER}: the manager becomes {SHARED_USER}, as other services may; make one or name one with --user"
    );
    let shared = User::from_name(SHARED_USER).context("could not look users up")?;
    Ok(shared.map_or(Account::without_entry(SHARED_UID), Account::from))
}

fn named(user: &str) -> anyhow::Result<Account> {
    let found = match user.parse() {
        Ok(uid) => User::from_uid(Uid::from_raw(uid))
            .map(|found| Some(found.map_or(Account::without_entry(uid), Account::from))),
        Err(_) => User::from_name(user).map(|found| found.map(Account::from)),
    };
    match found.with_context(|| format!("--user {user}: could not look the user up"))? {
        Some(account) => Ok(account),
        None => bail!("--user {user}: there is no such user"),
    }
}

impl Account {
    /// A user that no file lists: its group has the same number.
    fn without_entry(uid: u32) -> Account {
        Account {
            uid: Uid::from_raw(uid),
            gid: Gid::from_raw(uid),
        }
    }

    /// Root becomes this user, for ever.
    ///
    /// # Errors
    /// What the kernel refused.
    pub(super) fn become_it(self) -> anyhow::Result<()> {
        let Account { uid, gid } = self;
        setgroups(&[]).context("could not leave the supplementary groups")?;
        setresgid(gid, gid, gid).with_context(|| format!("could not become group {gid}"))?;
        setresuid(uid, uid, uid).with_context(|| format!("could not become user {uid}"))
    }
}

impl From<User> for Account {
    fn from(user: User) -> Account {
        Account {
            uid: user.uid,
            gid: user.gid,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_without_a_name_is_a_user_with_a_group_of_the_same_number() {
        let account = named("987654").unwrap();
        assert_eq!(account, Account::without_entry(987_654));
        assert_eq!(account.gid.as_raw(), 987_654);
    }

    #[test]
    fn a_user_that_does_not_exist_is_refused() {
        let error = to_become(Some("no-such-user-here")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "--user no-such-user-here: there is no such user"
        );
    }

    #[test]
    fn who_is_that_user_already_stays() {
        let own = geteuid().to_string();
        assert_eq!(to_become(Some(&own)).unwrap(), None);
    }
}

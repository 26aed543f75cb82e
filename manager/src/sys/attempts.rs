//! What a worker that somebody else steers would try, tried by a real worker. For tests: only in builds with debug
//! assertions.

use std::fs::File;
use std::io;
use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::ptr;

use nix::errno::Errno;
use nix::libc;
use nix::sys::mman::{MapFlags, ProtFlags, mmap_anonymous, mprotect};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::Pid;

use super::process::{Twin, clone_sharing_descriptors};

/// Has workers try, and names the other process that they try it on.
pub const VARIABLE: &str = "SEND_FILE_MANAGER_TRY_THE_SANDBOX";

/// How an attempt ended.
type Attempt = nix::Result<()>;

/// Tries everything, and tells what it tried and how that ended. Those that would end this process, if they
/// succeeded, come last.
pub fn try_everything(mut tell: impl FnMut(&'static str, Attempt)) {
    for (name, attempt) in ATTEMPTS {
        tell(name, attempt());
    }
}

/// What is tried, and how.
type Named = (&'static str, fn() -> Attempt);

const ATTEMPTS: &[Named] = &[
    ("open a file", || errno_of(File::open("/etc/passwd"))),
    ("open its own memory", || {
        errno_of(File::open("/proc/self/mem"))
    }),
    ("remove a file", || errno_of(std::fs::remove_file("/tmp"))),
    ("create a TCP socket", || {
        errno_of(TcpListener::bind("127.0.0.1:0"))
    }),
    ("create a pair of sockets", || errno_of(UnixStream::pair())),
    ("start an ordinary child", || clone_and_leave(libc::SIGCHLD)),
    ("create a user namespace", || {
        clone_and_leave(libc::CLONE_FILES | libc::CLONE_NEWUSER | libc::SIGCHLD)
    }),
    ("spawn a program", || {
        errno_of(Command::new("/bin/true").status())
    }),
    ("set up io_uring", || {
        call(libc::SYS_io_uring_setup, [1, 0, 0])
    }),
    ("look into another process by ptrace", || {
        call(libc::SYS_ptrace, [libc::PTRACE_SEIZE as usize, other(), 0])
    }),
    ("read another process's memory", || {
        call(libc::SYS_process_vm_readv, [other(), 0, 0])
    }),
    ("map executable memory", || {
        map(ProtFlags::PROT_READ | ProtFlags::PROT_EXEC).map(drop)
    }),
    ("make memory executable", || {
        let memory = map(ProtFlags::PROT_READ | ProtFlags::PROT_WRITE)?;
        // SAFETY: nobody uses this memory.
        unsafe {
            mprotect(
                memory,
                ONE_PAGE,
                ProtFlags::PROT_READ | ProtFlags::PROT_EXEC,
            )
        }
    }),
    ("become root", || call(libc::SYS_setresuid, [0, 0, 0])),
    ("join a group", || {
        let groups: [libc::gid_t; 1] = [0];
        call(libc::SYS_setgroups, [1, groups.as_ptr() as usize, 0])
    }),
    ("regain a capability", regain_a_capability),
    ("become dumpable", || {
        call(libc::SYS_prctl, [libc::PR_SET_DUMPABLE as usize, 1, 0])
    }),
    ("have the kernel send signals", || {
        call(libc::SYS_fcntl, [2, libc::F_SETOWN as usize, other()])
    }),
    ("type into a terminal", || {
        call(libc::SYS_ioctl, [2, libc::TIOCSTI as usize, 0])
    }),
    ("set another socket option", || {
        let one: libc::c_int = 1;
        // SAFETY: the value lives across the call.
        let result = unsafe {
            let value = (&raw const one).cast();
            libc::setsockopt(2, libc::SOL_SOCKET, libc::SO_BROADCAST, value, 4)
        };
        Errno::result(result).map(drop)
    }),
    ("change a limit", || {
        // To what it is: the kernel has nothing against that.
        let limit: [u64; 2] = [0, 0];
        let resource = libc::RLIMIT_CORE as usize;
        call(libc::SYS_prlimit64, [0, resource, limit.as_ptr() as usize])
    }),
    ("connect by sending", || {
        call(libc::SYS_sendmsg, [2, 0, libc::MSG_FASTOPEN as usize])
    }),
    ("map ordinary memory", || {
        map(ProtFlags::PROT_READ | ProtFlags::PROT_WRITE).map(drop)
    }),
    ("start a thread", || {
        let thread = std::thread::Builder::new().spawn(|| ());
        errno_of(thread.map(std::thread::JoinHandle::join))
    }),
    (
        "start a successor, kill it and see it end",
        stand_in_for_a_guardian,
    ),
    ("ask the only thread of another process to end", || {
        let signal = libc::SIGTERM as usize;
        call(libc::SYS_tgkill, [other(), other(), signal])
    }),
    ("ask another process to end", || {
        kill(Pid::from_raw(other() as i32), Signal::SIGTERM)
    }),
    ("kill another process", || {
        kill(Pid::from_raw(other() as i32), Signal::SIGKILL)
    }),
    ("kill its process group", || {
        kill(Pid::from_raw(0), Signal::SIGKILL)
    }),
    ("execute a program", || {
        let path = c"/bin/true".as_ptr();
        // SAFETY: the path is a C string, and null stands for no arguments and no environment.
        let result =
            unsafe { libc::syscall(libc::SYS_execve, path, ptr::null::<u8>(), ptr::null::<u8>()) };
        Errno::result(result).map(drop)
    }),
];

const ONE_PAGE: usize = 4096;

/// Another process of the same user, which a test names.
fn other() -> usize {
    let pid = std::env::var(VARIABLE).ok();
    pid.and_then(|pid| pid.parse().ok()).unwrap_or(0)
}

fn errno_of<T>(result: io::Result<T>) -> Attempt {
    let errno = |error: io::Error| error.raw_os_error().map_or(Errno::EIO, Errno::from_raw);
    result.map(drop).map_err(errno)
}

fn call(number: libc::c_long, arguments: [usize; 3]) -> Attempt {
    let [first, second, third] = arguments;
    // SAFETY: these calls change no memory of this process, and check the addresses they are given.
    let result = unsafe { libc::syscall(number, first, second, third, 0usize, 0usize) };
    Errno::result(result).map(drop)
}

fn clone_and_leave(flags: libc::c_int) -> Attempt {
    // SAFETY: as in `clone_sharing_descriptors`; the child ends at once.
    let result = unsafe {
        libc::syscall(
            libc::SYS_clone,
            flags as usize,
            0usize,
            0usize,
            0usize,
            0usize,
        )
    };
    match Errno::result(result)? {
        // SAFETY: it ends this process.
        0 => unsafe { libc::_exit(0) },
        _ => Ok(()),
    }
}

fn map(protection: ProtFlags) -> nix::Result<ptr::NonNull<libc::c_void>> {
    let length = ONE_PAGE.try_into().map_err(|_| Errno::EINVAL)?;
    // SAFETY: anonymous memory at an address that the kernel chooses.
    unsafe { mmap_anonymous(None, length, protection, MapFlags::MAP_PRIVATE) }
}

/// CAP_NET_ADMIN, into the three sets that capset(2) knows.
fn regain_a_capability() -> Attempt {
    const VERSION_3: u32 = 0x2008_0522;
    let header: [u32; 2] = [VERSION_3, 0];
    let bit = 1 << 12;
    let sets: [u32; 6] = [bit, bit, bit, 0, 0, 0];
    call(
        libc::SYS_capset,
        [header.as_ptr() as usize, sets.as_ptr() as usize, 0],
    )
}

/// What a worker does that finds its guardian gone.
fn stand_in_for_a_guardian() -> Attempt {
    match clone_sharing_descriptors()? {
        Twin::Child(_) => loop {
            std::thread::park();
        },
        Twin::Parent(child) => {
            kill(child, Signal::SIGKILL)?;
            match waitpid(child, None)? {
                WaitStatus::Signaled(_, Signal::SIGKILL, _) => Ok(()),
                _ => Err(Errno::ECHILD),
            }
        }
    }
}

//! What is used of httpd, looked up in the running process, where its module magic number vouches for the types.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::sync::OnceLock;

use nix::libc;

use crate::sapi::Veto;

/// include/ap_mmn.h: "AP24", and the major version of all of httpd 2.4.
const MODULE_COOKIE: u64 = 0x4150_3234;
const MODULE_MAGIC_MAJOR: c_int = 20_120_211;

/// Offset in `module`.
const MODULE_MAGIC: usize = 40;

type Pointer = *const c_void;

/// httpd's functions.
pub(super) struct Httpd {
    pub(super) get_conn_socket: unsafe extern "C" fn(Pointer) -> Pointer,
    pub(super) os_sock_get: unsafe extern "C" fn(*mut c_int, Pointer) -> c_int,
    pub(super) table_setn: unsafe extern "C" fn(Pointer, *const c_char, *const c_char),
    pub(super) set_content_type: unsafe extern "C" fn(Pointer, *const c_char),
    pub(super) retrieve_optional: unsafe extern "C" fn(*const c_char) -> Pointer,
    /// The address of `ap_core_output_filter_handle`.
    pub(super) core_output_filter: usize,
}

pub(super) fn httpd() -> Result<&'static Httpd, Veto> {
    static HTTPD: OnceLock<Option<Httpd>> = OnceLock::new();
    let httpd = HTTPD.get_or_init(look_up).as_ref();
    httpd.ok_or_else(|| Veto::unexpected("this is not an httpd whose structures are known here"))
}

fn look_up() -> Option<Httpd> {
    // SAFETY: each symbol, if there, has the type that httpd 2.4 and APR declare, which the magic number vouches for; it
    // is read first.
    unsafe {
        let module = symbol(c"core_module")?;
        let magic = module.byte_add(MODULE_MAGIC).cast::<libc::c_ulong>().read();
        if magic != MODULE_COOKIE || module.cast::<c_int>().read() != MODULE_MAGIC_MAJOR {
            return None;
        }
        Some(Httpd {
            get_conn_socket: std::mem::transmute::<Pointer, unsafe extern "C" fn(Pointer) -> Pointer>(
                symbol(c"ap_get_conn_socket")?,
            ),
            os_sock_get: std::mem::transmute::<
                Pointer,
                unsafe extern "C" fn(*mut c_int, Pointer) -> c_int,
            >(symbol(c"apr_os_sock_get")?),
            table_setn: std::mem::transmute::<
                Pointer,
                unsafe extern "C" fn(Pointer, *const c_char, *const c_char),
            >(symbol(c"apr_table_setn")?),
            set_content_type: std::mem::transmute::<
                Pointer,
                unsafe extern "C" fn(Pointer, *const c_char),
            >(symbol(c"ap_set_content_type")?),
            retrieve_optional: std::mem::transmute::<
                Pointer,
                unsafe extern "C" fn(*const c_char) -> Pointer,
            >(symbol(c"apr_dynamic_fn_retrieve")?),
            core_output_filter: symbol(c"ap_core_output_filter_handle")?.addr(),
        })
    }
}

fn symbol(name: &CStr) -> Option<Pointer> {
    // SAFETY: the name is NUL-terminated.
    let address = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
    (!address.is_null()).then(|| address.cast_const())
}

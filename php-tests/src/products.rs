//! What is under test: the extension and the manager.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::{env, fs};

use anyhow::{Context, anyhow, ensure};

use crate::run::Run;

/// Where the products of this run are.
#[derive(Debug)]
pub struct Products {
    /// `libsend_file.so`, a copy in the run's folder: a build during the run does not pull it from under a web server.
    pub extension: PathBuf,
    /// `send-file-manager`, a copy too.
    pub manager: PathBuf,
}

impl Products {
    /// The products of this run: `SEND_FILE_EXTENSION` and `SEND_FILE_MANAGER`, else the workspace's release build.
    /// Copied once, before anything was started: a process forked meanwhile would hold the copy open for writing, and
    /// nobody could execute it ("text file busy").
    ///
    /// # Errors
    /// Says which product is missing and how to build it.
    pub fn current() -> anyhow::Result<&'static Products> {
        static PRODUCTS: OnceLock<Result<Products, String>> = OnceLock::new();
        let products =
            PRODUCTS.get_or_init(|| Products::copy().map_err(|error| format!("{error:#}")));
        products.as_ref().map_err(|error| anyhow!("{error}"))
    }

    fn copy() -> anyhow::Result<Products> {
        Ok(Products {
            extension: copy("SEND_FILE_EXTENSION", "libsend_file.so", "extension.so")?,
            manager: copy(
                "SEND_FILE_MANAGER",
                "send-file-manager",
                "send-file-manager",
            )?,
        })
    }
}

fn copy(variable: &str, file: &str, copy: &str) -> anyhow::Result<PathBuf> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let path = match env::var_os(variable) {
        Some(path) => PathBuf::from(path),
        None => env::var_os("CARGO_TARGET_DIR")
            .map_or_else(|| workspace.join("target"), PathBuf::from)
            .join("release")
            .join(file),
    };
    ensure!(
        path.is_file(),
        "{} does not exist: run `cargo build --release`, or set {variable}",
        path.display()
    );
    let copy = Run::current().dir().join(copy);
    fs::copy(&path, &copy).with_context(|| format!("copying {}", path.display()))?;
    Ok(copy)
}

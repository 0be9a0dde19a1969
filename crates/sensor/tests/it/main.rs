//! The sensor against the running kernel. Needs root and Linux; says so and skips otherwise.
#![cfg(target_os = "linux")]
#![expect(clippy::print_stdout, reason = "tests say what they skip and measure")]

mod files;
mod inventory;
mod network;
mod processes;
mod survival;
mod unprivileged;
mod workbench;

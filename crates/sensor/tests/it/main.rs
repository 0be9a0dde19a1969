//! The sensor against the running kernel. Needs root and Linux; says so and skips otherwise.
#![cfg(target_os = "linux")]

mod files;
mod network;
mod processes;
mod survival;
mod unprivileged;
mod workbench;

//! The program around the library; a process of its own, because the files are hostile.

fn main() {}

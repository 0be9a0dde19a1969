//! Files of at most 500 lines without tests, functions of at most 70. The list of exceptions must shrink:
//! an entry that is no longer needed fails the test.

use super::{files, read, shown};
use std::collections::BTreeSet;
use syn::spanned::Spanned as _;
use syn::visit::{self, Visit};

const FILE_LINES_MAX: usize = 500;
const FUNCTION_LINES_MAX: usize = 70;

/// `path` or `path::function`, each with the reason why it may be longer.
const LONGER: &[(&str, &str)] = &[];

struct Functions<'a> {
    file: &'a str,
    long: Vec<String>,
}

impl Functions<'_> {
    fn measure(&mut self, name: &syn::Ident, span: proc_macro2::Span) {
        let lines = span.end().line - span.start().line + 1;
        if lines > FUNCTION_LINES_MAX {
            self.long.push(format!("{}::{name} has {lines} lines", self.file));
        }
    }
}

impl<'ast> Visit<'ast> for Functions<'_> {
    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        self.measure(&function.sig.ident, function.block.span());
        visit::visit_item_fn(self, function);
    }
    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        self.measure(&function.sig.ident, function.block.span());
        visit::visit_impl_item_fn(self, function);
    }
    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        if !is_tests(module) {
            visit::visit_item_mod(self, module);
        }
    }
}

fn is_tests(module: &syn::ItemMod) -> bool {
    module.ident == "tests"
}

#[test]
fn files_and_functions_are_short_enough_to_check() {
    let mut found = BTreeSet::new();
    for path in files("rs") {
        let name = shown(&path);
        if name.contains("/tests/") || name.contains("/benches/") {
            continue;
        }
        let text = read(&path);
        let parsed = syn::parse_file(&text).unwrap_or_else(|err| panic!("{name}: {err}"));
        let tests: usize = parsed
            .items
            .iter()
            .filter_map(|item| match item {
                syn::Item::Mod(module) if is_tests(module) => Some(module.span()),
                _ => None,
            })
            .map(|span| span.end().line - span.start().line + 1)
            .sum();
        let lines = text.lines().count() - tests;
        if lines > FILE_LINES_MAX {
            found.insert(format!("{name} has {lines} lines"));
        }
        let mut functions = Functions { file: &name, long: Vec::new() };
        functions.visit_file(&parsed);
        found.extend(functions.long);
    }
    let excused =
        |line: &String| LONGER.iter().any(|(name, _)| line.starts_with(&format!("{name} has")));
    let wrong: Vec<&String> = found.iter().filter(|line| !excused(line)).collect();
    assert!(
        wrong.is_empty(),
        "too long to check:\n{}",
        wrong.into_iter().cloned().collect::<Vec<_>>().join("\n")
    );
    for (name, reason) in LONGER {
        assert!(
            found.iter().any(|line| line.starts_with(&format!("{name} has"))),
            "{name} is short now: remove it from the exceptions ({reason})"
        );
    }
}

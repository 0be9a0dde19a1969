//! The project's own rules ask for fields that the sensors and decoders of this version supply.

use crate::pack::own_rules;
use detect::{CompileOptions, RuleSource, SuppliedFields};

#[test]
fn own_rules_ask_only_for_fields_that_somebody_supplies() {
    let sources = own_rules();
    let sources = sources.iter().map(|(name, text)| RuleSource { name, text });
    let fields = Some(SuppliedFields::of_this_version());
    let compiled = detect::compile(sources, &CompileOptions { fields, ..Default::default() });
    let complaints: Vec<String> = compiled
        .lints
        .iter()
        .filter(|lint| lint.message.contains("supplies the field"))
        .map(ToString::to_string)
        .collect();
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

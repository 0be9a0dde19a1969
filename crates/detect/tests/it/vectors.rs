//! The conformance vectors of the specification: detection, event, expected; null: refuse to load.

use crate::support;

#[test]
fn every_vector_of_the_specification_holds() {
    let Some(shared) = support::shared() else {
        println!("skipped: no shared folder with conformance vectors");
        return;
    };
    let text = std::fs::read_to_string(shared.join("conformance/sigma-vectors.json"))
        .expect("readable vectors");
    let vectors: Vec<serde_json::Value> = serde_json::from_str(&text).expect("JSON");
    assert!(vectors.len() >= 117, "only {} vectors", vectors.len());
    let mut wrong = Vec::new();
    for vector in &vectors {
        let compiled = support::compile(&support::rule(&vector["detection"].to_string()));
        let found = match compiled.refused.first() {
            Some(_) => None,
            None => {
                let event = support::event(&vector["event"].to_string());
                Some(!compiled.rules.evaluate(&event).is_empty())
            }
        };
        let rule = support::rule(&vector["detection"].to_string());
        let plain = detect::plain::explain(&rule, &support::event(&vector["event"].to_string()));
        if plain.ok().map(|explained| explained.verdict) != vector["expect"].as_bool() {
            wrong.push(format!("{}: the plain evaluator disagrees", vector["name"]));
        }
        if found != vector["expect"].as_bool() {
            wrong.push(format!(
                "{}: expected {}, found {found:?} {:?}",
                vector["name"], vector["expect"], compiled.refused
            ));
        }
    }
    assert!(wrong.is_empty(), "{} of {}\n{}", wrong.len(), vectors.len(), wrong.join("\n"));
    println!("{} vectors hold", vectors.len());
}

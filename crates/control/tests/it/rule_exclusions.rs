//! Exclusions of rules, lists for their placeholders, and what rules cost, over the store.

use control::fixture::{Program, Scene, process_fields};
use control::limits::{DAY_NS, EXCLUSION_DAYS_MAX, HOUR_NS, MINUTE_NS, SECOND_NS};
use control::view::backtest::RuleInForce;
use control::view::detections::Said;
use control::view::rule_exclusions::{
    Compared, ExclusionForm, ExclusionState, FieldCondition, NewRuleExclusion, Written,
};
use control::view::rule_health::{RuleWork, RuleWorked};
use control::view::rule_lists::{ListOrigin, RuleListFile};
use control::{Actor, ControlError, Language, Permission, Role, RuleFault, RulesSummary};
use detect::{CompileOptions, RuleSource};
use model::{Clock, EventKind, Timestamp};

const RULES: &str = r"
title: Curl
id: curl
name: curl_rule
level: high
logsource: {product: linux, category: process_creation}
detection: {s: {Image|endswith: /curl}, condition: s}
---
title: Bash
id: bash
level: low
logsource: {product: linux, category: process_creation}
detection: {s: {Image|endswith: /bash}, condition: s}
---
title: Many
id: many
level: low
correlation: {type: event_count, rules: [bash], group-by: [User], timespan: 1m, condition: {gte: 3}}
";

/// Shows the rules, with the exclusions that are in force.
async fn compile(scene: &Scene) -> detect::Compiled {
    let exclusions = scene.control.rule_exclusions_in_force().await.expect("read");
    let lists = scene.control.rule_lists().await.expect("read");
    let sources = exclusions.iter().map(|(name, text)| RuleSource { name, text });
    let options = CompileOptions { lists, ..CompileOptions::default() };
    let rules = RuleSource { name: "rules.yml", text: RULES };
    let compiled = detect::compile(std::iter::once(rules).chain(sources), &options);
    assert_eq!(compiled.refused, []);
    scene.control.show_rules(RuleInForce::of(&compiled));
    compiled
}

fn condition(field: &str, value: &str) -> FieldCondition {
    FieldCondition { field: field.to_owned(), how: Compared::Is, values: vec![value.to_owned()] }
}

fn wanted(scene: &Scene, rule: &str, conditions: Vec<FieldCondition>) -> NewRuleExclusion {
    NewRuleExclusion {
        title: "Backups fetch their lists".to_owned(),
        written: Written::Form(ExclusionForm {
            rules: vec![rule.to_owned()],
            conditions,
            ..ExclusionForm::default()
        }),
        reason: "the backup does that every night".to_owned(),
        expires_at: scene.clock.now().plus_nanos(30 * DAY_NS),
        owner: String::new(),
    }
}

fn fault(error: ControlError) -> RuleFault {
    match error {
        ControlError::RuleFault(fault) => fault,
        other => panic!("{other:?}"),
    }
}

/// Commits an event, and that a filter took matches of a rule away.
async fn filtered(scene: &mut Scene, filter: &str, rule: &str, count: u64) {
    let at = scene.clock.now();
    let event = scene.db.event(EventKind::Other, at, model::Fields::new());
    let model::StreamKey { agent, epoch, seq } = event.stream;
    let (name, part) = (filter.to_owned(), rule.to_owned());
    let commit = lake::Commit {
        advances: vec![lake::Advance { agent, epoch, first: seq, last: seq, lost: Vec::new() }],
        events: vec![event],
        tallies: vec![lake::Tally { agent, epoch, name, part, count }],
        committed_at: at,
        ..lake::Commit::default()
    };
    scene.lake.commit(commit).await.expect("committed");
}

/// Starts of curl: six of the backup, two of somebody.
async fn starts(scene: &mut Scene) {
    let begin = scene.clock.now().plus_nanos(-HOUR_NS);
    let device = scene.web.enrolled.device;
    let mut events = Vec::new();
    for number in 0..8_i64 {
        let arguments = ["curl", if number < 6 { "backup" } else { "evil" }];
        let program =
            Program { pid: number, parent: 1, image: "/usr/bin/curl", arguments: &arguments };
        let at = begin.plus_nanos(number * MINUTE_NS);
        events.push(scene.web.event(EventKind::ProcessStart, at, process_fields(device, &program)));
    }
    scene.commit(events, Vec::new()).await.expect("committed");
}

#[tokio::test]
async fn an_exclusion_is_previewed_saved_counted_changed_and_ended() {
    let (place, mut scene) = empty_scene!();
    let actor = scene.administrator().await.expect("signed in");
    compile(&scene).await;
    starts(&mut scene).await;
    let control = scene.control.clone();
    let new = wanted(&scene, "curl", vec![condition("CommandLine", "curl backup")]);
    let preview = control.preview_rule_exclusion(&actor, &new, None, 7).await.expect("previewed");
    assert_eq!((preview.hits, preview.taken, preview.kept), (8, 6, 2));
    assert_eq!((preview.samples.len(), preview.hides_everything()), (6, false));
    assert!(preview.samples.iter().all(|one| one.rule_id == "curl"));
    assert_eq!(control.rule_exclusions(&actor).await.expect("listed"), []);

    let mut changes = control.rule_changes();
    changes.mark_unchanged();
    let id = control.create_rule_exclusion(&actor, &new).await.expect("saved");
    assert!(changes.has_changed().expect("control is there"));
    let compiled = compile(&scene).await;
    let curl = &compiled.rules.rules()[0];
    assert_eq!(curl.filters.len(), 1);
    assert!(compiled.rules.rules()[1].filters.is_empty());

    let view = control.rule_exclusion(&actor, &id).await.expect("opened");
    assert_eq!(view.row.filter_id, curl.filters[0].id);
    assert_eq!((view.row.rules.as_slice(), view.row.version), (["curl".to_owned()].as_slice(), 1));
    filtered(&mut scene, &view.row.filter_id, "curl", 3).await;
    scene.clock.advance_ns(DAY_NS);
    filtered(&mut scene, &view.row.filter_id, "curl", 3).await;
    let view = control.rule_exclusion(&actor, &id).await.expect("opened");
    assert_eq!((view.row.hits.total, view.row.hits.last_30d), (6, 6));
    // The lake keeps microseconds.
    let now = Timestamp::from_micros(scene.clock.now().micros());
    assert_eq!(view.row.hits.last_at, Some(now));
    assert_eq!((view.days.len(), view.by_rule[0].2), (2, 6));

    // The next one sees the first one, but not when it is the first one that is changed.
    let wider = wanted(&scene, "curl_rule", vec![condition("User", "www-data")]);
    let preview = control.preview_rule_exclusion(&actor, &wider, None, 7).await.expect("previewed");
    assert_eq!((preview.hits, preview.taken), (2, 2));
    assert!(preview.hides_everything());
    let preview = control.preview_rule_exclusion(&actor, &wider, Some(&id), 7).await;
    assert_eq!(preview.expect("previewed").hits, 8);
    let stale = control.change_rule_exclusion(&actor, &id, 7, &wider).await;
    assert!(matches!(stale, Err(ControlError::Changed { .. })));
    control.change_rule_exclusion(&actor, &id, 1, &wider).await.expect("changed");
    let changed = control.rule_exclusion(&actor, &id).await.expect("opened");
    assert_eq!((changed.row.version, changed.row.hits.total), (2, 6));

    control.end_rule_exclusion(&actor, &id, "no backup any more").await.expect("ended");
    assert_eq!(control.rule_exclusions_in_force().await.expect("read"), []);
    let ended = control.rule_exclusions(&actor).await.expect("listed");
    assert_eq!(
        (ended[0].state, ended[0].end_reason.as_str()),
        (ExclusionState::Ended, "no backup any more")
    );
    let again = control.extend_rule_exclusion(&actor, &id, new.expires_at, "again please").await;
    assert_eq!(fault(again.expect_err("it is over")), RuleFault::Ended);
    let entries =
        crate::number(&place, "SELECT count(*) FROM audit WHERE action = 'rule_exclusion_changed'")
            .await;
    assert_eq!(entries, 3);
    assert!(control.audit_verify().await.expect("read").intact());
}

#[tokio::test]
async fn an_exclusion_stops_by_itself_and_can_be_extended() {
    let (place, scene) = empty_scene!();
    let actor = scene.administrator().await.expect("signed in");
    compile(&scene).await;
    let new = wanted(&scene, "curl", vec![condition("User", "backup")]);
    let id = scene.control.create_rule_exclusion(&actor, &new).await.expect("saved");
    scene.clock.advance_ns(31 * DAY_NS);
    // Also before anybody noted it.
    assert_eq!(scene.control.rule_exclusions_in_force().await.expect("read"), []);
    let secret = scene.session_secret().await.expect("signed in");
    let actor = scene.control.actor(&secret).await.expect("signed in");
    let state = async || scene.control.rule_exclusions(&actor).await.expect("listed")[0].state;
    assert_eq!(state().await, ExclusionState::Expired);
    let mut changes = scene.control.rule_changes();
    changes.mark_unchanged();
    scene.control.tick().await.expect("done");
    assert!(changes.has_changed().expect("control is there"));
    let noted = "SELECT count(*) FROM rule_exclusion WHERE state = 'expired'";
    assert_eq!(crate::number(&place, noted).await, 1);
    let until = scene.clock.now().plus_nanos(10 * DAY_NS);
    let longest = scene.clock.now().plus_nanos((EXCLUSION_DAYS_MAX + 1) * DAY_NS);
    for wrong in [Timestamp::from_nanos(0), scene.clock.now(), longest] {
        let refused = scene.control.extend_rule_exclusion(&actor, &id, wrong, "still needed").await;
        assert!(matches!(fault(refused.expect_err("bounded")), RuleFault::Until { .. }));
    }
    scene
        .control
        .extend_rule_exclusion(&actor, &id, until, "still needed")
        .await
        .expect("extended");
    assert_eq!(state().await, ExclusionState::Active);
    assert_eq!(scene.control.rule_exclusions_in_force().await.expect("read").len(), 1);
}

#[tokio::test]
async fn what_the_engine_refuses_or_has_no_effect_is_not_saved() {
    let (_place, scene) = empty_scene!();
    let actor = scene.administrator().await.expect("signed in");
    compile(&scene).await;
    let by_hand = |text: &str| NewRuleExclusion {
        written: Written::ByHand(text.to_owned()),
        ..wanted(&scene, "curl", Vec::new())
    };
    let filter = "title: F\nid: f\nlogsource: {product: linux}\nfilter:\n  rules: [curl]\n  s: {User: a}\n  condition: not s\n";
    let refused = async |new: NewRuleExclusion| {
        let saved = scene.control.create_rule_exclusion(&actor, &new).await;
        fault(saved.expect_err("refused"))
    };
    let said = refused(by_hand(&filter.replace("{User: a}", "{User|re: '('}"))).await;
    assert!(matches!(&said, RuleFault::Refused { line: Some(6), .. }), "{said:?}");
    let ja = said.message(Language::Ja);
    assert!(ja.contains("6 行目: 項目「User」の値「(」: 正規表現を解釈できません"), "{ja}");
    assert!(ja.ends_with("（値か修飾子を修正してください）"), "{ja}");
    for (text, part) in [
        (filter.replace("[curl]", "[nothing]"), "no rule of events is called nothing"),
        (filter.replace("[curl]", "[many]"), "correlation"),
        (filter.replace("linux", "windows"), "log sources differ"),
        (filter.replace("[curl]", "any").replace("linux", "windows"), "log source"),
    ] {
        let said = refused(by_hand(&text)).await;
        assert!(
            matches!(&said, RuleFault::NoEffect { reason } if reason.to_string().contains(part)),
            "{said:?}"
        );
        let ja = said.message(Language::Ja);
        assert!(
            ja.starts_with("このフィルターは効きません: ") && ja != said.message(Language::En),
            "{ja}"
        );
    }
    assert_eq!(
        refused(by_hand(&format!("{filter}expires: 2030-01-01\n"))).await,
        RuleFault::OwnExpiry
    );
    let said = refused(by_hand(RULES)).await;
    assert!(matches!(said, RuleFault::Refused { .. }), "{said:?}");
    for (reason, title) in [("", "T"), ("x", "T"), ("good enough", " ")] {
        let (reason, title) = (reason.to_owned(), title.to_owned());
        let new = wanted(&scene, "curl", vec![condition("User", "a")]);
        let said = refused(NewRuleExclusion { reason, title, ..new }).await;
        assert!(matches!(said, RuleFault::Reason { .. } | RuleFault::Title { .. }), "{said:?}");
    }
    let nothing = refused(wanted(&scene, "nothing", vec![condition("User", "a")])).await;
    assert!(matches!(nothing, RuleFault::NoEffect { .. }), "{nothing:?}");
    let owner = "nobody\0\u{202e}".to_owned();
    let new = wanted(&scene, "curl", vec![condition("User", "a")]);
    assert!(matches!(refused(NewRuleExclusion { owner, ..new }).await, RuleFault::Owner { .. }));
    scene.control.create_rule_exclusion(&actor, &by_hand(filter)).await.expect("sound");
    assert!(matches!(refused(by_hand(filter)).await, RuleFault::Exists { .. }));
}

#[tokio::test]
async fn hostile_forms_are_refused_or_mean_what_they_say() {
    let (_place, mut scene) = empty_scene!();
    let actor = scene.administrator().await.expect("signed in");
    compile(&scene).await;
    starts(&mut scene).await;
    let saved = async |conditions: Vec<FieldCondition>| {
        let new = wanted(&scene, "curl", conditions);
        scene.control.create_rule_exclusion(&actor, &new).await
    };
    let long = "x".repeat(1 << 20);
    for conditions in [
        vec![condition(&long, "x")],
        vec![condition("Image", &long)],
        vec![condition("Image\n  - x", "x")],
        vec![condition("Image", "x"); 17],
        vec![FieldCondition {
            values: (0..10_000).map(|number| number.to_string()).collect(),
            ..condition("Image", "x")
        }],
        Vec::new(),
    ] {
        fault(saved(conditions).await.expect_err("refused"));
    }
    let values = ["\u{202e}exe.\0\u{7}", "a\n  condition: s", "*", "\\*\\", "'\"%x%"];
    for value in values {
        let id = saved(vec![condition("CommandLine", value)]).await.expect("it means itself");
        let view = scene.control.rule_exclusion(&actor, &id).await.expect("opened");
        assert!(!view.document.contains(['\u{202e}', '\0', '\u{7}']), "{}", view.document);
        assert_eq!(view.form.expect("of a form").conditions[0].values, [value]);
    }
    let compiled = compile(&scene).await;
    assert_eq!(compiled.rules.rules()[0].filters.len(), values.len());
    let backtest = wanted(&scene, "curl", vec![condition("CommandLine", "nothing like it")]);
    let preview = scene.control.preview_rule_exclusion(&actor, &backtest, None, 7).await;
    assert_eq!(preview.expect("previewed").kept, 8, "none of them took anything away");
}

#[tokio::test]
async fn only_those_who_may_edit_rules_make_exclusions_and_lists() {
    let (_place, scene) = empty_scene!();
    compile(&scene).await;
    let auditor = scene.person("Auditor", Role::Auditor, Language::En).await.expect("added").actor;
    let employee =
        scene.person("Employee", Role::Employee, Language::En).await.expect("added").actor;
    let new = wanted(&scene, "curl", vec![condition("User", "a")]);
    let control = &scene.control;
    let refused = |result: Result<(), ControlError>, missing: Permission| match result {
        Err(ControlError::NotPermitted { permission, .. }) => assert_eq!(permission, missing),
        other => panic!("{other:?}"),
    };
    let edits = async |actor: &Actor| {
        refused(control.create_rule_exclusion(actor, &new).await.map(drop), Permission::EditRules);
        refused(control.change_rule_exclusion(actor, "x", 1, &new).await, Permission::EditRules);
        refused(control.end_rule_exclusion(actor, "x", "y").await, Permission::EditRules);
        let extended = control.extend_rule_exclusion(actor, "x", new.expires_at, "y").await;
        refused(extended, Permission::EditRules);
        let previewed = control.preview_rule_exclusion(actor, &new, None, 7).await;
        refused(previewed.map(drop), Permission::EditRules);
        refused(control.save_rule_list(actor, "a", 0, "", "b").await, Permission::EditRules);
        refused(control.remove_rule_list(actor, "a").await, Permission::EditRules);
    };
    edits(&auditor).await;
    edits(&employee).await;
    control.rule_exclusions(&auditor).await.expect("an auditor reads them");
    refused(control.rule_exclusions(&employee).await.map(drop), Permission::ReadRules);
    refused(control.rule_lists_shown(&employee).await.map(drop), Permission::ReadRules);
    refused(control.rule_health(&employee).await.map(drop), Permission::ReadRules);
    refused(control.rule_packs(&employee).await.map(drop), Permission::ReadRules);
}

#[tokio::test]
async fn lists_are_kept_read_from_files_and_made_of_what_is_known() {
    let (_place, scene) = empty_scene!();
    let actor = scene.administrator().await.expect("signed in");
    let control = &scene.control;
    let rule = "title: Jump\nid: jump\nlogsource: {product: linux}\ndetection: {s: {Host|expand: '%Jump%'}, condition: s}\n";
    let lacks = |lists: std::collections::BTreeMap<String, Vec<String>>| {
        let options = CompileOptions { lists, ..CompileOptions::default() };
        let compiled = detect::compile([RuleSource { name: "jump.yml", text: rule }], &options);
        control.show_rules(RuleInForce::of(&compiled));
        let refused = compiled.refused.iter().map(Into::into);
        control.show_rules_summary(RulesSummary { loaded: 0, refused: refused.collect() });
        compiled.refused.len()
    };
    assert_eq!(lacks(control.rule_lists().await.expect("read")), 1);
    let shown = control.rule_lists_shown(&actor).await.expect("shown");
    assert_eq!(
        (shown.missing[0].name.as_str(), shown.missing[0].rules.as_slice()),
        ("Jump", ["jump.yml".to_owned()].as_slice())
    );

    control
        .save_rule_list(&actor, "%Jump%", 0, "hosts of passage", "# two\nj1\n\nj2*\nj1")
        .await
        .expect("saved");
    let again = control.save_rule_list(&actor, "Jump", 0, "", "x").await;
    assert!(matches!(again, Err(ControlError::Changed { .. })));
    let file = RuleListFile {
        name: "Jump".into(),
        file: "lists/Jump.txt".into(),
        values: Ok(vec!["j3".into()]),
    };
    let broken = RuleListFile {
        name: "Bad".into(),
        file: "lists/Bad.yml".into(),
        values: Err(Said::new("1 行目: 値がありません", "line 1: no value")),
    };
    control.use_rule_list_files(vec![file, broken]);
    let lists = control.rule_lists().await.expect("read");
    assert_eq!(lists["Jump"], ["j1", "j2*", "j3"]);
    assert_eq!(lists["Devices"], ["db-02", "web-01"]);
    assert!(!lists.contains_key("Bad"));
    assert_eq!(lacks(lists), 0);
    let shown = control.rule_lists_shown(&actor).await.expect("shown");
    let jump = shown.rows.iter().find(|row| row.name == "Jump").expect("listed");
    assert_eq!(jump.origins, [ListOrigin::Kept, ListOrigin::File("lists/Jump.txt".into())]);
    assert_eq!((jump.values, jump.used_by), (3, 1));
    assert_eq!((shown.missing.len(), shown.unreadable.len()), (0, 1));

    control.use_rule_list_files(Vec::new());
    let used = control.remove_rule_list(&actor, "Jump").await;
    assert!(matches!(
        fault(used.expect_err("a rule needs it")),
        RuleFault::ListInUse { rules: 1, .. }
    ));
    control.show_rules(Vec::new());
    control.remove_rule_list(&actor, "Jump").await.expect("removed");
    let huge: String = (0..30_000).map(|number| format!("v{number}\n")).collect();
    for (name, values) in
        [("a b", "x"), ("", "x"), ("ok", "\u{7}"), ("ok", "# none"), ("ok", huge.as_str())]
    {
        let saved = control.save_rule_list(&actor, name, 0, "", values).await;
        fault(saved.expect_err("refused"));
    }
}

#[tokio::test]
async fn values_that_change_by_themselves_have_the_rules_compiled_again() {
    let (_place, scene) = empty_scene!();
    let control = &scene.control;
    let rule = "title: Known\nid: known\nlogsource: {product: linux}\ndetection: {s: {Host|expand: '%Devices%'}, condition: s}\n";
    let lists = control.rule_lists().await.expect("read");
    let options = CompileOptions { lists, ..CompileOptions::default() };
    let compiled = detect::compile([RuleSource { name: "k.yml", text: rule }], &options);
    control.show_rules(RuleInForce::of(&compiled));
    let mut changes = control.rule_changes();
    control.tick().await.expect("done");
    changes.mark_unchanged();
    let token = control.issue_enrolment_token(1).await.expect("a token");
    control::fixture::enrol(control, &token, "new-03").await.expect("enrolled");
    control.tick().await.expect("done");
    assert!(!changes.has_changed().expect("there"), "looked at once a minute");
    scene.clock.advance_ns(MINUTE_NS + SECOND_NS);
    control.tick().await.expect("done");
    assert!(changes.has_changed().expect("there"));
    changes.mark_unchanged();
    scene.clock.advance_ns(MINUTE_NS + SECOND_NS);
    control.tick().await.expect("done");
    assert!(!changes.has_changed().expect("there"), "nothing changed since");
}

#[tokio::test]
async fn health_says_who_feeds_a_rule_and_what_it_cost() {
    let (_place, mut scene) = empty_scene!();
    let actor = scene.administrator().await.expect("signed in");
    compile(&scene).await;
    starts(&mut scene).await;
    let work = RuleWork {
        events: 1_000,
        judged_ns: 4_000_000,
        rules: vec![
            RuleWorked { rule_id: "curl".to_owned(), asked: 10, matched: 8, units: 30 },
            RuleWorked { rule_id: "bash".to_owned(), asked: 5, matched: 0, units: 10 },
        ],
    };
    scene.control.take_rule_work(&work).await.expect("taken");
    let health = scene.control.rule_health(&actor).await.expect("read");
    let ids: Vec<&str> = health.iter().map(|one| one.rule_id.as_str()).collect();
    assert_eq!(ids, ["curl", "bash", "many"]);
    let curl = &health[0];
    // Three quarters of 4,000 ns per event.
    assert_eq!((curl.cost_ps_per_event, curl.cost_share), (Some(3_000_000), Some(7_500)));
    assert_eq!((curl.asked_per_million, curl.last_match), (Some(10_000), None));
    let supply = curl.supply.as_ref().expect("known");
    assert_eq!((supply.devices, supply.with_source), (1, 1));
    assert_eq!((supply.fields[0].field.as_str(), supply.fields[0].percent), ("Image", 100));
    assert!(supply.is_whole());
    assert_eq!(health[2].supply, None, "a correlation is fed by its rules");
    let one = scene.control.rule_health_of(&actor, "bash").await.expect("read");
    assert_eq!(one, health[1]);
    let none = scene.control.rule_health_of(&actor, "nothing").await;
    assert!(matches!(none, Err(ControlError::NotFound { .. })));
}

#[tokio::test]
async fn fields_beside_the_columns_are_counted_too() {
    let (_place, mut scene) = empty_scene!();
    let text = "title: Own\nid: own\nlogsource: {product: linux}\ndetection: {s: {Shell: bash, Missing.deep: x}, condition: s}\n";
    let compiled =
        detect::compile([RuleSource { name: "own.yml", text }], &CompileOptions::default());
    scene.control.show_rules(RuleInForce::of(&compiled));
    let device = scene.web.enrolled.device;
    let program = Program { pid: 1, parent: 1, image: "/bin/x", arguments: &["x"] };
    let at = scene.clock.now().plus_nanos(-HOUR_NS);
    let mut fields = process_fields(device, &program);
    fields.set("shell", "bash");
    let with = scene.web.event(EventKind::ProcessStart, at, fields);
    let fields = process_fields(scene.db.enrolled.device, &program);
    let without = scene.db.event(EventKind::ProcessStart, at, fields);
    scene.commit(vec![with, without], Vec::new()).await.expect("committed");
    let health = scene.control.rule_health_here().await.expect("read");
    let supply = health[0].supply.as_ref().expect("known");
    assert_eq!((supply.devices, supply.with_source), (2, 2));
    let fields: Vec<(&str, u64, u64)> =
        supply.fields.iter().map(|one| (one.field.as_str(), one.devices, one.percent)).collect();
    assert_eq!(fields, [("Missing.deep", 0, 0), ("Shell", 1, 50)]);
}

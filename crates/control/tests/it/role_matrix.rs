//! Every role against every use case that a person can call, and every use case in the sources against the table.

use crate::tamper;
use case::detection::Verdict as Word;
use case::exclusion::Class;
use case::finding::{Answer, Ruling as Dispute};
use case::predicate::{Operator, Predicate};
use case::rule_life::Step;
use control::backtest::BacktestQuery;
use control::fixture::Scene;
use control::view::detections::{DetectionFilter, RiskOf};
use control::view::findings::{FindingFilter, NewExclusion, SoftwareFilter};
use control::view::requests::{
    Card, CatalogueFilter, DeskFilter, Form, Kind, Outcome, PolicyRule, Ruling, Scope,
};
use control::view::rule_exclusions::{NewRuleExclusion, Written};
use control::view::rulebook::RuleDraft;
use control::view::{AlertFilter, SearchQuery, TimeRange};
use control::{
    Actor, Control, ControlError, Export, Language, NewPerson, PersonChange, Principal, Role,
};
use model::inventory::SoftwareSource;
use model::{Clock, DeviceId, Timestamp};
use std::collections::BTreeMap;
use std::path::Path;

/// `x`: the role may call it; `-`: it is refused, before anything else is looked at.
const MATRIX: &str = include_str!("role_matrix.txt");

/// In the order of the table; the last one has a role that this version does not know.
const ROLES: [&str; 7] =
    ["administrator", "analyst", "operator", "employee", "reviewer", "auditor", "nobody"];

/// Not in the table, and why.
const ELSEWHERE: [(&str, &str); 3] = [
    ("backtest_so_far", "looks only among what the same person was allowed to begin"),
    ("set_password", "one's own password: every person has one, whatever the role"),
    ("attach_end", "takes what only `attach_begin` gives"),
];

type Said = Option<Result<(), ControlError>>;

/// Calls the use case of a name, if it is one of these.
macro_rules! uses {
    ($name:expr; $($case:ident => $call:expr;)*) => {
        match $name {
            $(stringify!($case) => Some($call.await.map(drop)),)*
            _ => None,
        }
    };
}

#[tokio::test]
async fn every_use_case_is_for_some_roles_and_refused_to_the_others() {
    let (place, scene) = scene!();
    let actors = actors(&place, &scene).await;
    let mut answers = String::new();
    let mut refusals = 0;
    for name in MATRIX.lines().filter_map(|line| line.split_whitespace().next()) {
        let mut line = format!("{name:<26}");
        for actor in &actors {
            match call(&scene, actor, name).await {
                Err(ControlError::NotPermitted { .. }) => {
                    refusals += 1;
                    line.push_str(" -");
                }
                // Whatever else is wrong with the made-up arguments: the role was not what stood against it.
                Ok(()) | Err(_) => line.push_str(" x"),
            }
        }
        answers.push_str(line.trim_end());
        answers.push('\n');
    }
    assert_eq!(answers, MATRIX, "the new table:\n{answers}");
    assert!(answers.lines().all(|line| line.contains(" -")), "everything is refused to somebody");
    let audited =
        crate::number(&place, "SELECT count(*) FROM audit WHERE action = 'permission_refused'");
    // A rule about people that somebody breaks is audited in the same way.
    assert!(audited.await >= refusals, "each refusal is in the audit chain");
}

/// A use case that is new stands in the table, or asks for a permission in its own words.
#[test]
fn no_use_case_forgets_to_ask() {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut bodies = BTreeMap::new();
    read_use_cases(&sources, &mut bodies);
    assert!(bodies.len() > 100, "{}", bodies.len());
    let in_table = |name: &str| {
        MATRIX.lines().any(|line| line.split_whitespace().next() == Some(name))
            || ELSEWHERE.iter().any(|(known, _)| *known == name)
    };
    let forgotten: Vec<&str> = bodies
        .iter()
        .filter(|(name, body)| !in_table(name) && !body.contains("require"))
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(forgotten, [] as [&str; 0], "add them to role_matrix.txt and to `call`");
    let gone: Vec<&str> = MATRIX
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| !bodies.contains_key(*name))
        .collect();
    assert_eq!(gone, [] as [&str; 0], "in the table and not in the sources");
}

/// Public functions that take an actor or a principal, with their bodies.
fn read_use_cases(folder: &Path, bodies: &mut BTreeMap<String, String>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            read_use_cases(&path, bodies);
            continue;
        }
        // Fixtures are for tests.
        if path.to_string_lossy().contains("fixture") {
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("a text");
        for part in text.split("    pub async fn ").skip(1) {
            let (head, body) = part.split_once("-> Result").unwrap_or((part, ""));
            let takes = |what: &str| head.contains(what);
            if !takes("actor: &Actor") && !takes("Option<&Actor>") && !takes("Principal<") {
                continue;
            }
            let name = head.split(['(', '<']).next().unwrap_or_default();
            let body = body.split("\n    }\n").next().unwrap_or_default();
            bodies.insert(name.to_owned(), body.to_owned());
        }
    }
}

async fn actors(place: &crate::Place, scene: &Scene) -> Vec<Actor> {
    let mut actors = Vec::new();
    for role in ROLES {
        let statement = match role {
            "administrator" => "UPDATE person SET roles = 'administrator'",
            "analyst" => "UPDATE person SET roles = 'analyst'",
            "operator" => "UPDATE person SET roles = 'operator'",
            "employee" => "UPDATE person SET roles = 'employee'",
            "reviewer" => "UPDATE person SET roles = 'reviewer'",
            "auditor" => "UPDATE person SET roles = 'auditor'",
            _ => "UPDATE person SET roles = 'role_of_a_newer_version'",
        };
        let secret = scene.session_secret().await.expect("signed in");
        assert_eq!(tamper(place, statement).await, 1);
        actors.push(scene.control.actor(&secret).await.expect("an actor"));
    }
    assert_eq!(tamper(place, "UPDATE person SET roles = 'administrator'").await, 1);
    actors
}

async fn call(scene: &Scene, actor: &Actor, name: &str) -> Result<(), ControlError> {
    let control = &*scene.control;
    let answers = [
        of_events(scene, actor, name).await,
        of_alerts(scene, actor, name).await,
        of_devices(control, actor, scene.db.enrolled.device, name).await,
        of_people(control, actor, name).await,
        of_catalogue(control, actor, name).await,
        of_requests(control, actor, name).await,
        of_reviews(control, actor, name).await,
        of_inventory(control, actor, scene.db.enrolled.device, name).await,
        of_findings(control, actor, name).await,
        of_rules(scene, actor, name).await,
        of_rule_care(control, actor, name).await,
    ];
    let [answer] = <[_; 1]>::try_from(answers.into_iter().flatten().collect::<Vec<_>>())
        .unwrap_or_else(|found| panic!("{name} is called {} times", found.len()));
    answer
}

async fn of_events(scene: &Scene, actor: &Actor, name: &str) -> Said {
    let c = &scene.control;
    let now = scene.clock.now();
    let range = TimeRange { from: now.plus_nanos(-7_200_000_000_000), to: now };
    let query = SearchQuery {
        families: Vec::new(),
        range,
        device: None,
        filters: Vec::new(),
        words: Vec::new(),
        after: None,
    };
    uses! { name;
        today => c.today(actor);
        search => c.search(actor, &query);
        event => c.event(actor, scene.download);
        devices => c.devices(actor);
        device => c.device(actor, scene.web.enrolled.device, range, None);
    }
}

async fn of_alerts(scene: &Scene, actor: &Actor, name: &str) -> Said {
    let c = &scene.control;
    uses! { name;
        alerts => c.alerts(actor, &AlertFilter::default());
        alert => c.alert(actor, scene.alert);
        detections => c.detections(actor, &DetectionFilter::default());
        detection_counts => c.detection_counts(actor);
        detection => c.detection(actor, ID);
        detection_of_alert => c.detection_of_alert(actor, scene.alert);
        risky => c.risky(actor, RiskOf::Device, 5);
        risk_of => c.risk_of(actor, RiskOf::User, "root");
        device_risks => c.device_risks(actor);
        assign_detection => c.assign_detection(actor, ID, 1, None);
        release_detection => c.release_detection(actor, ID, 1);
        close_detection => c.close_detection(actor, ID, 1, Word::Benign, WHY);
        reopen_detection => c.reopen_detection(actor, ID, 1, WHY);
        undo_detection => c.undo_detection(actor, ID, 1);
    }
}

async fn of_devices(c: &Control, actor: &Actor, device: DeviceId, name: &str) -> Said {
    let by = Principal::Person(actor);
    uses! { name;
        device_owners => c.device_owners(actor);
        own_devices => c.own_devices(actor);
        set_device_owner => c.set_device_owner(by, device, None);
        set_device_department => c.set_device_department(by, device, None);
        device_groups => c.device_groups(actor);
        groups_of_device => c.groups_of_device(actor, device);
        set_device_groups => c.set_device_groups(by, device, &["pilot".to_owned()]);
    }
}

async fn of_people(c: &Control, actor: &Actor, name: &str) -> Said {
    let by = Principal::Person(actor);
    let new = NewPerson {
        name: "新しい人".to_owned(),
        roles: vec![Role::Employee],
        language: Language::Ja,
        time_zone: "Asia/Tokyo".to_owned(),
        department: None,
        manager: None,
        limited_to: Vec::new(),
    };
    uses! { name;
        people => c.people(actor);
        person => c.person(actor, ID);
        add_person => c.add_person(by, &new);
        change_person => c.change_person(by, ID, &PersonChange::default());
        set_roles => c.set_roles(by, ID, &[Role::Employee], &[]);
        disable_person => c.disable_person(by, ID);
        enable_person => c.enable_person(by, ID);
        invite_person => c.invite_person(by, ID);
        departments => c.departments(actor);
        add_department => c.add_department(by, "営業");
        rename_department => c.rename_department(by, ID, "開発");
        my_messages => c.my_messages(actor);
        outbox => c.outbox(actor, None);
        my_pc => c.my_pc(actor);
        my_waiting => c.my_waiting(actor);
    }
}

async fn of_catalogue(c: &Control, actor: &Actor, name: &str) -> Said {
    let card = Card { heading_en: "Tool".into(), ..Card::default() };
    uses! { name;
        may_use => c.may_use(Some(actor), "zoom");
        similar => c.similar(actor, "zoom");
        catalogue => c.catalogue(Some(actor), &CatalogueFilter::default());
        title => c.title(Some(actor), "zoom");
        recommended => c.recommended(Some(actor));
        save_card => c.save_card(actor, &card);
        delete_card => c.delete_card(actor, ID);
        save_title => c.save_title(actor, "{}", None);
        retire_title => c.retire_title(actor, ID, WHY);
        set_alternatives => c.set_alternatives(actor, ID, &[]);
        export_catalogue => c.export_catalogue(Some(actor), Export::Json);
        preview_import => c.preview_import(actor, "Name\nTool\n".as_bytes());
        import_preview => c.import_preview(actor, ID);
        commit_import => c.commit_import(actor, ID);
        decisions => c.decisions(actor, ID);
        keep_decision => c.keep_decision(actor, ID, WHY, None, true);
        suspend_decision => c.suspend_decision(actor, ID, WHY);
        revoke_decision => c.revoke_decision(actor, ID, WHY);
        recheck_decision => c.recheck_decision(actor, ID, WHY);
        rechecks => c.rechecks(actor);
    }
}

async fn of_requests(c: &Control, actor: &Actor, name: &str) -> Said {
    let form = Form::default();
    uses! { name;
        begin_request => c.begin_request(actor, Kind::Installer, &form);
        save_draft => c.save_draft(actor, ID, None, &form);
        change_request_kind => c.change_request_kind(actor, ID, Kind::Portable);
        discard_draft => c.discard_draft(actor, ID);
        submit_request => c.submit_request(actor, ID);
        join_request => c.join_request(actor, ID, None);
        leave_request => c.leave_request(actor, ID);
        answer_question => c.answer_question(actor, ID, WHY, None);
        appeal_request => c.appeal_request(actor, ID, WHY);
        withdraw_request => c.withdraw_request(actor, ID);
        my_requests => c.my_requests(actor);
        request => c.request(actor, ID);
        attach_begin => c.attach_begin(actor, ID, "setup.exe");
    }
}

async fn of_reviews(c: &Control, actor: &Actor, name: &str) -> Said {
    let denial = Ruling {
        outcome: Outcome::Deny,
        scope: Scope::default(),
        reason: WHY.to_owned(),
        conditions: Vec::new(),
        valid_until: None,
        unknown_accepted: false,
    };
    let policy: PolicyRule = case::policy_defaults::defaults().remove(0);
    uses! { name;
        desk => c.desk(actor, &DeskFilter::default());
        review => c.review(actor, ID);
        assign_request => c.assign_request(actor, ID, None);
        ask_requester => c.ask_requester(actor, ID, WHY);
        answer_checklist => c.answer_checklist(actor, ID, "malware", true, WHY);
        answer_rest_with_no => c.answer_rest_with_no(actor, ID);
        recheck_request => c.recheck_request(actor, ID);
        propose_override => c.propose_override(actor, ID, "check", WHY);
        confirm_override => c.confirm_override(actor, ID, "check", WHY);
        escalate_request => c.escalate_request(actor, ID, WHY);
        take_up_appeal => c.take_up_appeal(actor, ID);
        decide_request => c.decide_request(actor, ID, None, &denial);
        policies => c.policies(actor);
        dry_run_policy => c.dry_run_policy(actor, &policy);
        save_policy => c.save_policy(actor, &policy, Some(0));
        delete_policy => c.delete_policy(actor, ID);
        request_metrics => c.request_metrics(actor, Timestamp::from_nanos(0), 30);
    }
}

async fn of_inventory(c: &Control, actor: &Actor, device: DeviceId, name: &str) -> Said {
    let new = NewExclusion {
        class: Class::InHouse,
        predicate: Predicate::is("name", Operator::Equals, "tool"),
        parent: None,
        reason: WHY.to_owned(),
        expires_at: Timestamp::from_nanos(0),
    };
    let expires_at = Timestamp::from_nanos(0);
    uses! { name;
        software => c.software(actor, &SoftwareFilter::default());
        explain => c.explain(actor, "zoom");
        inventory_state => c.inventory_state(actor);
        inventory_devices => c.inventory_devices(actor, "");
        device_inventory => c.device_inventory(actor, device);
        software_devices => c.software_devices(actor, "title:zoom");
        confirm_held_snapshot => c.confirm_held_snapshot(actor, device, SoftwareSource::Dpkg, WHY);
        identity_candidates => c.identity_candidates(actor);
        confirm_identity => c.confirm_identity(actor, ID, "zoom");
        reject_identity => c.reject_identity(actor, ID, "zoom");
        identity_rules => c.identity_rules(actor);
        exclusions => c.exclusions(actor);
        exclusion_proposals => c.exclusion_proposals(actor);
        preview_exclusion => c.preview_exclusion(actor, &new);
        create_exclusion => c.create_exclusion(actor, &new);
        renew_exclusion => c.renew_exclusion(actor, ID, expires_at, WHY);
        withdraw_exclusion => c.withdraw_exclusion(actor, ID, WHY);
        open_baseline => c.open_baseline(actor, &[]);
        retire_device => c.retire_device(actor, device, "");
    }
}

async fn of_findings(c: &Control, actor: &Actor, name: &str) -> Said {
    let until = Timestamp::from_nanos(0);
    uses! { name;
        findings => c.findings(actor, &FindingFilter::default());
        finding => c.finding(actor, ID);
        finding_metrics => c.finding_metrics(actor, until, 30);
        answer_finding => c.answer_finding(actor, ID, Answer::Removed, "");
        answer_message => c.answer_message(actor, ID, "removed");
        link_request => c.link_request(actor, ID, ID);
        rule_on_dispute => c.rule_on_dispute(actor, ID, Dispute::ALL[0], WHY);
        accept_risk => c.accept_risk(actor, ID, until, WHY);
        end_risk => c.end_risk(actor, ID, WHY);
        draft_message => c.draft_message(actor, ID);
        send_draft => c.send_draft(actor, ID, "subject", "body");
    }
}

async fn of_rules(scene: &Scene, actor: &Actor, name: &str) -> Said {
    let c = &scene.control;
    let now = scene.clock.now();
    let query = || BacktestQuery {
        rule_text: String::new(),
        filters: Vec::new(),
        range: TimeRange { from: now.plus_nanos(-60_000_000_000), to: now },
        time_zone: "UTC".to_owned(),
        samples_max: 1,
    };
    let draft = RuleDraft::default();
    uses! { name;
        backtest => c.backtest(actor, query());
        begin_backtest => c.begin_backtest(actor, query());
        rules => c.rules(actor);
        rule => c.rule(actor, ID);
        check_rule => c.check_rule(actor, &draft);
        save_rule => c.save_rule(actor, &draft);
        rule_history => c.rule_history(actor, ID);
        rule_revision => c.rule_revision(actor, ID, 1);
        take_up_revision => c.take_up_revision(actor, ID, 1, 1);
        move_rule => c.move_rule(actor, ID, &Step::Resume);
        canary_ring => c.canary_ring(actor);
        set_canary_ring => c.set_canary_ring(actor, &[], &[], &[]);
    }
}

async fn of_rule_care(c: &Control, actor: &Actor, name: &str) -> Said {
    let new = NewRuleExclusion {
        title: "tool".to_owned(),
        written: Written::ByHand(String::new()),
        reason: WHY.to_owned(),
        expires_at: Timestamp::from_nanos(0),
        owner: String::new(),
    };
    uses! { name;
        rule_exclusions => c.rule_exclusions(actor);
        rule_exclusion => c.rule_exclusion(actor, ID);
        preview_rule_exclusion => c.preview_rule_exclusion(actor, &new, None, 1);
        draft_rule_exclusion => c.draft_rule_exclusion(actor, &new, None);
        create_rule_exclusion => c.create_rule_exclusion(actor, &new);
        change_rule_exclusion => c.change_rule_exclusion(actor, ID, 1, &new);
        extend_rule_exclusion => c.extend_rule_exclusion(actor, ID, new.expires_at, WHY);
        end_rule_exclusion => c.end_rule_exclusion(actor, ID, WHY);
        rule_packs => c.rule_packs(actor);
        rule_health => c.rule_health(actor);
        rule_health_of => c.rule_health_of(actor, ID);
        rule_lists_shown => c.rule_lists_shown(actor);
        kept_rule_list => c.kept_rule_list(actor, "admins");
        save_rule_list => c.save_rule_list(actor, "admins", 0, "", "a");
        remove_rule_list => c.remove_rule_list(actor, "admins");
    }
}

/// An identifier that nothing has.
const ID: &str = "00000000000000000000000000000000";
const WHY: &str = "because of the test";

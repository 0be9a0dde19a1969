//! The project's own rules: all load, each has an id of its own and cases of both kinds, all cases hold.

use crate::{compiled, each_event, files_below, read_all, root, shared};
use detect::Scratch;
use detect::testing::{self, Expect};
use model::Level;
use std::collections::BTreeSet;
use std::path::PathBuf;

pub(crate) fn own_rules() -> Vec<(String, String)> {
    let is_rule = |path: &PathBuf| !path.to_string_lossy().ends_with(".test.yml");
    read_all(files_below(&root().join("rules"), ".yml").into_iter().filter(is_rule).collect())
}

#[test]
fn every_own_rule_loads_without_a_complaint() {
    let compiled = compiled(&own_rules());
    let refused: Vec<String> = compiled.refused.iter().map(ToString::to_string).collect();
    assert_eq!(refused, [] as [String; 0]);
    let lints: Vec<_> = compiled.lints.iter().map(|lint| (&lint.source, &lint.message)).collect();
    assert_eq!(lints, []);
    let products: Vec<_> =
        compiled.rules.rules().iter().filter_map(|rule| rule.logsource.product.clone()).collect();
    let count = |wanted: &str| products.iter().filter(|product| *product == wanted).count();
    let counts = [count("windows"), count("linux"), count("macos")];
    assert!(counts[0] >= 181 && counts[1] >= 71 && counts[2] >= 20, "{counts:?}");
    assert!(compiled.correlations.rules().count() >= 25);
}

#[test]
fn every_own_rule_says_what_a_reader_needs() {
    let sources = own_rules();
    let mut ids = BTreeSet::new();
    for rule in compiled(&sources).rules.rules() {
        let name = &rule.source_name;
        assert!(ids.insert(rule.id.clone()), "{name}: id {} is taken", rule.id);
        assert_eq!(rule.id.len(), 36, "{name}: the id is a UUID");
        assert!(rule.description.len() > 40, "{name}: the description says what is wrong");
        assert!(rule.level >= Level::Low, "{name}");
        let technique = |tag: &String| {
            tag.strip_prefix("attack.t")
                .is_some_and(|number| number.starts_with(|c: char| c.is_ascii_digit()))
        };
        assert!(rule.tags.iter().any(technique), "{name}: names an ATT&CK technique");
        let (_, text) = sources.iter().find(|(source, _)| source == name).expect("is there");
        for needed in ["SPDX-License-Identifier: Apache-2.0", "author: Mimamori", "falsepositives:"]
        {
            assert!(text.contains(needed), "{name}: {needed}");
        }
    }
}

#[test]
fn every_case_of_every_own_rule_holds() {
    let sources = own_rules();
    let compiled = compiled(&sources);
    let mut wrong = Vec::new();
    for (name, _) in &sources {
        let test_name = name.replace(".yml", ".test.yml");
        let text = std::fs::read_to_string(&test_name).expect("a rule has a test file beside it");
        let test = testing::parse(&test_name, &text).unwrap_or_else(|err| panic!("{err}"));
        let mut loaded = compiled.rules.rules().iter().chain(compiled.correlations.rules());
        let rule = loaded.find(|rule| rule.source_name == *name);
        assert_eq!(rule.map(|rule| rule.id.as_str()), Some(test.rule.as_str()), "{test_name}");
        for expected in [Expect::Match, Expect::None] {
            let has = test.cases.iter().any(|case| case.expect == expected);
            assert!(has, "{test_name}: no case expects {expected:?}");
        }
        for outcome in testing::run(&compiled, &test) {
            if !outcome.passed() {
                wrong.push(format!("{test_name}: {outcome}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
/// A rule whose fields are misspelt or never recorded passes its own cases and finds nothing.
#[test]
fn every_own_windows_rule_finds_something_in_logs_of_real_attacks() {
    let Some(folder) = shared("data/evtx-attack-samples") else { return };
    let Some(regression) = shared("data/sigma/regression_data") else { return };
    let rules = compiled(&own_rules()).rules;
    let mut scratch = Scratch::default();
    let mut silent: BTreeSet<String> = rules
        .rules()
        .iter()
        .filter(|rule| rule.logsource.product.as_deref() == Some("windows"))
        .map(|rule| place(&rule.source_name))
        .collect();
    for folder in [folder, regression] {
        each_event(&folder, |_, event| {
            for found in rules.evaluate_with(event, &mut scratch) {
                silent.remove(&place(&found.rule.source_name));
            }
        });
    }
    let unseen: BTreeSet<String> = UNSEEN.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(silent, unseen);
}

/// Folder and name of a rule, without ending.
fn place(source_name: &str) -> String {
    let path = PathBuf::from(source_name).with_extension("");
    let mut parts: Vec<_> = path.iter().rev().take(2).map(|part| part.to_string_lossy()).collect();
    parts.reverse();
    parts.join("/")
}

/// Rules for attacks that neither corpus holds a log of. Who adds one has checked its fields otherwise.
const UNSEEN: &[&str] = &[
    "active_directory/account_made_easy_to_attack",
    "active_directory/adminsdholder_changed",
    "active_directory/directory_attack_script_run",
    "active_directory/group_policy_file_written_by_person",
    "active_directory/group_policy_given_task_or_script",
    "active_directory/impersonation_allowed_on_computer",
    "active_directory/kerberos_ticket_with_broken_seal",
    "active_directory/key_credential_added",
    "active_directory/member_added_to_domain_administrators",
    "active_directory/service_name_given_to_user",
    "active_directory/service_ticket_with_weak_cipher",
    "active_directory/ticket_without_preauthentication",
    "credential_theft/logon_failed",
    "defence_tampering/audit_policy_changed_by_command",
    "defence_tampering/audit_policy_weakened",
    "defence_tampering/defender_reports_being_switched_off",
    "defence_tampering/kernel_protection_switched_off_at_boot",
    "defence_tampering/log_cleared_by_command",
    "defence_tampering/own_agent_stopped",
    "defence_tampering/reports_cut_off",
    "defence_tampering/script_inspection_bypassed",
    "insider_leak/archive_of_network_share",
    "insider_leak/archive_with_password",
    "insider_leak/cloud_copy_tool_run",
    "insider_leak/file_copied_by_hand_to_other_drive",
    "insider_leak/file_sharing_site_looked_up",
    "insider_leak/file_transfer_with_stored_script",
    "insider_leak/file_uploaded_with_system_tool",
    "insider_leak/folder_copied_to_removable_drive",
    "insider_leak/mail_file_written_by_other_program",
    "insider_leak/mailbox_exported_by_script",
    "insider_leak/private_cloud_client_installed",
    "insider_leak/removable_disk_connected",
    "living_off_the_land/download_by_powershell_script",
    "living_off_the_land/installer_package_from_the_web",
    "office_macro/macro_engine_loaded",
    "office_macro/office_template_or_add_in_written",
    "office_macro/process_starting_objects_loaded_by_office",
    "office_macro/program_started_by_equation_editor",
    "office_macro/program_written_by_office",
    "persistence/account_made_by_command",
    "ransomware/backup_files_deleted_in_mass",
    "ransomware/drive_encrypted_with_bitlocker_command",
    "ransomware/file_with_ransom_ending_written",
    "ransomware/files_encrypted_with_lawful_tool",
    "ransomware/protection_and_database_services_stopped",
    "ransomware/ransom_note_written",
    "ransomware/shadow_copies_deleted_in_script",
    "remote_control/private_network_client_installed",
    "remote_control/quick_assist_opened",
    "remote_control/remote_control_program_run",
    "remote_control/remote_control_relay_looked_up",
    "remote_control/remote_control_service_installed",
    "remote_control/remote_control_set_up_without_user",
    "remote_control/remote_control_starts_shell",
    "remote_control/tunnel_service_run",
    // These ask for what the server alone knows; no log holds it. The cases beside them are stamped as the server does.
    "insider_leak/unapproved_cloud_client_sends",
    "lateral_movement/new_program_connects_within_network",
    "living_off_the_land/system_tool_used_by_business_department",
    "persistence/run_key_set_by_rare_program",
    "ransomware/document_written_by_new_program",
    "remote_control/unapproved_remote_control_started",
    "unknown_software/denied_software_started",
    "unknown_software/new_program_on_one_device_from_download_folder",
    "unknown_software/program_from_imitated_site",
    "unknown_software/rare_unapproved_program_calls_out",
    "unknown_software/rare_unsigned_program_below_office",
    "unknown_software/unapproved_program_started_on_server_by_person",
];

#[test]
fn every_own_rule_speaks_japanese_too() {
    for (name, text) in read_all(files_below(&root().join("rules"), ".yml")) {
        if name.ends_with(".test.yml") {
            continue;
        }
        for key in ["title_ja: ", "description_ja: "] {
            let value = text.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_default();
            assert!(!value.is_ascii(), "{name} has no {key}");
        }
    }
}

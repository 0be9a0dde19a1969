//! A company with people, software on its devices, requests and findings: what the pages of the software check
//! are shown with.

use crate::support::Console;
use control::Language;
use control::Role;
use control::evidence::{Answering, EvidencePort, FileReport, FileVerdict};
use control::fixture::SignedIn;
use control::limits::{DAY_NS, MINUTE_NS};
use control::view::findings::FindingFilter;
use control::view::requests::{
    Audience, Card, Condition, Form, Kind, Outcome, Ruling, Scope, Verdict,
};
use model::inventory::{InventoryItem, InventoryMessage, SoftwareSource};
use model::{Clock as _, Timestamp};
use std::path::Path;
use std::sync::Arc;

/// A source of evidence that has looked at everything and objects to nothing.
#[derive(Debug)]
struct Clean(Timestamp);

impl Clean {
    fn says(&self) -> Vec<FileVerdict> {
        vec![FileVerdict {
            scanner: "hash-list".to_owned(),
            verdict: Verdict::Allow,
            name: String::new(),
            detail: "on the list of known good files".to_owned(),
            detail_ja: String::new(),
            at: self.0,
            database_date: None,
        }]
    }
}

impl EvidencePort for Clean {
    fn name(&self) -> &'static str {
        "hash-list"
    }

    fn hash<'a>(&'a self, _: &'a str) -> Answering<'a, Vec<FileVerdict>> {
        Box::pin(async move { Ok(self.says()) })
    }

    fn file<'a>(&'a self, _: &'a Path, _: &'a str, _: Kind) -> Answering<'a, FileReport> {
        Box::pin(async move { Ok(FileReport { verdicts: self.says(), ..FileReport::default() }) })
    }

    fn url<'a>(&'a self, _: &'a str) -> Answering<'a, Vec<FileVerdict>> {
        Box::pin(async move { Ok(self.says()) })
    }
}

/// Who works there.
pub(crate) struct Office {
    pub(crate) employee: SignedIn,
    pub(crate) colleague: SignedIn,
    pub(crate) reviewer: SignedIn,
    pub(crate) analyst: SignedIn,
    pub(crate) auditor: SignedIn,
    /// A request of the colleague that waits for a review.
    pub(crate) request: String,
    /// A finding on the employee's device.
    pub(crate) finding: String,
}

/// A package of the distribution.
pub(crate) fn package(name: &str, version: &str) -> InventoryItem {
    InventoryItem {
        version: version.into(),
        publisher: "Debian Maintainers".into(),
        identifier: format!("deb:{name}"),
        architecture: "amd64".into(),
        install_source: "Debian:bookworm".into(),
        ..InventoryItem::new(SoftwareSource::Dpkg, format!("{name}:amd64"), name)
    }
}

/// A program that was run without being installed.
pub(crate) fn program(path: &str, user: &str) -> InventoryItem {
    InventoryItem {
        path: path.into(),
        sha256: "ab".repeat(32),
        user: user.into(),
        origin_url: "https://downloads.example/portable-notes.AppImage".into(),
        ..InventoryItem::new(
            SoftwareSource::Executed,
            path,
            path.rsplit('/').next().unwrap_or(path),
        )
    }
}

/// An extension of a browser's profile.
pub(crate) fn extension(id: &str, name: &str, version: &str) -> InventoryItem {
    InventoryItem {
        version: version.into(),
        identifier: id.into(),
        user: "hanako".into(),
        profile: "Default".into(),
        permissions: vec!["<all_urls>".into(), "tabs".into()],
        install_source: "webstore".into(),
        ..InventoryItem::new(SoftwareSource::Chromium, format!("{id}@hanako/Default"), name)
    }
}

/// The form of a request.
pub(crate) fn form(name: &str) -> Form {
    Form {
        name: name.into(),
        version: "2.4".into(),
        publisher: "Example Works".into(),
        url: "https://tool.example/setup".into(),
        purpose: "お客様に送る図面の寸法を確かめるため。".into(),
        sha256: "cd".repeat(32),
        audience: Audience::Department,
        ..Form::default()
    }
}

impl Office {
    /// Fills a console's installation.
    pub(crate) async fn open(console: &mut Console) -> Self {
        let scene = &mut console.scene;
        scene.control.add_evidence_port(Arc::new(Clean(scene.clock.now())));
        let employee = scene.person("田中 花子", Role::Employee, Language::Ja).await.unwrap();
        let colleague = scene.person("Ben Okafor", Role::Employee, Language::En).await.unwrap();
        let reviewer = scene.person("佐藤 健", Role::Reviewer, Language::Ja).await.unwrap();
        let analyst = scene.person("鈴木 一郎", Role::Analyst, Language::Ja).await.unwrap();
        let auditor = scene.person("Audra Lindqvist", Role::Auditor, Language::En).await.unwrap();
        scene.own(scene.web.enrolled.device, &employee.actor).await.unwrap();

        let packages: Vec<InventoryItem> =
            ["bash", "coreutils", "curl", "openssl", "libc6", "vim", "tar"]
                .iter()
                .map(|name| package(name, "1:5.2.15-2+b7"))
                .chain((0..30).map(|number| package(&format!("libexample{number}"), "3.1.4")))
                .collect();
        scene.web_reports(SoftwareSource::Dpkg, &packages).await.unwrap();
        let mut extensions =
            vec![extension("aaaabbbbccccddddeeeeffffgggghhhh", "Screen Ruler", "1.0.4")];
        scene.web_reports(SoftwareSource::Chromium, &extensions).await.unwrap();
        scene.clock.advance_ns(MINUTE_NS);
        // What comes later is a finding: a program in a home folder, and an extension.
        let item = program("/home/hanako/Downloads/portable-notes.AppImage", "hanako");
        let added = scene.web.inventory(scene.clock.now(), &InventoryMessage::Added { item });
        scene.control.take_inventory(&[added]).await.unwrap();
        extensions.push(extension("ppppbbbbccccddddeeeeffffgggghhhh", "Coupon Helper", "7.2"));
        scene.web_reports(SoftwareSource::Chromium, &extensions).await.unwrap();

        let request = Self::ask(console, &colleague, "Drawing Measure").await;
        let other = Self::ask(console, &colleague, "Whiteboard Live").await;
        let condition = Condition {
            text_ja: "お客様の情報を入力しない".into(),
            text_en: "No customer information".into(),
            must: None,
        };
        let ruling = Ruling {
            outcome: Outcome::ApproveWithConditions,
            scope: Scope::default(),
            reason: "社外に保存されるため、条件を付けます。".into(),
            conditions: vec![condition],
            valid_until: Some(console.scene.clock.now().plus_nanos(300 * DAY_NS)),
            unknown_accepted: true,
        };
        Self::answer_all(console, &reviewer, &other).await;
        let control = &console.scene.control;
        control.decide_request(&reviewer.actor, &other, None, &ruling).await.unwrap();
        let card = Card {
            heading_ja: "寸法を測る".into(),
            heading_en: "Measure drawings".into(),
            text_ja: "図面の寸法を画面の上で測れます。".into(),
            text_en: "Measures drawings on the screen.".into(),
            group_ja: "図面".into(),
            group_en: "Drawings".into(),
            url: "https://tool.example/".into(),
            ..Card::default()
        };
        control.save_card(&reviewer.actor, &card).await.unwrap();
        control.tick().await.unwrap();
        let all = control.findings(&analyst.actor, &FindingFilter::default()).await.unwrap();
        let finding = all.rows.iter().find(|row| row.name.contains("portable-notes")).unwrap();
        let finding = finding.id.clone();
        Self { employee, colleague, reviewer, analyst, auditor, request, finding }
    }

    /// A request that was handed in and whose sources have answered.
    pub(crate) async fn ask(console: &Console, by: &SignedIn, name: &str) -> String {
        let control = &console.scene.control;
        let form = form(name);
        let id = control.begin_request(&by.actor, Kind::Installer, &form).await.unwrap();
        control.submit_request(&by.actor, &id).await.unwrap();
        control.gather_evidence().await.unwrap();
        console.scene.clock.advance_ns(MINUTE_NS);
        id
    }

    /// Says no to what the checklist asks a person.
    pub(crate) async fn answer_all(console: &Console, by: &SignedIn, request: &str) {
        let control = &console.scene.control;
        let view = control.review(&by.actor, request).await.unwrap();
        for rule in &view.unanswered {
            control.answer_checklist(&by.actor, request, rule, false, "").await.unwrap();
        }
    }

    /// Every page of the software check that somebody can open, with whose session.
    pub(crate) fn pages(&self, console: &Console) -> Vec<(&SignedIn, String)> {
        let device = console.scene.web.enrolled.device;
        let employee = [
            "/catalogue",
            "/catalogue?q=Zoom",
            "/catalogue?q=%E3%82%BA%E3%83%BC%E3%83%A0",
            "/catalogue?q=Whiteboard+Live",
            "/catalogue/titles/zoom",
            "/recommended",
            "/requests",
            "/pc",
            "/account",
        ];
        let reviewer = [
            "/desk",
            "/desk?view=decided",
            "/desk/rechecks",
            "/desk/policies",
            "/desk/policies/new",
            "/desk/policies/rules/remote-desktop",
            "/desk/catalogue",
            "/desk/catalogue?q=zoom",
            "/desk/catalogue/new",
            "/desk/catalogue/titles/zoom",
            "/desk/catalogue/import",
            "/desk/recommended",
            "/metrics",
        ];
        let analyst = [
            "/software",
            "/software?baseline=yes",
            "/software?q=nothing-like-it",
            "/software/explain",
            "/software/explain?name=bash",
            "/software/candidates",
            "/findings",
            "/findings?drafts=yes",
            "/exclusions",
            "/exclusions/new",
            "/metrics",
            "/metrics?days=90",
            "/outbox",
            "/outbox?state=delivered",
            "/people",
            "/",
            "/waiting",
        ];
        let mut all = Vec::new();
        all.extend(employee.map(|path| (&self.employee, path.to_owned())));
        all.extend(reviewer.map(|path| (&self.reviewer, path.to_owned())));
        all.extend(analyst.map(|path| (&self.analyst, path.to_owned())));
        all.push((&self.colleague, format!("/requests/{}", self.request)));
        all.push((&self.reviewer, format!("/desk/requests/{}", self.request)));
        all.push((&self.analyst, format!("/findings/{}", self.finding)));
        all.push((&self.analyst, format!("/exclusions/new?finding={}", self.finding)));
        all.push((&self.analyst, format!("/devices/{device}/software")));
        all.push((&self.analyst, format!("/devices/{device}")));
        all
    }
}

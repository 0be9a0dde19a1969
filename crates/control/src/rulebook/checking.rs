//! Whether a text can be a rule: does it load, is it one rule, do its tests pass.

use super::own_source;
use crate::limits::{
    RULE_ID_CHARS_MAX, RULE_TEST_EVENTS_MAX, RULE_TESTS_BYTES_MAX, RULE_TEXT_BYTES_MAX,
};
use crate::text_fault::{TestsFault, TextFault};
use crate::view::backtest::RefusedRule;
use crate::view::detections::Said;
use crate::view::rulebook::{RuleCheck, RuleDraft, TestOutcome};
use crate::{Actor, Control, ControlError, Language, Permission};
use case::rule_life::LifeFault;
use detect::testing::{self, Expect, RuleTest};
use detect::{CompileOptions, Compiled, Rule, RuleSource, SuppliedFields};
use lake::LakeError;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Why a rule is not saved or not moved.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RuleRefusal {
    /// The text does not load.
    #[error("{}", text.en)]
    Text {
        /// Line, cause and remedy.
        text: Said,
    },
    /// A test fails, or the tests cannot be read.
    #[error("a test of the rule fails: {}", test.en)]
    Tests {
        /// Which, and how.
        test: Said,
    },
    /// The step cannot be taken.
    #[error(transparent)]
    Life(#[from] LifeFault),
}

impl RuleRefusal {
    /// What the person may read: names only what was given.
    pub(crate) fn message(&self, language: Language) -> String {
        let japanese = language == Language::Ja;
        match (self, japanese) {
            (Self::Text { text }, true) => format!("ルールを読み込めません: {}", text.ja),
            (Self::Text { text }, false) => format!("The rule cannot be loaded: {}", text.en),
            (Self::Tests { test }, true) => format!("テストに失敗しました: {}", test.ja),
            (Self::Tests { test }, false) => format!("A test fails: {}", test.en),
            (Self::Life(fault), _) => life_message(*fault, japanese).to_owned(),
        }
    }
}

const fn life_message(fault: LifeFault, japanese: bool) -> &'static str {
    let (ja, en) = match fault {
        LifeFault::Elsewhere => (
            "ルールの状態がすでに変わっています。画面を読み込み直してください。",
            "The rule has moved on. Please reload the page.",
        ),
        LifeFault::OfFile => (
            "ファイルのルールに下書きはありません。止める場合は「停止」を使ってください。",
            "A rule from a file has no draft. Stop it instead.",
        ),
        LifeFault::Untested => (
            "一致するはずのテストがありません。過去の一致から 1 件作って追加してください。",
            "There is no test that it must match. Add one, for instance from a match of the past.",
        ),
        LifeFault::Reason => (
            "停止の理由を 3 文字以上で書いてください。",
            "Please give a reason of at least three characters.",
        ),
    };
    if japanese { ja } else { en }
}

/// What a text is checked against.
struct Ground {
    lists: BTreeMap<String, Vec<String>>,
    /// Source and text of the other rules, for correlations that refer to them.
    others: Vec<(String, String)>,
    /// Ids of the other rules, each with its source.
    ids: BTreeMap<String, String>,
}

impl Control {
    /// What saving a text would say. Nothing is saved.
    ///
    /// # Errors
    /// [`ControlError::NotPermitted`], or the store's.
    pub async fn check_rule(
        &self,
        actor: &Actor,
        draft: &RuleDraft,
    ) -> Result<RuleCheck, ControlError> {
        self.require(actor, &[Permission::EditRules], "check_rule").await?;
        self.checked(draft).await
    }

    pub(super) async fn checked(&self, draft: &RuleDraft) -> Result<RuleCheck, ControlError> {
        let ground = self.check_ground(draft.id.as_deref()).await?;
        let draft = draft.clone();
        let check = move || check(&draft, &ground);
        let broken = |err: tokio::task::JoinError| {
            ControlError::Lake(LakeError::Engine { reason: err.to_string() })
        };
        tokio::task::spawn_blocking(check).await.map_err(broken)
    }

    async fn check_ground(&self, edited: Option<&str>) -> Result<Ground, ControlError> {
        let own_now = edited.map(own_source);
        let mut ground =
            Ground { lists: self.rule_lists().await?, others: Vec::new(), ids: BTreeMap::new() };
        for rule in self.rules_in_force() {
            if Some(&rule.source) != own_now.as_ref() {
                ground.ids.insert(rule.id.clone(), rule.source.clone());
                ground.others.push((rule.source.clone(), rule.document.clone()));
            }
        }
        let rows = sqlx::query_as::<_, (String,)>("SELECT id FROM own_rule")
            .fetch_all(self.store.pool())
            .await?;
        for (id,) in rows.into_iter().filter(|(id,)| Some(id.as_str()) != edited) {
            let source = own_source(&id);
            ground.ids.insert(id, source);
        }
        Ok(ground)
    }
}

fn check(draft: &RuleDraft, ground: &Ground) -> RuleCheck {
    let mut said = RuleCheck::default();
    if draft.text.len() > RULE_TEXT_BYTES_MAX {
        said.refused.push(TextFault::TooLong.refused(SOURCE, None));
        return said;
    }
    let compiled = compile(&draft.text, ground);
    let ours = |source: &str| source == UNNAMED;
    said.refused.extend(
        compiled
            .refused
            .iter()
            .filter(|it| ours(&it.source))
            .map(|it| RefusedRule { source: SOURCE.to_owned(), ..RefusedRule::from(it) }),
    );
    let lints = compiled.lints.iter().filter(|lint| ours(&lint.source));
    said.remarks = lints.map(|lint| (lint.line, lint.words().into())).collect();
    let rules: Vec<&Arc<Rule>> =
        compiled.rules.rules().iter().filter(|rule| ours(&rule.source_name)).collect();
    let correlations = compiled.correlations.rules().filter(|rule| ours(&rule.source_name));
    // Those that others refer to stand before them: the last one is what it is all about.
    let main = correlations.last().or_else(|| rules.first().copied());
    if !said.refused.is_empty() {
        return said;
    }
    let Some(main) = main else {
        said.refused.push(TextFault::NoRule.refused(SOURCE, None));
        return said;
    };
    said.id = Some(main.id.clone());
    main.title.clone_into(&mut said.title);
    said.level = Some(main.level);
    one_rule(draft, main, &rules, &compiled, ground, &mut said);
    if said.refused.is_empty() {
        let ids: Vec<&str> = rules.iter().map(|rule| rule.id.as_str()).chain([&*main.id]).collect();
        run_tests(&draft.tests, &ids, &compiled, &mut said);
    }
    said
}

/// The text alone; together with the other rules only when it needs them.
fn compile(text: &str, ground: &Ground) -> Compiled {
    let options = CompileOptions {
        lists: ground.lists.clone(),
        fields: Some(SuppliedFields::of_this_version()),
        ..CompileOptions::default()
    };
    let own = RuleSource { name: UNNAMED, text };
    let alone = detect::compile([own], &options);
    if alone.refused.is_empty() || !text.contains("correlation") {
        return alone;
    }
    let others = ground.others.iter().map(|(name, text)| RuleSource { name, text });
    detect::compile(others.chain([own]), &options)
}

/// The text must be one rule with an id of its own.
fn one_rule(
    draft: &RuleDraft,
    main: &Rule,
    rules: &[&Arc<Rule>],
    compiled: &Compiled,
    ground: &Ground,
    said: &mut RuleCheck,
) {
    let correlated = compiled.correlations.rules().any(|rule| rule.source_name == UNNAMED);
    if !correlated && let Some(second) = rules.get(1) {
        let line = Some(second.source_line);
        said.refused.push(TextFault::SeveralRules.refused(SOURCE, line));
    }
    for id in rules.iter().map(|rule| &rule.id).chain([&main.id]) {
        let fault = if id.starts_with(UNNAMED_STEM) {
            TextFault::NoId
        } else if id.chars().count() > RULE_ID_CHARS_MAX {
            TextFault::LongId
        } else if let Some(source) = ground.ids.get(id) {
            TextFault::IdTaken { id: id.clone(), source: source.clone() }
        } else {
            continue;
        };
        said.refused.push(fault.refused(SOURCE, Some(1)));
    }
    if draft.id.as_ref().is_some_and(|id| *id != main.id) {
        said.refused.push(TextFault::IdChanged.refused(SOURCE, Some(1)));
    }
    said.refused.dedup();
}

fn run_tests(text: &str, ids: &[&str], compiled: &Compiled, said: &mut RuleCheck) {
    if text.trim().is_empty() {
        return;
    }
    let test = match read_tests(text) {
        Ok(test) => test,
        Err(fault) => {
            said.tests_refused = Some(fault);
            return;
        }
    };
    if !ids.contains(&test.rule.as_str()) {
        let fault = TestsFault::OtherRule { tests: test.rule, rule: ids[0].to_owned() };
        said.tests_refused = Some((1, fault.words()));
        return;
    }
    said.outcomes = testing::run(compiled, &test)
        .into_iter()
        .map(|outcome| TestOutcome {
            passed: outcome.passed(),
            must_match: outcome.expected == Expect::Match,
            words: outcome.sentence().into(),
            case: outcome.case,
        })
        .collect();
}

/// Reads the tests, if they are not too large: a repeated event is there as many times as it is repeated.
fn read_tests(text: &str) -> Result<RuleTest, (usize, Said)> {
    if text.len() > RULE_TESTS_BYTES_MAX {
        return Err((1, TestsFault::TooLong.words()));
    }
    let mut events: u64 = 0;
    for (line, words) in (1..).zip(text.lines()) {
        for after in words.split("repeat").skip(1) {
            let digits: String = after
                .chars()
                .skip_while(|it| !it.is_ascii_digit())
                .take_while(char::is_ascii_digit)
                .collect();
            events = events.saturating_add(digits.parse().unwrap_or(0));
        }
        if events > RULE_TEST_EVENTS_MAX {
            return Err((line, TestsFault::TooManyEvents.words()));
        }
    }
    testing::parse("tests", text).map_err(|err| (err.line, err.words().into()))
}

impl RuleCheck {
    /// Why it is not saved.
    pub(super) fn refusal(&self) -> Option<RuleRefusal> {
        if let Some(refused) = self.refused.first() {
            let Said { ja, en } = at_line(refused.line, &refused.reason);
            let Said { ja: next, en: remedy } = &refused.remedy;
            let text = Said::new(format!("{ja}（{next}）"), format!("{en}; {remedy}"));
            return Some(RuleRefusal::Text { text });
        }
        if let Some((line, words)) = &self.tests_refused {
            return Some(RuleRefusal::Tests { test: at_line(Some(*line), words) });
        }
        let failed = self.outcomes.iter().find(|outcome| !outcome.passed)?;
        Some(RuleRefusal::Tests { test: failed.words.clone() })
    }
}

/// The line before what is said of it.
fn at_line(line: Option<usize>, said: &Said) -> Said {
    match line {
        None => said.clone(),
        Some(line) => {
            Said::new(format!("{line} 行目: {}", said.ja), format!("line {line}: {}", said.en))
        }
    }
}

/// What refusals call the text.
const SOURCE: &str = "rule";
/// The name of a text that is checked; a rule without an id is named after it.
const UNNAMED: &str = "rule-without-id.yml";
const UNNAMED_STEM: &str = "rule-without-id";

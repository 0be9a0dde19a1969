//! Words for the states and answers of the software check, by their stored names.

use crate::language::Language;
use crate::page::{At, Page};
use crate::show;
use crate::url::Href;
use case::catalogue::{May, Why};
use case::check::Verdict;
use case::finding;
use case::form::{Audience, Kind};
use case::refusal::FormFault;
use case::request::State;
use control::Role;
use control::view::requests::{Alternative, Answer, CardView, CatalogueRow, TitleHit};

impl Page {
    /// The word of an enumeration's stored name: `may` and `may_not` make `may-may-not`.
    pub(crate) fn word(&self, of: &str, name: &str) -> String {
        self.t(&format!("{of}-{}", name.replace('_', "-")))
    }

    /// The answer to "may I use it?".
    pub(crate) fn may_word(&self, may: &May) -> String {
        self.word("may", may.name())
    }

    /// Why the answer is not simply yes.
    pub(crate) fn why_word(&self, why: &Why) -> String {
        self.word("why", why.name())
    }

    /// Where a request stands.
    pub(crate) fn state_word(&self, state: &State) -> String {
        self.word("state", state.name())
    }

    /// The same for the desk: a question is the requester's to answer, not the reviewer's.
    pub(crate) fn desk_state_word(&self, state: &State) -> String {
        match state {
            State::NeedsInfo => self.t("desk-state-needs-info"),
            _ => self.state_word(state),
        }
    }

    /// What is asked for.
    pub(crate) fn kind_word(&self, kind: &Kind) -> String {
        self.word("request-kind", kind.name())
    }

    /// For whom it is asked.
    pub(crate) fn audience_word(&self, audience: &Audience) -> String {
        self.word("audience", audience.name())
    }

    /// What a source of evidence says.
    pub(crate) fn verdict_word(&self, verdict: &Verdict) -> String {
        self.word("verdict", verdict.name())
    }

    /// The text of the page's language; the other one where there is none.
    pub(crate) fn either<'a>(&self, ja: &'a str, en: &'a str) -> &'a str {
        match self.language() {
            Language::Ja if !ja.is_empty() => ja,
            Language::En if en.is_empty() => ja,
            _ => en,
        }
    }

    /// A title's name in the page's language. What is only the reading of a foreign name is for searching: people
    /// know "AnyDesk" and "LINE" by the letters on the screen, not by their katakana.
    pub(crate) fn title_name<'a>(&self, name: &'a str, name_ja: &'a str) -> &'a str {
        if is_reading(name_ja) { name } else { self.either(name_ja, name) }
    }

    /// How a foreign name is read, for pages that have room to say it; nothing in English.
    pub(crate) fn reading<'a>(&self, name_ja: &'a str) -> Option<&'a str> {
        (self.language() == Language::Ja && is_reading(name_ja)).then_some(name_ja)
    }

    /// The name of a hit.
    pub(crate) fn hit_name<'a>(&self, hit: &'a TitleHit) -> &'a str {
        self.title_name(&hit.name, &hit.name_ja)
    }

    /// The name of a catalogue's line.
    pub(crate) fn row_name<'a>(&self, row: &'a CatalogueRow) -> &'a str {
        self.title_name(&row.name, &row.name_ja)
    }

    /// The name of an alternative.
    pub(crate) fn alternative_name<'a>(&self, other: &'a Alternative) -> &'a str {
        self.title_name(&other.name, &other.name_ja)
    }

    /// The conditions of an answer in a line.
    pub(crate) fn answer_conditions<'a>(&self, answer: &'a Answer) -> &'a str {
        self.either(&answer.conditions_ja, &answer.conditions_en)
    }

    /// The conditions of a catalogue's line.
    pub(crate) fn row_conditions<'a>(&self, row: &'a CatalogueRow) -> &'a str {
        self.either(&row.conditions_ja, &row.conditions_en)
    }

    /// The conditions of a card's title.
    pub(crate) fn card_conditions<'a>(&self, card: &'a CardView) -> &'a str {
        self.either(&card.conditions_ja, &card.conditions_en)
    }

    /// How long until a decision, as a sentence; nothing while there is no experience.
    pub(crate) fn expected(&self, nanos: Option<i64>) -> Option<String> {
        let nanos = u64::try_from(nanos?).ok()?;
        Some(self.ts("request-expected", self.duration(nanos)))
    }

    /// What was done, said once after a form: only keys of our own list are said.
    pub(crate) fn said(&self, key: &str) -> Option<String> {
        SAID.iter().find(|known| **known == key).map(|known| self.t(known))
    }

    /// A fault of a form's field.
    pub(crate) fn fault(&self, fault: &FormFault) -> String {
        self.word("fault", &fault.fault.to_lowercase().replace(' ', "-"))
    }

    /// What happened to a request.
    pub(crate) fn history_word(&self, what: impl AsRef<str>) -> String {
        let what = what.as_ref();
        let known = DONE.contains(&what);
        self.word("done", if known { what } else { "other" })
    }

    /// What somebody did who looked at a person's records.
    pub(crate) fn looked_word(&self, action: impl AsRef<str>) -> String {
        let action = action.as_ref();
        self.word("looked", if LOOKED.contains(&action) { action } else { "other" })
    }

    /// Roles by stored name, joined by commas.
    pub(crate) fn role_words(&self, roles: impl AsRef<str>) -> String {
        let words: Vec<String> = roles
            .as_ref()
            .split(',')
            .filter_map(|name| Role::of_name(name.trim()))
            .map(|role| self.word("role", role.name()))
            .collect();
        words.join(if self.language() == Language::Ja { "、" } else { ", " })
    }

    /// The kind of a finding.
    pub(crate) fn finding_kind(&self, kind: &finding::Kind) -> &'static str {
        self.label(kind.label_ja(), kind.label_en())
    }

    /// Where a finding stands.
    pub(crate) fn finding_status(&self, status: &finding::Status) -> &'static str {
        self.label(status.label_ja(), status.label_en())
    }

    /// The label of an answer's button.
    pub(crate) fn answer_label(&self, answer: &finding::Answer) -> &'static str {
        self.label(answer.label_ja(), answer.label_en())
    }

    /// How an item was judged.
    pub(crate) fn judgement(&self, verdict: &case::judgement::Verdict) -> &'static str {
        self.label(verdict.label_ja(), verdict.label_en())
    }

    /// Why a finding was closed.
    pub(crate) fn finding_closing(&self, closing: &finding::Closing) -> &'static str {
        self.label(closing.label_ja(), closing.label_en())
    }

    /// The same by stored name; a name of another version stands for itself.
    pub(crate) fn closing_word(&self, name: impl AsRef<str>) -> String {
        let name = name.as_ref();
        let known = finding::Closing::of_name(name);
        known.map_or_else(|| name.to_owned(), |one| self.finding_closing(&one).to_owned())
    }

    /// How a message reached somebody.
    pub(crate) fn channel_word(&self, channel: &case::remedy::Channel) -> &'static str {
        self.label(channel.label_ja(), channel.label_en())
    }

    /// What the team may answer to "not mine": stored name and label.
    pub(crate) fn rulings(&self) -> Vec<(&'static str, &'static str)> {
        let label =
            |one: &finding::Ruling| (one.name(), self.label(one.label_ja(), one.label_en()));
        finding::Ruling::ALL.iter().map(label).collect()
    }

    /// What happened to a finding: a step of its messages, or one of our own list.
    pub(crate) fn finding_cause(&self, cause: impl AsRef<str>) -> String {
        let cause = cause.as_ref();
        if let Some(rung) = finding::Rung::of_name(cause) {
            return self.label(rung.label_ja(), rung.label_en()).to_owned();
        }
        self.word("finding-step", if STEPS.contains(&cause) { cause } else { "other" })
    }

    /// Who did something to a finding: the machine's parts have words, people have names.
    pub(crate) fn actor_word(&self, actor: impl AsRef<str>) -> String {
        match actor.as_ref() {
            "inventory" => self.t("actor-inventory"),
            "timer" => self.t("actor-timer"),
            "judgement" => self.t("actor-judgement"),
            name => name.to_owned(),
        }
    }

    /// The page of one software.
    pub(crate) fn software_href(&self, subject: impl AsRef<str>) -> Href {
        Href::new("/software/of", &[("subject", subject.as_ref())])
    }

    /// The findings of one software.
    pub(crate) fn findings_of_href(&self, subject: impl AsRef<str>) -> Href {
        Href::new("/findings", &[("subject", subject.as_ref())])
    }

    /// The form of an exclusion of rules that begins with another one.
    pub(crate) fn like_href(&self, id: impl AsRef<str>) -> Href {
        Href::new("/rules/exclusions/new", &[("like", id.as_ref())])
    }

    /// The form of a list of values.
    pub(crate) fn list_href(&self, name: impl AsRef<str>) -> Href {
        Href::new("/rules/lists/edit", &[("name", name.as_ref())])
    }

    /// The form of an exclusion that begins with a finding.
    pub(crate) fn exclusion_href(&self, finding: impl AsRef<str>) -> Href {
        Href::new("/exclusions/new", &[("finding", finding.as_ref())])
    }

    fn label(&self, ja: &'static str, en: &'static str) -> &'static str {
        if self.language() == Language::Ja { ja } else { en }
    }

    /// A day without time, for decisions and ends of validity.
    pub(crate) fn day(&self, at: impl At) -> String {
        let when = self.when(at).text;
        let digits = when.find(|c: char| c.is_ascii_digit()).unwrap_or(0);
        when.get(digits..).and_then(|rest| rest.get(..10)).unwrap_or_default().to_owned()
    }

    /// A size in bytes in its largest unit.
    pub(crate) fn bytes(&self, bytes: &u64) -> String {
        const UNITS: [&str; 4] = ["B", "KiB", "MiB", "GiB"];
        let mut unit = 0;
        let mut whole = *bytes;
        while whole >= 1024 && unit + 1 < UNITS.len() {
            whole /= 1024;
            unit += 1;
        }
        format!("{} {}", show::count(whole), UNITS.get(unit).copied().unwrap_or_default())
    }
}

/// Whether a Japanese name is katakana throughout: the reading of a name that is written otherwise.
fn is_reading(name_ja: &str) -> bool {
    let katakana = |c: char| matches!(c, '\u{30a0}'..='\u{30ff}' | '\u{3000}' | ' ' | '0'..='9');
    !name_ja.is_empty() && name_ja.chars().all(katakana)
}

/// What a redirect after a form may say.
const SAID: &[&str] = &[
    "said-detection",
    "said-draft-saved",
    "said-submitted",
    "said-discarded",
    "said-joined",
    "said-left",
    "said-answered",
    "said-appealed",
    "said-withdrawn",
    "said-uploaded",
    "said-password-set",
    "said-promised",
    "said-disputed",
    "said-request-begun",
    "said-saved",
    "said-deleted",
    "said-retired",
    "said-assigned",
    "said-asked",
    "said-decided",
    "said-rechecked",
    "said-escalated",
    "said-proposed",
    "said-confirmed",
    "said-rejected",
    "said-sent",
    "said-imported",
    "said-invited",
];

/// Steps of a request that have words of their own: names of [`case::command::Command`].
const DONE: &[&str] = &[
    "edit",
    "attach",
    "submit",
    "mark_duplicate",
    "begin_screening",
    "begin_checks",
    "record_checks",
    "record_policy",
    "assign",
    "ask",
    "answer",
    "answer_rule",
    "propose_override",
    "confirm_override",
    "escalate",
    "decide",
    "appeal",
    "take_up",
    "withdraw",
    "follow",
    "unfollow",
    "tick",
];

/// Looks at somebody's records that have words of their own: names of the audit chain.
const LOOKED: &[&str] = &[
    "searched",
    "device_opened",
    "alert_opened",
    "event_opened",
    "inventory_opened",
    "finding_opened",
];

/// Steps of a finding that have words of their own: its beginning, and names of [`case::finding::Event`].
const STEPS: &[&str] = &[
    "opened",
    "seen",
    "looked",
    "cleared",
    "timer",
    "silent",
    "back",
    "answered",
    "request_filed",
    "request_ended",
    "ruled",
    "risk_accepted",
    "risk_ended",
    "draft_sent",
    "device_retired",
];

//! The rules in use: put together from files and from the store, and again whenever one of them changes.
//!
//! ```text
//! files, own rules, exclusions, lists, today ─► compile (beside the pipeline) ─► RulesInUse ─► pipeline, between two events
//!                                    control ◄── stops, counts ◄── News ◄── judge
//! ```

use super::judge::{News, RulesInUse, StopNotice};
use super::status::StoppedRule;
use super::tls::asked;
use crate::cli;
use crate::layout::Layout;
use crate::rule_files::RuleFiles;
use crate::rule_packs::RuleSources;
use case::rule_life::Stage;
use control::view::backtest::{RefusedSource, RuleInForce};
use control::view::rule_lists::RulePack;
use control::view::rulebook::Rulebook;
use control::{Control, RulesSummary};
use detect::{Compiled, Rule};
use model::Clock;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, watch};

/// What another process changed (the command line), and a new day, are noticed this late at most.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// Changes that come together make one set.
const GATHER_FOR: Duration = Duration::from_millis(100);

/// Where rule files lie.
#[derive(Debug, Clone)]
pub(super) struct RulePlaces {
    layout: Layout,
    named: Vec<PathBuf>,
}

impl RulePlaces {
    pub(super) fn new(args: &cli::Serve, layout: &Layout) -> Self {
        Self { layout: layout.clone(), named: args.rules.clone() }
    }

    /// Everything that rules are made of in files, read on a thread of its own.
    async fn read(&self) -> anyhow::Result<Arc<RuleSources>> {
        let own = self.clone();
        let read = move || RuleSources::gather(&own.layout, &own.named);
        Ok(Arc::new(tokio::task::spawn_blocking(read).await??))
    }
}

/// What the judge tells, until somebody takes it.
#[derive(Debug, Default)]
pub(super) struct Desk {
    news: Mutex<News>,
    stopped: Notify,
}

impl Desk {
    pub(super) fn put(&self, news: News) {
        if news.is_empty() {
            return;
        }
        let urgent = !news.stopped.is_empty();
        self.news.lock().unwrap_or_else(PoisonError::into_inner).add(news);
        if urgent {
            self.stopped.notify_one();
        }
    }

    fn take(&self) -> News {
        std::mem::take(&mut *self.news.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// How the pipeline gets its rules, and where it puts what it has to tell.
#[derive(Clone)]
pub(super) struct RuleFeed {
    pub(super) sets: watch::Receiver<Arc<RulesInUse>>,
    pub(super) desk: Arc<Desk>,
}

/// Keeps the rules in use as they should be.
pub(super) struct RuleKeeper {
    control: Arc<Control>,
    places: RulePlaces,
    clock: Arc<dyn Clock>,
    sets: watch::Sender<Arc<RulesInUse>>,
    desk: Arc<Desk>,
    /// What the newest set was made of, but for the files.
    made_of: (Rulebook, String),
    sources: Arc<RuleSources>,
    /// Stops that are not in the store yet.
    unstored: Vec<StopNotice>,
    settled_through: u64,
}

/// What came of all sources.
struct Assembled {
    rules: RulesInUse,
    refused: Vec<RefusedSource>,
    packs: Vec<RulePack>,
}

impl RuleKeeper {
    /// Puts the rules together for the first time; how many are in force, and how many were refused.
    pub(super) async fn open(
        control: Arc<Control>,
        places: RulePlaces,
        clock: Arc<dyn Clock>,
    ) -> anyhow::Result<(Self, RuleFeed, (usize, usize))> {
        let sources = places.read().await?;
        control.use_rule_list_files(sources.lists.clone());
        let book = with_asked_lists(control.rulebook().await?, &sources.files);
        let today = clock.now().utc_day();
        let first = assemble(Arc::clone(&sources), book.clone(), today.clone(), 0).await?;
        let numbers = (loaded(&first), first.refused.len());
        show(&control, &first);
        let (sets, receiver) = watch::channel(Arc::new(first.rules));
        let desk = Arc::new(Desk::default());
        let feed = RuleFeed { sets: receiver, desk: Arc::clone(&desk) };
        let keeper = Self {
            control,
            places,
            clock,
            sets,
            desk,
            made_of: (book, today),
            sources,
            unstored: Vec::new(),
            settled_through: 0,
        };
        Ok((keeper, feed, numbers))
    }

    /// Goes on until asked to stop. What fails is tried again; until then the rules stay as they are.
    pub(super) async fn keep(mut self, mut stop: watch::Receiver<bool>) {
        let mut changes = self.control.rule_changes();
        let desk = Arc::clone(&self.desk);
        let mut changed = false;
        loop {
            tokio::select! {
                () = asked(&mut stop) => break,
                Ok(()) = changes.changed() => {
                    changed = true;
                    tokio::time::sleep(GATHER_FOR).await;
                    changes.mark_unchanged();
                }
                () = desk.stopped.notified() => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
            self.report().await;
            match self.renew(changed).await {
                Ok(()) => changed = false,
                Err(err) => {
                    tracing::error!(
                        error = format!("{err:#}"),
                        "the rules stay as they are; trying again"
                    );
                }
            }
        }
        self.report().await;
    }

    /// Makes and hands out a new set when something is another than before; `files`: also when only files may be.
    async fn renew(&mut self, files: bool) -> anyhow::Result<()> {
        if files {
            self.sources = self.places.read().await?;
            self.control.use_rule_list_files(self.sources.lists.clone());
        }
        let book = with_asked_lists(self.control.rulebook().await?, &self.sources.files);
        let made_of = (book, self.clock.now().utc_day());
        if made_of == self.made_of && !files {
            return Ok(());
        }
        let (book, today) = made_of.clone();
        let made = assemble(Arc::clone(&self.sources), book, today, self.settled_through).await?;
        tracing::info!(rules = loaded(&made), "the rules have changed");
        show(&self.control, &made);
        self.made_of = made_of;
        self.sets.send_replace(Arc::new(made.rules));
        Ok(())
    }

    /// Stores what the judge told.
    async fn report(&mut self) {
        let news = self.desk.take();
        self.unstored.extend(news.stopped);
        while let Some(notice) = self.unstored.first().cloned() {
            match self.control.stop_rule(&notice.id, notice.stop).await {
                Ok(_) => {
                    self.settled_through = notice.number;
                    self.unstored.remove(0);
                }
                Err(err) => {
                    tracing::error!(rule = notice.id, error = %err, "that a rule is stopped could not be stored; trying again");
                    break;
                }
            }
        }
        let elsewhere: Vec<(String, u64)> = news.elsewhere.into_iter().collect();
        if !elsewhere.is_empty()
            && let Err(err) = self.control.count_elsewhere(&elsewhere).await
        {
            tracing::warn!(error = %err, "matches of canaries could not be counted");
        }
        for work in &news.work {
            if let Err(err) = self.control.take_rule_work(work).await {
                tracing::warn!(error = %err, "what rules cost could not be counted");
            }
        }
    }
}

/// Without the lists that no text names: the live inventory changes some of them all the time, and what nobody
/// asks for is no reason to compile.
fn with_asked_lists(mut book: Rulebook, files: &RuleFiles) -> Rulebook {
    let Rulebook { own, exclusions, lists, .. } = &mut book;
    lists.retain(|name, _| {
        let named = format!("%{name}%");
        let of_files = files.files.iter().map(|file| &file.text);
        let of_store =
            own.iter().map(|own| &own.text).chain(exclusions.iter().map(|(_, text)| text));
        of_files.chain(of_store).any(|text| text.contains(&named))
    });
    book
}

/// Rules and correlations in force.
fn loaded(made: &Assembled) -> usize {
    let compiled = &made.rules.compiled;
    compiled.rules.rules().len() + compiled.correlations.rules().count()
}

fn show(control: &Control, made: &Assembled) {
    control.show_rules(RuleInForce::of(&made.rules.compiled));
    control.show_rule_packs(made.packs.clone());
    control
        .show_rules_summary(RulesSummary { loaded: loaded(made), refused: made.refused.clone() });
}

/// Compiles on a thread of its own.
async fn assemble(
    sources: Arc<RuleSources>,
    book: Rulebook,
    today: String,
    settled_through: u64,
) -> anyhow::Result<Assembled> {
    let work = move || {
        let compiled = sources.files.compile_with(&book, today);
        let packs = sources.shown(&compiled);
        let refused = compiled.refused.iter().map(RefusedSource::from);
        let unreadable = sources.files.unreadable.iter().map(|file| RefusedSource {
            file: file.name.clone(),
            reason: file.reason.clone(),
            lacks: None,
        });
        let refused: Vec<RefusedSource> = refused.chain(unreadable).collect();
        for RefusedSource { file, reason, .. } in &refused {
            tracing::warn!(file, reason = reason.en, "rule refused; the others are in force");
        }
        Assembled { rules: in_use(compiled, &book, settled_through), refused, packs }
    };
    Ok(tokio::task::spawn_blocking(work).await?)
}

fn in_use(compiled: Compiled, book: &Rulebook, settled_through: u64) -> RulesInUse {
    let mut canaries = BTreeSet::new();
    let mut stopped = BTreeMap::new();
    let all = compiled.rules.rules().iter().chain(compiled.correlations.rules());
    for rule in all {
        let rule: &Rule = rule;
        let Some(life) = book.life(&rule.id, &rule.source_name) else { continue };
        match (life.stage, &life.stop) {
            (Stage::Canary, _) => {
                canaries.insert(rule.id.clone());
            }
            (Stage::Stopped, Some(stop)) => {
                let told = StoppedRule {
                    id: rule.id.clone(),
                    title: rule.title.clone(),
                    reason_ja: stop.reason_ja.clone(),
                    reason_en: stop.reason_en.clone(),
                };
                stopped.insert(rule.id.clone(), told);
            }
            _ => {}
        }
    }
    RulesInUse {
        compiled: Arc::new(compiled),
        canaries,
        ring: book.ring.clone(),
        stopped,
        settled_through,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule_files::RuleFile;
    use case::rule_life::{Life, Stop, StopCause};
    use control::view::rulebook::OwnRule;

    const FILE: &str = "title: File\nid: file\nlevel: low\nlogsource: {product: linux}\ndetection: {s: {Image|endswith: /id}, condition: s}\n";
    const OWN: &str = "title: Own\nid: own-1\nlevel: low\nlogsource: {product: linux}\ndetection: {s: {Image|expand: '%mine%'}, condition: s}\n";
    const EXCLUSION: &str = "title: Not joe\nid: f1\nexpires: 2026-05-01\nlogsource: {product: linux}\nfilter: {rules: [file], s: {User: joe}, condition: not s}\n";

    fn life(stage: Stage) -> Life {
        let stop = (stage == Stage::Stopped).then(|| Stop {
            cause: StopCause::Flood,
            reason_ja: "多すぎる".to_owned(),
            reason_en: "too many".to_owned(),
        });
        Life { stage, resumes_as: Stage::All, stop, since: None }
    }

    #[test]
    fn files_own_rules_exclusions_and_lists_become_one_set() {
        let files = vec![RuleFile { name: "a.yml".to_owned(), text: FILE.to_owned() }];
        let files = RuleFiles { files, ..RuleFiles::default() };
        let mut book = Rulebook {
            own: vec![OwnRule {
                id: "own-1".to_owned(),
                source: "own/own-1.yml".to_owned(),
                text: OWN.to_owned(),
            }],
            lives: [("own-1".to_owned(), life(Stage::Canary))].into(),
            exclusions: vec![("exclusions/f1.yml".to_owned(), EXCLUSION.to_owned())],
            lists: [("mine".to_owned(), vec!["/bin/x".to_owned()])].into(),
            ..Rulebook::default()
        };
        book.lists.insert("nobody".to_owned(), vec!["/bin/y".to_owned()]);
        let mut book = with_asked_lists(book, &files);
        assert_eq!(book.lists.keys().collect::<Vec<_>>(), ["mine"]);
        let compiled = files.compile_with(&book, "2026-04-30".to_owned());
        assert_eq!(compiled.refused, []);
        let made = in_use(compiled, &book, 3);
        let rules = made.compiled.rules.rules();
        assert_eq!((rules.len(), rules[0].filters.len()), (2, 1));
        assert!(made.canaries.contains("own-1") && made.settled_through == 3);
        // The next day the exclusion is over; a list that is gone refuses the rule that needs it.
        book.lists.clear();
        book.lives.insert("file".to_owned(), life(Stage::Stopped));
        let compiled = files.compile_with(&book, "2026-05-02".to_owned());
        assert_eq!(compiled.refused.len(), 1, "{:?}", compiled.refused);
        let made = in_use(compiled, &book, 3);
        assert_eq!(made.compiled.rules.rules()[0].filters.len(), 0);
        assert_eq!(made.stopped["file"].reason_en, "too many");
        assert!(made.compiled.rules.counts()[0].is_stopped);
    }
}

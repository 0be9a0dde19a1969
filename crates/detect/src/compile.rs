//! Sources → rule set. Whatever cannot be evaluated exactly is refused with source, line, cause and remedy;
//! the rest goes on.

use crate::attributes;
use crate::cause::{Expected, Found, LintCause, Measure, Plain, Quoted, shown};
use crate::correlation::Correlations;
use crate::correlation::plan::{Resolved, resolve};
use crate::correlation::read::{self as correlation, CorrelationDraft};
use crate::error::{Fault, RuleError};
use crate::fields::SuppliedFields;
use crate::filter::{self, Filter, FilterDraft, Named};
use crate::limits;
use crate::predicate::{PredicateTable, Target, TestSpec};
pub(crate) use crate::refused::{Lint, Refused};
use crate::rule::{self, Draft, Rule, RuleLogSource};
use crate::ruleset::{Leaf, Plan, RuleSet};
use crate::selection::{LeafSpec, Remark, Said};
use crate::tree::Tree;
use crate::view::FieldTable;
use crate::yaml::{self, Document, Node};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// A text that holds rules: one or several YAML documents.
#[derive(Debug, Clone, Copy)]
pub struct RuleSource<'a> {
    /// The path or another name, shown in messages.
    pub name: &'a str,
    /// The content.
    pub text: &'a str,
}

/// What rules may ask for from outside.
#[derive(Debug, Clone, Default)]
pub struct CompileOptions {
    /// Values of the placeholders of the `expand` modifier, by name without percent signs.
    pub lists: BTreeMap<String, Vec<String>>,
    /// The day of today, `YYYY-MM-DD`: filters that expired before it are not applied. `None` applies all.
    pub today: Option<String>,
    /// The fields that events carry: rules that ask for others are remarked. `None` checks nothing.
    pub fields: Option<SuppliedFields>,
    /// Ids of rules of events that are stopped: loaded, so that correlations and filters may name them, but
    /// never asked.
    pub stopped: BTreeSet<String>,
}

/// What came of the sources.
#[derive(Debug, Default)]
pub struct Compiled {
    /// The rules that can be evaluated exactly.
    pub rules: RuleSet,
    /// The correlations over these rules.
    pub correlations: Arc<Correlations>,
    /// The filters, also those that expired or act on no rule.
    pub filters: Vec<Arc<Filter>>,
    /// The documents that cannot, in the order of the sources.
    pub refused: Vec<Refused>,
    /// Remarks on loaded rules that perhaps do not say what their author means.
    pub lints: Vec<Lint>,
}

/// Compiles every rule of the sources into one set.
pub fn compile<'a>(
    sources: impl IntoIterator<Item = RuleSource<'a>>,
    options: &CompileOptions,
) -> Compiled {
    let mut compiler = Compiler::new(options);
    for source in sources {
        compiler.source(source);
    }
    compiler.finish()
}

struct Compiler<'o> {
    options: &'o CompileOptions,
    fields: FieldTable,
    predicates: PredicateTable,
    rules: Vec<Loaded>,
    filters: Vec<LoadedFilter>,
    /// Each with the number of its document.
    correlations: Vec<(usize, CorrelationDraft)>,
    /// Documents so far.
    documents: usize,
    /// Id of a document → the source that holds it.
    ids: HashMap<String, String>,
    /// Each with the number of its document.
    refused: Vec<(usize, Refused)>,
    lints: Vec<Lint>,
}

/// A rule whose tests are numbered.
struct Loaded {
    rule: Rule,
    tree: Tree<Leaf>,
    said: Vec<Said>,
    filters: Vec<Tree<Leaf>>,
}

/// A filter whose tests are numbered.
struct LoadedFilter {
    filter: Arc<Filter>,
    rules: Named,
    tree: Tree<Leaf>,
}

impl<'o> Compiler<'o> {
    fn new(options: &'o CompileOptions) -> Self {
        Self {
            options,
            fields: FieldTable::default(),
            predicates: PredicateTable::default(),
            rules: Vec::new(),
            filters: Vec::new(),
            correlations: Vec::new(),
            documents: 0,
            ids: HashMap::new(),
            refused: Vec::new(),
            lints: Vec::new(),
        }
    }

    fn source(&mut self, source: RuleSource<'_>) {
        self.documents += 1;
        let text = source.text.strip_prefix('\u{feff}').unwrap_or(source.text);
        if text.len() > limits::SOURCE_BYTES_MAX {
            let cause = RuleError::too_large(Measure::SourceBytes, limits::SOURCE_BYTES_MAX);
            return self.refuse(source.name, None, Fault { line: None, cause });
        }
        let documents = yaml::documents(text);
        if documents.is_empty() {
            let cause = RuleError::Missing("title");
            return self.refuse(source.name, None, Fault { line: None, cause });
        }
        for document in documents {
            self.documents += 1;
            if let Err(fault) = self.document(source.name, document) {
                self.refuse(source.name, title_of(document.text), fault);
            }
        }
    }

    fn document(&mut self, source_name: &str, document: Document<'_>) -> Result<(), Fault> {
        let root = yaml::parse(document)?;
        attributes::refuse_foreign(&root)?;
        let line = root.entry("id").map_or(document.first_line, |entry| entry.line);
        if root.get("correlation").is_some() {
            return self.correlation(&root, line, document, source_name);
        }
        if let (Some(filter), Some(_)) = (root.entry("filter"), root.get("detection")) {
            let (found, expected) = (Found::BesideDetection, Expected::OwnDocument);
            return Err(attributes::bad("filter", found, expected).at(filter.line));
        }
        if root.get("filter").is_some() {
            return self.filter(&root, line, document, source_name);
        }
        self.rule(&root, line, document, source_name)
    }

    fn rule(
        &mut self,
        root: &Node,
        line: usize,
        document: Document<'_>,
        source_name: &str,
    ) -> Result<(), Fault> {
        let draft = rule::read(root, document, source_name, &self.options.lists)?;
        self.check_id(&draft.rule.id, line)?;
        let Draft { rule, tree, said, mut remarks } = draft;
        self.remark_fields(&rule.logsource, &tree, &mut remarks);
        let tree = self.lower(&tree, &said)?;
        self.remark(source_name, &rule.title, remarks);
        self.ids.insert(rule.id.clone(), source_name.to_owned());
        self.rules.push(Loaded { rule, tree, said, filters: Vec::new() });
        Ok(())
    }

    fn filter(
        &mut self,
        root: &Node,
        line: usize,
        document: Document<'_>,
        source_name: &str,
    ) -> Result<(), Fault> {
        let draft = filter::read(root, document, source_name, &self.options.lists)?;
        self.check_id(&draft.filter.id, line)?;
        let FilterDraft { filter, rules, tree, said, mut remarks } = draft;
        self.remark_fields(&filter.logsource, &tree, &mut remarks);
        let tree = self.lower(&tree, &said)?;
        self.remark(source_name, &filter.title, remarks);
        self.ids.insert(filter.id.clone(), source_name.to_owned());
        self.filters.push(LoadedFilter { filter: Arc::new(filter), rules, tree });
        Ok(())
    }

    fn correlation(
        &mut self,
        root: &Node,
        line: usize,
        document: Document<'_>,
        source_name: &str,
    ) -> Result<(), Fault> {
        let mut draft = correlation::read(root, document, source_name)?;
        self.check_id(&draft.rule.id, line)?;
        self.remark(source_name, &draft.rule.title, std::mem::take(&mut draft.remarks));
        self.ids.insert(draft.rule.id.clone(), source_name.to_owned());
        self.correlations.push((self.documents, draft));
        Ok(())
    }

    fn check_id(&self, id: &str, line: usize) -> Result<(), Fault> {
        match self.ids.get(id) {
            Some(first) => Err(RuleError::DuplicateId(Plain::of(id), Plain::of(first)).at(line)),
            None => Ok(()),
        }
    }

    /// Remarks each field that no source supplies, once.
    fn remark_fields(
        &self,
        source: &RuleLogSource,
        tree: &Tree<LeafSpec>,
        remarks: &mut Vec<Remark>,
    ) {
        let Some(supplied) = &self.options.fields else { return };
        let mut seen: BTreeSet<&str> = BTreeSet::new();
        tree.each(&mut |leaf| {
            let others = leaf.any_of.iter().filter_map(|test| match test {
                TestSpec::SameAs { field, .. } => Some(field.as_str()),
                _ => None,
            });
            for field in leaf.field.as_deref().into_iter().chain(others) {
                if !seen.insert(field) {
                    continue;
                }
                let cause = supplied.complaint(source, field);
                remarks.extend(cause.map(|cause| Remark { line: leaf.line, cause }));
            }
        });
    }

    fn remark(&mut self, source: &str, title: &str, remarks: Vec<Remark>) {
        let lint = |remark: Remark| Lint::new(source, title, remark.line, remark.cause);
        self.lints.extend(remarks.into_iter().map(lint));
    }

    /// Numbers the tests of a condition. Predicates of a rule that is refused on the way stay unused.
    fn lower(&mut self, tree: &Tree<LeafSpec>, said: &[Said]) -> Result<Tree<Leaf>, Fault> {
        let Self { fields, predicates, .. } = self;
        let (mut first_line, mut regexes) = (None, 0);
        tree.each(&mut |leaf| {
            first_line = first_line.or(Some(leaf.line));
            let of_leaf = leaf.any_of.iter().filter(|test| matches!(test, TestSpec::Regex { .. }));
            regexes += of_leaf.count();
        });
        if regexes > limits::REGEXES_PER_RULE_MAX {
            let cause = RuleError::too_large(Measure::Regexes, limits::REGEXES_PER_RULE_MAX);
            return Err(Fault { line: first_line, cause });
        }
        let mut tree = tree.try_map(&mut |spec| {
            let target = match &spec.field {
                Some(name) => Target::Field(fields.intern(name)),
                None => Target::Anywhere,
            };
            let mut any_of = Vec::with_capacity(spec.any_of.len());
            for test in spec.any_of.iter() {
                let id = predicates.intern(target, test, fields).map_err(|fault| {
                    let written = said.get(spec.said).map_or("", |said| &said.pattern);
                    let field = spec.field.as_deref().unwrap_or_default();
                    RuleError::value(field, written, fault).at(spec.line)
                })?;
                any_of.push(id);
            }
            let leaf = Leaf { any_of: any_of.into(), negated: spec.negated, said: spec.said };
            Ok::<_, Fault>(Tree::Leaf(leaf))
        })?;
        let cost = tree.order_by_cost(&|leaf: &Leaf| {
            leaf.any_of
                .iter()
                .filter_map(|id| predicates.get(*id))
                .fold(0, |sum: u32, predicate| sum.saturating_add(predicate.cost()))
        });
        if cost > limits::RULE_COST_MAX {
            let limit = limits::RULE_COST_MAX as usize;
            return Err(Fault {
                line: first_line,
                cause: RuleError::too_large(Measure::Cost, limit),
            });
        }
        Ok(tree)
    }

    fn refuse(&mut self, source: &str, title: Option<String>, fault: Fault) {
        self.refuse_document(self.documents, source, title, fault);
    }

    fn refuse_document(
        &mut self,
        number: usize,
        source: &str,
        title: Option<String>,
        fault: Fault,
    ) {
        self.refused.push((number, Refused::new(source, title, fault.line, fault.cause)));
    }

    /// Adds each filter to the rules that it names and whose log source is within its own. What a filter
    /// names in vain is remarked: an exclusion that does not take effect must not go unnoticed.
    fn attach_filters(&mut self) {
        for LoadedFilter { filter, rules, tree } in std::mem::take(&mut self.filters) {
            let mut remarks = Vec::new();
            let expired = filter.expires.as_ref().zip(self.options.today.as_ref());
            if let Some((day, _)) = expired.filter(|(day, today)| day < today) {
                let cause = LintCause::Expired(Plain::of(day));
                remarks.push(Remark { line: filter.source_line, cause });
                self.remark(&filter.source_name, &filter.title, remarks);
                continue;
            }
            let mut attached = false;
            let mut attach = |loaded: &mut Loaded| {
                attached = true;
                loaded.rule.filters.push(Arc::clone(&filter));
                loaded.filters.push(tree.clone());
            };
            match &rules {
                Named::Any => self
                    .rules
                    .iter_mut()
                    .filter(|loaded| filter.logsource.covers(&loaded.rule.logsource))
                    .for_each(&mut attach),
                Named::These(names) => {
                    for (name, line) in names {
                        let mut named = false;
                        for loaded in self.rules.iter_mut().filter(|it| it.rule.is_called(name)) {
                            named = true;
                            if filter.logsource.covers(&loaded.rule.logsource) {
                                attach(loaded);
                                continue;
                            }
                            let title = Quoted::of(&loaded.rule.title);
                            let cause = LintCause::OtherLogSource(title);
                            remarks.push(Remark { line: *line, cause });
                        }
                        if !named {
                            let cause = LintCause::NoSuchRule(Plain::of(name));
                            remarks.push(Remark { line: *line, cause });
                        }
                    }
                }
            }
            if !attached {
                let cause = LintCause::AppliesToNone;
                remarks.push(Remark { line: filter.source_line, cause });
            }
            self.remark(&filter.source_name, &filter.title, remarks);
        }
    }

    fn finish(mut self) -> Compiled {
        let filters = self.filters.iter().map(|loaded| Arc::clone(&loaded.filter)).collect();
        self.attach_filters();
        let plan = |loaded: Loaded| {
            let Loaded { rule, tree, said, filters } = loaded;
            Plan { rule: Arc::new(rule), tree, said, filters }
        };
        let loaded = std::mem::take(&mut self.rules);
        let plans: Vec<Plan> = loaded.into_iter().map(plan).collect();
        let rules: Vec<Arc<Rule>> = plans.iter().map(|plan| Arc::clone(&plan.rule)).collect();
        let correlations = self.correlate(&rules);
        let predicates = self.predicates.into_predicates();
        self.refused.sort_by_key(|(number, _)| *number);
        Compiled {
            rules: RuleSet::new(plans, self.fields, predicates, &self.options.stopped),
            correlations: Arc::new(correlations),
            filters,
            refused: self.refused.into_iter().map(|(_, refused)| refused).collect(),
            lints: self.lints,
        }
    }

    /// Resolves the correlations, which may refer to any rule and to each other.
    fn correlate(&mut self, rules: &[Arc<Rule>]) -> Correlations {
        let (numbers, drafts): (Vec<usize>, Vec<CorrelationDraft>) =
            std::mem::take(&mut self.correlations).into_iter().unzip();
        let Resolved { correlations, refused, remarks } = resolve(&drafts, rules);
        for (place, fault) in refused {
            let rule = &drafts[place].rule;
            let (source, title) = (rule.source_name.clone(), Some(rule.title.clone()));
            self.refuse_document(numbers[place], &source, title, fault);
        }
        for (place, line, cause) in remarks {
            let rule = &drafts[place].rule;
            let (source, title) = (rule.source_name.clone(), rule.title.clone());
            self.remark(&source, &title, vec![Remark { line, cause }]);
        }
        correlations
    }
}

/// The title of a document that may not even be YAML.
fn title_of(text: &str) -> Option<String> {
    let line = text.lines().find_map(|line| line.strip_prefix("title:"))?;
    let title = line.trim().trim_matches(['"', '\'']);
    (!title.is_empty()).then(|| shown(title))
}

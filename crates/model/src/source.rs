//! Sigma log sources. An event belongs to a *set* of categories: a registry key creation is both a
//! `registry_event` and a `registry_add`, and rules of either must see it.

use crate::EventKind;
use std::borrow::Cow;

/// The log sources of one event: product, services and categories as Sigma names them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LogSource {
    /// `windows`, `linux`, `macos` …
    pub product: Cow<'static, str>,
    /// Services (`security`, `sysmon`, `auditd`); usually one or none.
    pub services: Vec<Cow<'static, str>>,
    /// Categories (`process_creation`, `registry_event`); possibly several.
    pub categories: Vec<Cow<'static, str>>,
}

impl LogSource {
    /// The log sources of an event that our own Linux sensor observed. Names are those of Sysmon for
    /// Linux, as the Sigma taxonomy asks.
    #[must_use]
    pub fn of_linux_sensor(kind: EventKind) -> Self {
        Self {
            product: Cow::Borrowed("linux"),
            services: Vec::new(),
            categories: kind.sigma_categories().iter().copied().map(Cow::Borrowed).collect(),
        }
    }

    /// Whether the event belongs to what a rule's `logsource` names; absent attributes ask nothing.
    #[must_use]
    pub fn satisfies(
        &self,
        product: Option<&str>,
        service: Option<&str>,
        category: Option<&str>,
    ) -> bool {
        product.is_none_or(|wanted| self.product == wanted)
            && service.is_none_or(|wanted| self.services.iter().any(|known| known == wanted))
            && category.is_none_or(|wanted| self.categories.iter().any(|known| known == wanted))
    }
}

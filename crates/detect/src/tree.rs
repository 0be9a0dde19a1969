//! Trees of and, or and not over leaves.

/// A boolean expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Tree<L> {
    All(Vec<Self>),
    Any(Vec<Self>),
    Not(Box<Self>),
    Leaf(L),
}

impl<L> Tree<L> {
    /// `all` of the parts; a single part stands for itself.
    pub(crate) fn all(parts: Vec<Self>) -> Self {
        single(parts).unwrap_or_else(Self::All)
    }

    /// `any` of the parts; a single part stands for itself.
    pub(crate) fn any(parts: Vec<Self>) -> Self {
        single(parts).unwrap_or_else(Self::Any)
    }

    /// Replaces each leaf by a tree.
    ///
    /// # Errors
    /// The first error of `change`.
    pub(crate) fn try_map<M, E>(
        &self,
        change: &mut impl FnMut(&L) -> Result<Tree<M>, E>,
    ) -> Result<Tree<M>, E> {
        let mut each = |parts: &[Self]| -> Result<Vec<Tree<M>>, E> {
            parts.iter().map(|part| part.try_map(change)).collect()
        };
        Ok(match self {
            Self::All(parts) => Tree::all(each(parts)?),
            Self::Any(parts) => Tree::any(each(parts)?),
            Self::Not(part) => Tree::Not(Box::new(part.try_map(change)?)),
            Self::Leaf(leaf) => change(leaf)?,
        })
    }

    /// Shows each leaf, in order.
    pub(crate) fn each<'t>(&'t self, show: &mut impl FnMut(&'t L)) {
        match self {
            Self::All(parts) | Self::Any(parts) => {
                for part in parts {
                    part.each(show);
                }
            }
            Self::Not(part) => part.each(show),
            Self::Leaf(leaf) => show(leaf),
        }
    }

    /// The number of leaves.
    pub(crate) fn leaves(&self) -> usize {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().map(Self::leaves).sum(),
            Self::Not(part) => part.leaves(),
            Self::Leaf(_) => 1,
        }
    }

    /// Puts cheap parts before dear ones; the meaning stays. Returns the cost of the whole.
    pub(crate) fn order_by_cost(&mut self, cost: &impl Fn(&L) -> u32) -> u32 {
        match self {
            Self::All(parts) | Self::Any(parts) => {
                let mut costed: Vec<(u32, Self)> = std::mem::take(parts)
                    .into_iter()
                    .map(|mut part| (part.order_by_cost(cost), part))
                    .collect();
                costed.sort_by_key(|(cost, _)| *cost);
                let sum = costed.iter().fold(0, |sum: u32, (cost, _)| sum.saturating_add(*cost));
                parts.extend(costed.into_iter().map(|(_, part)| part));
                sum
            }
            Self::Not(part) => part.order_by_cost(cost),
            Self::Leaf(leaf) => cost(leaf),
        }
    }
}

fn single<L>(mut parts: Vec<Tree<L>>) -> Result<Tree<L>, Vec<Tree<L>>> {
    match parts.pop() {
        Some(only) if parts.is_empty() => Ok(only),
        Some(last) => {
            parts.push(last);
            Err(parts)
        }
        None => Err(parts),
    }
}

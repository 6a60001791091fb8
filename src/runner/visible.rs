//! What a caller may see of the runner: its tools, and what they share.

use std::collections::{BTreeMap, HashSet};

use crate::tool::{Action, BreakerRules, Catalog, ToolAccess};

/// What a caller may see: the tools it may use, and the groups, rates and breakers that those name.
pub(super) struct Visible<'a> {
    tools: HashSet<&'a str>,
    groups: HashSet<&'a str>,
    buckets: HashSet<&'a str>,
    breakers: BTreeMap<&'a str, &'a BreakerRules>,
    databases: HashSet<&'a str>,
}

impl<'a> Visible<'a> {
    /// What a caller with `access` may see of `catalog`.
    pub(super) fn to(access: &ToolAccess, catalog: &'a Catalog) -> Self {
        let mut visible = Self {
            tools: HashSet::new(),
            groups: HashSet::new(),
            buckets: HashSet::new(),
            breakers: BTreeMap::new(),
            databases: HashSet::new(),
        };
        for tool in catalog.visible_to(access) {
            visible.tools.insert(tool.name.as_str());
            visible.groups.extend(tool.limits.group.as_deref());
            let buckets = tool.limits.buckets.iter();
            visible
                .buckets
                .extend(buckets.map(|used| used.bucket.as_str()));
            if let Action::Sql(sql) = &tool.action {
                visible.databases.insert(sql.database.name.as_str());
            }
            let breaker = tool.circuit_breaker.as_ref();
            visible
                .breakers
                .extend(breaker.map(|rules| (rules.name.as_str(), rules)));
        }
        visible
    }

    pub(super) fn has_tool(&self, name: &str) -> bool {
        self.tools.contains(name)
    }

    pub(super) fn has_group(&self, name: &str) -> bool {
        self.groups.contains(name)
    }

    pub(super) fn has_bucket(&self, name: &str) -> bool {
        self.buckets.contains(name)
    }

    pub(super) fn uses_database(&self, name: &str) -> bool {
        self.databases.contains(name)
    }

    /// The breakers, by name.
    pub(super) fn breakers(&self) -> impl Iterator<Item = &'a BreakerRules> {
        self.breakers.values().copied()
    }
}

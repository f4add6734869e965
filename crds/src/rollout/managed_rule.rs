//! What a header or mirror step makes of a managed route.

use super::{HeaderMatch, RouteMatch, SetHeaderRoute, SetMirrorRoute, StringMatch};

/// A managed route in force: which requests go to the new version, or are copied to it, whatever the weight.
///
/// Two rules are equal when a router would write the same for both: of several comparisons of one text only the first
/// counts, and a percentage that is left out is 100.
#[derive(Clone, Debug, PartialEq)]
pub enum ManagedRule {
    /// Requests with certain headers go to the new version.
    Header {
        /// Name of the route.
        name: String,
        /// Which requests: any of these.
        matches: Vec<HeaderMatch>,
    },
    /// Certain requests are copied to the new version.
    Mirror {
        /// Name of the route.
        name: String,
        /// Which requests: any of these.
        matches: Vec<RouteMatch>,
        /// Which percentage of them.
        percentage: i32,
    },
}

impl ManagedRule {
    /// What a `setHeaderRoute` asks for.
    #[must_use]
    pub fn header(step: &SetHeaderRoute) -> Self {
        let matches = step.match_.iter().map(|one| HeaderMatch {
            header_name: one.header_name.clone(),
            header_value: one.header_value.as_ref().and_then(first_comparison),
        });
        Self::Header { name: step.name.clone(), matches: matches.collect() }
    }

    /// What a `setMirrorRoute` asks for.
    #[must_use]
    pub fn mirror(step: &SetMirrorRoute) -> Self {
        let matches = step.match_.iter().map(|one| RouteMatch {
            method: one.method.as_ref().and_then(first_comparison),
            path: one.path.as_ref().and_then(first_comparison),
            headers: one
                .headers
                .iter()
                .filter_map(|(name, text)| Some((name.clone(), first_comparison(text)?)))
                .collect(),
        });
        Self::Mirror {
            name: step.name.clone(),
            matches: matches.collect(),
            percentage: step.percentage.unwrap_or(100),
        }
    }

    /// The name of the route.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Header { name, .. } | Self::Mirror { name, .. } => name,
        }
    }

    /// Whether it matches nothing, which is how a step removes it.
    #[must_use]
    pub fn is_removal(&self) -> bool {
        match self {
            Self::Header { matches, .. } => matches.is_empty(),
            Self::Mirror { matches, .. } => matches.is_empty(),
        }
    }
}

/// A comparison with one of its fields; nothing if none is set.
fn first_comparison(text: &StringMatch) -> Option<StringMatch> {
    let mut one = StringMatch::default();
    if !text.exact.is_empty() {
        one.exact.clone_from(&text.exact);
    } else if !text.prefix.is_empty() {
        one.prefix.clone_from(&text.prefix);
    } else if !text.regex.is_empty() {
        one.regex.clone_from(&text.regex);
    } else {
        return None;
    }
    Some(one)
}

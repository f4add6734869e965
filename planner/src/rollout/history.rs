//! Old ReplicaSets that no rollback needs any more.

use super::Action;
use super::draft::Draft;
use super::revision;
use super::services::selected;
use super::view::View;

/// Deletes the oldest ReplicaSets without pods beyond `revisionHistoryLimit`.
pub(crate) fn clean_up(view: &View<'_>, draft: &mut Draft) {
    let limit = usize::try_from(view.spec.revision_history_limit.unwrap_or(10)).unwrap_or(0);
    let mut empty: Vec<_> = view
        .revisions
        .older
        .iter()
        .filter(|set| set.replicas == 0 && set.current_replicas == 0)
        .filter(|set| set.observed_generation >= set.meta.generation)
        .filter(|set| view.snapshot.services.values().all(|service| selected(service) != set.hash))
        .collect();
    empty.sort_by_key(|set| revision::number(&set.meta));
    let surplus = view.revisions.older.len().saturating_sub(limit).min(empty.len());
    for set in empty.into_iter().take(surplus) {
        draft.act(Action::DeleteReplicaSet {
            name: set.meta.name.clone(),
            uid: set.meta.uid.clone(),
            resource_version: set.meta.resource_version.clone(),
        });
    }
}

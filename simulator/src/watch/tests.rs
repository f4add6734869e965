//! What a client sees, with and without faults.

use std::collections::BTreeMap;

use engine::effect::{Call, Request};
use proptest::prelude::*;
use serde_json::json;

use super::*;

const START: Timestamp = Timestamp::constant(1_800_000_000, 0);
const LAG: SignedDuration = SignedDuration::from_secs(2);

fn at(seconds: i64) -> Timestamp {
    START + SignedDuration::from_secs(seconds)
}

fn service(name: &str) -> ObjectRef {
    ObjectRef::new(Kind::Service, "shop", name)
}

fn create(store: &mut Store, name: &str, now: Timestamp) {
    let body =
        json!({ "metadata": { "name": name, "namespace": "shop" }, "spec": { "selector": { "n": "0" } } });
    store.call(&Request { object: service(name), call: Call::Create(body) }, now);
}

fn change(store: &mut Store, name: &str, value: &str, now: Timestamp) {
    store.merge(&service(name), &json!({ "spec": { "selector": { "n": value } } }), false, now);
}

fn open() -> Cursor {
    Cursor::open(Kind::Service, Selector::All, LAG, START)
}

/// Everything that is delivered by `now`, in short words.
fn told(cursor: &mut Cursor, store: &Store, now: Timestamp) -> Vec<String> {
    std::iter::from_fn(|| cursor.poll(store, now)).map(|delivery| word(&delivery)).collect()
}

fn word(delivery: &Delivery) -> String {
    let name = |object: &Object| format!("{}@{}", object.meta.name, object.meta.resource_version);
    match &delivery.event {
        Seen::Init => "init".to_owned(),
        Seen::InitApply(object) => format!("list {}", name(object)),
        Seen::InitDone => "done".to_owned(),
        Seen::Apply(object) => name(object),
        Seen::Delete(object) => format!("gone {}", name(object)),
    }
}

/// A store with `a` and `b`, and a watch that has listed them.
fn listed() -> (Store, Cursor) {
    let mut store = Store::new();
    create(&mut store, "a", START);
    create(&mut store, "b", START);
    let mut cursor = open();
    assert_eq!(told(&mut cursor, &store, START), ["init", "list a@1", "list b@2", "done"]);
    (store, cursor)
}

#[test]
fn changes_come_in_order_and_late() {
    let (mut store, mut cursor) = listed();
    change(&mut store, "a", "1", at(10));
    store.remove(&service("b"), at(11));
    create(&mut store, "c", at(12));
    assert_eq!(cursor.next_due(&store), Some(at(12)));
    assert_eq!(told(&mut cursor, &store, at(11)), Vec::<String>::new());
    assert_eq!(told(&mut cursor, &store, at(13)), ["a@3", "gone b@4"]);
    assert_eq!(told(&mut cursor, &store, at(60)), ["c@5"]);
    assert_eq!(cursor.next_due(&store), None);
}

#[test]
fn events_never_overtake_each_other() {
    let (mut store, mut cursor) = listed();
    change(&mut store, "a", "1", at(10));
    cursor.set_lag(SignedDuration::from_secs(30));
    assert_eq!(told(&mut cursor, &store, at(20)), Vec::<String>::new());
    cursor.set_lag(SignedDuration::ZERO);
    change(&mut store, "b", "1", at(21));
    assert_eq!(told(&mut cursor, &store, at(21)), ["a@3", "b@4"]);

    change(&mut store, "a", "2", at(22));
    cursor.hold(at(50));
    assert_eq!(cursor.next_due(&store), Some(at(50)));
    assert_eq!(told(&mut cursor, &store, at(49)), Vec::<String>::new());
    assert_eq!(told(&mut cursor, &store, at(50)), ["a@5"]);
}

#[test]
fn a_silent_death_is_made_good_when_it_is_noticed() {
    let (mut store, mut cursor) = listed();
    cursor.silence(at(60));
    change(&mut store, "a", "1", at(10));
    assert_eq!(cursor.next_due(&store), Some(at(60)));
    assert_eq!(told(&mut cursor, &store, at(59)), Vec::<String>::new());
    assert_eq!(told(&mut cursor, &store, at(60)), ["a@3"]);
}

#[test]
fn history_that_was_compacted_away_ends_in_a_list() {
    let (mut store, mut cursor) = listed();
    cursor.silence(at(60));
    change(&mut store, "a", "1", at(10));
    store.remove(&service("b"), at(11));
    store.compact(store.version());
    assert_eq!(told(&mut cursor, &store, at(60)), ["init", "list a@3", "done"]);
}

#[test]
fn a_stream_that_is_open_outlives_a_compaction() {
    let (mut store, mut cursor) = listed();
    change(&mut store, "a", "1", at(10));
    assert_eq!(told(&mut cursor, &store, at(12)), ["a@3"]);
    store.compact(store.version());
    change(&mut store, "a", "2", at(20));
    assert_eq!(told(&mut cursor, &store, at(22)), ["a@4"]);
}

#[test]
fn a_bookmark_spares_a_quiet_kind_the_list() {
    for (bookmark, want) in [(true, vec![]), (false, vec!["init", "list a@1", "list b@2", "done"])] {
        let (mut store, mut cursor) = listed();
        store.apply(&json!({ "kind": "Ingress", "metadata": { "name": "x" } }), at(1)).unwrap();
        if bookmark {
            cursor.bookmark(&store);
        }
        cursor.silence(at(5));
        store.compact(store.version());
        assert_eq!(told(&mut cursor, &store, at(5)), want);
    }
}

#[test]
fn a_list_may_be_older_than_what_was_seen() {
    let (mut store, mut cursor) = listed();
    change(&mut store, "a", "1", at(10));
    store.remove(&service("b"), at(11));
    assert_eq!(told(&mut cursor, &store, at(13)), ["a@3", "gone b@4"]);
    cursor.relist(at(20), Some(2));
    assert_eq!(told(&mut cursor, &store, at(19)), Vec::<String>::new());
    let again: Vec<Delivery> = std::iter::from_fn(|| cursor.poll(&store, at(20))).collect();
    let words: Vec<String> = again.iter().map(word).collect();
    assert_eq!(words, ["init", "list a@1", "list b@2", "done", "a@3", "gone b@4"]);
    assert_eq!(again.first().unwrap().cause, Cause::OldList);
}

#[test]
fn what_is_lost_shows_in_the_next_list() {
    let (mut store, mut cursor) = listed();
    cursor.relist(at(30), None);
    change(&mut store, "a", "1", at(10));
    store.remove(&service("b"), at(11));
    assert_eq!(told(&mut cursor, &store, at(29)), Vec::<String>::new());
    assert_eq!(told(&mut cursor, &store, at(30)), ["init", "list a@3", "done"]);
}

#[test]
fn an_event_may_come_twice() {
    let (mut store, mut cursor) = listed();
    assert!(!cursor.duplicate(), "the end of a list is no event");
    change(&mut store, "a", "1", at(10));
    assert_eq!(told(&mut cursor, &store, at(12)), ["a@3"]);
    assert!(cursor.duplicate());
    let again = cursor.poll(&store, at(12)).unwrap();
    assert_eq!((word(&again).as_str(), again.cause), ("a@3", Cause::Duplicate));
}

#[test]
fn of_many_changes_only_the_last_one_arrives() {
    let (mut store, mut cursor) = listed();
    change(&mut store, "a", "1", at(10));
    create(&mut store, "c", at(11));
    change(&mut store, "a", "2", at(12));
    store.remove(&service("c"), at(13));
    store.remove(&service("b"), at(14));
    create(&mut store, "b", at(15));
    change(&mut store, "b", "5", at(16));
    assert_eq!(cursor.collapse(&store), 5);
    assert_eq!(cursor.next_due(&store), Some(at(14)));
    assert_eq!(told(&mut cursor, &store, at(60)), ["a@5", "b@9"]);
}

#[test]
fn after_a_restore_the_client_lists_a_lower_version() {
    let (mut store, mut cursor) = listed();
    change(&mut store, "a", "1", at(10));
    assert_eq!(told(&mut cursor, &store, at(12)), ["a@3"]);
    store.restore(1);
    assert!(cursor.next_due(&store).is_some());
    assert_eq!(told(&mut cursor, &store, at(13)), ["init", "list a@1", "done"]);
    change(&mut store, "a", "7", at(14));
    assert_eq!(told(&mut cursor, &store, at(16)), ["a@2"]);
}

#[test]
fn an_object_that_no_longer_matches_has_gone() {
    let mut store = Store::new();
    create(&mut store, "a", START);
    let mut cursor = Cursor::open(Kind::Service, Selector::Has("seen"), SignedDuration::ZERO, START);
    assert_eq!(told(&mut cursor, &store, START), ["init", "done"]);
    let label = |store: &mut Store, value: serde_json::Value| {
        store.merge(&service("a"), &json!({ "metadata": { "labels": { "seen": value } } }), false, at(1));
    };
    label(&mut store, json!("1"));
    change(&mut store, "a", "1", at(1));
    label(&mut store, json!(null));
    change(&mut store, "a", "2", at(1));
    assert_eq!(told(&mut cursor, &store, at(1)), ["a@2", "a@3", "gone a@4"]);
}

#[test]
fn operators_ask_for_what_is_theirs() {
    let (mut store, _) = listed();
    let rollout = json!({ "kind": "Rollout", "metadata": { "name": "web", "labels": { crds::names::INSTANCE_ID: "blue" } } });
    store.apply(&rollout, START).unwrap();
    let rollout = store.list(Kind::Rollout).next().unwrap();
    let asks = |instance| Selector::of_operator(Kind::Rollout, instance).matches(rollout);
    assert_eq!([asks(None), asks(Some("blue")), asks(Some("green"))], [false, true, false]);
    let services = store.list(Kind::Service).next().unwrap();
    assert!(Selector::of_operator(Kind::Service, Some("blue")).matches(services));
    assert_eq!(Selector::of_operator(Kind::ReplicaSet, None), Selector::Has(crds::names::POD_TEMPLATE_HASH));
}

/// What happens in the random runs.
#[derive(Clone, Debug)]
enum Act {
    Create(u8),
    Change(u8, u8),
    Remove(u8),
    Poll,
    Lag(u8),
    Hold(u8),
    Silence(u8),
    Relist(u8, Option<u64>),
    Duplicate,
    Collapse,
    Bookmark,
    Compact(u64),
    Restore(u64),
}

fn harmless() -> impl Strategy<Value = Act> {
    prop_oneof![
        (0..3_u8).prop_map(Act::Create),
        (0..3_u8, any::<u8>()).prop_map(|(name, value)| Act::Change(name, value)),
        (0..3_u8).prop_map(Act::Remove),
        Just(Act::Poll),
        (0..9_u8).prop_map(Act::Lag),
        (0..9_u8).prop_map(Act::Hold),
    ]
}

fn any_act() -> impl Strategy<Value = Act> {
    prop_oneof![
        6 => harmless(),
        1 => (0..9_u8).prop_map(Act::Silence),
        1 => (0..9_u8, prop::option::of(0..40_u64)).prop_map(|(at, version)| Act::Relist(at, version)),
        1 => Just(Act::Duplicate),
        1 => Just(Act::Collapse),
        1 => Just(Act::Bookmark),
        1 => (0..40_u64).prop_map(Act::Compact),
        1 => (0..40_u64).prop_map(Act::Restore),
    ]
}

/// A client that keeps what it is told.
#[derive(Default)]
struct Client {
    held: BTreeMap<String, Arc<Object>>,
    listing: BTreeMap<String, Arc<Object>>,
    deliveries: Vec<Delivery>,
}

impl Client {
    fn take(&mut self, delivery: Delivery) {
        match &delivery.event {
            Seen::Init => self.listing.clear(),
            Seen::InitApply(object) => {
                self.listing.insert(object.meta.name.clone(), Arc::clone(object));
            }
            Seen::InitDone => self.held = std::mem::take(&mut self.listing),
            Seen::Apply(object) => {
                self.held.insert(object.meta.name.clone(), Arc::clone(object));
            }
            Seen::Delete(object) => {
                self.held.remove(&object.meta.name);
            }
        }
        self.deliveries.push(delivery);
    }
}

fn play(acts: &[Act]) -> (Store, Cursor, Client, Timestamp) {
    let (mut store, mut cursor, mut client) = (Store::new(), open(), Client::default());
    let mut now = START;
    for act in acts {
        now += SignedDuration::from_secs(1);
        let after = |seconds: u8| now + SignedDuration::from_secs(seconds.into());
        match act {
            Act::Create(name) => create(&mut store, &name.to_string(), now),
            Act::Change(name, value) => change(&mut store, &name.to_string(), &value.to_string(), now),
            Act::Remove(name) => _ = store.remove(&service(&name.to_string()), now),
            Act::Poll => std::iter::from_fn(|| cursor.poll(&store, now)).for_each(|it| client.take(it)),
            Act::Lag(seconds) => cursor.set_lag(SignedDuration::from_secs((*seconds).into())),
            Act::Hold(seconds) => cursor.hold(after(*seconds)),
            Act::Silence(seconds) => cursor.silence(after(*seconds)),
            Act::Relist(seconds, version) => cursor.relist(after(*seconds), *version),
            Act::Duplicate => _ = cursor.duplicate(),
            Act::Collapse => _ = cursor.collapse(&store),
            Act::Bookmark => cursor.bookmark(&store),
            Act::Compact(version) => store.compact(*version),
            Act::Restore(version) => store.restore(*version),
        }
    }
    drain(&store, &mut cursor, &mut client, now);
    (store, cursor, client, now)
}

/// Lets time pass until nothing more comes.
fn drain(store: &Store, cursor: &mut Cursor, client: &mut Client, mut now: Timestamp) {
    for _ in 0..1000 {
        let Some(due) = cursor.next_due(store) else { return };
        now = now.max(due);
        std::iter::from_fn(|| cursor.poll(store, now)).for_each(|it| client.take(it));
    }
    panic!("something is due that is never delivered: {cursor:?}");
}

proptest! {
    #[test]
    fn without_faults_each_change_comes_once_and_in_order(acts in prop::collection::vec(harmless(), 0..60)) {
        let (store, _, client, _) = play(&acts);
        let listed = client.deliveries.first().map_or(0, |first| first.version);
        let changes: Vec<u64> = store.changes(Kind::Service, listed).map(|change| change.version).collect();
        let told: Vec<u64> = client
            .deliveries
            .iter()
            .filter(|delivery| delivery.cause == Cause::Change)
            .map(|delivery| delivery.version)
            .collect();
        prop_assert_eq!(told, changes);
        prop_assert!(client.deliveries.is_sorted_by_key(|delivery| delivery.due));
    }

    #[test]
    fn whatever_goes_wrong_the_client_ends_with_what_there_is(acts in prop::collection::vec(any_act(), 0..80)) {
        let (store, mut cursor, mut client, now) = play(&acts);
        // A duplicate of an object that has gone is mended by nothing but the next list, as in a real client.
        cursor.relist(now, None);
        drain(&store, &mut cursor, &mut client, now);
        let there: Vec<_> = store.list(Kind::Service).cloned().collect();
        prop_assert_eq!(client.held.into_values().collect::<Vec<_>>(), there);
        prop_assert_eq!(cursor.next_due(&store), None);
    }

    #[test]
    fn without_duplicates_no_list_is_needed_for_that(acts in prop::collection::vec(any_act(), 0..80)) {
        let acts: Vec<Act> = acts.into_iter().filter(|act| !matches!(act, Act::Duplicate)).collect();
        let (store, _, client, _) = play(&acts);
        let there: Vec<_> = store.list(Kind::Service).cloned().collect();
        prop_assert_eq!(client.held.into_values().collect::<Vec<_>>(), there);
    }
}

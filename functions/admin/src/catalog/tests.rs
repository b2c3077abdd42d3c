//! What the routes of packs and those of plans have in common.

use serde_json::{Value, json};
use testing::World;

use crate::test_requests::{is_for_admins, refused_fields, world};

/// One of the two lists of the catalog.
struct List {
    path: &'static str,
    /// What the member is called that holds an id.
    id: &'static str,
    /// What an id begins with.
    prefix: &'static str,
    example: &'static str,
    /// How many there are before anything is changed.
    count: usize,
}

impl List {
    fn one(&self, n: u32) -> String {
        format!("{}/{}_{n:026}", self.path, self.prefix)
    }

    fn body(&self) -> Value {
        serde_json::from_str(self.example).unwrap()
    }

    async fn items(&self, world: &World) -> Vec<Value> {
        let list = world.call("user_admin", "GET", self.path, Value::Null).await.expect(200);
        assert_eq!(list["nextCursor"], Value::Null);
        list["items"].as_array().unwrap().clone()
    }
}

/// Both lists.
fn lists() -> [List; 2] {
    let example = |route: kit::Route| route.example.unwrap();
    [
        List {
            path: "/api/admin/packs",
            id: "packId",
            prefix: "pck",
            example: example(crate::create_pack::route()),
            count: 5,
        },
        List {
            path: "/api/admin/plans",
            id: "planId",
            prefix: "pln",
            example: example(crate::create_plan::route()),
            count: 6,
        },
    ]
}

#[tokio::test]
async fn what_is_new_comes_last_and_a_repeat_adds_no_second() {
    for list in lists() {
        let world = world().await;
        let key = [("idempotency-key", "k")];
        let made = world.call_with("user_admin", "POST", list.path, list.body(), &key).await.expect(201);
        assert_eq!(
            (&made["version"], &made["active"], &made["title"]),
            (&json!(1), &json!(true), &list.body()["title"])
        );
        assert_eq!(made, world.call_with("user_admin", "POST", list.path, list.body(), &key).await.expect(201));
        let items = list.items(&world).await;
        assert_eq!((items.len(), items.last()), (list.count + 1, Some(&made)));
    }
}

#[tokio::test]
async fn two_admins_at_once_both_add_theirs() {
    for list in lists() {
        let world = world().await;
        let add = || world.call("user_admin", "POST", list.path, list.body());
        let (a, b) = tokio::join!(add(), add());
        assert_ne!(a.expect(201)[list.id], b.expect(201)[list.id]);
        assert_eq!(list.items(&world).await.len(), list.count + 2);
    }
}

#[tokio::test]
async fn a_change_needs_the_version_that_was_read() {
    for list in lists() {
        let (world, one) = (world().await, list.one(1));
        let change = json!({ "version": 1, "title": "Another title" });
        let changed = world.call("user_admin", "PATCH", &one, change.clone()).await.expect(200);
        assert_eq!((&changed["version"], &changed["title"]), (&json!(2), &json!("Another title")));
        world.call("user_admin", "PATCH", &one, change).await.refused(409, "version_conflict");
        let same = json!({ "version": 2, "title": "Another title" });
        assert_eq!(world.call("user_admin", "PATCH", &one, same).await.expect(200), changed);
        assert_eq!(list.items(&world).await[0], changed);
    }
}

#[tokio::test]
async fn of_two_admins_who_read_the_same_version_one_changes_it() {
    for list in lists() {
        let (world, one) = (world().await, list.one(1));
        let change = |title| world.call("user_admin", "PATCH", &one, json!({ "version": 1, "title": title }));
        let (a, b) = tokio::join!(change("One"), change("Other"));
        let mut statuses = [a.status, b.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 409]);
    }
}

#[tokio::test]
async fn a_change_that_cannot_be_is_refused_by_name() {
    for list in lists() {
        let world = world().await;
        for (change, field) in [
            (json!({ "title": "Another" }), "version"),
            (json!({ "version": 1, "title": "" }), "title"),
            (json!({ "version": 1, "prices": [] }), "prices"),
        ] {
            let answer = world.call("user_admin", "PATCH", &list.one(1), change).await;
            assert_eq!(refused_fields(&answer), [field], "{}", answer.body);
        }
    }
}

#[tokio::test]
async fn what_is_deleted_is_no_longer_offered_still_seen_and_can_be_offered_again() {
    for list in lists() {
        let (world, one) = (world().await, list.one(2));
        for _ in 0..2 {
            let answer = world.call("user_admin", "DELETE", &one, Value::Null).await;
            assert_eq!((answer.status, answer.body), (204, Value::Null));
        }
        let items = list.items(&world).await;
        assert_eq!((&items[1]["active"], &items[1]["version"]), (&json!(false), &json!(2)));
        assert_eq!((items.len(), &items[0]["active"]), (list.count, &json!(true)));
        assert_eq!(world.call("user_admin", "GET", &one, Value::Null).await.expect(200), items[1]);
        world.call("user_admin", "PATCH", &one, json!({ "version": 2, "active": true })).await.expect(200);
    }
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    for list in lists() {
        let world = world().await;
        for absent in [list.one(99), format!("{}/x", list.path)] {
            for (method, body) in [("GET", Value::Null), ("DELETE", Value::Null), ("PATCH", json!({ "version": 1 }))] {
                world.call("user_admin", method, &absent, body).await.refused(404, "not_found");
            }
        }
    }
}

#[tokio::test]
async fn only_admins_see_and_change_it() {
    for list in lists() {
        let one = list.one(1);
        is_for_admins(&world().await, "GET", list.path, Value::Null).await;
        is_for_admins(&world().await, "POST", list.path, list.body()).await;
        is_for_admins(&world().await, "GET", &one, Value::Null).await;
        is_for_admins(&world().await, "PATCH", &one, json!({ "version": 1 })).await;
        is_for_admins(&world().await, "DELETE", &one, Value::Null).await;
    }
}

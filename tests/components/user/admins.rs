//! Methods for admins.

use uuid::Uuid;

use super::bindings::akinai::commerce::types::Error;
use super::bindings::exports::akinai::commerce::users::{Token, UserPage};
use super::{Service, admin, caller, token, word};

#[tokio::test(flavor = "multi_thread")]
async fn admins_list_living_accounts_oldest_first() {
    let mut service = Service::start().await;
    let mut ids = Vec::new();
    for number in 0..4 {
        ids.push(service.open(&format!("{number}@example.com")).await.id);
    }
    service.delete(admin(), &ids[1]).await.expect("an admin may");
    let listed = |page: &UserPage| page.users.iter().map(|user| user.id.clone()).collect::<Vec<_>>();

    let first = service.list(admin(), 2, "").await.expect("a page");
    assert_eq!(
        listed(&first),
        [ids[0].clone(), ids[2].clone()],
        "the first page must have the oldest living accounts"
    );
    let second = service
        .list(admin(), 2, &first.next_page_token)
        .await
        .expect("a page");
    assert_eq!(
        listed(&second),
        [ids[3].clone()],
        "the second page must hold the rest"
    );
    assert_eq!(second.next_page_token, "", "and be the last");

    let denied = service.list(caller(&ids[0], &[]), 2, "").await;
    assert!(
        matches!(denied, Err(Error::PermissionDenied)),
        "a user may not, but: {denied:?}"
    );
    let wrong = service.list(admin(), 101, "?").await;
    assert_eq!(
        word(wrong),
        "invalid: pageSize, pageToken",
        "all wrong fields must be named"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn only_admins_revoke_tokens_and_set_roles() {
    let mut service = Service::start().await;
    let hana = service.open("hana@example.com").await;
    let unknown = Uuid::now_v7().to_string();
    let claims_admin = |epoch| Token {
        admin: true,
        ..token(&hana.id, epoch)
    };

    // This holds for their own account and for an unknown one as well.
    for id in [&hana.id, &unknown] {
        let revoked = service.revoke(caller(&hana.id, &[]), id).await;
        assert!(
            matches!(revoked, Err(Error::PermissionDenied)),
            "a user may not revoke {id}, but: {revoked:?}"
        );
        let set = service.set_roles(caller(&hana.id, &[]), id, &["admin"]).await;
        assert!(
            matches!(set, Err(Error::PermissionDenied)),
            "a user may not make {id} an admin, but: {set:?}"
        );
    }
    let missing = service.revoke(admin(), &unknown).await;
    assert!(
        matches!(missing, Err(Error::NotFound)),
        "there is no such account, but: {missing:?}"
    );
    let other = service.set_roles(admin(), &hana.id, &["admin", "root"]).await;
    assert_eq!(word(other), "invalid: roles");

    assert_eq!(
        service.check(claims_admin(0)).await,
        (true, false),
        "a claim without the role has no effect"
    );
    let roles = service.set_roles(admin(), &hana.id, &["admin", "admin"]).await;
    assert_eq!(
        roles.expect("an admin may").roles,
        ["admin"],
        "a role counts once"
    );
    assert_eq!(
        service.check(claims_admin(0)).await,
        (true, true),
        "a claim with the role counts"
    );
    let roles = service.set_roles(admin(), &hana.id, &[]).await;
    assert!(
        roles.expect("an admin may").roles.is_empty(),
        "no role may be left"
    );
    assert_eq!(
        service.check(claims_admin(0)).await,
        (true, false),
        "a removed role must not count"
    );

    service.revoke(admin(), &hana.id).await.expect("an admin may");
    assert_eq!(
        service.check(token(&hana.id, 0)).await,
        (false, false),
        "an earlier token must not be valid"
    );
    assert!(
        service.get(caller(&hana.id, &[]), &hana.id).await.is_ok(),
        "the account must stay"
    );
}

//! The use cases of clients, over a store in memory.

use super::ClientError;
use crate::clients::domain::{AuthMethod, ClientFilter};
use crate::domain::secret::Hash;
use crate::testing::{SECRET, World, registration, run};

fn error<T>(result: Result<T, ClientError>) -> &'static str {
    match result {
        Ok(_) => "done",
        Err(ClientError::NotFound) => "not found",
        Err(ClientError::Exists) => "exists",
        Err(ClientError::Invalid(_)) => "invalid",
        Err(ClientError::Failed(_)) => "failure",
    }
}

#[test]
fn confidential_client_gets_a_random_secret_that_is_kept_as_a_hash() {
    let world = World::empty();
    let mut wanted = registration("service");
    wanted.client.auth_method = AuthMethod::Basic;
    let new = run(world.clients().register(wanted)).unwrap();
    let secret = new.secret.expect("it is shown once");
    assert!(secret.len() >= 40);
    let stored = run(world.clients().find("service")).unwrap().client.secret;
    assert_eq!(stored, Some(Hash::of(&secret)));
}

#[test]
fn client_without_an_id_gets_one_and_an_id_is_taken_once() {
    let world = World::empty();
    let mut unnamed = registration("");
    unnamed.id = None;
    let new = run(world.clients().register(unnamed)).unwrap();
    assert_eq!(new.client.client.id.len(), 32);
    assert_eq!(new.secret, None, "a public client has no secret");
    world.register("shop", |_| {});
    assert_eq!(
        error(run(world.clients().register(registration("shop")))),
        "exists"
    );
}

#[test]
fn registration_that_breaks_a_rule_is_refused() {
    let world = World::new();
    let mut wrong = registration("new");
    wrong.client.redirect_uris = vec!["javascript:x".into()];
    assert_eq!(error(run(world.clients().register(wrong.clone()))), "invalid");
    assert_eq!(error(run(world.clients().replace("shop", wrong))), "invalid");
    assert_eq!(error(run(world.clients().find("new"))), "not found");
    assert_eq!(
        error(run(world.clients().replace("new", registration("new")))),
        "not found"
    );
}

#[test]
fn replaced_client_keeps_its_secret_unless_it_becomes_public() {
    let world = World::new();
    let secret = || run(world.clients().find("batch")).unwrap().client.secret;
    world.change("batch", |registration| {
        registration.profile.name = "Nightly".into()
    });
    assert_eq!(secret(), Some(Hash::of(SECRET)));

    let public = registration("batch");
    run(world.clients().replace("batch", public.clone())).unwrap();
    assert_eq!(secret(), None);
    let mut confidential = public;
    confidential.client.auth_method = AuthMethod::Basic;
    let replaced = run(world.clients().replace("batch", confidential.clone()));
    assert_eq!(error(replaced), "invalid", "it needs a secret");
    confidential.secret = Some(SECRET.into());
    run(world.clients().replace("batch", confidential)).unwrap();
    assert_eq!(secret(), Some(Hash::of(SECRET)));
}

#[test]
fn rotated_secret_replaces_the_old_one() {
    let world = World::new();
    let new = run(world.clients().rotate_secret("batch"))
        .unwrap()
        .secret
        .unwrap();
    let stored = run(world.clients().find("batch")).unwrap().client.secret;
    assert_eq!(stored, Some(Hash::of(&new)));
    assert_eq!(error(run(world.clients().rotate_secret("shop"))), "invalid");
    assert_eq!(error(run(world.clients().rotate_secret("unknown"))), "not found");
}

#[test]
fn clients_are_listed_by_id_name_and_owner() {
    let world = World::new();
    world.change("other", |registration| registration.profile.owner = "us".into());
    let list = |after, owner| {
        let filter = ClientFilter {
            after,
            name: None,
            owner,
            limit: 2,
        };
        let clients = run(world.clients().list(filter)).unwrap();
        clients
            .into_iter()
            .map(|client| client.client.id)
            .collect::<Vec<_>>()
    };
    assert_eq!(list("", None), ["batch", "other"]);
    assert_eq!(list("other", None), ["shop"]);
    assert_eq!(list("", Some("us")), ["other"]);
}

#[test]
fn deleted_client_takes_its_grants_with_it() {
    let world = World::new();
    let tokens = world.signed_in();
    run(world.clients().delete("shop")).unwrap();
    assert!(!world.is_active(&tokens.access_token));
    assert_eq!(error(run(world.clients().delete("shop"))), "not found");
}

#[test]
fn only_registered_origins_may_read_answers() {
    let world = World::new();
    world.change("shop", |registration| {
        registration.profile.cors_origins = vec!["https://shop.example".into()];
    });
    let is_allowed = |origin| run(world.clients().allows_origin(origin)).unwrap();
    assert!(is_allowed("https://shop.example"));
    assert!(!is_allowed("https://shop.example.evil") && !is_allowed("null"));
}

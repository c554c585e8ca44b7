use signing::SigningKeyError;

use super::ImportError;
use crate::testing::{World, refresh_token, run, signing_key};

const DAY: i64 = 24 * 3600;

fn published(world: &World) -> Vec<String> {
    let keys = run(world.keys().published()).unwrap();
    keys.into_iter().map(|key| key.id).collect()
}

/// The first part of a token, which names its key.
fn header(token: &str) -> &str {
    token.split('.').next().unwrap_or_default()
}

#[test]
fn imported_key_signs_at_once_and_the_old_one_stays_published_for_a_day() {
    let world = World::new();
    let old = world.signed_in();
    let new_key = run(world.keys().import(Ok(signing_key(1)))).unwrap();
    assert_eq!(new_key.id, signing_key(1).id());
    let new = world.refresh(refresh_token(&old)).unwrap();
    assert_ne!(header(&old.access_token), header(&new.access_token));
    assert!(world.is_active(&old.access_token) && world.is_active(&new.access_token));
    assert_eq!(published(&world), [signing_key(1).id(), signing_key(0).id()]);
    world.store.pass(DAY + 599);
    assert_eq!(
        published(&world).len(),
        2,
        "a token of the old key may be a day old"
    );
    world.store.pass(1);
    assert_eq!(published(&world), [signing_key(1).id()]);
}

#[test]
fn id_token_of_a_retired_key_is_still_a_hint() {
    let world = World::new();
    let tokens = world.signed_in();
    run(world.keys().import(Ok(signing_key(1)))).unwrap();
    world.store.pass(2 * DAY);
    let hint = tokens.id_token.unwrap();
    let form = crate::testing::request(&[("id_token_hint", &hint)]);
    world.to_login(&mut Default::default(), &form);
}

#[test]
fn key_is_imported_once_and_garbage_never() {
    let world = World::new();
    let again = run(world.keys().import(Ok(signing_key(0))));
    assert!(matches!(again, Err(ImportError::Conflict)), "{again:?}");
    let garbage = run(world.keys().import(Err(SigningKeyError::Pem)));
    assert!(
        matches!(garbage, Err(ImportError::Key(SigningKeyError::Pem))),
        "{garbage:?}"
    );
    assert_eq!(published(&world), [signing_key(0).id()]);
}

#[test]
fn removed_key_invalidates_its_tokens_and_the_signing_key_stays() {
    let world = World::new();
    let tokens = world.signed_in();
    let old = signing_key(0);
    assert!(
        !run(world.keys().remove(old.id())).unwrap(),
        "one key signs, always"
    );
    run(world.keys().import(Ok(signing_key(1)))).unwrap();
    assert!(world.is_active(&tokens.access_token));
    assert!(run(world.keys().remove(old.id())).unwrap());
    assert!(!world.is_active(&tokens.access_token));
    assert!(!run(world.keys().remove(old.id())).unwrap(), "it is gone");
}

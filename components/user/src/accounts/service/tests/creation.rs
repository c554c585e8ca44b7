//! Creating accounts.

use kernel::Caller;

use crate::accounts::{
    service::CreateUser,
    testing::{World, request, run, word},
};

#[test]
fn two_accounts_with_one_email_address_are_refused() {
    let world = World::default();
    let made = run(world
        .accounts()
        .create_user(&Caller::Anonymous, request("mina@example.com")));
    let made = made.unwrap();
    assert_eq!(
        (made.email.as_str(), made.name.as_str()),
        ("mina@example.com", "Mina")
    );

    for same in ["MINA@example.com", "ｍｉｎａ@example.com"] {
        let again = run(world.accounts().create_user(&Caller::Anonymous, request(same)));
        assert_eq!(word(again), "already exists", "{same}");
    }
}

#[test]
fn both_forms_of_a_domain_are_one_account_and_sign_in_to_it() {
    for (first, second) in [
        ("x@bücher.example", "X@XN--BCHER-KVA.example"),
        ("x@xn--bcher-kva.example", "x@bücher.example"),
    ] {
        let world = World::default();
        let accounts = world.accounts();
        let made = run(accounts.create_user(&Caller::Anonymous, request(first))).unwrap();
        assert_eq!(
            made.email.as_str(),
            "x@bücher.example",
            "the readable form is shown"
        );
        let again = run(accounts.create_user(&Caller::Anonymous, request(second)));
        assert_eq!(word(again), "already exists", "{first} and then {second}");
        let typed = "correct horse".parse().unwrap();
        let known = run(accounts.authenticate(&second.parse().unwrap(), &typed)).unwrap();
        assert_eq!(
            known,
            Some((made.id, 0)),
            "{second} signs in to the account of {first}"
        );
    }
}

#[test]
fn invisible_characters_are_refused_in_an_address_and_a_name() {
    let world = World::default();
    let accounts = world.accounts();
    for email in [
        "mina@exam\u{200b}ple.com",
        "mi\u{ad}na@example.com",
        "mina@example.com\u{200e}",
    ] {
        let answer = run(accounts.create_user(&Caller::Anonymous, request(email)));
        assert_eq!(word(answer), "invalid: email", "{email:?}");
    }
    let blank = CreateUser {
        name: "\u{200b}\u{3164}",
        ..request("mina@example.com")
    };
    assert_eq!(
        word(run(accounts.create_user(&Caller::Anonymous, blank))),
        "invalid: name"
    );
}

#[test]
fn all_invalid_fields_are_named_and_no_password_is_hashed() {
    let world = World::default();
    let long = "x".repeat(101);
    let request = CreateUser {
        email: "mina",
        password: "short",
        name: &long,
    };
    let answer = run(world.accounts().create_user(&Caller::Anonymous, request));
    assert_eq!(word(answer), "invalid: email, password, name");
    assert_eq!(world.hashes(), 0, "a request that is refused costs no hash");
}

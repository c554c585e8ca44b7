//! The user component alone, called through the WIT interface that it exports.

use harness::Setup;
use host::State;
use uuid::Uuid;
use wasmtime::Store;

use bindings::akinai::commerce::types::{Caller, Error, Scope, UserCaller};
use bindings::exports::akinai::commerce::users::{NewUser, User};

mod bindings {
    wasmtime::component::bindgen!({ path: "../wit", world: "user-service" });
}

/// An instance of the component, over a database without accounts.
struct Service {
    store: Store<State>,
    component: bindings::UserService,
    // Last: the database goes after the instance that uses it.
    setup: Setup,
}

impl Service {
    async fn start() -> Self {
        let setup = Setup::new().await;
        let app = setup.load().await;
        let (mut store, instance) = app.instantiate("user").await.expect("the component starts");
        let component = bindings::UserService::new(&mut store, &instance)
            .expect("the component exports the user service");
        Self {
            store,
            component,
            setup,
        }
    }

    async fn create(&mut self, email: &str, password: &str, name: &str) -> Result<User, Error> {
        let users = self.component.akinai_commerce_users();
        let new = NewUser {
            email: email.to_owned(),
            password: password.to_owned(),
            name: name.to_owned(),
        };
        self.store
            .run_concurrent(async |accessor| users.call_create_user(accessor, Caller::Anonymous, new).await)
            .await
            .flatten()
            .expect("the component does not trap")
    }

    async fn get(&mut self, caller: Caller, id: &str) -> Result<User, Error> {
        let users = self.component.akinai_commerce_users();
        let id = id.to_owned();
        self.store
            .run_concurrent(async |accessor| users.call_get_user(accessor, caller, id).await)
            .await
            .flatten()
            .expect("the component does not trap")
    }
}

fn caller(id: &str, scopes: &[Scope]) -> Caller {
    Caller::User(UserCaller {
        id: id.to_owned(),
        scopes: scopes.to_vec(),
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_read_by_its_owner_and_by_admins_alone() {
    let mut service = Service::start().await;
    let created = service
        .create("Hana@example.com", "correct horse", " 花 ")
        .await
        .expect("the account is made");
    assert_eq!(
        (created.email.as_str(), created.name.as_str()),
        ("Hana@example.com", "花"),
        "as typed, trimmed"
    );
    let stranger = Uuid::now_v7().to_string();

    for reader in [caller(&created.id, &[]), caller(&stranger, &[Scope::Admin])] {
        let read = service
            .get(reader, &created.id)
            .await
            .expect("owner and admin may read the account");
        assert_eq!(
            format!("{read:?}"),
            format!("{created:?}"),
            "what is read must be what was made"
        );
    }
    let nobody = service.get(Caller::Anonymous, &created.id).await;
    assert!(
        matches!(nobody, Err(Error::Unauthenticated)),
        "nobody must sign in first, but got {nobody:?}"
    );
    // Whether there is such an account is not told to strangers.
    for id in [&created.id, &Uuid::now_v7().to_string()] {
        let denied = service.get(caller(&stranger, &[]), id).await;
        assert!(
            matches!(denied, Err(Error::PermissionDenied)),
            "a stranger must be denied {id}, but got {denied:?}"
        );
    }
    let own = service.get(caller(&stranger, &[]), &stranger).await;
    assert!(
        matches!(own, Err(Error::NotFound)),
        "who has no account finds none, but got {own:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_fields_and_taken_addresses_are_refused() {
    let mut service = Service::start().await;

    match service.create("nobody", "short", &"x".repeat(101)).await {
        Err(Error::InvalidArgument(violations)) => {
            let fields: Vec<_> = violations
                .iter()
                .map(|violation| violation.field.as_str())
                .collect();
            assert_eq!(
                fields,
                ["email", "password", "name"],
                "all wrong fields must be named"
            );
        }
        other => panic!("three wrong fields must be an invalid argument, but the answer was {other:?}"),
    }
    service
        .create("a@example.com", "correct horse", "")
        .await
        .expect("the address is free");
    let again = service.create("A@Example.com", "correct horse", "").await;
    assert!(
        matches!(again, Err(Error::AlreadyExists)),
        "the address is taken, but the answer was {again:?}"
    );

    let row = service
        .setup
        .database
        .sql()
        .query_one("select count(*) from user_service.users", &[])
        .await;
    assert_eq!(
        row.expect("a count").get::<_, i64>(0),
        1,
        "only the one account must have left a row"
    );
}

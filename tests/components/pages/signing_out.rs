//! Signing out, and sessions that end.

use serde_json::{Value, json};
use uuid::Uuid;

use super::{AUTH, Browser, EMAIL, PASSWORD, World, leads_to, login_request, logout_request, merged};

#[tokio::test(flavor = "multi_thread")]
async fn signing_out_ends_the_session_here_and_at_the_issuer() {
    let world = World::start().await;
    let user = world.open().await;
    world.all(&user);
    let (path, name) = ("/oauth2/logout", "logout_challenge");
    let answer = Browser::default().fill(&world, path, name, &[]).await;
    assert_eq!(
        leads_to(&answer, "signing out"),
        format!("{AUTH}?client_id=shop&logout_verifier=v")
    );
    world.stub.only_request("PUT", "logout/accept");
    let sql = world.platform.database().sql();
    let ended = sql
        .query_one("select session_id from user_service.ended_sessions", &[])
        .await;
    assert_eq!(ended.expect("one").get::<_, String>(0), "s1");

    for stranger in ["unknown", &Uuid::now_v7().to_string()] {
        world.all(stranger);
        let answer = Browser::default().fill(&world, path, name, &[]).await;
        leads_to(&answer, "an unknown user");
    }
}

const BROWSER: &str = "akinai_browser";

#[tokio::test(flavor = "multi_thread")]
async fn browser_cookie_ends_no_sessions_of_other_users() {
    let world = World::start().await;
    let mina = world.open().await;
    let noor_email = "noor@example.com";
    let wanted = json!({ "email": noor_email, "password": PASSWORD });
    let made = world.http().call("user.v1.UserService/CreateUser", wanted).await;
    let noor = made.message()["user"]["id"].as_str().expect("an id").to_owned();
    let sign_in = async |browser: &mut Browser, email: &str, session: &str| {
        let request = login_request(json!({ "session_id": session }));
        world.stub.put("login", "c", 200, request);
        leads_to(&browser.sign_in(&world, email, PASSWORD).await, session);
    };
    let (mut browser, mut elsewhere) = (Browser::default(), Browser::default());
    sign_in(&mut browser, EMAIL, "mina-1").await;
    sign_in(&mut elsewhere, EMAIL, "mina-elsewhere").await;
    // Without its cookie, or with a foreign cookie, the browser counts as another browser.
    for (planted, session) in [(None, "mina-without"), (Some("x"), "mina-planted")] {
        let mut other = browser.clone();
        drop(other.0.remove(BROWSER));
        other
            .0
            .extend(planted.map(|value| (BROWSER.to_owned(), value.to_owned())));
        sign_in(&mut other, EMAIL, session).await;
        assert_ne!(other.0[BROWSER], browser.0[BROWSER], "it gets one of its own");
    }
    // The stolen cookie of a browser signs no user in.
    let mut thief = Browser::default();
    let _ = thief.0.insert(BROWSER.into(), browser.0[BROWSER].clone());
    sign_in(&mut thief, noor_email, "noor-with-mina-s-cookie").await;
    sign_in(&mut browser, EMAIL, "mina-2").await;

    let sql = world.platform.database().sql();
    let ended = async || {
        let rows = sql.query(
            "select session_id from user_service.ended_sessions order by session_id",
            &[],
        );
        let rows = rows.await.expect("rows");
        rows.iter().map(|row| row.get(0)).collect::<Vec<String>>()
    };
    let sign_out = async |browser: &mut Browser, user: &str, session: &str| {
        let request = merged(logout_request(user), json!({ "sid": session }));
        world.stub.put("logout", "c", 200, request);
        let _ = world.stub.received();
        let answer = browser
            .fill(&world, "/oauth2/logout", "logout_challenge", &[])
            .await;
        leads_to(&answer, session);
        let received = world.stub.received().into_iter();
        received
            .map(|(method, path, _)| format!("{method} {path}"))
            .collect::<Vec<_>>()
    };
    sign_out(&mut thief, &noor, "noor-with-mina-s-cookie").await;
    assert_eq!(ended().await, ["noor-with-mina-s-cookie"]);
    let received = sign_out(&mut browser, &mina, "mina-2").await;
    assert_eq!(ended().await, ["mina-1", "mina-2", "noor-with-mina-s-cookie"]);
    let expected = [
        "DELETE /admin/oauth2/auth/sessions/login?sid=mina-1",
        "PUT logout/accept",
    ];
    assert_eq!(
        received, expected,
        "the issuer is called for the session that it does not end on its own"
    );

    let kept = "select count(*) from user_service.login_sessions where browser = $1";
    let found = sql
        .query_one(kept, &[&browser.0[BROWSER]])
        .await
        .expect("a count");
    assert_eq!(
        found.get::<_, i64>(0),
        0,
        "the database has only the cookie's hash"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn session_that_ends_here_ends_at_the_issuer() {
    let issuer = harness::Issuer::start().await;
    let url = issuer.url();
    let world = World::with(|setup| {
        let setup = setup.variable("issuer", url.as_str());
        setup.variable("issuer_origin", url.as_str())
    })
    .await;
    let user = world.open().await;
    let call = async |session: &str, method: &str, message: Value| {
        let mut claims = issuer.claims(&user);
        claims["sid"] = session.into();
        let (token, method) = (issuer.sign(&claims), format!("user.v1.UserService/{method}"));
        world
            .http()
            .call_as(Some(&token), &method, message)
            .await
            .message();
        let received = world.stub.received().into_iter();
        let mut received: Vec<_> = received
            .map(|(method, path, _)| format!("{method} {path}"))
            .collect();
        received.sort();
        received
    };
    let sessions = "DELETE /admin/oauth2/auth/sessions";
    let received = call("s1&subject=x", "SignOut", json!({})).await;
    assert_eq!(received, [format!("{sessions}/login?sid=s1%26subject%3Dx")]);
    world.stub.state().deleting = Some(500);
    let received = call("s2", "DeleteUser", json!({ "id": user })).await;
    let expected = [
        format!("{sessions}/consent?subject={user}&all=true"),
        format!("{sessions}/login?subject={user}"),
    ];
    assert_eq!(
        received, expected,
        "and if that fails, the account is still deleted"
    );
}

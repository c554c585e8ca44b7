// What an application does with a certified library: discovery, code and PKCE, refreshing, userinfo, revoking, signing out.
// And which manipulations the library detects.

import assert from "node:assert/strict";
import { test } from "node:test";

import * as oauth from "openid-client";

import { Browser } from "./browser.js";

/** The value of an environment variable that this suite cannot run without. */
function required(name) {
  const value = process.env[name];
  if (value === undefined) {
    throw new Error(`${name} is not set: run these tests with \`cargo xtask test -- certified_client\``);
  }
  return value;
}

/** The platform. */
const platform = required("AKINAI_URL");
/** Who issues its tokens: the platform, too, or Ory Hydra. */
const issuer = required("AKINAI_ISSUER");
/** Whether it is Hydra. What it does otherwise is in docs/ISSUER.md. */
const isHydra = required("AKINAI_IS_HYDRA") === "true";
/** The application's origin, as it is registered. No server listens there. */
const application = required("AKINAI_APPLICATION");
/** A user with an account. */
const email = required("AKINAI_EMAIL");
const password = required("AKINAI_PASSWORD");

const redirectUri = `${application}/callback`;
const signedOutUri = `${application}/`;
// The tests' platform has no certificate.
const insecure = { execute: [oauth.allowInsecureRequests] };

const discover = () => oauth.discovery(new URL(issuer), "shop", undefined, oauth.None(), insecure);

/** What the application remembers between its link and its callback. */
async function begin(config, more = {}) {
  const checks = {
    pkceCodeVerifier: oauth.randomPKCECodeVerifier(),
    expectedState: oauth.randomState(),
    expectedNonce: oauth.randomNonce(),
    idTokenExpected: true,
  };
  const link = oauth.buildAuthorizationUrl(config, {
    redirect_uri: redirectUri,
    scope: "openid offline_access",
    audience: "akinai",
    state: checks.expectedState,
    nonce: checks.expectedNonce,
    code_challenge: await oauth.calculatePKCECodeChallenge(checks.pkceCodeVerifier),
    code_challenge_method: "S256",
    ...more,
  });
  return { link, checks };
}

/** Through the pages, and back to the application: the address that it is called back at. */
async function signIn(browser, link, fields = {}) {
  const login = await browser.open(link);
  assert.equal(login.url.pathname, "/oauth2/login", login.text);
  const consent = await browser.send(login, { email, password, ...fields });
  assert.equal(consent.url.pathname, "/oauth2/consent", consent.text);
  const back = await browser.send(consent);
  assert.ok(back.url.href.startsWith(redirectUri), back.text);
  return back.url;
}

/** All the way to tokens, in a browser of its own. */
async function tokensOf(config, browser = new Browser(application), fields = {}) {
  const { link, checks } = await begin(config);
  return oauth.authorizationCodeGrant(config, await signIn(browser, link, fields), checks);
}

/** The name of the error that a call ends with; one that succeeds fails the test. */
async function refusal(call) {
  try {
    await call;
  } catch (error) {
    assert.ok(error instanceof oauth.ResponseBodyError || error instanceof oauth.AuthorizationResponseError, error);
    return error.error;
  }
  assert.fail("the call must be refused, but it succeeded");
}

/** What the edge says of a token: the status of a call that needs to know who calls. */
async function edge(tokens, method, message = {}) {
  const response = await fetch(`${platform}/user.v1.UserService/${method}`, {
    method: "POST",
    headers: { authorization: `Bearer ${tokens.access_token}`, "content-type": "application/json" },
    body: JSON.stringify(message),
  });
  return { status: response.status, body: await response.json() };
}

test("the issuer says of itself what the library needs", async () => {
  const config = await discover();
  const says = config.serverMetadata();
  assert.equal(says.issuer, issuer);
  assert.ok(says.supportsPKCE("S256"), "PKCE with S256");
  const metadata = oauth.discovery(new URL(issuer), "shop", undefined, oauth.None(), { ...insecure, algorithm: "oauth2" });
  if (isHydra) {
    assert.equal(says.authorization_response_iss_parameter_supported, undefined, "no RFC 9207");
    await assert.rejects(metadata, "no RFC 8414");
    return;
  }
  assert.equal(says.authorization_response_iss_parameter_supported, true);
  assert.equal((await metadata).serverMetadata().token_endpoint, says.token_endpoint, "RFC 8414 says the same");
});

test("a page of any origin may read what the issuer says of itself", async () => {
  const origin = "https://elsewhere.example";
  const answer = await fetch(`${issuer}/.well-known/openid-configuration`, { headers: { origin } });
  // With Hydra, only those that its configuration lists.
  assert.equal(answer.headers.get("access-control-allow-origin"), isHydra ? null : "*");
});

test("a person signs in, is known, and is known anew after refreshing", async () => {
  const config = await discover();
  const tokens = await tokensOf(config);
  assert.equal(tokens.token_type, "bearer");
  assert.equal(tokens.scope, "openid offline_access");
  assert.ok(tokens.expiresIn() > 800 && tokens.expiresIn() <= 900, "15 minutes");
  const claims = tokens.claims();
  assert.equal(claims.email, email);
  const known = await oauth.fetchUserInfo(config, tokens.access_token, claims.sub);
  assert.equal(known.email, email);
  assert.equal((await edge(tokens, "GetUser", { id: claims.sub })).body.user.email, email);

  const refreshed = await oauth.refreshTokenGrant(config, tokens.refresh_token);
  assert.notEqual(refreshed.refresh_token, tokens.refresh_token, "a refresh token is replaced when it is used");
  assert.equal(refreshed.claims().sub, claims.sub);
  assert.equal(refreshed.claims().auth_time, claims.auth_time, "the user has not signed in again");
  assert.equal((await edge(refreshed, "GetUser", { id: claims.sub })).status, 200);
});

test("what is revoked is worth nothing", async () => {
  const config = await discover();
  const tokens = await tokensOf(config);
  await oauth.tokenRevocation(config, tokens.refresh_token, { token_type_hint: "refresh_token" });
  assert.equal(await refusal(oauth.refreshTokenGrant(config, tokens.refresh_token)), "invalid_grant");
  const { sub } = tokens.claims();
  await assert.rejects(
    oauth.fetchUserInfo(config, tokens.access_token, sub),
    (error) => error instanceof oauth.WWWAuthenticateChallengeError && error.status === 401,
    "its access token is refused in the form that a library understands",
  );
  // RFC 7009, section 2.2: revoking a token that is revoked already, or that never existed, succeeds.
  await oauth.tokenRevocation(config, tokens.refresh_token);
  await oauth.tokenRevocation(config, "never-was-a-token");
});

test("a person signs out, and is asked anew after that", async () => {
  const config = await discover();
  const browser = new Browser(application);
  const tokens = await tokensOf(config, browser, { remember: "yes" });
  const silent = await begin(config, { prompt: "none" });
  const remembered = await browser.open(silent.link);
  assert.equal(remembered.url.searchParams.get("error"), "consent_required", "the browser is, the consent is not");

  const link = oauth.buildEndSessionUrl(config, {
    post_logout_redirect_uri: signedOutUri,
    id_token_hint: tokens.id_token,
    state: "bye",
  });
  const page = await browser.open(link);
  assert.equal(page.url.pathname, "/oauth2/logout", page.text);
  const back = await browser.send(page);
  assert.equal(back.url.href, `${signedOutUri}?state=bye`);
  assert.equal((await edge(tokens, "GetUser", { id: tokens.claims().sub })).status, 401, "the old token is refused");
  assert.ok(await refusal(oauth.refreshTokenGrant(config, tokens.refresh_token)), "nor is it refreshed");
  const anonymous = await browser.open((await begin(config, { prompt: "none" })).link);
  assert.equal(anonymous.url.searchParams.get("error"), "login_required");
});

test("who refuses is understood", async () => {
  const config = await discover();
  const { link, checks } = await begin(config);
  const browser = new Browser(application);
  const back = await browser.send(await browser.open(link), { action: "no" });
  const error = await refusal(oauth.authorizationCodeGrant(config, back.url, checks));
  assert.equal(error, "access_denied");
});

test("a service gets a token by its secret, shown in the way that it is registered for", async () => {
  const secret = required("AKINAI_SERVICE_SECRET");
  const service = (way) => oauth.discovery(new URL(issuer), "service", undefined, way, insecure);
  const config = await service(oauth.ClientSecretBasic(secret));
  const tokens = await oauth.clientCredentialsGrant(config, { audience: "akinai" });
  assert.equal(tokens.token_type, "bearer");
  assert.equal(tokens.refresh_token, undefined, "it has its secret");
  await oauth.tokenRevocation(config, tokens.access_token);
  for (const wrong of [oauth.ClientSecretPost(secret), oauth.ClientSecretBasic(`${secret}x`), oauth.None()]) {
    await assert.rejects(oauth.clientCredentialsGrant(await service(wrong)), { status: 401 });
  }
  const authorization = `Basic ${btoa("service:wrong")}`;
  const body = new URLSearchParams({ grant_type: "client_credentials" });
  const refused = await fetch(`${issuer}/oauth2/token`, { method: "POST", headers: { authorization }, body });
  assert.equal(refused.status, 401);
  assert.equal(refused.headers.has("www-authenticate"), !isHydra, "RFC 9110, section 15.5.2");
});

// --- Attacks ---

/** Whether the library itself has refused an answer, and says this of it. */
const because = (reason) => (error) => error instanceof oauth.ClientError && reason.test(error.cause.message);

// Hydra does not say in its answers whose they are (RFC 9207).
const named = { skip: isHydra && "Hydra's answers do not name their issuer" };

test("an answer of another issuer than the one that was asked is refused before its code goes anywhere", named, async () => {
  const config = await discover();
  const { link, checks } = await begin(config);
  const back = await signIn(new Browser(application), link);

  // The application believes to have asked Mallory's issuer, which has led the browser to ours (RFC 9207, section 1): our code
  // would go to Mallory's token endpoint.
  const asked = [];
  const mallory = new oauth.Configuration(
    {
      ...config.serverMetadata(),
      issuer: "https://mallory.example",
      token_endpoint: "https://mallory.example/token",
    },
    "shop",
    undefined,
    oauth.None(),
  );
  mallory[oauth.customFetch] = (url) => {
    asked.push(url);
    return Promise.reject(new Error("nothing is sent"));
  };
  await assert.rejects(oauth.authorizationCodeGrant(mallory, back, checks), because(/"iss"/));
  assert.deepEqual(asked, [], "Mallory has not seen the code");

  // And the other way round: Mallory's answers, or ones without a name, where ours is awaited.
  for (const change of [(answer) => answer.set("iss", "https://mallory.example"), (answer) => answer.delete("iss")]) {
    const forged = new URL(back);
    change(forged.searchParams);
    await assert.rejects(oauth.authorizationCodeGrant(config, forged, checks), because(/"iss"/));
  }
  const tokens = await oauth.authorizationCodeGrant(config, back, checks);
  assert.equal(tokens.claims().email, email, "the code was not used up");
});

test("an answer to another client's request is refused", async () => {
  const config = await discover();
  const mine = await begin(config);
  let others = await begin(config);
  let back = await signIn(new Browser(application), others.link);
  await assert.rejects(oauth.authorizationCodeGrant(config, back, mine.checks), because(/"state"/));
  // Even an application that forgets to look at the state is safe: the code is tied to the other's verifier.
  const careless = { ...mine.checks, expectedState: others.checks.expectedState };
  assert.equal(await refusal(oauth.authorizationCodeGrant(config, back, careless)), "invalid_grant");
  if (isHydra) {
    // There, a wrong verifier uses a code up.
    others = await begin(config);
    back = await signIn(new Browser(application), others.link);
  }
  // And the ID token is tied to the other's nonce.
  const wrongNonce = { ...others.checks, expectedNonce: mine.checks.expectedNonce };
  await assert.rejects(oauth.authorizationCodeGrant(config, back, wrongNonce), because(/"nonce"/));
});

test("a code that comes twice ends what it has given", async () => {
  const config = await discover();
  const { link, checks } = await begin(config);
  const back = await signIn(new Browser(application), link);
  const tokens = await oauth.authorizationCodeGrant(config, back, checks);
  assert.equal(await refusal(oauth.authorizationCodeGrant(config, back, checks)), "invalid_grant");
  assert.equal(await refusal(oauth.refreshTokenGrant(config, tokens.refresh_token)), "invalid_grant");
});

test("a refresh token that comes again after its successor ends both", async () => {
  const config = await discover();
  const first = await tokensOf(config);
  const second = await oauth.refreshTokenGrant(config, first.refresh_token);
  const third = await oauth.refreshTokenGrant(config, second.refresh_token);
  assert.equal(await refusal(oauth.refreshTokenGrant(config, first.refresh_token)), "invalid_grant");
  assert.equal(await refusal(oauth.refreshTokenGrant(config, third.refresh_token)), "invalid_grant");
});

// Ory's own client for Hydra, against our issuer and against Hydra itself: what the pages need of the admin API, and what an operator
// does with it.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, before, test } from "node:test";

import { Configuration, JwkApi, OAuth2Api, OidcApi, type OAuth2Client } from "@ory/hydra-client";
import axios, { type AxiosResponse } from "axios";

import { complaints, count, noted } from "./answers.js";
import { Browser, admin, isHydra, issuer, parameter } from "./platform.js";

const configuration = new Configuration({ basePath: admin });
const oauth = new OAuth2Api(configuration);
// What applications and browsers ask.
const publicly = new Configuration({ basePath: issuer });
const publicOauth = new OAuth2Api(publicly);
const oidc = new OidcApi(publicly);
const keys = new JwkApi(configuration);

const CALLBACK = "https://hydra-client.example/callback";
const GOODBYE = "https://hydra-client.example/bye";
const SECRET = "a-secret-that-is-long-enough-for-a-client";
const VERIFIER = "a-verifier-that-stays-secret-until-it-is-used-here";
const SUBJECT = "0190163d-8694-739b-aea5-966c26f8ad92";

const wanted: OAuth2Client = {
  client_id: "hydra-client",
  client_name: "Ory's client",
  client_secret: SECRET,
  redirect_uris: [CALLBACK],
  post_logout_redirect_uris: [GOODBYE],
  grant_types: ["authorization_code", "refresh_token"],
  response_types: ["code"],
  scope: "openid offline_access",
  audience: ["akinai"],
  token_endpoint_auth_method: "client_secret_post",
};

/** An answer that must be this. */
async function answers<T>(status: number, call: Promise<AxiosResponse<T>>): Promise<AxiosResponse<T>> {
  const response = await call;
  assert.equal(response.status, status, JSON.stringify(response.data));
  return response;
}

/** An error in Hydra's form, of this status; gives back its name. */
async function refused(status: number, call: Promise<unknown>): Promise<string> {
  const response = await call.then(
    () => assert.fail("it must be refused, but succeeded"),
    (error: unknown) => (axios.isAxiosError(error) ? error.response : assert.fail(String(error))),
  );
  assert.ok(response, "there is an answer");
  assert.equal(response.status, status, JSON.stringify(response.data));
  return noted<{ error: string }>("ErrorOAuth2", response).error;
}

/** The client's link, and what it leads to. */
function begin(browser: Browser, more: Record<string, string> = {}): Promise<URL> {
  const link = new URLSearchParams({
    client_id: "hydra-client",
    response_type: "code",
    redirect_uri: CALLBACK,
    scope: "openid offline_access",
    audience: "akinai",
    state: "the-state-of-it",
    nonce: "the-nonce-of-it",
    code_challenge: createHash("sha256").update(VERIFIER).digest("base64url"),
    code_challenge_method: "S256",
    ...more,
  });
  return browser.open(`${issuer}/oauth2/auth?${link}`);
}

/** Accepts a login, as a page does that has seen a password; where that leads. */
async function acceptLogin(browser: Browser, url: URL): Promise<URL> {
  const loginChallenge = parameter(url, "login_challenge");
  const accepted = oauth.acceptOAuth2LoginRequest({
    loginChallenge,
    acceptOAuth2LoginRequest: {
      subject: SUBJECT,
      remember: true,
      remember_for: 3600,
      acr: "1",
      amr: ["pwd"],
      context: { epoch: 3 },
      extend_session_lifespan: true,
    },
  });
  return browser.open(noted("OAuth2RedirectTo", await answers(200, accepted)).redirect_to);
}

/** Grants all that a consent request asks for; where that leads. */
async function acceptConsent(browser: Browser, url: URL): Promise<URL> {
  const consentChallenge = parameter(url, "consent_challenge");
  const asked = noted("OAuth2ConsentRequest", await answers(200, oauth.getOAuth2ConsentRequest({ consentChallenge })));
  const accepted = oauth.acceptOAuth2ConsentRequest({
    consentChallenge,
    acceptOAuth2ConsentRequest: {
      grant_scope: asked.requested_scope ?? [],
      grant_access_token_audience: asked.requested_access_token_audience ?? [],
      remember: true,
      remember_for: 3600,
      session: {
        access_token: { epoch: 3, sid: asked.login_session_id },
        id_token: { name: "Hana", email: "hana@example.com" },
      },
    },
  });
  return browser.open(noted("OAuth2RedirectTo", await answers(200, accepted)).redirect_to);
}

/** All the way to tokens. */
async function signIn(browser: Browser) {
  const back = await acceptConsent(browser, await acceptLogin(browser, await begin(browser)));
  assert.equal(`${back.origin}${back.pathname}`, CALLBACK);
  // The generated call has no place for a verifier: it was generated before PKCE became mandatory.
  const form = new URLSearchParams({
    grant_type: "authorization_code",
    code: parameter(back, "code"),
    redirect_uri: CALLBACK,
    code_verifier: VERIFIER,
    client_id: "hydra-client",
    client_secret: SECRET,
  });
  const tokens = await axios.post<{ access_token: string; refresh_token: string; id_token: string }>(
    `${issuer}/oauth2/token`,
    form,
  );
  return noted("OAuth2TokenExchange", tokens);
}

async function isActive(token: string): Promise<boolean> {
  return noted("IntrospectedOAuth2Token", await answers(200, oauth.introspectOAuth2Token({ token }))).active;
}

before(async () => {
  const created = noted("OAuth2Client", await answers(201, oauth.createOAuth2Client({ oAuth2Client: wanted })));
  assert.equal(created.client_secret, SECRET, "shown once, to the client that created it");
});

after(async () => {
  await answers(204, oauth.deleteOAuth2Client({ id: "hydra-client" }));
  await refused(404, oauth.getOAuth2Client({ id: "hydra-client" }));
});

test("clients are made, read, listed, changed and removed", async () => {
  const id = "hydra-client-2";
  const made = noted("OAuth2Client", await answers(201, oauth.createOAuth2Client({ oAuth2Client: { ...wanted, client_id: id } })));
  assert.equal(made.client_id, id);
  await refused(409, oauth.createOAuth2Client({ oAuth2Client: { client_id: id } }));
  const unsafe = oauth.createOAuth2Client({ oAuth2Client: { redirect_uris: ["javascript:x"] } });
  await (isHydra ? answers(201, unsafe) : refused(400, unsafe));

  const shown = noted("OAuth2Client", await answers(200, oauth.getOAuth2Client({ id })));
  assert.equal(shown.client_secret, undefined, "never shown again");
  assert.deepEqual(shown.redirect_uris, [CALLBACK]);
  const changed = await answers(200, oauth.setOAuth2Client({ id, oAuth2Client: { ...shown, client_name: "Another name" } }));
  assert.equal(noted("OAuth2Client", changed).client_name, "Another name");
  const patched = oauth.patchOAuth2Client({ id, jsonPatch: [{ op: "replace", path: "/scope", value: "openid" }] });
  assert.equal(noted("OAuth2Client", await answers(200, patched)).scope, "openid");

  const found: (string | undefined)[] = [];
  let pageToken: string | undefined;
  do {
    const page = await answers(200, oauth.listOAuth2Clients({ pageSize: 1, ...(pageToken && { pageToken }) }));
    found.push(...noted("OAuth2Client[]", page).map((client) => client.client_id));
    const next = /<([^>]*)>; *rel="?next/.exec(String(page.headers["link"] ?? ""));
    pageToken = next?.[1] ? (new URL(next[1], admin).searchParams.get("page_token") ?? undefined) : undefined;
  } while (pageToken);
  assert.ok(found.includes("hydra-client") && found.includes(id), `${found}`);
  const named = await answers(200, oauth.listOAuth2Clients({ clientName: "Another name" }));
  assert.deepEqual(noted("OAuth2Client[]", named).map((client) => client.client_id), [id]);

  await answers(204, oauth.deleteOAuth2Client({ id }));
  await refused(404, oauth.deleteOAuth2Client({ id }));
});

test("a login request is read, and accepted once", async () => {
  const browser = new Browser();
  const url = await begin(browser, { login_hint: "hana@example.com", ui_locales: "ja en" });
  const loginChallenge = parameter(url, "login_challenge");
  const asked = noted("OAuth2LoginRequest", await answers(200, oauth.getOAuth2LoginRequest({ loginChallenge })));
  assert.equal(asked.challenge, loginChallenge);
  assert.equal(asked.skip, false);
  assert.equal(asked.client.client_id, "hydra-client");
  assert.deepEqual(asked.requested_scope, ["openid", "offline_access"]);
  assert.deepEqual(asked.requested_access_token_audience, ["akinai"]);
  assert.equal(asked.oidc_context?.login_hint, "hana@example.com");
  assert.deepEqual(asked.oidc_context?.ui_locales, ["ja", "en"]);
  assert.ok(asked.request_url.startsWith(`${issuer}/oauth2/auth?`));

  const consent = await acceptLogin(browser, url);
  assert.ok(parameter(consent, "consent_challenge"));
  const again = oauth.getOAuth2LoginRequest({ loginChallenge });
  if (isHydra) {
    // What was asked is in the challenge itself, and can be read for as long as that lives.
    assert.equal((await answers(200, again)).data.skip, false);
  } else {
    // Gone, with where to go on: another body than an error's.
    await assert.rejects(again, (error) => axios.isAxiosError(error) && error.response?.status === 410);
  }
  await refused(404, oauth.getOAuth2LoginRequest({ loginChallenge: "guessed" }));
});

test("who is refused comes back with the reason", async () => {
  const reason = { error: "access_denied", error_description: "The user said no" };
  const browser = new Browser();
  const loginChallenge = parameter(await begin(browser), "login_challenge");
  const login = oauth.rejectOAuth2LoginRequest({ loginChallenge, rejectOAuth2Request: reason });
  const fromLogin = await browser.open(noted("OAuth2RedirectTo", await answers(200, login)).redirect_to);
  assert.equal(parameter(fromLogin, "error_description"), "The user said no");

  const consentChallenge = parameter(await acceptLogin(browser, await begin(browser)), "consent_challenge");
  const consent = oauth.rejectOAuth2ConsentRequest({ consentChallenge, rejectOAuth2Request: reason });
  const fromConsent = await browser.open(noted("OAuth2RedirectTo", await answers(200, consent)).redirect_to);
  assert.equal(parameter(fromConsent, "error"), "access_denied");
});

test("tokens are introspected, and revoked by their client", async () => {
  const tokens = await signIn(new Browser());
  const access = noted(
    "IntrospectedOAuth2Token",
    await answers(200, oauth.introspectOAuth2Token({ token: tokens.access_token, scope: "openid" })),
  );
  assert.deepEqual(
    [access.active, access.sub, access.client_id, access.iss, access.aud, access.token_use],
    [true, SUBJECT, "hydra-client", issuer, ["akinai"], "access_token"],
  );
  assert.equal(access.ext?.["epoch"], 3);
  const beyond = await answers(200, oauth.introspectOAuth2Token({ token: tokens.access_token, scope: "admin" }));
  assert.equal(noted("IntrospectedOAuth2Token", beyond).active, false, "it has no such scope");
  assert.equal(await isActive("never-was-a-token"), false);

  const bearer = { headers: { authorization: `Bearer ${tokens.access_token}` } };
  const info = await answers(200, oidc.getOidcUserInfo(bearer));
  // Hydra's has all claims of the ID token in it, and its own types do not know them.
  assert.equal((isHydra ? info.data : noted("OidcUserInfo", info)).email, "hana@example.com");
  const client = { clientId: "hydra-client", clientSecret: SECRET };
  await answers(200, publicOauth.revokeOAuth2Token({ token: tokens.refresh_token, ...client }));
  assert.deepEqual([await isActive(tokens.refresh_token), await isActive(tokens.access_token)], [false, false]);
});

test("sessions and consent are listed, and ended by their subject", async () => {
  const browser = new Browser();
  const tokens = await signIn(browser);
  const listed = await answers(200, oauth.listOAuth2ConsentSessions({ subject: SUBJECT }));
  const [session] = noted("OAuth2ConsentSession[]", listed);
  assert.deepEqual(session?.grant_scope, ["openid", "offline_access"]);
  assert.equal(session?.consent_request?.client?.client_id, "hydra-client");

  const loginChallenge = parameter(await begin(browser), "login_challenge");
  const remembered = noted("OAuth2LoginRequest", await answers(200, oauth.getOAuth2LoginRequest({ loginChallenge })));
  assert.deepEqual([remembered.skip, remembered.subject], [true, SUBJECT]);

  await answers(204, oauth.revokeOAuth2LoginSessions({ sid: remembered.session_id ?? "" }));
  await answers(204, oauth.revokeOAuth2LoginSessions({ subject: SUBJECT }));
  const anew = parameter(await begin(browser), "login_challenge");
  const forgotten = await answers(200, oauth.getOAuth2LoginRequest({ loginChallenge: anew }));
  assert.equal(noted("OAuth2LoginRequest", forgotten).skip, false);
  assert.equal(await isActive(tokens.refresh_token), true, "as at Hydra, tokens live on");

  await answers(204, oauth.revokeOAuth2ConsentSessions({ subject: SUBJECT, client: "hydra-client" }));
  assert.equal(await isActive(tokens.refresh_token), false);
  await answers(204, oauth.revokeOAuth2ConsentSessions({ subject: SUBJECT, all: true }));
  const none = await answers(200, oauth.listOAuth2ConsentSessions({ subject: SUBJECT }));
  assert.deepEqual(noted("OAuth2ConsentSession[]", none), []);
  await refused(400, oauth.revokeOAuth2ConsentSessions({ subject: SUBJECT }));
});

test("all tokens of a client end at once", async () => {
  const tokens = await signIn(new Browser());
  await answers(204, oauth.deleteOAuth2Token({ clientId: "hydra-client" }));
  assert.equal(await isActive(tokens.access_token), false);
  assert.equal(await isActive(tokens.refresh_token), isHydra, "Hydra leaves refresh tokens");
});

test("a sign-out is read, rejected, and accepted", async () => {
  const browser = new Browser();
  const tokens = await signIn(browser);
  const link = new URLSearchParams({
    id_token_hint: tokens.id_token,
    post_logout_redirect_uri: GOODBYE,
    state: "bye",
  });
  const begun = () => browser.open(`${issuer}/oauth2/sessions/logout?${link}`);
  let logoutChallenge = parameter(await begun(), "logout_challenge");
  const asked = noted("OAuth2LogoutRequest", await answers(200, oauth.getOAuth2LogoutRequest({ logoutChallenge })));
  assert.deepEqual([asked.subject, asked.rp_initiated, asked.client?.client_id], [SUBJECT, true, "hydra-client"]);
  await answers(204, oauth.rejectOAuth2LogoutRequest({ logoutChallenge }));

  logoutChallenge = parameter(await begun(), "logout_challenge");
  const accepted = noted("OAuth2RedirectTo", await answers(200, oauth.acceptOAuth2LogoutRequest({ logoutChallenge })));
  assert.equal((await browser.open(accepted.redirect_to)).href, `${GOODBYE}?state=bye`);
  await refused(404, oauth.getOAuth2LogoutRequest({ logoutChallenge: "guessed" }));
});

test("keys are read without their private halves", async () => {
  const set = noted("JsonWebKeySet", await answers(200, keys.getJsonWebKeySet({ set: "hydra.openid.id-token" })));
  const [key] = set.keys ?? [];
  assert.ok(key, "one signs");
  const alone = await answers(200, keys.getJsonWebKey({ set: "hydra.openid.id-token", kid: key.kid }));
  assert.deepEqual(noted("JsonWebKeySet", alone).keys?.[0], key);
  assert.equal(JSON.stringify(set).includes('"d":'), isHydra, "of the two only Hydra shows what signs");
});

test("the issuer describes itself", async () => {
  // Not noted: Hydra's has a way in for devices, which ours has not.
  const { data } = await answers(200, oidc.discoverOidcConfiguration());
  assert.deepEqual([data.issuer, data.userinfo_endpoint], [issuer, `${issuer}/userinfo`]);
});

// The last one: it looks at what the others were told.
test("every answer is what the client's types say", () => {
  assert.ok(count() > 40, "there is something to look at");
  assert.deepEqual(complaints(), []);
});

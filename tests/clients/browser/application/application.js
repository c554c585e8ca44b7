// A public client, as any single-page application may be one: authorization code with PKCE, tokens in the tab's own storage, and
// calls of the platform, which is another origin. Whatever comes of a button is in the element `said`.

const REDIRECT_URI = `${location.origin}/callback`;

const { issuer, platform } = await (await fetch("/settings.json")).json();
const endpoints = await (await fetch(`${issuer}/.well-known/openid-configuration`)).json();

const base64url = (bytes) =>
  btoa(String.fromCharCode(...new Uint8Array(bytes))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=/g, "");
const random = () => base64url(crypto.getRandomValues(new Uint8Array(32)));

/** What outlives a page: the flow that has begun, then the tokens. */
const kept = {
  get: (name) => JSON.parse(sessionStorage.getItem(name)),
  set: (name, value) => sessionStorage.setItem(name, JSON.stringify(value)),
};

const say = (text) => (document.getElementById("said").textContent = text);

/** The claims of a token that came from the issuer itself. */
function claims(token) {
  const bytes = atob(token.split(".")[1].replace(/-/g, "+").replace(/_/g, "/"));
  return JSON.parse(new TextDecoder().decode(Uint8Array.from(bytes, (byte) => byte.charCodeAt(0))));
}

async function signIn(scope) {
  const flow = { verifier: random(), state: random(), nonce: random() };
  kept.set("flow", flow);
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(flow.verifier));
  const link = new URL(endpoints.authorization_endpoint);
  link.search = new URLSearchParams({
    client_id: "shop",
    response_type: "code",
    redirect_uri: REDIRECT_URI,
    scope,
    audience: "akinai",
    state: flow.state,
    nonce: flow.nonce,
    code_challenge: base64url(digest),
    code_challenge_method: "S256",
  });
  location.assign(link);
}

/** Comes back with an answer: the tokens, or why there are none. */
async function comeBack() {
  const answer = new URLSearchParams(location.search);
  history.replaceState(null, "", "/");
  const flow = kept.get("flow") ?? {};
  // An issuer that names itself in its answers (RFC 9207) says so.
  const namesItself = endpoints.authorization_response_iss_parameter_supported === true;
  const isFromIssuer = !namesItself || answer.get("iss") === issuer;
  if (answer.get("state") !== flow.state || !isFromIssuer) return say("not asked");
  if (answer.has("error")) return say(`refused: ${answer.get("error")}`);
  await takeTokens({
    grant_type: "authorization_code",
    code: answer.get("code"),
    redirect_uri: REDIRECT_URI,
    code_verifier: flow.verifier,
  });
}

async function takeTokens(form) {
  const body = new URLSearchParams({ client_id: "shop", ...form });
  const response = await fetch(endpoints.token_endpoint, { method: "POST", body });
  const answer = await response.json();
  if (!response.ok) return say(`no tokens: ${response.status} ${answer.error}`);
  kept.set("tokens", answer);
  say(`tokens for ${claims(answer.access_token).scp.join(" ")}`);
}

/** Calls an RPC of the platform as the user who has signed in. */
async function call(method, message) {
  const response = await fetch(`${platform}/user.v1.UserService/${method}`, {
    method: "POST",
    headers: { authorization: `Bearer ${kept.get("tokens").access_token}`, "content-type": "application/json" },
    body: JSON.stringify(message),
  });
  return { status: response.status, answer: await response.json() };
}

const buttons = {
  "sign-in": () => signIn("openid offline_access"),
  "sign-in-as-admin": () => signIn("openid offline_access admin"),
  call: async () => {
    const { status, answer } = await call("GetUser", { id: claims(kept.get("tokens").access_token).sub });
    say(`${status} ${answer.user?.email ?? answer.code}`);
  },
  list: async () => {
    const { status, answer } = await call("ListUsers", {});
    say(`${status} ${answer.code ?? "all users"}`);
  },
  refresh: () => takeTokens({ grant_type: "refresh_token", refresh_token: kept.get("tokens").refresh_token }),
  // Ends the session and all its tokens, without a page.
  end: async () => {
    const { status } = await call("SignOut", {});
    say(`${status} ended`);
  },
  "sign-out": () => {
    const link = new URL(endpoints.end_session_endpoint);
    link.search = new URLSearchParams({
      id_token_hint: kept.get("tokens").id_token,
      post_logout_redirect_uri: `${location.origin}/`,
    });
    location.assign(link);
  },
};
for (const [id, press] of Object.entries(buttons)) {
  document.getElementById(id).addEventListener("click", press);
}
if (location.pathname === "/callback") await comeBack();
else say("ready");

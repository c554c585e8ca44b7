// What people do: they sign up, sign in, allow or refuse, and sign out, from the page of an application that is another origin.

import assert from "node:assert/strict";
import { test } from "node:test";

import { admin, application, begin, email, isAt, isHydra, issuer, link, no, password, person, says, signIn, yes } from "./world.js";

const TOKENS = "tokens for openid offline_access";

test("a new user signs up, is recognized, refreshes and ends the session", async () => {
  const page = await person();
  await begin(page);
  await page.getByRole("link", { name: "Create an account" }).click();
  await isAt(page, "/oauth2/register");
  await page.getByLabel("Name").fill("Hana 花");
  await page.getByLabel("E-mail address").fill("hana@example.com");
  await page.getByLabel("Password").fill("a horse of another colour");
  await page.getByRole("button", { name: "Create an account" }).click();
  await isAt(page, "/oauth2/consent");
  assert.ok(await page.getByText("You are signed in as hana@example.com.").isVisible());
  await page.getByRole("button", { name: "Allow", exact: true }).click();
  await says(page, TOKENS);
  assert.equal(new URL(page.url()).search, "", "no code stays in the address");

  await page.click("#call");
  await says(page, "200 hana@example.com");
  const before = await page.evaluate("sessionStorage.tokens");
  await page.click("#refresh");
  await says(page, TOKENS);
  assert.notEqual(await page.evaluate("sessionStorage.tokens"), before, "the tokens are others");
  await page.click("#call");
  await says(page, "200 hana@example.com");

  await page.click("#end");
  await says(page, "200 ended");
  await page.click("#call");
  await says(page, "401 unauthenticated");
  await page.click("#refresh");
  await says(page, "no tokens: 403 access_denied");
});

test("a user mistypes the password, is remembered and signs out", async () => {
  const page = await person();
  await begin(page);
  await signIn(page, email, "a wrong password");
  const problem = page.getByRole("alert");
  assert.equal(await problem.textContent(), "The e-mail address or the password is not right.");
  assert.match(await page.title(), /^Error: /);
  assert.equal(await page.inputValue("#email"), email, "what was right need not be typed again");
  assert.equal(await page.inputValue("#password"), "", "the password does not come back");
  assert.equal(await page.evaluate("document.activeElement.id"), "email");
  await page.getByLabel("Stay signed in on this device").check();
  await signIn(page);
  await isAt(page, "/oauth2/consent");
  await yes(page);
  await says(page, TOKENS);

  // Another tab of this browser need not sign in.
  const tab = await page.context().newPage();
  await tab.goto(application);
  await tab.click("#sign-in");
  await isAt(tab, "/oauth2/consent");
  await yes(tab);
  await says(tab, TOKENS);

  await page.click("#sign-out");
  await isAt(page, "/oauth2/logout");
  await page.getByRole("button", { name: "Sign out" }).click();
  await says(page, "ready");
  await page.click("#call");
  await says(page, "401 unauthenticated");
  await page.click("#refresh");
  // The issuer component ends the grant with the login. Hydra asks the platform, which refuses.
  await says(page, isHydra ? "no tokens: 403 access_denied" : "no tokens: 400 invalid_grant");
  await tab.click("#call");
  await says(tab, "401 unauthenticated");
  await begin(page);
});

test("who refuses goes back without tokens", async () => {
  const page = await person();
  await begin(page);
  await no(page);
  await says(page, "refused: access_denied");
  await begin(page);
  await signIn(page);
  await isAt(page, "/oauth2/consent");
  await no(page);
  await says(page, "refused: access_denied");
});

test("what is not ticked is not granted", async () => {
  const page = await person();
  await begin(page);
  await signIn(page);
  await isAt(page, "/oauth2/consent");
  await page.getByLabel("Stay connected while you are away").uncheck();
  await yes(page);
  await says(page, "tokens for openid");
});

test("the scope admin is for admins, and on purpose", async () => {
  const page = await person();
  const scope = page.getByLabel("Administer everything");
  await begin(page, "sign-in-as-admin");
  await signIn(page);
  await isAt(page, "/oauth2/consent");
  assert.equal(await scope.count(), 0, "who has not the role is not asked");
  await yes(page);
  await says(page, TOKENS);
  await page.click("#list");
  await says(page, "403 permission_denied");

  const admins = await person();
  await begin(admins, "sign-in-as-admin");
  await signIn(admins, admin);
  await isAt(admins, "/oauth2/consent");
  const adminScope = admins.getByLabel("Administer everything");
  assert.equal(await adminScope.isChecked(), false, "the right to everything is not given by default");
  await adminScope.check();
  await yes(admins);
  await says(admins, `${TOKENS} admin`);
  await admins.click("#list");
  await says(admins, "200 all users");
});

/** Moves the focus to the next element. Returns its id or its text, and whether the focus is visible. */
async function next(page) {
  await page.keyboard.press("Tab");
  return page.evaluate(() => {
    const { activeElement: element } = document;
    const outline = getComputedStyle(element);
    const isSeen = outline.outlineStyle !== "none" && parseFloat(outline.outlineWidth) >= 2;
    return `${element.id || element.textContent}${isSeen ? "" : ", but the focus is invisible"}`;
  });
}

/** The things that have the focus one after the other, up to this one. */
async function upTo(page, last) {
  const found = [];
  while (found.at(-1) !== last && found.length < 20) found.push(await next(page));
  return found;
}

test("a keyboard is enough", async () => {
  const page = await person();
  await begin(page);
  assert.deepEqual(await upTo(page, "password"), ["email", "password"]);
  assert.deepEqual(await upTo(page, "Create an account"), ["remember", "Sign in", "Cancel", "Create an account"]);
  await page.keyboard.press("Enter");
  await isAt(page, "/oauth2/register");
  assert.deepEqual(await upTo(page, "Sign in"), ["name", "email", "password", "Create an account", "Cancel", "Sign in"]);
  await page.keyboard.press("Enter");
  await isAt(page, "/oauth2/login");

  await upTo(page, "email");
  await page.keyboard.type(email);
  await next(page);
  await page.keyboard.type("wrong");
  // Enter in a field is the first button, not the one that cancels.
  await page.keyboard.press("Enter");
  await page.getByRole("alert").waitFor();
  assert.equal(await page.evaluate("document.activeElement.id"), "email", "who is wrong is where to go on");
  await next(page);
  await page.keyboard.type(password);
  await next(page);
  await page.keyboard.press("Space");
  await next(page);
  await page.keyboard.press("Enter");
  await isAt(page, "/oauth2/consent");
  assert.deepEqual(await upTo(page, "Do not allow"), [
    "scope-0",
    "scope-1",
    "audience-0",
    "remember",
    "Allow",
    "Do not allow",
  ]);
  await page.keyboard.press("Shift+Tab");
  await page.keyboard.press("Space");
  await says(page, TOKENS);

  await page.focus("#sign-out");
  await page.keyboard.press("Enter");
  await isAt(page, "/oauth2/logout");
  assert.deepEqual(await upTo(page, "Stay signed in"), ["Sign out", "Stay signed in"]);
  await page.keyboard.press("Shift+Tab");
  await page.keyboard.press("Enter");
  await says(page, "ready");
});

test("no JavaScript is needed", async () => {
  const page = await person({ javaScriptEnabled: false });
  const { url, verifier } = link();
  await page.goto(url);
  await signIn(page, email, "a wrong password");
  await page.getByRole("alert").waitFor();
  await page.check("#remember");
  await signIn(page);
  await isAt(page, "/oauth2/consent");
  await yes(page);
  await page.waitForURL(`${application}/callback?*`);
  const code = new URL(page.url()).searchParams.get("code");
  const body = new URLSearchParams({
    client_id: "shop",
    grant_type: "authorization_code",
    code,
    redirect_uri: `${application}/callback`,
    code_verifier: verifier,
  });
  const answer = await fetch(`${issuer}/oauth2/token`, { method: "POST", body });
  const tokens = await answer.json();
  assert.equal(answer.status, 200, JSON.stringify(tokens));
  const goodbye = new URLSearchParams({ id_token_hint: tokens.id_token, post_logout_redirect_uri: `${application}/` });
  await page.goto(`${issuer}/oauth2/sessions/logout?${goodbye}`);
  await yes(page);
  await page.waitForURL(`${application}/`);
});

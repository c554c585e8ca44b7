// What an attacker can make a user's browser do.

import assert from "node:assert/strict";
import { test } from "node:test";

import { application, begin, email, isAt, isHydra, issuer, link, person, planted, platform, says, signIn, yes } from "./world.js";

const EVIL = "http://evil.example";

/** Has a tab open a page of another site with this in it. */
async function lure(page, html) {
  await page.route(`${EVIL}/`, (route) => route.fulfill({ contentType: "text/html", body: html }));
  await page.goto(EVIL);
}

/** A user who is signed in, is remembered, and is asked for consent: the tab shows that page. */
async function atConsent(more = {}) {
  const page = await person();
  await page.goto(link(more).url);
  await page.check("#remember");
  await signIn(page);
  await isAt(page, "/oauth2/consent");
  return page;
}

/** The addresses of the pages with forms, in a browser where each is in use. */
async function forms(page) {
  const consent = page.url();
  await page.goto(link({ prompt: "login" }).url);
  const login = page.url();
  await page.goto(`${issuer}/oauth2/sessions/logout`);
  return [login, login.replace("/login?", "/register?"), consent, page.url()];
}

test("no page can be shown inside another site's", async () => {
  const page = await atConsent();
  const addresses = [...(await forms(page)), `${platform}/oauth2/error?error=access_denied`];
  const refused = new Map();
  page.on("requestfailed", (request) => refused.set(request.url(), request.failure().errorText));
  // A page of this machine, too, or Chromium would refuse for another reason: pages from afar may not reach into it.
  const framed = [...addresses, `${application}/`];
  const frames = framed.map((address) => `<iframe src="${address.replaceAll("&", "&amp;")}"></iframe>`);
  planted.set("/attack", frames.join(""));
  await page.goto(`${application}/attack`);
  const inside = page.frames().filter((frame) => frame !== page.mainFrame());
  assert.equal(inside.length, framed.length);
  await inside.at(-1).locator("h1").waitFor();
  for (const [index, address] of addresses.entries()) {
    assert.equal(await inside[index].locator("form, main").count(), 0, `${address} is in a frame`);
  }
  const because = addresses.map((address) => refused.get(address));
  assert.deepEqual(because, addresses.map(() => "net::ERR_BLOCKED_BY_RESPONSE"));
});

test("no form counts that another site has sent", async () => {
  const victim = await atConsent();
  // The attacker has forms of the pages in a browser of their own, with all fields.
  const attacker = await atConsent();
  for (const [index, address] of (await forms(attacker)).entries()) {
    await attacker.goto(address);
    const form = await attacker.evaluate((site) => {
      const form = document.querySelector("form").cloneNode(true);
      form.action = new URL(form.getAttribute("action"), site).href;
      for (const field of form.querySelectorAll("[autofocus]")) field.removeAttribute("autofocus");
      return form.outerHTML;
    }, platform);
    const filled = form.replace('name="email"', `name="email" value="${email}"`);
    await lure(victim, `${filled}<script>document.forms[0].submit()</script>`);
    await victim.waitForURL(`${platform}/**`);
    assert.equal(await victim.textContent("h1"), "This form was not sent from our page", `form ${index}: ${address}`);
  }
});

test("a link that an attacker has started does not sign the user in", async () => {
  const attacker = await person();
  await attacker.goto(link().url);
  const victim = await person();
  await victim.goto(attacker.url());
  await signIn(victim);
  if (isHydra) {
    // It tells the application, which has not asked.
    await says(victim, "not asked");
  } else {
    await isAt(victim, "/oauth2/error");
    assert.match(await victim.textContent("main"), /started in another browser/);
  }
  await attacker.reload();
  assert.equal(new URL(attacker.url()).pathname, "/oauth2/login", "nor is the attacker let in by it");
});

test("a cookie that an attacker has planted is worthless after signing in", async () => {
  const attacker = await atConsent();
  // Hydra has two for a flow, whose names have `csrf` in them.
  const cookies = (await attacker.context().cookies()).filter(({ name }) => /session|flow|csrf|page/.test(name));
  assert.ok(cookies.length >= 3, "those of the session, the flow and the pages");
  const victim = await person();
  await victim.context().addCookies(cookies);
  await victim.goto(link({ prompt: "login" }).url);
  await victim.check("#remember");
  await signIn(victim);
  await isAt(victim, "/oauth2/consent");
  const session = (all) => all.find(({ name }) => name.includes("session")).value;
  assert.notEqual(session(await victim.context().cookies()), session(cookies), "the session is a new one");
  await attacker.goto(link().url);
  // Hydra does not end it: it belongs to the attacker.
  const where = isHydra ? "/oauth2/consent" : "/oauth2/login";
  assert.equal(new URL(attacker.url()).pathname, where, "and the old one has ended");
});

test("our addresses lead to no other site", async () => {
  const page = await person();
  const elsewhere = [EVIL, `${application}/callbacks`, `${application}.evil.example/callback`, "//evil.example"];
  for (const redirect_uri of elsewhere) {
    await page.goto(link({ redirect_uri }).url);
    assert.equal(new URL(page.url()).pathname, "/oauth2/error", redirect_uri);
  }
  const goodbye = new URLSearchParams({ post_logout_redirect_uri: EVIL });
  await page.goto(`${issuer}/oauth2/sessions/logout?${goodbye}`);
  assert.equal(new URL(page.url()).pathname, "/oauth2/error");
  for (const name of ["redirect_to", "return_to", "next", "url"]) {
    await page.goto(`${platform}/oauth2/error?error=access_denied&${name}=${EVIL}`);
    assert.equal(await page.getByRole("link").count(), 0, "there is nothing to press");
  }
});

test("an application that was not asked hears nothing", async () => {
  const page = await person();
  await begin(page);
  await signIn(page);
  await isAt(page, "/oauth2/consent");
  // The answer comes to a tab that has asked for nothing: the state and the issuer's name are compared there.
  const answer = page.waitForRequest((request) => request.url().startsWith(`${application}/callback`));
  await yes(page);
  const url = (await answer).url();
  await says(page, "tokens for openid offline_access");
  const other = await person();
  await other.goto(url);
  await says(other, "not asked");
});

// Each page as people see it: a picture of it, and what axe finds wrong with it, which must be nothing.

import assert from "node:assert/strict";
import { mkdir, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { test } from "node:test";

import { admin, isAt, issuer, link, no, person, pictures, platform, signIn, yes } from "./world.js";

const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

const DESKTOP = { viewport: { width: 1280, height: 800 } };
const PHONE = { viewport: { width: 360, height: 740 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true };

/** Languages, sizes, and light or dark: each of them with each page, if not all with all. */
const LOOKS = [
  { name: "en-desktop", locale: "en-GB", colorScheme: "light", ...DESKTOP },
  { name: "en-phone-dark", locale: "en-GB", colorScheme: "dark", ...PHONE },
  { name: "ja-desktop-dark", locale: "ja-JP", colorScheme: "dark", ...DESKTOP },
  { name: "ja-phone", locale: "ja-JP", colorScheme: "light", ...PHONE },
];

for (const { name, ...settings } of LOOKS) {
  test(`all pages are accessible: ${name}`, async () => {
    const page = await person(settings);
    const look = (what) => lookAt(page, what, name);
    await mkdir(pictures, { recursive: true });

    await page.goto(link().url);
    await look("login");
    await page.fill("#email", "not an address");
    await yes(page);
    await look("login-no-address");
    await signIn(page, `unknown-${name}@example.com`, "a wrong password");
    await look("login-wrong");

    await page.click("main a");
    await isAt(page, "/oauth2/register");
    await look("register");
    await page.fill("#email", "not an address");
    await page.fill("#password", "short");
    await page.fill("#name", "n".repeat(101));
    await yes(page);
    await look("register-wrong");

    await page.click("main a");
    await isAt(page, "/oauth2/login");
    await page.check("#remember");
    await signIn(page);
    await isAt(page, "/oauth2/consent");
    await look("consent");

    await page.goto(`${issuer}/oauth2/sessions/logout`);
    await look("logout");
    await no(page);
    await look("stayed");
    await page.goto(`${issuer}/oauth2/sessions/logout`);
    await yes(page);
    await isAt(page, "/oauth2/signed-out");
    await look("signed-out");

    await page.goto(link({ scope: "openid offline_access admin" }).url);
    await signIn(page, admin);
    await isAt(page, "/oauth2/consent");
    await look("consent-admin");

    await page.goto(`${platform}/oauth2/error?error=invalid_client&error_description=whatever`);
    await look("error");
    await page.goto(`${platform}/oauth2/login?login_challenge=nonsense`);
    await look("expired");
  });
}

/** Takes a picture of a page, and has axe look at it. */
async function lookAt(page, what, name) {
  await page.screenshot({ path: `${pictures}/${what}-${name}.png`, fullPage: true });
  await page.evaluate(axe);
  const { violations, passes } = await page.evaluate(() => window.axe.run({ resultTypes: ["violations"] }));
  const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`);
  assert.deepEqual(found, [], `${what}, ${name}`);
  assert.ok(passes.length > 10, "axe has looked");
  const overflow = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth");
  assert.equal(overflow, 0, `${what}, ${name}: no page scrolls sideways`);
}

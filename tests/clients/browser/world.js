// What the tests stand on: the platform that the suite has started, the application's pages, and a Chromium.

import { createHash, randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { after, before } from "node:test";

import { chromium } from "playwright-core";

/** The value of an environment variable that these tests cannot run without. */
function required(name) {
  const value = process.env[name];
  if (value === undefined) {
    throw new Error(`${name} is not set: run these tests with \`cargo xtask test -- in_a_browser\``);
  }
  return value;
}

/** The platform: the edge and the pages for signing in. */
export const platform = required("AKINAI_URL");
/** Who issues the tokens: the platform, too, or Ory Hydra. */
export const issuer = required("AKINAI_ISSUER");
/** Whether it is Hydra. */
export const isHydra = required("AKINAI_IS_HYDRA") === "true";
/** The application's origin, as it is registered and may call. */
export const application = required("AKINAI_APPLICATION");
/** A user and an admin with the same password. */
export const email = required("AKINAI_EMAIL");
export const admin = required("AKINAI_ADMIN");
export const password = required("AKINAI_PASSWORD");
/** Where pictures of the pages go. */
export const pictures = required("AKINAI_PICTURES");

/** How long a page may take, in milliseconds: tests share the machine. */
const PATIENCE = 30_000;

const TYPES = { html: "text/html; charset=utf-8", js: "text/javascript", json: "application/json" };

let browser;

/** Further pages of the application's origin, by their paths. A test adds them. */
export const planted = new Map();

const server = createServer(serve);

before(async () => {
  browser = await chromium.launch({
    executablePath: required("AKINAI_TEST_BROWSER"),
    // Chromium's own sandbox cannot be had as root.
    chromiumSandbox: process.getuid() !== 0,
  });
  const { hostname, port } = new URL(application);
  await new Promise((listening) => server.listen(Number(port), hostname, listening));
});

after(async () => {
  await browser.close();
  server.closeAllConnections();
  server.close();
});

/** Answers with the application's pages. */
async function serve(request, response) {
  const { pathname } = new URL(request.url, application);
  if (planted.has(pathname)) {
    return response.writeHead(200, { "content-type": TYPES.html }).end(planted.get(pathname));
  }
  const file = pathname === "/" || pathname === "/callback" ? "index.html" : pathname.slice(1);
  const body = await content(file);
  response
    .writeHead(body === null ? 404 : 200, { "content-type": TYPES[file.split(".").at(-1)] ?? "text/plain" })
    .end(body ?? "");
}

async function content(file) {
  if (file === "settings.json") return JSON.stringify({ issuer, platform });
  if (!["index.html", "application.js"].includes(file)) return null;
  return readFile(new URL(`application/${file}`, import.meta.url));
}

/** A person's browser, with nothing in it yet; and one tab of it. */
export async function person(settings = {}) {
  const context = await browser.newContext({ locale: "en-GB", ...settings });
  context.setDefaultTimeout(PATIENCE);
  return context.newPage();
}

/** The tab is at this path of the platform. */
export const isAt = (page, path) => page.waitForURL((url) => url.origin === platform && url.pathname === path);

/** The application says this, and nothing else. */
export async function says(page, text) {
  const said = page.locator("#said");
  await page.waitForURL((url) => url.origin === application);
  const deadline = Date.now() + PATIENCE;
  while ((await said.textContent()) !== text) {
    if (Date.now() > deadline) throw new Error(`the application must say ${text}, not ${await said.textContent()}`);
    await page.waitForTimeout(20);
  }
}

/** Opens the application, and presses one of its buttons. */
export async function begin(page, button = "sign-in") {
  await page.goto(application);
  await says(page, "ready");
  await page.click(`#${button}`);
  await isAt(page, "/oauth2/login");
}

/** Fills in the form of the page for signing in, and sends it. */
export async function signIn(page, as = email, secret = password) {
  await page.fill("#email", as);
  await page.fill("#password", secret);
  await yes(page);
}

/** Presses the button that says yes. */
export const yes = (page) => page.click("button:not(.other)");

/** Presses the one that says no. */
export const no = (page) => page.click("button.other");

/** An application's link that is on no page, and what goes with the code. */
export function link(more = {}) {
  const verifier = randomBytes(32).toString("base64url");
  const url = new URL("/oauth2/auth", issuer);
  url.search = new URLSearchParams({
    client_id: "shop",
    response_type: "code",
    redirect_uri: `${application}/callback`,
    scope: "openid offline_access",
    audience: "akinai",
    state: "the state of it",
    code_challenge: createHash("sha256").update(verifier).digest("base64url"),
    code_challenge_method: "S256",
    ...more,
  });
  return { url: url.href, verifier };
}

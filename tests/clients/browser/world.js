// What the tests stand on: the platform that the suite has started, the application's pages, and a Chromium.

import { readFile } from "node:fs/promises";
import { createServer } from "node:http";

import { chromium } from "playwright-core";

/** The value of an environment variable that these tests cannot run without. */
function required(name) {
  const value = process.env[name];
  if (value === undefined) {
    throw new Error(`${name} is not set: run these tests with \`cargo xtask test -- in_a_browser\``);
  }
  return value;
}

/** The platform: the edge, the issuer and the pages for signing in. */
export const platform = required("AKINAI_URL");
/** The application's origin, as it is registered and may call. */
export const application = required("AKINAI_APPLICATION");
/** Somebody with an account, and an admin, who have the same password. */
export const email = required("AKINAI_EMAIL");
export const admin = required("AKINAI_ADMIN");
export const password = required("AKINAI_PASSWORD");
/** Where pictures of the pages go. */
export const pictures = required("AKINAI_PICTURES");

const TYPES = { html: "text/html; charset=utf-8", js: "text/javascript", json: "application/json" };

/** Serves the application's pages, and at `attack` the one of somebody who means no good. */
export async function serve() {
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url, application);
    const file = pathname === "/" || pathname === "/callback" ? "index.html" : pathname.slice(1);
    const body = await content(file);
    const type = TYPES[file.split(".").at(-1)];
    response.writeHead(body === null ? 404 : 200, { "content-type": type ?? "text/plain" }).end(body ?? "");
  });
  const { hostname, port } = new URL(application);
  await new Promise((listening) => server.listen(port, hostname, listening));
  return server;
}

async function content(file) {
  if (file === "settings.json") return JSON.stringify({ issuer: platform });
  if (!["index.html", "application.js"].includes(file)) return null;
  return readFile(new URL(`application/${file}`, import.meta.url));
}

/** A Chromium. Its sandbox cannot be had as root. */
export function launch() {
  return chromium.launch({
    executablePath: required("AKINAI_TEST_BROWSER"),
    chromiumSandbox: process.getuid() !== 0,
  });
}

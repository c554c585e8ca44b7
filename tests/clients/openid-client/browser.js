// As much of a browser as the pages need: cookies, redirects, and forms that are sent as they were shown.

/** More redirects than this lead round and round. */
const MOST_REDIRECTS = 10;

export class Browser {
  /** By origin: the cookies that it has set. */
  #jars = new Map();
  /** Where applications live: an address that begins like this is not opened, because no server listens there. */
  #application;

  constructor(application) {
    this.#application = application;
  }

  /**
   * Opens an address and follows where it leads. Ends on a page (`{ url, status, text }`), or before an address of the
   * application's (`{ url }`).
   */
  async open(url, request = {}) {
    for (let redirects = 0; redirects < MOST_REDIRECTS; redirects++) {
      const here = new URL(url);
      if (here.href.startsWith(this.#application)) return { url: here };
      const response = await this.#fetch(here, request);
      const location = response.headers.get("location");
      if (location === null) return { url: here, status: response.status, text: await response.text() };
      url = new URL(location, here);
      // Every redirect of ours is a 303, and Hydra's 302 is taken for one: whatever came, a GET follows.
      request = {};
    }
    throw new Error(`it must lead somewhere in the end, not round and round: ${url}`);
  }

  /** Sends the form of a page: what it has hidden, what it has ticked, and these fields. */
  async send(page, fields = {}, ...names) {
    const form = /<form [^>]*action="([^"]*)"[^>]*>(.*)<\/form>/s.exec(page.text);
    if (form === null) throw new Error(`there is no form: ${page.text}`);
    const body = new URLSearchParams();
    for (const [, tag] of form[2].matchAll(/<input ([^>]*)>/g)) {
      const is = attributes(tag);
      const isSent = is.type === "hidden" || (is.type === "checkbox" && "checked" in is);
      if (isSent && !names.includes(is.name)) body.append(is.name, is.value);
    }
    for (const [name, value] of Object.entries(fields)) {
      for (const one of [value].flat()) body.append(name, one);
    }
    return this.open(new URL(text(form[1]), page.url), { method: "POST", body });
  }

  async #fetch(url, request) {
    const jar = this.#jars.get(url.origin) ?? new Map();
    this.#jars.set(url.origin, jar);
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join("; ");
    const response = await fetch(url, { ...request, redirect: "manual", headers: { cookie, "accept-language": "en" } });
    for (const line of response.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line);
      if (/; *max-age=0/i.test(line)) jar.delete(name);
      else jar.set(name, value);
    }
    return response;
  }
}

/** The attributes of a tag; one without a value has the empty one. */
function attributes(tag) {
  const pairs = tag.matchAll(/([a-z-]+)(?:="([^"]*)")?/g);
  return Object.fromEntries([...pairs].map(([, name, value]) => [name, text(value ?? "")]));
}

/** A text that is written in HTML, as the pages write it. */
function text(html) {
  const entities = { "&amp;": "&", "&lt;": "<", "&gt;": ">", "&quot;": '"', "&#39;": "'" };
  return html.replace(/&[^;]+;/g, (entity) => entities[entity] ?? entity);
}

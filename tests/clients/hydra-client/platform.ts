// Where the issuer is: the suite that starts it tells through the environment.

/** The value of an environment variable that this suite cannot run without. */
function required(name: string): string {
  const value = process.env[name];
  if (value === undefined) {
    throw new Error(`${name} is not set: run these tests with \`cargo xtask test -- hydra_client\``);
  }
  return value;
}

/** Where the admin API is reached: a test has given ours a route, which no manifest of ours has. */
export const admin = required("AKINAI_ADMIN");

/** What the issuer calls itself, in tokens and in addresses that it sends browsers to, and where its public API is. */
export const issuer = required("AKINAI_ISSUER");

/** Whether it is Ory Hydra. What it does otherwise is in docs/ISSUER.md. */
export const isHydra = required("AKINAI_IS_HYDRA") === "true";

/** What of a browser the issuer needs: its cookies. It goes where it is sent, one step at a time. */
export class Browser {
  readonly #cookies = new Map<string, string>();

  /** Opens an address of the issuer's: where it leads. */
  async open(url: string): Promise<URL> {
    const cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    const response = await fetch(url, { redirect: "manual", headers: { cookie } });
    const location = response.headers.get("location");
    if (!(response.status === 303 || (isHydra && response.status === 302)) || location === null) {
      throw new Error(`${url} must lead on, but: ${response.status} ${await response.text()}`);
    }
    for (const line of response.headers.getSetCookie()) {
      const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      this.#cookies.set(name, value);
    }
    return new URL(location);
  }
}

/** A parameter of an address that must have it. */
export function parameter(url: URL, name: string): string {
  const value = url.searchParams.get(name);
  if (value === null) throw new Error(`there must be ${name} in ${url}`);
  return value;
}

// A certified OpenID provider, as the platform's issuer: it gives machines access tokens, JWTs as RFC 9068 has them, and
// signs them with RS256. Prints its address when it listens.

import { generateKeyPairSync, randomUUID } from "node:crypto";
import { createServer } from "node:http";

import { Provider } from "oidc-provider";

/** What the tokens are for: the default of the platform's variable `audience`. */
const AUDIENCE = "akinai";

/** The keys, the one that signs first. */
const keys = [signingKey()];
let provider;

const server = createServer((request, response) => {
  // Not the provider's own: from now on it signs with a new key, and the old ones stay in its set.
  if (request.url === "/rotate") {
    keys.unshift(signingKey());
    provider = create();
    response.end();
    return;
  }
  provider.callback()(request, response);
});

server.listen(0, "127.0.0.1", () => {
  provider = create();
  console.log(address());
});

function address() {
  return `http://127.0.0.1:${server.address().port}`;
}

/** A new key, as a private JWK. */
function signingKey() {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  return { ...privateKey.export({ format: "jwk" }), alg: "RS256", use: "sig", kid: randomUUID() };
}

function create() {
  return new Provider(address(), {
    jwks: { keys },
    clients: [
      {
        client_id: "machine",
        client_secret: "only-in-this-test",
        grant_types: ["client_credentials"],
        response_types: [],
        redirect_uris: [],
      },
    ],
    scopes: ["admin"],
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => "urn:akinai",
        getResourceServerInfo: () => ({
          scope: "admin",
          audience: AUDIENCE,
          accessTokenFormat: "jwt",
          jwt: { sign: { alg: "RS256" } },
        }),
      },
    },
  });
}

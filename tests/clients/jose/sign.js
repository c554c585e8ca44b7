/**
 * Prints a JSON document with a key set and tokens that jose signs with it: `accepted`, with what they say, `refused`, with the
 * name of the error, and `service`, signed with the shared key.
 *
 * Arguments: the time (seconds since 1970), the issuer, the audience, and the shared key (base64url).
 */
import { createPublicKey } from "node:crypto";
import { CompactSign, EncryptJWT, SignJWT, UnsecuredJWT, base64url, exportJWK, generateKeyPair } from "jose";

const [time, issuer, audience, sharedKey] = process.argv.slice(2);
const now = Number(time);
const user = "0190163d-8694-739b-aea5-966c26f8ad91";

const pair = async (kid, alg, options) => {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true, ...options });
  return { kid, alg, privateKey, publicKey };
};
const rsa = await pair("rsa-2048", "RS256", { modulusLength: 2048 });
const largeRsa = await pair("rsa-3072", "RS256", { modulusLength: 3072 });
const ec = await pair("ec", "ES256");
const es384 = await pair("es384", "ES384");
const ps256 = await pair("ps256", "PS256");
const eddsa = await pair("eddsa", "EdDSA");
const encryption = await pair("enc", "RSA-OAEP-256");
const foreign = await pair("foreign", "RS256");

const published = [];
for (const { kid, alg, publicKey } of [encryption, eddsa, es384, ps256, rsa, largeRsa, ec]) {
  published.push({ ...(await exportJWK(publicKey)), kid, alg, use: alg.startsWith("RSA-OAEP") ? "enc" : "sig" });
}

const sign = (claims, { kid, alg, privateKey }, header = {}) =>
  new SignJWT(claims).setProtectedHeader({ alg, kid, ...header }).sign(privateKey);

/** What Ory Hydra puts into an access token when its strategy is `jwt`. */
const hydra = (more = {}) => ({
  aud: [audience],
  client_id: "5a2f1c9e-shop",
  exp: now + 3599,
  ext: {},
  iat: now - 1,
  iss: issuer,
  jti: "0f3c6a0e-7d0d-4b4e-9d0c-6f8f5d2d9a11",
  nbf: now - 1,
  scp: ["openid", "offline_access"],
  sub: user,
  ...more,
});

/** The shape of RFC 9068, section 2.2. */
const rfc9068 = (more = {}) => ({
  iss: issuer,
  sub: user,
  aud: audience,
  exp: now + 600,
  iat: now,
  jti: "dbe39bf3a3ba4238a513f51d6e1691c4",
  client_id: "s6BhdRkqt3",
  scope: "openid profile",
  auth_time: now - 30,
  acr: "1",
  amr: ["pwd"],
  ...more,
});

/** The same claims as the Rust side reads them. */
const said = (claims) => ({
  subject: claims.sub,
  client_id: claims.client_id,
  machine: claims.sub === claims.client_id,
  scopes: (claims.scp ?? claims.scope?.split(" ") ?? []).toSorted(),
  epoch: claims.epoch ?? claims.ext?.epoch ?? null,
  session: claims.sid ?? claims.ext?.sid ?? null,
  issued_at: Math.floor(claims.iat),
  expires_at: Math.floor(claims.exp),
});

const accepted = [];
const shapes = {
  "Hydra's": [hydra(), { typ: "JWT" }],
  "Hydra's with what consent adds": [hydra({ ext: { epoch: 3, sid: "3b1c-session" } }), { typ: "JWT" }],
  "Hydra's with top level claims mirrored": [hydra({ epoch: 3, sid: "s", ext: { epoch: 3, sid: "s" } }), { typ: "JWT" }],
  "Hydra's for an admin": [hydra({ scp: ["admin", "openid"] }), { typ: "JWT" }],
  "Hydra's for a machine": [hydra({ sub: "5a2f1c9e-shop", scp: ["stock"] }), { typ: "JWT" }],
  "Hydra's for several audiences": [hydra({ aud: ["https://other.example", audience] }), { typ: "JWT" }],
  "RFC 9068's": [rfc9068(), { typ: "at+jwt" }],
  "RFC 9068's with the type in full": [rfc9068(), { typ: "application/at+jwt" }],
  "RFC 9068's with epoch and session": [rfc9068({ epoch: 0, sid: "0" }), { typ: "at+jwt" }],
  "without a type, with fractions of seconds": [rfc9068({ iat: now - 0.25, exp: now + 9.75 }), {}],
  "with another script": [rfc9068({ sub: "お客様", name: "茶 \u{1f375}" }), {}],
  "with headers that are unknown here": [rfc9068(), { x5t: "dGVzdA", "https://h.example": [1] }],
};
for (const [name, [claims, header]] of Object.entries(shapes)) {
  for (const key of [rsa, largeRsa, ec]) {
    accepted.push({ name: `${name}, ${key.kid}`, token: await sign(claims, key, header), said: said(claims) });
  }
}

const refused = [];
const refuse = async (name, error, token) => refused.push({ name, error, token: await token });
const pem = createPublicKey({ key: published[4], format: "jwk" }).export({ type: "spki", format: "pem" });
const attackerKey = await exportJWK(foreign.publicKey);

await refuse("signed with PS256", "Algorithm", sign(hydra(), ps256));
await refuse("signed with ES384", "Algorithm", sign(hydra(), es384));
await refuse("signed with EdDSA", "Algorithm", sign(hydra(), eddsa));
await refuse(
  "a MAC with the public key",
  "Algorithm",
  new SignJWT(hydra()).setProtectedHeader({ alg: "HS256", kid: rsa.kid }).sign(new TextEncoder().encode(pem)),
);
await refuse("unsecured", "Algorithm", new UnsecuredJWT(hydra()).encode());
await refuse(
  "encrypted",
  "Form(Parts)",
  new EncryptJWT(hydra())
    .setProtectedHeader({ alg: "RSA-OAEP-256", enc: "A256GCM", kid: "enc" })
    .encrypt(encryption.publicKey),
);
await refuse("signed with a key that is not published", "UnknownKey", sign(hydra(), foreign));
await refuse("signed with that key under a good name", "Signature", sign(hydra(), { ...foreign, kid: rsa.kid }));
await refuse("with the key in it", 'Header("jwk")', sign(hydra(), foreign, { kid: rsa.kid, jwk: attackerKey }));
await refuse("with no kid where there are two keys", "NoKeyId", sign(hydra(), rsa, { kid: undefined }));
await refuse("a text instead of claims", "Form(Json(Payload))", text("hello", rsa));
await refuse("a token in a token", 'Header("cty")', text(await sign(hydra(), rsa), rsa, { cty: "JWT" }));
await refuse("an ID token", 'IdToken("nonce")', sign(rfc9068({ nonce: "n-0S6_WzA2Mj" }), rsa));
await refuse("an ID token of the code flow", 'IdToken("at_hash")', sign(rfc9068({ at_hash: "MTIzNDU2Nzg5" }), ec));
await refuse("a logout token", "Type", sign(rfc9068(), rsa, { typ: "logout+jwt" }));
await refuse("bound to its sender", "SenderConstrained", sign(rfc9068({ cnf: { jkt: "0ZcOCORZNYy" } }), ec));
await refuse("expired", "Expired", sign(rfc9068({ iat: now - 700, exp: now - 31 }), ec));
await refuse("not valid yet", "NotYetValid", sign(hydra({ nbf: now + 60 }), rsa));
await refuse("another issuer's", "Issuer", sign(hydra({ iss: `${issuer}/` }), rsa));
await refuse("for another API", "Audience", sign(hydra({ aud: ["5a2f1c9e-shop"] }), rsa));

function text(payload, { kid, alg, privateKey }, header = {}) {
  return new CompactSign(new TextEncoder().encode(payload)).setProtectedHeader({ alg, kid, ...header }).sign(privateKey);
}

const serviceClaims = { iss: "bff", aud: "user", iat: now, exp: now + 30, request_id: "r1", sub: user, scope: "admin" };
const service = await new SignJWT(serviceClaims)
  .setProtectedHeader({ alg: "HS256", kid: "k1", typ: "akinai-service+jwt" })
  .sign(base64url.decode(sharedKey));

console.log(JSON.stringify({ jwks: { keys: published }, accepted, refused, service }));

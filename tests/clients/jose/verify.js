/**
 * Verifies a service token with jose, and prints its header and claims as JSON.
 *
 * Arguments: the time (seconds since 1970), the shared key (base64url), and the token.
 */
import { base64url, jwtVerify } from "jose";

const [now, sharedKey, token] = process.argv.slice(2);
const { protectedHeader, payload } = await jwtVerify(token, base64url.decode(sharedKey), {
  algorithms: ["HS256"],
  audience: "user",
  currentDate: new Date(Number(now) * 1000),
  issuer: "bff",
  maxTokenAge: 30,
  requiredClaims: ["exp", "iat", "request_id"],
  typ: "akinai-service+jwt",
});
console.log(JSON.stringify({ header: protectedHeader, claims: payload }));

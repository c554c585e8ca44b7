// Whether answers are what the client's types say. Its code is generated and looks at nothing: an answer without what its type
// promises would fail only where it is used. So each answer is written down as a constant of its type, and TypeScript's own
// compiler reads them: what is missing, of another type or unknown is an error.

import { fileURLToPath } from "node:url";

import ts from "typescript";

/** Each answer by the name of its type. */
const answers: { type: string; value: unknown }[] = [];

/** The types of the client that answers are noted for. */
type Name =
  | "JsonWebKeySet"
  | "IntrospectedOAuth2Token"
  | "OAuth2Client"
  | "OAuth2Client[]"
  | "OAuth2ConsentRequest"
  | "OAuth2ConsentSession[]"
  | "OAuth2LoginRequest"
  | "OAuth2LogoutRequest"
  | "OAuth2RedirectTo"
  | "OAuth2TokenExchange"
  | "OidcUserInfo"
  | "ErrorOAuth2";

/** Notes what an answer's body is, and gives it back. */
export function noted<T>(type: Name, { data }: { data: T }): T {
  answers.push({ type, value: data });
  return data;
}

/** What the compiler has to say against the answers noted so far; nothing, if they are what their types say. */
export function complaints(): string[] {
  const lines = answers.map(
    ({ type, value }, index) => `export const answer${index}: hydra.${type} = ${JSON.stringify(value, withoutNulls)};`,
  );
  const source = [`import * as hydra from "@ory/hydra-client";`, ...lines].join("\n");
  // Beside the sources, so that the client is found. It is never written.
  const name = fileURLToPath(new URL("../noted.ts", import.meta.url));
  const options: ts.CompilerOptions = {
    strict: true,
    noEmit: true,
    // Whether the client's own types are in order is not ours to say.
    skipLibCheck: true,
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.CommonJS,
    moduleResolution: ts.ModuleResolutionKind.Node10,
  };
  const host = ts.createCompilerHost(options);
  const { getSourceFile, fileExists } = host;
  host.fileExists = (file) => file === name || fileExists(file);
  host.getSourceFile = (file, ...rest) =>
    file === name ? ts.createSourceFile(file, source, ts.ScriptTarget.ES2022) : getSourceFile(file, ...rest);
  const diagnostics = ts.getPreEmitDiagnostics(ts.createProgram([name], options, host));
  return diagnostics.map(({ start, messageText }) => {
    const line = source.slice(0, start).split("\n").length - 1;
    return `${ts.flattenDiagnosticMessageText(messageText, " ")} in ${source.split("\n")[line]}`;
  });
}

/** How many answers were noted. */
export const count = () => answers.length;

/** Hydra writes null where it has nothing (Go's nil), too, and the types know only leaving out. */
function withoutNulls(_: string, value: unknown): unknown {
  return value === null ? undefined : value;
}

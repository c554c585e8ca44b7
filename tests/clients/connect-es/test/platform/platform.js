// Where the platform is, and what is in it. The suite that starts it tells through the environment.

/** The value of an environment variable that this suite cannot run without. */
function required(name) {
  const value = process.env[name];
  if (value === undefined) {
    throw new Error(`${name} is not set: run these tests with \`cargo xtask test -- clients\``);
  }
  return value;
}

/** The address of the bff, such as `http://127.0.0.1:41234`. */
export const baseUrl = required("AKINAI_URL");

/** Every product of the catalogue in proto3 JSON, newest first. */
export const catalogue = JSON.parse(required("AKINAI_PRODUCTS"));

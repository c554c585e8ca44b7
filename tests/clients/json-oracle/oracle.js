// What @bufbuild/protobuf, which passes protobuf's conformance suite, says about messages and JSON of crates/connect.
//
// The file named first has a line for each message: its binary form and its JSON as crates/connect wrote it, both in
// base64. The oracle writes JSON for the binary and reads the JSON; both must be what crates/connect has. Then it
// writes the same message in another way that the JSON mapping allows: that, in base64, is the line it prints.

import { readFileSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";
import { createRegistry, fromBinary, fromJsonString, toBinary, toJson } from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import * as wkt from "@bufbuild/protobuf/wkt";
import * as testing from "./gen/testing/v1/testing_pb.js";
import { Chance } from "./chance.js";
import { Variation } from "./variation.js";

const ENOUGH_FAILURES = 5;
const schema = testing.EverythingSchema;
const registry = createRegistry(testing.file_testing_v1_testing, ...Object.values(wkt).filter(isDescriptor));
const options = { registry, ignoreUnknownFields: true };

const [path, seed] = process.argv.slice(2);
const chance = new Chance(Number(seed));
const failures = [];
const lines = readFileSync(path, "utf8").trimEnd().split("\n");
lines.forEach((line, index) => {
  const [binary, json] = line.split(" ").map((field) => Buffer.from(field, "base64"));
  try {
    const message = fromBinary(schema, binary);
    const expected = toJson(schema, message, options);
    checkWritten(JSON.parse(json), expected);
    checkRead(json.toString(), expected, "what crates/connect wrote");
    const varied = new Variation(chance, registry).message(reflect(schema, message));
    checkRead(varied, expected, "the variation, so the test itself is wrong");
    console.log(Buffer.from(varied).toString("base64"));
  } catch (error) {
    failures.push(`message ${index}: ${error.message}\nJSON of crates/connect: ${json}`);
  }
});
if (failures.length > 0) {
  console.error(failures.slice(0, ENOUGH_FAILURES).join("\n\n"));
  console.error(`${failures.length} of ${lines.length} messages differ`);
  process.exit(1);
}

function checkWritten(found, expected) {
  const difference = differenceOf(found, expected, "");
  if (difference) {
    throw new Error(`crates/connect writes ${difference}`);
  }
}

function checkRead(text, expected, what) {
  // By way of binary, since the oracle keeps all 64 bits of a float that it read from JSON.
  const read = fromBinary(schema, toBinary(schema, fromJsonString(schema, text, options)));
  const found = toJson(schema, read, options);
  if (!isDeepStrictEqual(found, expected)) {
    const difference = differenceOf(found, expected, "");
    throw new Error(`the oracle reads something else from ${what}: ${difference}\n${text}`);
  }
}

/** Where two JSON values differ, in words. */
function differenceOf(found, expected, path) {
  if (typeof found === "number" && typeof expected === "number") {
    return isSameNumber(found, expected) ? undefined : `${found} where the oracle has ${expected}, at ${path}`;
  }
  if (!isContainer(found) || !isContainer(expected) || Array.isArray(found) !== Array.isArray(expected)) {
    const isSame = found === firstName(expected);
    return isSame ? undefined : `${shown(found)} where the oracle has ${shown(expected)}, at ${path}`;
  }
  for (const name of new Set([...Object.keys(found), ...Object.keys(expected)])) {
    const difference = differenceOf(own(found, name), own(expected, name), `${path}.${name}`);
    if (difference) {
      return difference;
    }
  }
}

/**
 * The name under which an enum's value is written. Of several names for one number the oracle takes the last, but it
 * is the first that counts (https://protobuf.dev/programming-guides/proto3/#enum, "Enum Value Aliases").
 */
function firstName(value) {
  const named = testing.ColorSchema.values.find(({ name }) => name === value);
  return named ? testing.ColorSchema.values.find(({ number }) => number === named.number).name : value;
}

/** A float is written by crates/connect with the digits that 32 bits need, by the oracle with those of 64. */
function isSameNumber(found, expected) {
  const isFloat = Math.fround(expected) === expected;
  return Object.is(found, expected) || (isFloat && Object.is(Math.fround(found), expected));
}

function isContainer(value) {
  return typeof value === "object" && value !== null;
}

function own(container, name) {
  return Object.hasOwn(container, name) ? container[name] : undefined;
}

function shown(value) {
  return value === undefined ? "nothing" : JSON.stringify(value);
}

function isDescriptor(value) {
  return value?.kind === "message";
}

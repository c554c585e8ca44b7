import { ScalarType, toJson } from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import { anyUnpack } from "@bufbuild/protobuf/wkt";

/** `google.protobuf.FeatureSet.FieldPresence.IMPLICIT`. */
const IMPLICIT = 2;
/** Types whose JSON is the text of a time, and how it may be written otherwise. */
const TEXTS = {
  "google.protobuf.Timestamp": (variation, text) => variation.timestamp(text),
  "google.protobuf.Duration": (variation, text) => variation.duration(text),
  "google.protobuf.FieldMask": (variation, text) => variation.text(text),
};
const PLAIN_VALUES = ["google.protobuf.Struct", "google.protobuf.ListValue", "google.protobuf.Value"];
const WRAPPER = /^google\.protobuf\.(Bool|Bytes|Double|Float|Int32|Int64|String|UInt32|UInt64)Value$/;

/** JSON of messages, by chance in one or the other of all ways that proto3's JSON mapping has readers accept. */
export class Variation {
  #chance;
  #registry;

  constructor(chance, registry) {
    this.#chance = chance;
    this.#registry = registry;
  }

  /** The JSON text of a message. */
  message(message) {
    const name = message.desc.typeName;
    if (name === "google.protobuf.Any") {
      return this.#any(message.message);
    }
    if (WRAPPER.test(name)) {
      const field = message.desc.fields[0];
      return this.#scalar(field.scalar, message.get(field));
    }
    if (name in TEXTS) {
      return TEXTS[name](this, toJson(message.desc, message.message));
    }
    if (PLAIN_VALUES.includes(name)) {
      return this.#value(toJson(message.desc, message.message));
    }
    return this.#object(this.#members(message));
  }

  /** A string, its characters escaped or not. */
  text(text) {
    if (this.#chance.once(2)) {
      return JSON.stringify(text);
    }
    return `"${Array.from({ length: text.length }, (_, at) => this.#codeUnit(text, at)).join("")}"`;
  }

  /** A time, with more zeros, or as it is elsewhere on Earth. */
  timestamp(text) {
    const [, second, fraction] = /^(.{19})(?:\.(\d+))?Z$/.exec(text);
    const digits = this.#fraction(fraction);
    const year = Number(text.slice(0, 4));
    // Next to the ends of what a Timestamp holds, another offset would be another year with more or fewer digits.
    if (year < 2 || year > 9998 || this.#chance.once(2)) {
      return this.text(`${second}${digits}${this.#chance.of("Z", "+00:00", "-00:00")}`);
    }
    const minutes = this.#chance.below(48 * 60 - 1) - 24 * 60 + 1;
    const local = new Date(Date.parse(`${second}Z`) + minutes * 60_000).toISOString().slice(0, 19);
    const [hour, minute] = [Math.trunc(Math.abs(minutes) / 60), Math.abs(minutes) % 60];
    const offset = [hour, minute].map((part) => String(part).padStart(2, "0")).join(":");
    return this.text(`${local}${digits}${minutes < 0 ? "-" : "+"}${offset}`);
  }

  /** A duration, with more zeros. */
  duration(text) {
    const [, seconds, fraction] = /^(-?\d+)(?:\.(\d+))?s$/.exec(text);
    return this.text(`${seconds}${this.#fraction(fraction)}s`);
  }

  #fraction(digits = "") {
    const minimal = digits.replace(/0+$/, "");
    const padded = minimal.padEnd(minimal.length + this.#chance.below(10 - minimal.length), "0");
    return padded && `.${padded}`;
  }

  #members(message) {
    const members = [];
    for (const field of message.fields) {
      const value = this.#member(message, field);
      if (value !== undefined) {
        members.push([this.#chance.of(field.name, field.jsonName), value]);
      }
    }
    if (this.#chance.once(8)) {
      members.push(["x unknown", this.#value({ a: [null, 1.5, "x", { "": true }], b: -1e100 })]);
    }
    return this.#chance.shuffled(members);
  }

  /** The value of a field; undefined if the field is left out. */
  #member(message, field) {
    if (message.isSet(field)) {
      return this.#field(field, message.get(field));
    }
    if (!this.#chance.once(4) || !isNullAbsence(field)) {
      return undefined;
    }
    if (field.presence === IMPLICIT && ["scalar", "enum"].includes(field.fieldKind) && this.#chance.once(2)) {
      return this.#field(field, message.get(field));
    }
    if (["list", "map"].includes(field.fieldKind) && this.#chance.once(2)) {
      return field.fieldKind === "list" ? "[ ]" : "{ }";
    }
    return "null";
  }

  #field(field, value) {
    switch (field.fieldKind) {
      case "list":
        return this.#array(Array.from(value, (item) => this.#single(field.listKind, field, item)));
      case "map": {
        const members = Array.from(value, ([key, item]) => [String(key), this.#single(field.mapKind, field, item)]);
        return this.#object(this.#chance.shuffled(members));
      }
      default:
        return this.#single(field.fieldKind, field, value);
    }
  }

  #single(kind, field, value) {
    switch (kind) {
      case "scalar":
        return this.#scalar(field.scalar, value);
      case "enum":
        return this.#enum(field.enum, value);
      default:
        return this.message(value);
    }
  }

  #enum(descriptor, value) {
    if (descriptor.typeName === "google.protobuf.NullValue") {
      return this.#chance.of("null", "0", '"NULL_VALUE"');
    }
    const names = descriptor.values.filter(({ number }) => number === value).map(({ name }) => this.text(name));
    return this.#chance.of(String(value), ...names);
  }

  #scalar(type, value) {
    switch (type) {
      case ScalarType.BOOL:
        return String(value);
      case ScalarType.STRING:
        return this.text(value);
      case ScalarType.BYTES:
        return this.#bytes(value);
      case ScalarType.DOUBLE:
      case ScalarType.FLOAT:
        return this.#quotedOrNot(this.#number(value), Number.isFinite(value));
      default:
        return typeof value === "bigint" ? this.#large(value) : this.#quotedOrNot(this.#number(value), true);
    }
  }

  /** A 64-bit integer. The oracle takes exponents in bare numbers only, and those only as far as JavaScript is exact. */
  #large(value) {
    if (Number.isSafeInteger(Number(value)) && this.#chance.once(2)) {
      return this.#number(Number(value));
    }
    return this.text(String(value));
  }

  #number(value) {
    const text = Object.is(value, -0) ? "-0" : String(value);
    if (!Number.isFinite(value) || this.#chance.once(2)) {
      return text;
    }
    const [mantissa, exponent] = (Object.is(value, -0) ? "-0e0" : value.toExponential()).split("e");
    return this.#chance.of(
      `${mantissa}e${exponent}`,
      `${mantissa}E${Number(exponent)}`,
      `${mantissa}${mantissa.includes(".") ? "" : "."}000e${exponent}`,
    );
  }

  #quotedOrNot(number, mayBeBare) {
    return mayBeBare && this.#chance.once(2) ? number : this.text(number);
  }

  #bytes(bytes) {
    const text = Buffer.from(bytes).toString(this.#chance.of("base64", "base64url"));
    return this.text(this.#chance.once(2) ? text.replace(/=+$/, "") : text);
  }

  #any(any) {
    if (any.typeUrl === "") {
      return "{}";
    }
    const content = reflect(this.#registry.getMessage(any.typeUrl.split("/").at(-1)), anyUnpack(any, this.#registry));
    const isSpecial = content.desc.typeName.startsWith("google.protobuf.");
    const members = isSpecial ? [["value", this.message(content)]] : this.#members(content);
    return this.#object(this.#chance.shuffled([...members, ["@type", this.text(any.typeUrl)]]));
  }

  /** A value that is JSON already. */
  #value(value) {
    if (Array.isArray(value)) {
      return this.#array(value.map((item) => this.#value(item)));
    }
    switch (typeof value) {
      case "string":
        return this.text(value);
      case "number":
        return this.#number(value);
      case "object":
        return value === null ? "null" : this.#object(this.#entries(value));
      default:
        return String(value);
    }
  }

  #entries(value) {
    return Object.entries(value).map(([name, item]) => [name, this.#value(item)]);
  }

  #object(members) {
    const texts = members.map(([name, value]) => `${this.text(name)}${this.#space()}:${this.#space()}${value}`);
    return `{${this.#space()}${texts.join(`${this.#space()},${this.#space()}`)}${this.#space()}}`;
  }

  #array(items) {
    return `[${this.#space()}${items.join(`,${this.#space()}`)}${this.#space()}]`;
  }

  #space() {
    return this.#chance.of("", "", "", " ", "\n\t", "\r\n");
  }

  #codeUnit(text, at) {
    const unit = text.charCodeAt(at);
    const isPlain = unit >= 0x20 && text[at] !== '"' && text[at] !== "\\";
    if (isPlain && this.#chance.once(2) && !isSurrogate(unit)) {
      return text[at] === "/" ? "\\/" : text[at];
    }
    const digits = unit.toString(16).padStart(4, "0");
    return `\\u${this.#chance.of(digits, digits.toUpperCase())}`;
  }
}

/** Whether `null` is absence: not for types that have a null of their own, nor, to the oracle, for all in a oneof. */
function isNullAbsence(field) {
  const type = field.enum?.typeName ?? field.message?.typeName;
  const hasNull = ["google.protobuf.NullValue", "google.protobuf.Value"].includes(type);
  return field.oneof ? field.fieldKind === "scalar" : !hasNull || field.fieldKind === "list";
}

function isSurrogate(unit) {
  return unit >= 0xd800 && unit <= 0xdfff;
}

import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { Code, createClient } from "@connectrpc/connect";

import { BadRequestSchema } from "../gen/google/rpc/error_details_pb.js";
import { UserService } from "../gen/user/v1/user_pb.js";
import { failure, transports } from "./platform.js";

for (const [number, { name, transport }] of transports.entries()) {
  describe(`users, ${name}`, () => {
    const client = createClient(UserService, transport);

    it("registers an account, once", async () => {
      const request = { email: `hana${number}@example.com`, password: "correct horse", name: "山田 花" };

      const { user } = await client.createUser(request);

      assert.equal(user.email, request.email, "the account must have the e-mail that was sent");
      assert.equal(user.name, request.name, "the account must have the name that was sent");
      assert.match(user.id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-/, "the id must be a UUIDv7");

      const error = await failure(client.createUser(request));
      assert.equal(error.code, Code.AlreadyExists, `a second account must be refused, but: ${error.message}`);
    });

    it("names every wrong field at once in a google.rpc.BadRequest", async () => {
      const request = { email: "nobody", password: "short", name: "x".repeat(101) };

      const error = await failure(client.createUser(request));

      assert.equal(error.code, Code.InvalidArgument, `three wrong fields must be refused, but: ${error.message}`);
      const violations = error.findDetails(BadRequestSchema).flatMap((detail) => detail.fieldViolations);
      assert.deepEqual(
        violations.map((violation) => violation.field),
        ["email", "password", "name"],
        "each wrong field must be named, in the order of the request",
      );
      for (const { field, description } of violations) {
        assert.notEqual(description, "", `the violation of ${field} must say what is wrong`);
      }
    });

    it("asks for a token before it shows an account", async () => {
      const error = await failure(client.getUser({ id: "00000000-0000-7000-8000-000000000000" }));

      assert.equal(error.code, Code.Unauthenticated, `GetUser must want a token, but: ${error.message}`);
      assert.equal(error.metadata.get("www-authenticate"), "Bearer", "the answer must say which kind of token");
    });
  });
}

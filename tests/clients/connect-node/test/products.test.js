import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { toJson } from "@bufbuild/protobuf";
import { Code, createClient } from "@connectrpc/connect";

import { BadRequestSchema } from "../gen/google/rpc/error_details_pb.js";
import { ProductSchema, ProductService } from "../gen/product/v1/product_pb.js";
import { catalogue, failure, transports } from "./platform.js";

for (const { name, transport } of transports) {
  describe(`products, ${name}`, () => {
    const client = createClient(ProductService, transport);

    it("lists the whole catalogue, newest first", async () => {
      const { products, nextPageToken } = await client.listProducts({ pageSize: 100 });

      assert.deepEqual(
        products.map((product) => toJson(ProductSchema, product)),
        catalogue,
        "the list must hold exactly the rows of the database",
      );
      assert.equal(nextPageToken, "", "a list that fits on one page must offer no second one");
    });

    it("walks the catalogue page by page", async () => {
      const names = [];
      let pageToken = "";
      do {
        const page = await client.listProducts({ pageSize: 2, pageToken });
        assert.ok(page.products.length <= 2, "a page must not hold more than was asked for");
        names.push(...page.products.map((product) => product.name));
        pageToken = page.nextPageToken;
      } while (pageToken !== "");

      assert.deepEqual(
        names,
        catalogue.map((product) => product.name),
        "walking the pages must meet every product once, in order",
      );
    });

    it("reads one product, with times and money as their own types", async () => {
      const expected = catalogue[0];

      const { product } = await client.getProduct({ id: expected.id });

      assert.deepEqual(toJson(ProductSchema, product), expected, "the product must be the one asked for");
      assert.equal(typeof product.createdAt.seconds, "bigint", "a timestamp must arrive as google.protobuf.Timestamp");
      assert.match(product.price.amount, /^\d+\.\d{2}$/, "an amount must be a decimal string with two decimals");
    });

    it("tells an unknown product with the code not_found", async () => {
      const error = await failure(client.getProduct({ id: "00000000-0000-7000-8000-000000000000" }));

      assert.equal(error.code, Code.NotFound, `an unknown id must be not_found, but was: ${error.message}`);
    });

    it("names the field of a malformed id in a google.rpc.BadRequest", async () => {
      const error = await failure(client.getProduct({ id: "not-a-uuid" }));

      assert.equal(error.code, Code.InvalidArgument, `a malformed id must be refused, but: ${error.message}`);
      const fields = error
        .findDetails(BadRequestSchema)
        .flatMap((detail) => detail.fieldViolations)
        .map((violation) => violation.field);
      assert.deepEqual(fields, ["id"], "the violation must name the field as the JSON request spells it");
    });

    it("answers methods that do not exist yet with unimplemented", async () => {
      const error = await failure(client.deleteProduct({ id: catalogue[0].id }));

      assert.equal(error.code, Code.Unimplemented, `DeleteProduct must be unimplemented, but: ${error.message}`);
    });
  });
}

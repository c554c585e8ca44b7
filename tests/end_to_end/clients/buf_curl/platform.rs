//! The answers of the platform to the command line.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde_json::json;

use super::{Curl, Protocol};
use crate::clients::Shop;

const GET: &str = "product.v1.ProductService/GetProduct";
const LIST: &str = "product.v1.ProductService/ListProducts";

pub(super) async fn passes(shop: &Shop, protocol: Protocol) {
    let url = shop.platform.url();
    let suite = Suite {
        curl: Curl { protocol, url },
        shop,
    };
    suite.lists_the_catalogue().await;
    suite.reads_a_product().await;
    suite.fails_with_details().await;
    suite.exchanges_metadata().await;
    suite.runs_out_of_time().await;
}

struct Suite<'a> {
    curl: Curl,
    shop: &'a Shop,
}

impl Suite<'_> {
    async fn lists_the_catalogue(&self) {
        let answer = self.curl.run(LIST, &json!({ "pageSize": 100 }), &[]).await;
        answer.must_succeed();
        assert_eq!(
            answer.messages[0]["products"], self.shop.catalogue,
            "the list must hold exactly the rows of the database"
        );
        answer.must_say("Content-Type", self.curl.protocol.answer_type);
        answer.must_say(self.curl.protocol.unary_encoding, "gzip");
    }

    async fn reads_a_product(&self) {
        let product = &self.shop.catalogue[0];
        let answer = self.curl.run(GET, &json!({ "id": product["id"] }), &[]).await;
        answer.must_succeed();
        assert_eq!(
            answer.messages[0]["product"], *product,
            "the product must be the requested one"
        );
    }

    async fn fails_with_details(&self) {
        let answer = self.curl.run(GET, &json!({ "id": "not-a-uuid" }), &[]).await;
        let error = answer.must_end("invalid_argument", 3);
        assert_eq!(
            error["details"][0]["type"], "google.rpc.BadRequest",
            "the error must have the detail: {error}"
        );
        // Field 1 is a violation, whose field 1 is the name of the wrong field.
        let value = error["details"][0]["value"].as_str().unwrap_or_default();
        let bytes = STANDARD_NO_PAD.decode(value).expect("a detail is base64");
        assert!(
            bytes[2..].starts_with(b"\x0a\x02id\x12"),
            "and name the invalid field: {error}"
        );
    }

    async fn exchanges_metadata(&self) {
        let options = ["--header", "x-request-id: from-buf"];
        let answer = self.curl.run(LIST, &json!({}), &options).await;
        answer.must_succeed();
        answer.must_say("X-Request-Id", "from-buf");
        let answer = self
            .curl
            .run("user.v1.UserService/GetUser", &json!({}), &options)
            .await;
        answer.must_end("unauthenticated", 16);
        answer.must_say("X-Request-Id", "from-buf");
        // Connect has it in a header, gRPC in its trailers.
        if self.curl.protocol.name == "connect" {
            answer.must_say("Www-Authenticate", "Bearer realm=\"akinai\"");
        }
    }

    /// The time limit of the command includes the time for reading the contract, so it must not be short. The lock on the
    /// products makes the call exceed it.
    async fn runs_out_of_time(&self) {
        let sql = self.shop.platform.database().sql();
        let lock = "begin; lock table product_service.products in access exclusive mode";
        sql.batch_execute(lock).await.expect("the products can be locked");
        let answer = self.curl.run(LIST, &json!({}), &["--timeout", "2s"]).await;
        answer.must_end("deadline_exceeded", 4);
        sql.batch_execute("rollback")
            .await
            .expect("the products can be unlocked");
    }
}

"""Who calls, and about what: without tokens and ids that exist, most of the API would never be reached."""

import itertools
import json
import os

import schemathesis

PRODUCTS = [product["id"] for product in json.loads(os.environ["AKINAI_PRODUCTS"])]
ORDER = os.environ["AKINAI_ORDER"]
USER = os.environ["AKINAI_USER"]

# Methods that end the session of their token. They get a token of their own.
LEAVING = {"user.v1.UserService.SignOut"}

CALLERS = itertools.cycle([os.environ["AKINAI_TOKEN"], os.environ["AKINAI_ADMIN_TOKEN"]])


def operation_id(operation):
    """The method's full name, whether it is called by POST or by GET."""
    return operation.definition.raw["operationId"].removesuffix(".get")


@schemathesis.auth(refresh_interval=None, retry_on=[])
class Tokens:
    """A user and an admin take turns."""

    def get(self, case, context):
        if operation_id(context.operation) in LEAVING:
            return os.environ["AKINAI_LEAVING_TOKEN"]
        return next(CALLERS)

    def set(self, case, data, context):
        case.headers["Authorization"] = f"Bearer {data}"


@schemathesis.hook
def before_call(context, case, kwargs):
    """Replaces deadlines that are too short for an answer: 504 is right then, and an error at any other time."""
    timeout = str((case.headers or {}).get("connect-timeout-ms", ""))
    if timeout.isdigit() and int(timeout) < 60_000:
        case.headers["connect-timeout-ms"] = "60000"


@schemathesis.hook
def map_body(context, body):
    return with_real_ids(context, body)


@schemathesis.hook
def map_query(context, query):
    if query and isinstance(query.get("message"), dict):
        query["message"] = with_real_ids(context, query["message"])
    return query


def with_real_ids(context, message):
    """The message with ids that exist instead of half of those that were made up."""
    if not isinstance(message, dict):
        return message
    method = operation_id(context.operation)
    real = {"productId": PRODUCTS, "ids": PRODUCTS}
    if method.startswith("product.v1.") and not method.endswith("DeleteProduct"):
        real["id"] = PRODUCTS
    elif method.startswith("order.v1."):
        real["id"] = [ORDER]
    elif method.endswith(("GetUser", "UpdateUser")):
        real["id"] = [USER]
    return replaced(message, real)


def replaced(value, real, name=None):
    """A part of a message, `name` being the member that it is in."""
    if isinstance(value, dict):
        return {name: replaced(member, real, name) for name, member in value.items()}
    if isinstance(value, list):
        return [replaced(element, real, name) for element in value]
    # By the value and not by chance: the same run is the same every time.
    if name in real and isinstance(value, str) and value[-1:] in "01234567":
        return real[name][sum(value.encode()) % len(real[name])]
    return value

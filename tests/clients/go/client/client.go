// Package client makes calls with three libraries that Go programs use, connect-go 1, connect-go 2 and grpc-go, in every
// protocol and encoding that they speak. Behind one interface, so that one suite fits all of them.
//
// Every request is compressed with gzip.
package client

import (
	"context"
	"net/http"
	"os"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	conformance "akinai.test/clients/go/gen/connectrpc/conformance/v1"
	order "akinai.test/clients/go/gen/order/v1"
	product "akinai.test/clients/go/gen/product/v1"
	user "akinai.test/clients/go/gen/user/v1"
)

// Column is one library in one protocol and encoding: a column of the matrix.
type Column struct {
	Name string
	// What the server must see as `content-type`, which proves the protocol. Empty for a call by GET, which has no body.
	UnaryType, StreamType string
	// Whether methods without side effects are called by GET.
	Get bool
	// The header that says how the messages of a unary call, and of a stream, are compressed.
	UnaryEncoding, StreamEncoding string
	// Timeout returns the request header that tells the server of a deadline that the client does not know of, in whole
	// milliseconds. It is nil where the library sends no such header that it has not made itself.
	Timeout func(time.Duration) http.Header

	Conformance Conformance
	Products    Products
	Users       Users
	Orders      Orders

	// Begin returns the context for one call, which sends these headers.
	Begin func(ctx context.Context, sent http.Header) (context.Context, Call)
	// Failure tells what an error says.
	Failure func(err error) Failure
}

// Call is what came besides the messages of an answer.
type Call interface {
	// Header returns the metadata that came first.
	Header() http.Header
	// Trailer returns the metadata that came last.
	Trailer() http.Header
}

// Failure is what the server says about a call that failed.
type Failure struct {
	// The code's name in the Connect protocol, such as `not_found`.
	Code    string
	Message string
	Details []proto.Message
}

// Stream is the answer of a method that answers with many messages.
type Stream[Response any] interface {
	// Receive returns the next message, and io.EOF after the last.
	Receive() (*Response, error)
	// Close ends the call.
	Close() error
}

// Conformance is the test service of tests/conformance.
type Conformance interface {
	Unary(context.Context, *conformance.UnaryRequest) (*conformance.UnaryResponse, error)
	IdempotentUnary(
		context.Context, *conformance.IdempotentUnaryRequest,
	) (*conformance.IdempotentUnaryResponse, error)
	Unimplemented(context.Context, *conformance.UnimplementedRequest) (*conformance.UnimplementedResponse, error)
	ServerStream(
		context.Context, *conformance.ServerStreamRequest,
	) (Stream[conformance.ServerStreamResponse], error)
}

// Products is what the suite calls of the catalogue.
type Products interface {
	ListProducts(context.Context, *product.ListProductsRequest) (*product.ListProductsResponse, error)
	GetProduct(context.Context, *product.GetProductRequest) (*product.GetProductResponse, error)
}

// Users is what the suite calls of accounts.
type Users interface {
	CreateUser(context.Context, *user.CreateUserRequest) (*user.CreateUserResponse, error)
	GetUser(context.Context, *user.GetUserRequest) (*user.GetUserResponse, error)
}

// Orders is what the suite calls of orders.
type Orders interface {
	CreateOrder(context.Context, *order.CreateOrderRequest) (*order.CreateOrderResponse, error)
	CancelOrder(context.Context, *order.CancelOrderRequest) (*order.CancelOrderResponse, error)
	WatchOrder(context.Context, *order.WatchOrderRequest) (Stream[order.WatchOrderResponse], error)
}

// ForEach runs a test with each column, all at the same time: most of the time is spent waiting.
func ForEach(t *testing.T, test func(*testing.T, Column)) {
	columns, err := all(Environment(t, "AKINAI_URL"))
	if err != nil {
		t.Fatalf("the clients must be made, but: %v", err)
	}
	for _, column := range columns {
		t.Run(column.Name, func(t *testing.T) {
			t.Parallel()
			test(t, column)
		})
	}
}

// MustEndWith checks the code that a call ends with.
func (column Column) MustEndWith(t *testing.T, err error, code string) {
	t.Helper()
	if err == nil {
		t.Fatalf("the call must end with %s, but it succeeded", code)
	}
	if failure := column.Failure(err); failure.Code != code {
		t.Fatalf("the call must end with %s, but: %v", code, err)
	}
}

// Environment returns what the suite that starts the server tells.
func Environment(t *testing.T, name string) string {
	value := os.Getenv(name)
	if value == "" {
		t.Fatalf("%s is not set: run these tests with `cargo xtask test -- clients`", name)
	}
	return value
}

// all returns every column for the server at an address.
func all(address string) ([]Column, error) {
	columns := append(connect1Columns(address), connect2Columns(address)...)
	grpc, err := grpcColumn(address)
	return append(columns, grpc), err
}

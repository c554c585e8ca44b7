// Package platform says what every client must get from the platform, whatever library and protocol it uses.
package platform

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"akinai.test/clients/go/client"
	order "akinai.test/clients/go/gen/order/v1"
	product "akinai.test/clients/go/gen/product/v1"
	user "akinai.test/clients/go/gen/user/v1"
)

func TestCatalogueIsListedNewestFirst(t *testing.T) {
	catalogue := catalogue(t)
	client.ForEach(t, func(t *testing.T, column client.Column) {
		ctx, call := column.Begin(t.Context(), nil)

		answer, err := column.Products.ListProducts(ctx, &product.ListProductsRequest{PageSize: 100})

		if err != nil {
			t.Fatalf("the list must come, but: %v", err)
		}
		if !slices.EqualFunc(answer.GetProducts(), catalogue, sameProduct) {
			t.Errorf("the list must hold exactly the rows of the database, but: %v", answer.GetProducts())
		}
		if encoding := call.Header().Get(column.UnaryEncoding); encoding != "gzip" {
			t.Errorf("the list must be compressed, but its encoding is %q", encoding)
		}
		varies := slices.Contains(call.Header().Values("Vary"), "accept-encoding")
		if varies != column.Get {
			t.Errorf("only an answer to GET is cached, and so tells what it depends on, but: %v", call.Header())
		}
	})
}

func TestProductIsReadWithTimesAndMoney(t *testing.T) {
	expected := catalogue(t)[0]
	client.ForEach(t, func(t *testing.T, column client.Column) {
		answer, err := column.Products.GetProduct(t.Context(), &product.GetProductRequest{Id: expected.GetId()})

		if err != nil {
			t.Fatalf("the product must come, but: %v", err)
		}
		if !sameProduct(answer.GetProduct(), expected) {
			t.Errorf("the product must be %v, but is %v", expected, answer.GetProduct())
		}
	})
}

func TestErrorNamesEveryWrongFieldInAGoogleRpcBadRequest(t *testing.T) {
	client.ForEach(t, func(t *testing.T, column client.Column) {
		_, err := column.Users.CreateUser(t.Context(), &user.CreateUserRequest{Email: "no address", Password: "short"})

		column.MustEndWith(t, err, "invalid_argument")
		var fields []string
		for _, detail := range column.Failure(err).Details {
			request, ok := detail.(*errdetails.BadRequest)
			if !ok {
				t.Fatalf("the detail must be a google.rpc.BadRequest, but: %v", detail)
			}
			for _, violation := range request.GetFieldViolations() {
				fields = append(fields, violation.GetField())
			}
		}
		if !slices.Equal(fields, []string{"email", "password"}) {
			t.Errorf("each wrong field must be named, in order, but: %q", fields)
		}
	})
}

func TestRequestIdComesBackWithAnswersAndErrors(t *testing.T) {
	client.ForEach(t, func(t *testing.T, column client.Column) {
		sent := http.Header{"X-Request-Id": {"from-go"}}

		ctx, answered := column.Begin(t.Context(), sent)
		if _, err := column.Products.ListProducts(ctx, &product.ListProductsRequest{}); err != nil {
			t.Fatalf("the list must come, but: %v", err)
		}
		ctx, refused := column.Begin(t.Context(), sent)
		_, err := column.Users.GetUser(ctx, &user.GetUserRequest{})

		column.MustEndWith(t, err, "unauthenticated")
		for _, call := range []client.Call{answered, refused} {
			if id := call.Header().Get("X-Request-Id"); id != "from-go" {
				t.Errorf("the request's id must come back, but: %q", id)
			}
		}
		wanted := append(refused.Header().Values("Www-Authenticate"), refused.Trailer().Values("Www-Authenticate")...)
		if !slices.Equal(wanted, []string{`Bearer realm="akinai"`}) {
			t.Errorf("the answer must say which kind of token is wanted, but: %q", wanted)
		}
	})
}

func TestCallEndsWhenTheClientsTimeIsUp(t *testing.T) {
	client.ForEach(t, func(t *testing.T, column client.Column) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()

		_, err := column.Users.CreateUser(ctx, account())

		column.MustEndWith(t, err, "deadline_exceeded")
	})
}

func TestCallIsCutOffByThePlatformWhenItsTimeIsUp(t *testing.T) {
	client.ForEach(t, func(t *testing.T, column client.Column) {
		if column.Timeout == nil {
			t.Skip("this library sends no deadline that it has not made itself")
		}
		// The header alone: the client does not know of the deadline, so the error is the platform's.
		ctx, _ := column.Begin(t.Context(), column.Timeout(5*time.Millisecond))

		_, err := column.Users.CreateUser(ctx, account())

		column.MustEndWith(t, err, "deadline_exceeded")
	})
}

func TestOrderIsPlacedFollowedAndCancelled(t *testing.T) {
	client.ForEach(t, func(t *testing.T, column client.Column) {
		begin := func() context.Context { return asUser(t, column) }
		id := place(t, column)

		states, err := column.Orders.WatchOrder(begin(), &order.WatchOrderRequest{Id: id})
		if err != nil {
			t.Fatalf("the order must be followed, but: %v", err)
		}
		defer states.Close()
		mustBe(t, states, order.OrderStatus_ORDER_STATUS_CONFIRMED)
		if _, err := column.Orders.CancelOrder(begin(), &order.CancelOrderRequest{Id: id}); err != nil {
			t.Fatalf("the order must be cancelled, but: %v", err)
		}
		mustBe(t, states, order.OrderStatus_ORDER_STATUS_CANCELLED)
		if _, err := states.Receive(); !errors.Is(err, io.EOF) {
			t.Errorf("an order that is cancelled changes no more: the stream must end, but: %v", err)
		}
	})
}

func TestCancelledStreamEndsWithCanceled(t *testing.T) {
	client.ForEach(t, func(t *testing.T, column client.Column) {
		id := place(t, column)
		ctx, cancel := context.WithCancel(asUser(t, column))
		defer cancel()
		states, err := column.Orders.WatchOrder(ctx, &order.WatchOrderRequest{Id: id})
		if err != nil {
			t.Fatalf("the order must be followed, but: %v", err)
		}
		defer states.Close()
		mustBe(t, states, order.OrderStatus_ORDER_STATUS_CONFIRMED)

		cancel()

		_, err = states.Receive()
		column.MustEndWith(t, err, "canceled")
	})
}

// asUser returns the context for one call with a user's token.
func asUser(t *testing.T, column client.Column) context.Context {
	token := http.Header{"Authorization": {"Bearer " + client.Environment(t, "AKINAI_TOKEN")}}
	ctx, _ := column.Begin(t.Context(), token)
	return ctx
}

// place places an order and returns its id.
func place(t *testing.T, column client.Column) string {
	t.Helper()
	placed, err := column.Orders.CreateOrder(asUser(t, column), &order.CreateOrderRequest{
		IdempotencyKey:  rand.Text(),
		ShippingAddress: &order.ShippingAddress{Name: "山田 花", Country: "JP", City: "京都市", Line1: "寺町通"},
		Items:           []*order.OrderItemRequest{{ProductId: catalogue(t)[0].GetId(), Quantity: 1}},
	})
	if err != nil {
		t.Fatalf("the order must be placed, but: %v", err)
	}
	return placed.GetOrder().GetId()
}

// catalogue returns every product of the database, newest first.
func catalogue(t *testing.T) []*product.Product {
	var rows []json.RawMessage
	if err := json.Unmarshal([]byte(client.Environment(t, "AKINAI_PRODUCTS")), &rows); err != nil {
		t.Fatalf("AKINAI_PRODUCTS must be a list in JSON, but: %v", err)
	}
	var products []*product.Product
	for _, row := range rows {
		one := new(product.Product)
		if err := protojson.Unmarshal(row, one); err != nil {
			t.Fatalf("AKINAI_PRODUCTS must hold products, but: %v", err)
		}
		products = append(products, one)
	}
	return products
}

// sameProduct compares all that orders leave as it is.
func sameProduct(one, other *product.Product) bool {
	one, other = proto.CloneOf(one), proto.CloneOf(other)
	one.Available, other.Available = 0, 0
	return proto.Equal(one, other)
}

// account returns an account to make, which takes tens of milliseconds for its password alone.
func account() *user.CreateUserRequest {
	return &user.CreateUserRequest{Email: rand.Text() + "@example.com", Password: "correct horse"}
}

func mustBe(t *testing.T, states client.Stream[order.WatchOrderResponse], expected order.OrderStatus) {
	t.Helper()
	state, err := states.Receive()
	if err != nil {
		t.Fatalf("a state must come, but: %v", err)
	}
	if status := state.GetOrder().GetStatus(); status != expected {
		t.Fatalf("the order must be %v, but is %v", expected, status)
	}
}

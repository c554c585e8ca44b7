package client

import (
	"context"
	"net/http"
	"strings"

	connect1 "connectrpc.com/connect"
	grpcgo "google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	conformance "akinai.test/clients/go/gen/connectrpc/conformance/v1"
	order "akinai.test/clients/go/gen/order/v1"
	product "akinai.test/clients/go/gen/product/v1"
	user "akinai.test/clients/go/gen/user/v1"
)

func grpcColumn(address string) (Column, error) {
	connection, err := grpcgo.NewClient(
		strings.TrimPrefix(address, "http://"),
		grpcgo.WithTransportCredentials(insecure.NewCredentials()),
		grpcgo.WithDefaultCallOptions(grpcgo.UseCompressor(gzip.Name)),
		grpcgo.WithUnaryInterceptor(grpcUnary),
		grpcgo.WithStreamInterceptor(grpcStream),
		grpcgo.WithStatsHandler(grpcStats{}),
	)
	column := way{protocol: grpc}.column("grpc-go")
	// What it reserves for itself, it sends for no caller.
	column.Timeout = nil
	column.Conformance = grpcConformance{conformance.NewConformanceServiceClient(connection)}
	column.Products = grpcProducts{product.NewProductServiceClient(connection)}
	column.Users = grpcUsers{user.NewUserServiceClient(connection)}
	column.Orders = grpcOrders{order.NewOrderServiceClient(connection)}
	column.Begin = grpcBegin
	column.Failure = grpcFailure
	return column, err
}

// grpcCallKey is where a context keeps its grpcCall.
type grpcCallKey struct{}

// grpcCall is filled by the library when the call has ended, or, for the header, when its first message has come.
type grpcCall struct {
	header, trailer metadata.MD
	// How the messages of the answer are compressed, which the library does not tell with the header.
	encoding string
}

func (call *grpcCall) Header() http.Header {
	header := canonical(call.header)
	header.Set(grpc.unaryEncoding, call.encoding)
	return header
}

func (call *grpcCall) Trailer() http.Header { return canonical(call.trailer) }

// grpcStats is told of what the library keeps from its callers.
type grpcStats struct{}

func (grpcStats) HandleRPC(ctx context.Context, event stats.RPCStats) {
	call, isOurs := ctx.Value(grpcCallKey{}).(*grpcCall)
	if header, ok := event.(*stats.InHeader); ok && isOurs {
		call.encoding = header.Compression
	}
}

func (grpcStats) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context   { return ctx }
func (grpcStats) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }
func (grpcStats) HandleConn(context.Context, stats.ConnStats)                       {}

// canonical returns metadata with its names as net/http spells them.
func canonical(metadata metadata.MD) http.Header {
	header := make(http.Header)
	for name, values := range metadata {
		header[http.CanonicalHeaderKey(name)] = values
	}
	return header
}

func grpcBegin(ctx context.Context, sent http.Header) (context.Context, Call) {
	for name, values := range sent {
		for _, value := range values {
			ctx = metadata.AppendToOutgoingContext(ctx, name, value)
		}
	}
	call := new(grpcCall)
	return context.WithValue(ctx, grpcCallKey{}, call), call
}

// received returns the options that make the library tell what came.
func received(ctx context.Context) []grpcgo.CallOption {
	call, ok := ctx.Value(grpcCallKey{}).(*grpcCall)
	if !ok {
		return nil
	}
	return []grpcgo.CallOption{grpcgo.Header(&call.header), grpcgo.Trailer(&call.trailer)}
}

func grpcUnary(
	ctx context.Context, method string, request, reply any, connection *grpcgo.ClientConn,
	invoker grpcgo.UnaryInvoker, options ...grpcgo.CallOption,
) error {
	return invoker(ctx, method, request, reply, connection, append(options, received(ctx)...)...)
}

func grpcStream(
	ctx context.Context, description *grpcgo.StreamDesc, connection *grpcgo.ClientConn, method string,
	streamer grpcgo.Streamer, options ...grpcgo.CallOption,
) (grpcgo.ClientStream, error) {
	return streamer(ctx, description, connection, method, append(options, received(ctx)...)...)
}

func grpcFailure(err error) Failure {
	failed := status.Convert(err)
	failure := Failure{
		// Both have the same numbers; connect-go knows the names that the suite uses.
		Code:    connect1.Code(failed.Code()).String(),
		Message: failed.Message(),
	}
	for _, detail := range failed.Details() {
		message, _ := detail.(proto.Message)
		failure.Details = append(failure.Details, message)
	}
	return failure
}

type grpcConformance struct {
	client conformance.ConformanceServiceClient
}

func (adapter grpcConformance) Unary(
	ctx context.Context, request *conformance.UnaryRequest,
) (*conformance.UnaryResponse, error) {
	return adapter.client.Unary(ctx, request)
}

func (adapter grpcConformance) IdempotentUnary(
	ctx context.Context, request *conformance.IdempotentUnaryRequest,
) (*conformance.IdempotentUnaryResponse, error) {
	return adapter.client.IdempotentUnary(ctx, request)
}

func (adapter grpcConformance) Unimplemented(
	ctx context.Context, request *conformance.UnimplementedRequest,
) (*conformance.UnimplementedResponse, error) {
	return adapter.client.Unimplemented(ctx, request)
}

func (adapter grpcConformance) ServerStream(
	ctx context.Context, request *conformance.ServerStreamRequest,
) (Stream[conformance.ServerStreamResponse], error) {
	return grpcOpen(ctx, request, adapter.client.ServerStream)
}

type grpcProducts struct {
	client product.ProductServiceClient
}

func (adapter grpcProducts) ListProducts(
	ctx context.Context, request *product.ListProductsRequest,
) (*product.ListProductsResponse, error) {
	return adapter.client.ListProducts(ctx, request)
}

func (adapter grpcProducts) GetProduct(
	ctx context.Context, request *product.GetProductRequest,
) (*product.GetProductResponse, error) {
	return adapter.client.GetProduct(ctx, request)
}

type grpcUsers struct {
	client user.UserServiceClient
}

func (adapter grpcUsers) CreateUser(
	ctx context.Context, request *user.CreateUserRequest,
) (*user.CreateUserResponse, error) {
	return adapter.client.CreateUser(ctx, request)
}

func (adapter grpcUsers) GetUser(
	ctx context.Context, request *user.GetUserRequest,
) (*user.GetUserResponse, error) {
	return adapter.client.GetUser(ctx, request)
}

type grpcOrders struct {
	client order.OrderServiceClient
}

func (adapter grpcOrders) CreateOrder(
	ctx context.Context, request *order.CreateOrderRequest,
) (*order.CreateOrderResponse, error) {
	return adapter.client.CreateOrder(ctx, request)
}

func (adapter grpcOrders) CancelOrder(
	ctx context.Context, request *order.CancelOrderRequest,
) (*order.CancelOrderResponse, error) {
	return adapter.client.CancelOrder(ctx, request)
}

func (adapter grpcOrders) WatchOrder(
	ctx context.Context, request *order.WatchOrderRequest,
) (Stream[order.WatchOrderResponse], error) {
	return grpcOpen(ctx, request, adapter.client.WatchOrder)
}

// grpcReceiver is a stream that ends with its context: the library has no other way.
type grpcReceiver[Response any] struct {
	stream grpcgo.ServerStreamingClient[Response]
	cancel context.CancelFunc
}

func grpcOpen[Request, Response any](
	ctx context.Context, request *Request,
	method func(context.Context, *Request, ...grpcgo.CallOption) (grpcgo.ServerStreamingClient[Response], error),
) (Stream[Response], error) {
	ctx, cancel := context.WithCancel(ctx)
	stream, err := method(ctx, request)
	return grpcReceiver[Response]{stream, cancel}, err
}

func (receiver grpcReceiver[Response]) Receive() (*Response, error) { return receiver.stream.Recv() }

func (receiver grpcReceiver[Response]) Close() error {
	receiver.cancel()
	return nil
}

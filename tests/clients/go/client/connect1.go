package client

import (
	"context"
	"errors"
	"io"
	"maps"
	"net/http"

	connect1 "connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	conformance "akinai.test/clients/go/gen/connectrpc/conformance/v1"
	"akinai.test/clients/go/gen/connectrpc/conformance/v1/conformancev1connect1"
	order "akinai.test/clients/go/gen/order/v1"
	"akinai.test/clients/go/gen/order/v1/orderv1connect1"
	"akinai.test/clients/go/gen/product/v1/productv1connect1"
	"akinai.test/clients/go/gen/user/v1/userv1connect1"
)

func connect1Columns(address string) []Column {
	var columns []Column
	for _, way := range ways {
		column := way.column("connect-go 1")
		client, options := way.httpClient(), connect1Options(way)
		column.Conformance = connect1Conformance{
			conformancev1connect1.NewConformanceServiceClient(client, address, options),
		}
		column.Products = productv1connect1.NewProductServiceClient(client, address, options)
		column.Users = userv1connect1.NewUserServiceClient(client, address, options)
		column.Orders = connect1Orders{orderv1connect1.NewOrderServiceClient(client, address, options)}
		column.Begin = connect1Begin
		column.Failure = connect1Failure
		columns = append(columns, column)
	}
	return columns
}

func connect1Options(way way) connect1.ClientOption {
	options := []connect1.ClientOption{connect1.WithSendGzip()}
	switch way.protocol.name {
	case grpc.name:
		options = append(options, connect1.WithGRPC())
	case grpcWeb.name:
		options = append(options, connect1.WithGRPCWeb())
	}
	if way.json {
		options = append(options, connect1.WithProtoJSON())
	}
	if way.get {
		options = append(options, connect1.WithHTTPGet())
	}
	return connect1.WithClientOptions(options...)
}

func connect1Begin(ctx context.Context, sent http.Header) (context.Context, Call) {
	ctx, info := connect1.NewClientContext(ctx)
	maps.Copy(info.RequestHeader(), sent)
	return ctx, connect1Call{info}
}

type connect1Call struct{ info connect1.CallInfo }

func (call connect1Call) Header() http.Header  { return call.info.ResponseHeader() }
func (call connect1Call) Trailer() http.Header { return call.info.ResponseTrailer() }

func connect1Failure(err error) Failure {
	failure := Failure{Code: connect1.CodeOf(err).String()}
	if failed, ok := errors.AsType[*connect1.Error](err); ok {
		failure.Message = failed.Message()
		failure.Details = details(failed.Details(), (*connect1.ErrorDetail).Value)
	}
	return failure
}

// details returns what a function makes of each detail. One that it makes nothing of is nil.
func details[Detail any](details []Detail, value func(Detail) (proto.Message, error)) []proto.Message {
	var messages []proto.Message
	for _, detail := range details {
		message, _ := value(detail)
		messages = append(messages, message)
	}
	return messages
}

type connect1Conformance struct {
	conformancev1connect1.ConformanceServiceClient
}

func (client connect1Conformance) ServerStream(
	ctx context.Context, request *conformance.ServerStreamRequest,
) (Stream[conformance.ServerStreamResponse], error) {
	return connect1Open(client.ConformanceServiceClient.ServerStream(ctx, request))
}

type connect1Orders struct {
	orderv1connect1.OrderServiceClient
}

func (client connect1Orders) WatchOrder(
	ctx context.Context, request *order.WatchOrderRequest,
) (Stream[order.WatchOrderResponse], error) {
	return connect1Open(client.OrderServiceClient.WatchOrder(ctx, request))
}

// connect1Stream is a stream that tells its end by its messages, not beside them.
type connect1Stream[Response any] struct {
	*connect1.ServerStreamForClient[Response]
}

func connect1Open[Response any](
	stream *connect1.ServerStreamForClient[Response], err error,
) (Stream[Response], error) {
	return connect1Stream[Response]{stream}, err
}

func (stream connect1Stream[Response]) Receive() (*Response, error) {
	if stream.ServerStreamForClient.Receive() {
		return stream.Msg(), nil
	}
	if err := stream.Err(); err != nil {
		return nil, err
	}
	return nil, io.EOF
}

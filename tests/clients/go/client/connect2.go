package client

import (
	"context"
	"errors"
	"net/http"

	connect2 "connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"connectrpc.com/connect/v2/connectproto"

	conformance "akinai.test/clients/go/gen/connectrpc/conformance/v1"
	"akinai.test/clients/go/gen/connectrpc/conformance/v1/conformancev1connect2"
	order "akinai.test/clients/go/gen/order/v1"
	"akinai.test/clients/go/gen/order/v1/orderv1connect2"
	"akinai.test/clients/go/gen/product/v1/productv1connect2"
	"akinai.test/clients/go/gen/user/v1/userv1connect2"
)

func connect2Columns(address string) []Column {
	var columns []Column
	for _, way := range ways {
		column := way.column("connect-go 2")
		// What it reserves for itself, it sends for no caller.
		column.Timeout = nil
		client := connect2.NewClient(connecthttp.NewTransport(way.httpClient(), address, connect2Options(way)...))
		column.Conformance = connect2Conformance{conformancev1connect2.NewConformanceServiceClient(client)}
		column.Products = productv1connect2.NewProductServiceClient(client)
		column.Users = userv1connect2.NewUserServiceClient(client)
		column.Orders = connect2Orders{orderv1connect2.NewOrderServiceClient(client)}
		column.Begin = connect2Begin
		column.Failure = connect2Failure
		columns = append(columns, column)
	}
	return columns
}

func connect2Options(way way) []connecthttp.Option {
	options := []connecthttp.Option{connecthttp.WithSendGzip()}
	switch way.protocol.name {
	case grpc.name:
		options = append(options, connecthttp.WithGRPC())
	case grpcWeb.name:
		options = append(options, connecthttp.WithGRPCWeb())
	}
	if way.json {
		options = append(options, connecthttp.WithProtoJSON())
	}
	if way.get {
		options = append(options, connecthttp.WithHTTPGet())
	}
	return options
}

func connect2Begin(ctx context.Context, sent http.Header) (context.Context, Call) {
	ctx, info := connect2.NewClientContext(ctx)
	for name, values := range sent {
		info.RequestHeader().SetValues(name, values)
	}
	return ctx, connect2Call{info}
}

type connect2Call struct{ info *connect2.CallInfo }

func (call connect2Call) Header() http.Header  { return connect2Metadata(call.info.ResponseHeader()) }
func (call connect2Call) Trailer() http.Header { return connect2Metadata(call.info.ResponseTrailer()) }

func connect2Metadata(header *connect2.Header) http.Header {
	metadata := make(http.Header)
	for name, values := range header.All() {
		metadata[name] = values
	}
	return metadata
}

func connect2Failure(err error) Failure {
	failure := Failure{Code: connect2.CodeOf(err).String()}
	if failed, ok := errors.AsType[*connect2.Error](err); ok {
		failure.Message = failed.Message()
		failure.Details = details(failed.Details(), connectproto.UnmarshalErrorDetail)
	}
	return failure
}

type connect2Conformance struct {
	conformancev1connect2.ConformanceServiceClient
}

func (client connect2Conformance) ServerStream(
	ctx context.Context, request *conformance.ServerStreamRequest,
) (Stream[conformance.ServerStreamResponse], error) {
	return client.ConformanceServiceClient.ServerStream(ctx, request)
}

type connect2Orders struct {
	orderv1connect2.OrderServiceClient
}

func (client connect2Orders) WatchOrder(
	ctx context.Context, request *order.WatchOrderRequest,
) (Stream[order.WatchOrderResponse], error) {
	return client.OrderServiceClient.WatchOrder(ctx, request)
}

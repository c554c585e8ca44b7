package conformance

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"akinai.test/clients/go/client"
	testing1 "akinai.test/clients/go/gen/akinai/testing/v1"
	v1 "akinai.test/clients/go/gen/connectrpc/conformance/v1"
)

func mustSend(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("the request must be sent, but: %v", err)
	}
}

func mustReceive(t *testing.T, stream client.BidiStream, expected string) {
	t.Helper()
	message, err := stream.Receive()
	if err != nil {
		t.Fatalf("%q must come, but: %v", expected, err)
	}
	if data := string(message.GetPayload().GetData()); data != expected {
		t.Fatalf("%q must come, but: %q", expected, data)
	}
}

// call is a unary call to make.
type call struct {
	request *v1.UnaryRequest
	sent    http.Header
	// How long the client waits; zero waits without end.
	timeout time.Duration
	// When the client gives the call up; zero never does.
	cancelAfter time.Duration
}

func request(definition *v1.UnaryResponseDefinition) *v1.UnaryRequest {
	return &v1.UnaryRequest{ResponseDefinition: definition}
}

// answer is what came of a unary call.
type answer struct {
	payload *v1.ConformancePayload
	err     error
	call    client.Call
}

// unary makes a unary call, by GET where the column does.
func unary(t *testing.T, column client.Column, call call) answer {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if call.timeout > 0 {
		ctx, cancel = context.WithTimeout(ctx, call.timeout)
		defer cancel()
	}
	if call.cancelAfter > 0 {
		time.AfterFunc(call.cancelAfter, cancel)
	}
	ctx, made := column.Begin(ctx, call.sent)
	if column.Get {
		request := &v1.IdempotentUnaryRequest{
			ResponseDefinition: call.request.ResponseDefinition, RequestData: call.request.RequestData,
		}
		response, err := column.Conformance.IdempotentUnary(ctx, request)
		return answer{response.GetPayload(), err, made}
	}
	response, err := column.Conformance.Unary(ctx, call.request)
	return answer{response.GetPayload(), err, made}
}

func (got answer) mustSucceed(t *testing.T) {
	t.Helper()
	if got.err != nil {
		t.Fatalf("the call must succeed, but: %v", got.err)
	}
}

func (got answer) mustFail(t *testing.T, column client.Column, code, message string) {
	t.Helper()
	mustFail(t, column, got.err, code, message)
}

// streamed is what came of a stream.
type streamed struct {
	payloads []*v1.ConformancePayload
	// How it ended; nil if it ended well.
	err  error
	call client.Call
}

func (got streamed) data() []string {
	var data []string
	for _, payload := range got.payloads {
		data = append(data, string(payload.GetData()))
	}
	return data
}

// stream receives all of a stream.
func stream(
	t *testing.T, column client.Column, definition *v1.StreamResponseDefinition, sent http.Header,
) streamed {
	return receive(t, t.Context(), column, definition, sent, func() {})
}

// receive receives all of a stream, and does something after its first message.
func receive(
	t *testing.T, ctx context.Context, column client.Column, definition *v1.StreamResponseDefinition,
	sent http.Header, afterFirst func(),
) streamed {
	ctx, made := column.Begin(ctx, sent)
	request := &v1.ServerStreamRequest{ResponseDefinition: definition}
	stream, err := column.Conformance.ServerStream(ctx, request)
	if err != nil {
		return streamed{err: err, call: made}
	}
	defer stream.Close()
	var payloads []*v1.ConformancePayload
	for {
		message, err := stream.Receive()
		if errors.Is(err, io.EOF) {
			return streamed{payloads, nil, made}
		}
		if err != nil {
			return streamed{payloads, err, made}
		}
		payloads = append(payloads, message.GetPayload())
		if len(payloads) == 1 {
			afterFirst()
		}
	}
}

func data(text string) *v1.UnaryResponseDefinition {
	return &v1.UnaryResponseDefinition{
		Response: &v1.UnaryResponseDefinition_ResponseData{ResponseData: []byte(text)},
	}
}

func sleeping() *v1.UnaryResponseDefinition {
	return &v1.UnaryResponseDefinition{ResponseDelayMs: forever}
}

func failing(code v1.Code, message string) *v1.UnaryResponseDefinition {
	return &v1.UnaryResponseDefinition{Response: &v1.UnaryResponseDefinition_Error{Error: failure(code, message)}}
}

func failure(code v1.Code, message string) *v1.Error {
	detail, err := anypb.New(hint())
	if err != nil {
		panic(err)
	}
	return &v1.Error{Code: code, Message: &message, Details: []*anypb.Any{detail}}
}

func hint() *testing1.Hint {
	return &testing1.Hint{Text: "後で", Number: 9_007_199_254_740_993}
}

func withMetadata(definition *v1.UnaryResponseDefinition) *v1.UnaryResponseDefinition {
	definition.ResponseHeaders = metadata("x-leading")
	definition.ResponseTrailers = metadata("x-trailing")
	return definition
}

func streamWithMetadata(data ...string) *v1.StreamResponseDefinition {
	definition := &v1.StreamResponseDefinition{
		ResponseHeaders: metadata("x-leading"), ResponseTrailers: metadata("x-trailing"),
	}
	for _, data := range data {
		definition.ResponseData = append(definition.ResponseData, []byte(data))
	}
	return definition
}

func metadata(name string) []*v1.Header {
	return []*v1.Header{{Name: name, Value: []string{"one", "two"}}}
}

func mustHaveBoth(t *testing.T, metadata http.Header, name string) {
	t.Helper()
	if values := metadata.Values(name); !slices.Equal(values, []string{"one", "two"}) {
		t.Errorf("both values of %s must come, but: %q of %v", name, values, metadata)
	}
}

// mustHaveSeen checks the values that the server saw of a request header, joined as HTTP joins them.
func mustHaveSeen(t *testing.T, payload *v1.ConformancePayload, name, expected string) {
	t.Helper()
	var values []string
	for _, header := range payload.GetRequestInfo().GetRequestHeaders() {
		if header.GetName() == name {
			values = append(values, header.GetValue()...)
		}
	}
	if seen := strings.Join(values, ", "); seen != expected {
		t.Errorf("the server must see %q as %s, but saw %q", expected, name, seen)
	}
}

func mustHaveUnpacked(t *testing.T, payload *v1.ConformancePayload, data []byte) {
	t.Helper()
	var request v1.UnaryRequest
	if err := payload.GetRequestInfo().GetRequests()[0].UnmarshalTo(&request); err != nil {
		t.Fatalf("the server must have seen the request, but: %v", err)
	}
	if !bytes.Equal(request.GetRequestData(), data) {
		t.Error("the server must have unpacked the request")
	}
}

// mustFail checks for the error of failure(), whole.
func mustFail(t *testing.T, column client.Column, err error, code, message string) {
	t.Helper()
	column.MustEndWith(t, err, code)
	failure := column.Failure(err)
	if failure.Message != message {
		t.Errorf("the message must come as it was defined, but is %q", failure.Message)
	}
	if len(failure.Details) == 0 || !proto.Equal(failure.Details[0], hint()) {
		t.Errorf("the detail must come whole, but: %v", failure.Details)
	}
}

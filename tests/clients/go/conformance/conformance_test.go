// Package conformance says what every client must get from the test service of tests/conformance, whatever library and
// protocol it uses.
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

// forever is longer than any test waits, in milliseconds: what takes this long was not cut off.
const forever = 60_000

func TestUnaryCallGetsTheDataOfItsDefinition(t *testing.T) {
	client.ForEach(t, func(t *testing.T, column client.Column) {
		got := unary(t, column, call{request: request(data("茶"))})

		got.mustSucceed(t)
		if string(got.payload.GetData()) != "茶" {
			t.Errorf("the answer must be the data of the definition, not %q", got.payload.GetData())
		}
		mustHaveSeen(t, got.payload, "content-type", column.UnaryType)
	})
}

func TestUnaryCallFailsWithEveryCodeMessageAndDetails(t *testing.T) {
	client.ForEach(t, func(t *testing.T, column client.Column) {
		for number := v1.Code_CODE_CANCELED; number <= v1.Code_CODE_UNAUTHENTICATED; number++ {
			code := strings.ToLower(strings.TrimPrefix(number.String(), "CODE_"))
			message := code + ": 100 % 売り切れ\n"

			got := unary(t, column, call{request: request(failing(number, message))})

			got.mustFail(t, column, code, message)
		}
	})
}

func TestUnaryCallSendsAndReceivesMetadata(t *testing.T) {
	client.ForEach(t, func(t *testing.T, column client.Column) {
		definition := withMetadata(data("1"))
		sent := http.Header{"X-Sent": {"one", "two"}}

		got := unary(t, column, call{request: request(definition), sent: sent})

		got.mustSucceed(t)
		mustHaveSeen(t, got.payload, "x-sent", "one, two")
		mustHaveBoth(t, got.call.Header(), "X-Leading")
		mustHaveBoth(t, got.call.Trailer(), "X-Trailing")
	})
}

func TestFailedUnaryCallReceivesMetadata(t *testing.T) {
	client.ForEach(t, func(t *testing.T, column client.Column) {
		definition := withMetadata(failing(v1.Code_CODE_ABORTED, "no"))

		got := unary(t, column, call{request: request(definition)})

		got.mustFail(t, column, "aborted", "no")
		mustHaveBoth(t, got.call.Header(), "X-Leading")
		mustHaveBoth(t, got.call.Trailer(), "X-Trailing")
	})
}

func TestServerKnowsTheDeadline(t *testing.T) {
	client.ForEach(t, func(t *testing.T, column client.Column) {
		got := unary(t, column, call{request: request(data("1")), timeout: 30 * time.Second})

		got.mustSucceed(t)
		left := got.payload.GetRequestInfo().GetTimeoutMs()
		if left < 20_000 || left > 30_000 {
			t.Errorf("the server must know of about 30 s, but knows of %d ms", left)
		}
	})
}

func TestUnaryCallEndsWhenTheClientsTimeIsUp(t *testing.T) {
	client.ForEach(t, func(t *testing.T, column client.Column) {
		got := unary(t, column, call{request: request(sleeping()), timeout: 200 * time.Millisecond})

		column.MustEndWith(t, got.err, "deadline_exceeded")
	})
}

func TestUnaryCallIsCutOffByTheServerWhenItsTimeIsUp(t *testing.T) {
	client.ForEach(t, func(t *testing.T, column client.Column) {
		if column.Timeout == nil {
			t.Skip("this library sends no deadline that it has not made itself")
		}
		// The header alone: the client does not know of the deadline, so the error is the server's.
		sent := column.Timeout(200 * time.Millisecond)

		got := unary(t, column, call{request: request(sleeping()), sent: sent})

		column.MustEndWith(t, got.err, "deadline_exceeded")
	})
}

func TestCancelledUnaryCallEndsAtOnce(t *testing.T) {
	client.ForEach(t, func(t *testing.T, column client.Column) {
		began := time.Now()

		got := unary(t, column, call{request: request(sleeping()), cancelAfter: 200 * time.Millisecond})

		column.MustEndWith(t, got.err, "canceled")
		if waited := time.Since(began); waited > 15*time.Second {
			t.Errorf("the call must end at once, but took %v", waited)
		}
	})
}

func TestRequestsAndAnswersAreCompressed(t *testing.T) {
	client.ForEach(t, func(t *testing.T, column client.Column) {
		padding := bytes.Repeat([]byte("抹茶 "), 20_000)
		large := strings.Repeat("玉露 ", 50_000)
		if column.Get {
			// What is to come back is in the request, and a URL has no room for much.
			padding, large = nil, strings.Repeat("玉露 ", 500)
		}
		request := request(data(large))
		request.RequestData = padding

		got := unary(t, column, call{request: request})

		got.mustSucceed(t)
		if string(got.payload.GetData()) != large {
			t.Error("the answer must be whole")
		}
		// net/http takes the header away where it unpacks an answer itself; the libraries unpack theirs.
		if encoding := got.call.Header().Get(column.UnaryEncoding); encoding != "gzip" {
			t.Errorf("the answer must be compressed, but its encoding is %q", encoding)
		}
		if !column.Get {
			mustHaveSeen(t, got.payload, strings.ToLower(column.UnaryEncoding), "gzip")
			mustHaveUnpacked(t, got.payload, padding)
		}
	})
}

func TestMethodThatIsNotImplementedIsUnimplemented(t *testing.T) {
	client.ForEach(t, func(t *testing.T, column client.Column) {
		_, err := column.Conformance.Unimplemented(t.Context(), &v1.UnimplementedRequest{})

		column.MustEndWith(t, err, "unimplemented")
	})
}

func TestStreamGivesEveryMessageInOrder(t *testing.T) {
	client.ForEach(t, func(t *testing.T, column client.Column) {
		large := strings.Repeat("煎茶 ", 20_000)

		got := stream(t, column, streamWithMetadata("1", large, "3"), nil)

		if got.err != nil {
			t.Fatalf("the stream must end well, but: %v", got.err)
		}
		if !slices.Equal(got.data(), []string{"1", large, "3"}) {
			t.Error("every message must come, in order and whole")
		}
		mustHaveSeen(t, got.payloads[0], "content-type", column.StreamType)
		if encoding := got.call.Header().Get(column.StreamEncoding); encoding != "gzip" {
			t.Errorf("messages must be compressed, but their encoding is %q", encoding)
		}
		mustHaveBoth(t, got.call.Header(), "X-Leading")
		mustHaveBoth(t, got.call.Trailer(), "X-Trailing")
	})
}

func TestStreamGivesMessagesThenItsErrorWithDetails(t *testing.T) {
	client.ForEach(t, func(t *testing.T, column client.Column) {
		definition := streamWithMetadata("1", "2")
		definition.Error = failure(v1.Code_CODE_RESOURCE_EXHAUSTED, "もうない")

		got := stream(t, column, definition, nil)

		if !slices.Equal(got.data(), []string{"1", "2"}) {
			t.Errorf("first the messages, but: %q", got.data())
		}
		mustFail(t, column, got.err, "resource_exhausted", "もうない")
		mustHaveBoth(t, got.call.Trailer(), "X-Trailing")
	})
}

func TestStreamGivesMessagesAsTheyComeAndEndsWhenItIsClosed(t *testing.T) {
	client.ForEach(t, func(t *testing.T, column client.Column) {
		began := time.Now()
		// All of them take 30 s.
		definition := &v1.StreamResponseDefinition{
			ResponseData:    slices.Repeat([][]byte{[]byte("1")}, 60),
			ResponseDelayMs: 500,
		}
		request := &v1.ServerStreamRequest{ResponseDefinition: definition}
		stream, err := column.Conformance.ServerStream(t.Context(), request)
		if err != nil {
			t.Fatalf("the stream must begin, but: %v", err)
		}

		if _, err := stream.Receive(); err != nil {
			t.Fatalf("the first message must come, but: %v", err)
		}
		// What a library makes of the rest of a stream that it was told to leave is its own affair.
		_ = stream.Close()

		if waited := time.Since(began); waited > 15*time.Second {
			t.Errorf("the first message must not wait for the last, but came after %v", waited)
		}
	})
}

func TestCancelledStreamEndsWithCanceled(t *testing.T) {
	client.ForEach(t, func(t *testing.T, column client.Column) {
		ctx, cancel := context.WithCancel(t.Context())
		definition := &v1.StreamResponseDefinition{
			ResponseData:    [][]byte{[]byte("1"), []byte("2")},
			ResponseDelayMs: 1000,
		}

		got := receive(t, ctx, column, definition, nil, cancel)

		if !slices.Equal(got.data(), []string{"1"}) {
			t.Errorf("only what came before the cancellation, but: %q", got.data())
		}
		column.MustEndWith(t, got.err, "canceled")
	})
}

func TestStreamIsCutOffByTheServerWhenItsTimeIsUp(t *testing.T) {
	client.ForEach(t, func(t *testing.T, column client.Column) {
		if column.Timeout == nil {
			t.Skip("this library sends no deadline that it has not made itself")
		}
		definition := &v1.StreamResponseDefinition{ResponseData: [][]byte{[]byte("1")}, ResponseDelayMs: forever}

		got := stream(t, column, definition, column.Timeout(200*time.Millisecond))

		if len(got.payloads) > 0 {
			t.Errorf("no message came in time, but: %q", got.data())
		}
		column.MustEndWith(t, got.err, "deadline_exceeded")
	})
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

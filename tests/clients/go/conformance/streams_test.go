package conformance

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"akinai.test/clients/go/client"
	v1 "akinai.test/clients/go/gen/connectrpc/conformance/v1"
)

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

func TestStreamOfRequestsIsAnsweredOnceWithAllThatCame(t *testing.T) {
	client.ForEach(t, func(t *testing.T, column client.Column) {
		large := bytes.Repeat([]byte("番茶 "), 20_000)
		ctx, made := column.Begin(t.Context(), nil)
		stream, err := column.Conformance.ClientStream(ctx)
		if err != nil {
			t.Fatalf("the stream must begin, but: %v", err)
		}
		mustSend(t, stream.Send(&v1.ClientStreamRequest{ResponseDefinition: withMetadata(data("茶"))}))
		mustSend(t, stream.Send(&v1.ClientStreamRequest{RequestData: large}))

		answer, err := stream.CloseAndReceive()

		if err != nil {
			t.Fatalf("the call must succeed, but: %v", err)
		}
		payload := answer.GetPayload()
		if string(payload.GetData()) != "茶" {
			t.Errorf("the answer must be the data of the definition, not %q", payload.GetData())
		}
		mustHaveSeen(t, payload, "content-type", column.StreamType)
		requests := payload.GetRequestInfo().GetRequests()
		if len(requests) != 2 {
			t.Fatalf("the server must have seen both requests, but saw %d", len(requests))
		}
		var second v1.ClientStreamRequest
		if err := requests[1].UnmarshalTo(&second); err != nil || !bytes.Equal(second.GetRequestData(), large) {
			t.Errorf("the second request must have come whole (%v)", err)
		}
		mustHaveBoth(t, made.Header(), "X-Leading")
		mustHaveBoth(t, made.Trailer(), "X-Trailing")
	})
}

func TestStreamOfRequestsFailsWithDetails(t *testing.T) {
	client.ForEach(t, func(t *testing.T, column client.Column) {
		stream, err := column.Conformance.ClientStream(t.Context())
		if err != nil {
			t.Fatalf("the stream must begin, but: %v", err)
		}
		definition := failing(v1.Code_CODE_OUT_OF_RANGE, "遠すぎる")
		mustSend(t, stream.Send(&v1.ClientStreamRequest{ResponseDefinition: definition}))

		_, err = stream.CloseAndReceive()

		mustFail(t, column, err, "out_of_range", "遠すぎる")
	})
}

func TestEachRequestOfAFullDuplexStreamIsAnsweredBeforeTheNextIsSent(t *testing.T) {
	client.ForEach(t, func(t *testing.T, column client.Column) {
		definition := streamWithMetadata("1", "2", "3")
		definition.Error = failure(v1.Code_CODE_ABORTED, "終わり")
		ctx, made := column.Begin(t.Context(), nil)
		stream, err := column.Conformance.BidiStream(ctx)
		if err != nil {
			t.Fatalf("the stream must begin, but: %v", err)
		}
		defer stream.Close()

		mustSend(t, stream.Send(&v1.BidiStreamRequest{ResponseDefinition: definition, FullDuplex: true}))
		mustReceive(t, stream, "1")
		mustSend(t, stream.Send(&v1.BidiStreamRequest{}))
		mustReceive(t, stream, "2")
		mustSend(t, stream.CloseSend())
		mustReceive(t, stream, "3")

		_, err = stream.Receive()
		mustFail(t, column, err, "aborted", "終わり")
		mustHaveBoth(t, made.Header(), "X-Leading")
		mustHaveBoth(t, made.Trailer(), "X-Trailing")
	})
}

func TestCancelledFullDuplexStreamEndsWithCanceled(t *testing.T) {
	client.ForEach(t, func(t *testing.T, column client.Column) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		stream, err := column.Conformance.BidiStream(ctx)
		if err != nil {
			t.Fatalf("the stream must begin, but: %v", err)
		}
		definition := streamWithMetadata("1", "2")
		mustSend(t, stream.Send(&v1.BidiStreamRequest{ResponseDefinition: definition, FullDuplex: true}))
		mustReceive(t, stream, "1")

		// The server waits for the next request.
		cancel()

		_, err = stream.Receive()
		column.MustEndWith(t, err, "canceled")
	})
}

// Package conformance says what every client must get from the test service of tests/conformance, whatever library and
// protocol it uses.
package conformance

import (
	"bytes"
	"net/http"
	"strings"
	"testing"
	"time"

	"akinai.test/clients/go/client"
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

package client

import (
	"net/http"
	"strconv"
	"time"
)

// protocol is what is known of a protocol, apart from any library.
type protocol struct {
	name string
	// What the media types begin with, before the name of the encoding.
	unaryPrefix, streamPrefix     string
	unaryEncoding, streamEncoding string
	timeoutName                   string
	// What stands behind a number of milliseconds in that header.
	timeoutUnit string
}

var (
	connect = protocol{
		name:           "Connect",
		unaryPrefix:    "application/",
		streamPrefix:   "application/connect+",
		unaryEncoding:  "Content-Encoding",
		streamEncoding: "Connect-Content-Encoding",
		timeoutName:    "Connect-Timeout-Ms",
	}
	grpcWeb = protocol{
		name:           "gRPC-Web",
		unaryPrefix:    "application/grpc-web+",
		streamPrefix:   "application/grpc-web+",
		unaryEncoding:  "Grpc-Encoding",
		streamEncoding: "Grpc-Encoding",
		timeoutName:    "Grpc-Timeout",
		timeoutUnit:    "m",
	}
	grpc = protocol{
		name:           "gRPC",
		unaryPrefix:    "application/grpc+",
		streamPrefix:   "application/grpc+",
		unaryEncoding:  "Grpc-Encoding",
		streamEncoding: "Grpc-Encoding",
		timeoutName:    "Grpc-Timeout",
		timeoutUnit:    "m",
	}
)

func (protocol protocol) timeout(time time.Duration) http.Header {
	milliseconds := strconv.FormatInt(time.Milliseconds(), 10)
	return http.Header{protocol.timeoutName: {milliseconds + protocol.timeoutUnit}}
}

// way is how a column of connect-go makes its calls.
type way struct {
	protocol protocol
	// Messages are JSON, not binary.
	json bool
	// Methods without side effects are called by GET.
	get bool
}

// ways are all that connect-go can do.
var ways = []way{
	{protocol: connect},
	{protocol: connect, json: true},
	{protocol: connect, get: true},
	{protocol: connect, json: true, get: true},
	{protocol: grpcWeb},
	{protocol: grpcWeb, json: true},
	{protocol: grpc},
	{protocol: grpc, json: true},
}

// column returns what the way says of a column.
func (way way) column(library string) Column {
	encoding := "proto"
	if way.json {
		encoding = "json"
	}
	name := library + " speaks " + way.protocol.name + " with " + encoding
	unaryType := way.protocol.unaryPrefix + encoding
	streamType := way.protocol.streamPrefix + encoding
	if way.protocol.name == grpc.name && !way.json {
		// It names no encoding: binary is what gRPC takes then.
		unaryType, streamType = "application/grpc", "application/grpc"
	}
	if way.get {
		name += " by GET"
		unaryType = ""
	}
	return Column{
		Name:           name,
		UnaryType:      unaryType,
		StreamType:     streamType,
		Get:            way.get,
		UnaryEncoding:  way.protocol.unaryEncoding,
		StreamEncoding: way.protocol.streamEncoding,
		Timeout:        way.protocol.timeout,
	}
}

// httpClient returns a client of HTTP/2 without TLS for gRPC, and one of HTTP/1.1 for the others.
func (way way) httpClient() *http.Client {
	protocols := new(http.Protocols)
	if way.protocol.name == grpc.name {
		protocols.SetUnencryptedHTTP2(true)
	} else {
		protocols.SetHTTP1(true)
	}
	return &http.Client{Transport: &http.Transport{Protocols: protocols}}
}

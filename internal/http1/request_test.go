package http1

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
)

// exact is what a client sends, and what the server makes of it: the status of each response, with its body when
// it is a success. A final "closed" means that the server ends the connection by itself.
type exact struct{ name, raw, want string }

func exactRequests() []exact {
	return slices.Concat(goodRequests(), oddChunks(), oddFrames(), oddLines())
}

func goodRequests() []exact {
	return []exact{
		{"a plain one", "GET /a?b HTTP/1.1\r\nHost: h\r\n\r\n", `200 GET /a?b HTTP/1.1 host=h length=0 body=""`},
		{"with a body", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc", `200 POST / HTTP/1.1 host=h length=3 body="abc"`},
		{"two at once", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabcGET /2 HTTP/1.1\r\nHost: h\r\n\r\n",
			`200 POST / HTTP/1.1 host=h length=3 body="abc"; 200 GET /2 HTTP/1.1 host=h length=0 body=""`},
		{"an empty line behind the body", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc\r\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\n",
			`200 POST / HTTP/1.1 host=h length=3 body="abc"; 200 GET /2 HTTP/1.1 host=h length=0 body=""`},
		{"two empty lines behind the body", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\n",
			`200 POST / HTTP/1.1 host=h length=3 body="abc"; 400 closed`},
		{"an empty line before it", "\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", `200 GET / HTTP/1.1 host=h length=0 body=""`},
		{"an empty line between two without a body", "GET / HTTP/1.1\r\nHost: h\r\n\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\n",
			`200 GET / HTTP/1.1 host=h length=0 body=""; 200 GET /2 HTTP/1.1 host=h length=0 body=""`},
		{"two empty lines before it", "\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", `400 closed`},
		{"a bare LF before it", "\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", `400 closed`},
		{"a URL as a proxy is sent it", "GET http://other/x HTTP/1.1\r\nHost: h\r\n\r\n", `200 GET http://other/x HTTP/1.1 host=other length=0 body=""`},
		{"an asterisk", "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", `200 OPTIONS * HTTP/1.1 host=h length=0 body=""`},
		{"an empty host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", `200 GET / HTTP/1.1 host= length=0 body=""`},
		{"an upgrade that nobody must accept", "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n",
			`200 GET / HTTP/1.1 host=h length=0 body=""`},
		{"HTTP/1.0", "GET / HTTP/1.0\r\n\r\n", `200 GET / HTTP/1.0 host= length=0 body="" closed`},
		{"HTTP/1.0 that goes on", "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", `200 GET / HTTP/1.0 host= length=0 body=""`},
		{"the last one", "GET / HTTP/1.1\r\nHost: h\r\nConnection: x, Close\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n",
			`200 GET / HTTP/1.1 host=h length=0 body="" closed`},
		{"a head without a body", "HEAD / HTTP/1.1\r\nHost: h\r\n\r\n", `200 `},
	}
}

func oddChunks() []exact {
	repeat := strings.Repeat
	return []exact{
		{"chunks", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: Chunked\r\n\r\n3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\n\r\n",
			`200 POST / HTTP/1.1 host=h length=-1 body="abc0123456789"`},
		{"chunks with a trailer", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n3\r\nabc\r\n0\r\nX: y\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n",
			`200 POST / HTTP/1.1 host=h length=-1 body="abc"; 200 GET / HTTP/1.1 host=h length=0 body=""`},
		{"a chunk longer than it says", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n", `400 closed`},
		{"a chunk without a size", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n\r\nabc\r\n0\r\n\r\n", `400 closed`},
		{"a size with a prefix", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n", `400 closed`},
		{"a size with a sign", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n+3\r\nabc\r\n0\r\n\r\n", `400 closed`},
		{"a size with a space", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3 \r\nabc\r\n0\r\n\r\n", `400 closed`},
		{"a size beyond all numbers", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nabc\r\n0\r\n\r\n", `400 closed`},
		{"a chunk line with a bare LF", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\nabc\r\n0\r\n\r\n", `400 closed`},
		{"an extension with a bare CR", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3;a\rb\r\nabc\r\n0\r\n\r\n", `400 closed`},
		{"an endless extension", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3;" + repeat("x", 300) + "\r\nabc\r\n0\r\n\r\n", `400 closed`},
		{"a trailer that is no field", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nx y\r\n\r\n", `400 closed`},
		{"an endless trailer", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + repeat("X: y\r\n", 1000) + "\r\n", `400 closed`},
		{"chunks of one byte with long extensions", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" +
			repeat("1;"+repeat("x", 200)+"\r\na\r\n", 200) + "0\r\n\r\n", `400 closed`},
	}
}

func oddFrames() []exact {
	return []exact{
		{"no host", "GET / HTTP/1.1\r\n\r\n", `400 closed`},
		{"two hosts", "GET / HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n", `400 closed`},
		{"a host that is none", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", `400 closed`},
		{"a length twice", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc", `400 closed`},
		{"two lengths", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc", `400 closed`},
		{"a list of lengths", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3, 3\r\n\r\nabc", `400 closed`},
		{"a negative length", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: -3\r\n\r\nabc", `400 closed`},
		{"a length with a sign", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: +3\r\n\r\nabc", `400 closed`},
		{"a length in hexadecimal", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0x3\r\n\r\nabc", `400 closed`},
		{"an empty length", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length:\r\n\r\n", `400 closed`},
		{"a length beyond all numbers", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9999999999999999999\r\n\r\n", `400 closed`},
		{"a length beside chunks", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", `400 closed`},
		{"chunked twice", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", `400 closed`},
		{"a coding that nobody knows", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", `501 closed`},
		{"a coding with a tab in it", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n", `400 closed`},
		{"chunks in HTTP/1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", `400 closed`},
	}
}

func oddLines() []exact {
	repeat := strings.Repeat
	return []exact{
		{"a folded field", "GET / HTTP/1.1\r\nHost: h\r\nX: a\r\n b\r\n\r\n", `400 closed`},
		{"a space before the colon", "GET / HTTP/1.1\r\nHost : h\r\n\r\n", `400 closed`},
		{"a field without a colon", "GET / HTTP/1.1\r\nHost: h\r\nX\r\n\r\n", `400 closed`},
		{"a field without a name", "GET / HTTP/1.1\r\nHost: h\r\n: x\r\n\r\n", `400 closed`},
		{"a zero byte in a field", "GET / HTTP/1.1\r\nHost: h\r\nX: a\x00b\r\n\r\n", `400 closed`},
		{"a CR in a field", "GET / HTTP/1.1\r\nHost: h\r\nX: a\rY: b\r\n\r\n", `400 closed`},
		{"lines that end with LF", "GET / HTTP/1.1\nHost: h\n\n", `400 closed`},
		{"one line that ends with LF", "GET / HTTP/1.1\r\nHost: h\nX: y\r\n\r\n", `400 closed`},

		{"two spaces", "GET  / HTTP/1.1\r\nHost: h\r\n\r\n", `400 closed`},
		{"a space in the target", "GET /a b HTTP/1.1\r\nHost: h\r\n\r\n", `400 closed`},
		{"a method that is no token", "G(T / HTTP/1.1\r\nHost: h\r\n\r\n", `400 closed`},
		{"no version", "GET /\r\nHost: h\r\n\r\n", `400 closed`},
		{"a version in lower case", "GET / http/1.1\r\nHost: h\r\n\r\n", `400 closed`},
		{"a target without a slash", "GET a HTTP/1.1\r\nHost: h\r\n\r\n", `400 closed`},
		{"a bad escape in the path", "GET /%zz HTTP/1.1\r\nHost: h\r\n\r\n", `400 closed`},
		{"a tunnel", "CONNECT h:443 HTTP/1.1\r\nHost: h\r\n\r\n", `400 closed`},
		{"HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", `505 closed`},
		{"the hello of TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", `400 closed`},
		{"an expectation that nobody knows", "GET / HTTP/1.1\r\nHost: h\r\nExpect: x\r\n\r\n", `417 closed`},
		{"a long target", "GET /" + repeat("a", 9<<10) + " HTTP/1.1\r\nHost: h\r\n\r\n", `414 closed`},
		{"an endless target", "GET /" + repeat("a", 64<<10), `414 closed`},
		{"a long header", "GET / HTTP/1.1\r\nHost: h\r\nX: " + repeat("a", 64<<10), `431 closed`},
		{"a hundred and one fields", "GET / HTTP/1.1\r\nHost: h\r\n" + repeat("X: y\r\n", 101) + "\r\n", `431 closed`},
	}
}

func TestRequests(t *testing.T) {
	for _, test := range exactRequests() {
		t.Run(test.name, func(t *testing.T) {
			for what, pieces := range map[string][]string{"whole": {test.raw}, "by bytes": strings.Split(test.raw, "")} {
				synctest.Test(t, func(t *testing.T) {
					raw, closed := exchangeRaw(&Server{Handler: http.HandlerFunc(echo)}, pieces...)
					got := tell(t, raw, test.raw)
					if closed {
						got += " closed"
					}
					if got != test.want {
						t.Errorf("sent %s: the answer is\n%s, want\n%s", what, got, test.want)
					}
				})
			}
		})
	}
}

// tell puts responses into words.
func tell(t *testing.T, got, sent string) string {
	method, _, _ := strings.Cut(sent, " ")
	var words []string
	for _, a := range answers(t, got, method) {
		if a.status >= 400 {
			words = append(words, fmt.Sprint(a.status))
			continue
		}
		words = append(words, fmt.Sprintf("%d %s", a.status, a.body))
	}
	return strings.Join(words, "; ")
}

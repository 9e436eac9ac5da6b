package http1

import "net/http"

// EndUnclear returns a handler for net/http, which serves what this package does not, such as TLS. It ends the
// connection after each request whose length two readers could understand in two ways, so that what one of them takes
// for the end of its body is not taken for the next request (RFC 9112, 6.1): a request with Transfer-Encoding, beside
// which net/http drops a Content-Length without telling the handler, and one of HTTP/1.0 with a body, where it drops
// a Transfer-Encoding. A request whose lengths agree shares that fate, since nothing tells it apart any more.
func EndUnclear(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor == 1 && (len(r.TransferEncoding) > 0 || r.ProtoMinor == 0 && r.ContentLength != 0) {
			w.Header().Set("Connection", "close")
		}
		h.ServeHTTP(w, r)
	})
}

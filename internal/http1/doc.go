// Package http1 serves HTTP/1.1 (and 1.0) over plain connections to an ordinary [http.Handler], for less of the
// machine's time than net/http needs. What it does not speak, TLS and HTTP/2, stays with net/http.
//
// # What a handler must know
//
// The handler runs in the connection's goroutine. The request, its URL, header and body, and the response's
// header belong to the connection and are used again once the handler has returned: a handler must not keep
// them. The texts in them may be kept, but all texts of one request share memory, so a long-lived one should be
// cloned. The body, and the deadlines of [http.ResponseController], are for the handler's own goroutine.
//
// The request's context ends when the handler returns, and when the client goes away, but the latter is noticed
// only for those who ask for its Done channel: a quick request pays nothing for it.
//
// There is no hijacking, no full duplex and no trailer: those of requests are checked and dropped.
//
// # What it refuses
//
// A request that two parsers might read in two ways is refused and its connection closed: bare CR or LF, folded
// or oddly named fields, several lengths or hosts, a length beside a transfer coding, and any transfer coding but
// chunked. Whatever it accepts, net/http reads alike; a fuzz test compares the two.
package http1

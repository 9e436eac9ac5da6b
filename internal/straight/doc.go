// Package straight is an http.RoundTripper for calls that are small and many: the goroutine that makes a call
// writes the request to a kept connection and reads the reply from it. net/http has two goroutines for each connection,
// and every request and every reply is handed from one to the next, which in a process that does little else is a good
// part of its work.
//
// [Transport] stands around an *http.Transport. It has that one's settings, and gives it every request that asks for
// more than a plain exchange over HTTP/1.1: a proxy, a body that cannot be sent twice, an Expect or an Upgrade. So it can
// stand wherever an *http.Transport does.
//
// Differences that may be noticed: only HTTP/1.1 is spoken; compressed replies are not asked for; hooks of httptrace and
// proxies are net/http's matter; a connection is opened by the call that needs it and never for another one; and
// ResponseHeaderTimeout bounds each silence of the server, in a body too, by once to twice its length.
package straight

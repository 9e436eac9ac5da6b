// Package queued carries HTTP through queues: any http.Handler becomes a server that needs no open port, and any
// http.Client can call it, with durable queues in between.
//
// [Serve] takes requests from a queue, hands each to a handler and sends what the handler writes to the queue that the
// request names. [Transport] is the other side, an http.RoundTripper. Both speak the public SQS API and nothing else,
// so the queues may be Forebay's, Amazon's, or those of any other server of that API.
//
// What travels is written down in docs/queued-http.md, and simple enough to make by hand in any language. [Request] and
// [Reply] are its two messages, [Keyring] signs and checks them, and [Assembly] joins the messages of one reply.
//
// Delivery is at least once: a handler may be called twice for one request, when a server dies before it has answered
// or answers too late. A request marked once is never started again after that; its asker gets a 502 instead.
package queued

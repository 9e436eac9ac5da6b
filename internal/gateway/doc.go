// Package gateway serves HTTP from backends that have no open port: each request becomes a message in a queue, and the
// reply finds its way back through a queue of the gateway's own, to the client that waits, or to whoever fetches it
// later with its token.
//
// A request is accepted when its message is acknowledged. From then on the queue keeps it, whatever happens to the
// gateway. A reply is deleted from the reply queue only when a waiting client has it whole, or when it is durable in
// the reply store; docs/decisions/0010-replies.md says why that is enough.
//
// The gateway is a customer of the queues: it speaks the public SQS API, so they may be Forebay's, Amazon's, or those
// of any other server of that API.
package gateway

// Package bench loads a server that speaks the SQS API, and measures what it answers: throughput, latencies, and
// whether every acknowledged message came out, once and in order.
//
// It must not be what is measured. Requests are made by hand into reused buffers, one goroutine owns one
// connection, and replies are scanned for the few fields that matter. Reference measures what the machine itself
// can do, so that a figure can be read as a fraction of it.
package bench

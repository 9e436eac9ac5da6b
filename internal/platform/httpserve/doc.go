// Package httpserve is how every program of this module serves HTTP: who may connect and how often, how long a head,
// a body, an answer and a pause may take, how much memory bodies may hold, and which web pages may call.
//
// # Connections
//
// A connection is loose while no request on it is being worked for: it has just been made, is idle, sends its head,
// or its request was not yet found worth anything (see [Keep]). A loose connection may be closed at any time to make
// room, the oldest of the address with the most of them first. Connections on which a known client has been served
// are closed last. So strangers displace each other, and an address cannot keep the others out.
//
// When nothing can be closed, a few connections more are accepted as a reserve. On these the requests that
// Options.Health names are answered, such as those of a supervisor, and no others.
//
// # Time
//
// Everything that a client does has a bound: the head, the pauses between requests, and the bytes of bodies and
// answers, which must flow at a least rate after some seconds of grace. A handler may be silent for as long as it
// wants; the time it takes itself is not counted.
package httpserve

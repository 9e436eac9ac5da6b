// Package nonblock reads and writes sockets with system calls that the Go scheduler is not told of.
//
// Go announces each system call, since it may block, and so each first one after a rest wakes the runtime's monitor: a
// thread that looks every 20 µs whether a call has blocked, for as long as anything runs. The calls of a socket that is
// ready never block. A process that is woken thousands of times a second for a few microseconds each, as a gateway between
// two queues is, spends a fifth of its processor time on being watched. See docs/decisions/0013.
//
// What waits, waits in Go's network poller, as always.
package nonblock

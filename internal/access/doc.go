// Package access knows who may come in: the keys of a server and the file that keeps them, the requests that
// are signed with them, and the certificates of TLS. What a caller may then do is decided by package queue.
package access

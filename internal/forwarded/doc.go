// Package forwarded tells who has sent a request: the peer of the connection, or, behind proxies that are trusted, the
// client that they name. It is the one place that reads X-Forwarded-For, X-Forwarded-Proto and Forwarded (RFC 7239)
// for what a client may do; policies, limits and logs ask it.
//
// A header counts only when the peer of the connection is a trusted proxy, and of it only what trusted proxies have
// written: addresses are read from the right, and the first that is no trusted proxy is the client. What cannot be
// read, and headers that contradict each other, make the client unknown. They never make it somebody else.
package forwarded

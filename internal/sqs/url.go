package sqs

import (
	"net/http"
	"strings"

	"github.com/forebay-mq/forebay/internal/forwarded"
	"github.com/forebay-mq/forebay/internal/queue"
)

// nowhere is an account that no server has: a malformed queue URL names a queue that cannot exist.
const nowhere = "-"

// parseQueueURL returns the queue that a QueueUrl names. Scheme, host and port do not matter, since the same
// server has many names; a bare queue name and the old form /queue/<name> are understood. Slashes at the end mean
// nothing.
func parseQueueURL(url string) queue.Ref {
	url = strings.TrimRight(url, "/")
	if !strings.Contains(url, "/") {
		return queue.Ref{Name: url}
	}
	path := url
	if _, rest, ok := strings.Cut(url, "://"); ok {
		_, path, _ = strings.Cut(rest, "/")
	}
	if ref, ok := parseQueuePath(path); ok {
		return ref
	}
	return queue.Ref{Account: nowhere, Name: url}
}

// parseQueuePath returns the queue that a path names with its last two segments. Slashes at the end mean nothing.
func parseQueuePath(path string) (queue.Ref, bool) {
	path = strings.TrimRight(path, "/")
	i := strings.LastIndexByte(path, '/')
	if i < 0 {
		return queue.Ref{}, false
	}
	name, path := path[i+1:], path[:i]
	account := path[strings.LastIndexByte(path, '/')+1:]
	switch {
	case account == "queue":
		return queue.Ref{Name: name}, true
	case isAccount(account):
		return queue.Ref{Account: account, Name: name}, true
	}
	return queue.Ref{}, false
}

// isAccount tells whether s looks like an account: 12 digits.
func isAccount(s string) bool {
	return len(s) == 12 && strings.Trim(s, "0123456789") == ""
}

// baseURL returns what the URLs of queues begin with: as configured, else as this client reached the server,
// else as the client reached a proxy that is trusted to tell.
func (f *front) baseURL(r *http.Request) string {
	if f.opts.PublicURL != "" {
		return strings.TrimRight(f.opts.PublicURL, "/")
	}
	scheme, host := "http", r.Host
	if r.TLS != nil {
		scheme = "https"
	}
	if f.trusts(r) {
		scheme, host = toldByProxy(r.Header, scheme, host)
	}
	if host == "" {
		host = "localhost"
	}
	return scheme + "://" + host
}

// trusts tells whether the peer is a proxy whose headers are believed.
func (f *front) trusts(r *http.Request) bool {
	if len(f.opts.TrustedProxies) == 0 {
		return false
	}
	peer, ok := forwarded.Peer(r)
	return ok && forwarded.Proxies(f.opts.TrustedProxies).Trust(peer)
}

// toldByProxy returns scheme and host as the headers of a proxy tell them; what they do not tell stays as it is.
func toldByProxy(h http.Header, scheme, host string) (string, string) {
	proto, name, port := first(h, "X-Forwarded-Proto"), first(h, "X-Forwarded-Host"), first(h, "X-Forwarded-Port")
	for pair := range strings.SplitSeq(first(h, "Forwarded"), ";") {
		key, value, _ := strings.Cut(strings.TrimSpace(pair), "=")
		value = strings.Trim(value, `"`)
		switch strings.ToLower(key) {
		case "proto":
			proto = value
		case "host":
			name = value
		}
	}
	if proto = strings.ToLower(proto); proto == "http" || proto == "https" {
		scheme = proto
	}
	if isHost(name) {
		host = name
	}
	standard := scheme == "http" && port == "80" || scheme == "https" && port == "443"
	if isPort(port) && !standard && !hasPort(host) {
		host += ":" + port
	}
	return scheme, host
}

// first returns the first of the values that proxies have gathered in a header: what the client's own one said.
func first(h http.Header, name string) string {
	value, _, _ := strings.Cut(h.Get(name), ",")
	return strings.TrimSpace(value)
}

// isHost tells whether s can be a host, with or without a port.
func isHost(s string) bool {
	if s == "" || len(s) > 255 {
		return false
	}
	return strings.Trim(strings.ToLower(s), "abcdefghijklmnopqrstuvwxyz0123456789.-_:[]") == ""
}

func isPort(s string) bool {
	return s != "" && len(s) <= 5 && strings.Trim(s, "0123456789") == ""
}

func hasPort(host string) bool {
	return strings.LastIndexByte(host, ':') > strings.LastIndexByte(host, ']')
}

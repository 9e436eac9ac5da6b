package backend

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/forebay-mq/forebay/queued"
)

// setTarget makes out ask for what stands in the request in, byte for byte, below the path of the server. Package url
// would write some of it in another way.
func setTarget(out, server *url.URL, in *http.Request) {
	path, query, asked := strings.Cut(in.RequestURI, "?")
	out.Opaque = strings.TrimSuffix(server.EscapedPath(), "/") + path
	out.RawQuery, out.ForceQuery = query, asked
}

// errNoStatus is an answer whose status is none that HTTP can pass on.
type errNoStatus int

// Error names the status.
func (e errNoStatus) Error() string {
	return fmt.Sprintf("the server behind the queue answered with the status %03d, which is none", int(e))
}

// checkStatus refuses what cannot be the status of an answer. 101 would be to a question that was not asked.
func checkStatus(status int) error {
	if status < http.StatusOK || status > queued.StatusMax {
		return errNoStatus(status)
	}
	return nil
}

// untyped is the answer of a server: where it names no type, none is guessed.
type untyped struct{ http.ResponseWriter }

// WriteHeader implements http.ResponseWriter.
func (w untyped) WriteHeader(status int) {
	h := w.Header()
	if _, typed := h["Content-Type"]; !typed && status >= http.StatusOK {
		h["Content-Type"] = nil // as net/http has it
	}
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (w untyped) Unwrap() http.ResponseWriter { return w.ResponseWriter }

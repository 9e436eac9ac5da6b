package sqs

import (
	"net/http"

	"github.com/forebay-mq/forebay/internal/queue"
)

// names is what a list or map is called. Query has no lists: it numbers their items, under a name in the singular.
type names struct {
	json  string
	query string
	key   string // in Query, the element that holds a map's key: Name or Key
}

// fields are the members of one structure of a request, in either wire form. A member that is null counts as
// absent. What cannot be read is noted in the request's failure, and reads as absent.
type fields interface {
	text(name string) (value string, given bool)
	// bytes is text that may be a part of the request's body: see readBody.
	bytes(name string) (value []byte, given bool)
	// blob is a base64 text, decoded.
	blob(name string) (value []byte, given bool)
	number(name string) queue.Int
	// texts is a list of texts, nil when it is absent or empty.
	texts(n names) []string
	// pairs is a map of texts, nil when it is absent or empty.
	pairs(n names) map[string]string
	// structures is a list of structures.
	structures(n names) []fields
	// entries is a map of structures, in the order of the request. No key comes twice.
	entries(n names) []entry
}

// entry is one key of a map with its value.
type entry struct {
	key   string
	value fields
}

// failure remembers the first thing that was wrong with a request.
type failure struct{ err *queue.Error }

// note notes a failure, unless there is an earlier one.
func (f *failure) note(err *queue.Error) {
	if f.err == nil {
		f.err = err
	}
}

// malformed notes that the request cannot be read.
func (f *failure) malformed(err error) {
	f.note(queue.Errorf(queue.CodeMalformedInput, "%s", err.Error()))
}

// request is what an action reads its input from.
type request struct {
	fields
	failure *failure
	action  string      // its name, empty when the request names none
	path    queue.Ref   // the queue whose path was asked, zero for another path
	header  http.Header // of the HTTP request
	release func()      // gives back what the fields need; may be nil
}

// decode runs read and tells what it found wrong. The fields cannot be used after it.
func (r *request) decode(read func()) error {
	read()
	if r.release != nil {
		r.release()
	}
	if r.failure.err != nil {
		return r.failure.err
	}
	return nil
}

// queue returns the queue that the request names, by QueueUrl or by its path.
func (r *request) queue() queue.Ref {
	if url, ok := r.text("QueueUrl"); ok {
		return parseQueueURL(url)
	}
	return r.path
}

// optional returns a text, empty when it is absent.
func (r *request) optional(name string) string {
	s, _ := r.text(name)
	return s
}

// required returns a text that must be given and not empty.
func (r *request) required(name string) string {
	s, _ := r.text(name)
	if s == "" {
		r.failure.note(queue.MissingParameter(name))
	}
	return s
}

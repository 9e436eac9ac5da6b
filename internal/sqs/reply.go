package sqs

import "github.com/forebay-mq/forebay/internal/queue"

// members takes the members of a result, in either wire form. A list or map that gets no item leaves no trace.
type members interface {
	text(name, value string)
	bytes(name string, value []byte)
	blob(name string, value []byte)
	number(name string, n int64)
	boolean(name string, b bool)
	// absent says that a member has no value: most forms leave it out.
	absent(name string)

	// beginList begins a list of texts, each an element, or of structures, each between beginItem and endItem.
	beginList(n names)
	element(value string)
	beginItem()
	endItem()
	endList()

	// beginMap begins a map of texts, each a pair, or of structures, each between beginEntry and endEntry.
	beginMap(n names)
	pair(key, value string)
	beginEntry(key string)
	endEntry()
	endMap()
}

// reply is what an action writes its result to.
type reply struct {
	members
	exchange *exchange
}

// queueURL returns the URL under which this client reaches the queue.
func (w *reply) queueURL(q queue.Ref) string {
	account := q.Account
	if account == "" {
		account = w.exchange.opts.Account
	}
	return w.exchange.baseURL(w.exchange.r) + "/" + account + "/" + q.Name
}

// optional writes a text; an empty one is absent.
func (w *reply) optional(name, value string) {
	if value == "" {
		w.absent(name)
		return
	}
	w.text(name, value)
}

// digest writes an MD5; zero is absent.
func (w *reply) digest(name string, d queue.Digest) {
	if d == (queue.Digest{}) {
		w.absent(name)
		return
	}
	w.text(name, d.String())
}

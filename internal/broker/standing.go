package broker

import (
	"slices"

	"github.com/forebay-mq/forebay/internal/queue"
)

// SetStandings tells the broker which keys there are, see [queue.Catalog.SetStandings]. Receives that wait and whose
// key is not among them, or may not receive any more, are answered with the refusal before it returns. Calls of
// AwaitWork return as well, so that whoever made them can be asked for the right anew.
func (b *Broker) SetStandings(list []queue.Standing) {
	b.ask(func(o *owner) {
		o.catalog.SetStandings(list)
		o.recheck(func(*waiter) bool { return true })
		o.tellAll()
	})
}

// recheck answers those of the chosen waiters who have lost the right to receive.
func (o *owner) recheck(chosen func(*waiter) bool) {
	for _, w := range slices.Clone(o.waiters.due) {
		if !chosen(w) {
			continue
		}
		if err := o.catalog.Recheck(w.request.cmd.(*queue.Receive), o.now); err != nil {
			o.waiters.remove(w)
			o.answer(w.request, nil, err)
		}
	}
}

// May reports for each of the names whether the caller may do the action on the queue of that name, see
// [queue.Catalog.May]. After Close it may do nothing.
func (b *Broker) May(by queue.Caller, action string, names []string) []bool {
	may := make([]bool, len(names))
	b.ask(func(o *owner) { may = o.catalog.May(by, action, names, o.now) })
	return may
}

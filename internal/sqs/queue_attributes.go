package sqs

import (
	"maps"
	"slices"

	"github.com/forebay-mq/forebay/internal/queue"
)

func readGetQueueAttributes(r *request, in *queue.GetQueueAttributesInput) {
	in.Queue = r.queue()
	in.Names = r.texts(names{json: "AttributeNames", query: "AttributeName"})
}

func writeGetQueueAttributes(w *reply, out *queue.GetQueueAttributesOutput) {
	writePairs(w, attributesMap(), out.Attributes)
}

func readSetQueueAttributes(r *request, in *queue.SetQueueAttributesInput) {
	in.Queue = r.queue()
	in.Attributes = r.pairs(attributesMap())
	if len(in.Attributes) == 0 {
		r.failure.note(queue.MissingParameter("Attribute.Name"))
	}
}

// writePairs writes a map in the order of its keys.
func writePairs(w *reply, n names, pairs map[string]string) {
	w.beginMap(n)
	for _, key := range slices.Sorted(maps.Keys(pairs)) {
		w.pair(key, pairs[key])
	}
	w.endMap()
}

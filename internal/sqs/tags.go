package sqs

import "github.com/forebay-mq/forebay/internal/queue"

func readTagQueue(r *request, in *queue.TagQueueInput) {
	in.Queue = r.queue()
	in.Tags = r.pairs(tagsMap())
	if len(in.Tags) == 0 {
		r.failure.note(queue.MissingParameter("Tags"))
	}
}

func readUntagQueue(r *request, in *queue.UntagQueueInput) {
	in.Queue = r.queue()
	in.Keys = r.texts(tagKeysList())
	if len(in.Keys) == 0 {
		r.failure.note(queue.MissingParameter("TagKeys"))
	}
}

func readListQueueTags(r *request, in *queue.ListQueueTagsInput) { in.Queue = r.queue() }

func writeListQueueTags(w *reply, out *queue.ListQueueTagsOutput) { writePairs(w, tagsMap(), out.Tags) }

func tagsMap() names { return names{"Tags", "Tag", "Key"} }

func tagKeysList() names { return names{json: "TagKeys", query: "TagKey"} }

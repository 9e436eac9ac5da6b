package sqs

import (
	"maps"
	"slices"
	"strings"

	"github.com/forebay-mq/forebay/internal/queue"
)

// Audited is a request that the audit log may have: it changed more than messages, or was refused.
type Audited struct {
	RequestID string
	Action    string       // empty when it was refused before its action was known
	Queue     string       // name of the queue; empty: none, or not known
	Object    string       // a permission's label
	Changed   []string     // names of the attributes or tags that were given, sorted
	Caller    queue.Caller // zero when it is not known who called
	Changes   bool         // the action is one that changes more than messages
	Code      string       // of the error in its Query spelling, empty on success
	Refused   bool         // the error says that the caller may not do that, or is not known
	Status    int          // of HTTP
}

// auditSubject notes what the audit log says of a request, before its action takes it apart.
func (x *exchange) auditSubject(req *request, act action) {
	if x.opts.Audit == nil || !act.changes && !x.opts.AuditAll {
		return
	}
	a := &x.audited
	a.Queue = req.queue().Name
	switch x.action {
	case "CreateQueue":
		a.Queue = req.optional("QueueName")
		a.Changed = keysOf(req.pairs(attributesMap()))
	case "SetQueueAttributes":
		a.Changed = keysOf(req.pairs(attributesMap()))
	case "TagQueue":
		a.Changed = keysOf(req.pairs(tagsMap()))
	case "UntagQueue":
		a.Changed = slices.Sorted(slices.Values(req.texts(tagKeysList())))
	case "AddPermission", "RemovePermission":
		a.Object = req.optional("Label")
	case "StartMessageMoveTask", "ListMessageMoveTasks":
		arn := req.optional("SourceArn")
		a.Queue = arn[strings.LastIndexByte(arn, ':')+1:]
	}
	a.Queue, a.Object = clip(a.Queue), clip(a.Object)
}

// audit tells the audit log what is about to be answered.
func (x *exchange) audit() {
	if x.opts.Audit == nil {
		return
	}
	a := &x.audited
	a.RequestID, a.Action, a.Caller, a.Code, a.Status = x.id, x.action, x.caller, x.code, x.status
	a.Changes = actions[x.action].changes
	if a.Queue == "" {
		a.Queue = x.queue
	}
	if a.Refused || x.opts.AuditAll || a.Changes && a.Code == "" {
		x.opts.Audit(x.r, *a)
	}
}

// refusing reports whether an error of that code says that a caller is not known, or may not do something.
func refusing(code queue.Code) bool {
	switch code {
	case queue.CodeAccessDenied, queue.CodeUnrecognizedClient, queue.CodeInvalidSignature, queue.CodeIncompleteSignature, queue.CodeExpiredToken:
		return true
	}
	return false
}

func keysOf(pairs map[string]string) []string { return slices.Sorted(maps.Keys(pairs)) }

// clip bounds a text of a request for the log, and copies it, since the request's memory is used again.
func clip(text string) string {
	const most = 256 // bytes: more than any name has
	return strings.Clone(text[:min(len(text), most)])
}

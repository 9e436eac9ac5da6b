package sqs

import "github.com/forebay-mq/forebay/internal/queue"

func readAddPermission(r *request, in *queue.AddPermissionInput) {
	in.Queue = r.queue()
	in.Label = r.required("Label")
	in.Accounts = r.texts(names{json: "AWSAccountIds", query: "AWSAccountId"})
	in.Actions = r.texts(names{json: "Actions", query: "ActionName"})
}

func readRemovePermission(r *request, in *queue.RemovePermissionInput) {
	in.Queue = r.queue()
	in.Label = r.required("Label")
}

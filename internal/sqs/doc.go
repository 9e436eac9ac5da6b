// Package sqs answers the Amazon SQS API over HTTP, in both its wire forms, and hands the work to a
// [queue.Service].
//
// It translates and never decides: what a value may be is said once, in package queue. Each action has one file
// that reads its input and writes its result in terms of [fields] and [members]; both wire forms offer these,
// JSON in json.go and Query in query.go, so an action is written once. The table of all actions is in
// actions.go, the table of all errors in errors.go.
package sqs

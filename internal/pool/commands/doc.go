// Package commands gives each worker of a pool a queue of its own, through which it can be told to drain, to pause, to go on
// and to work with other settings.
//
// It stands around a driver: before workers are started their queues are created, and when a worker has ended its queue is
// deleted. Queues of controllers that died are swept up later: whoever has workers says so in a tag of their queues from
// time to time, and what nobody has spoken for any more is deleted. There is one queue for each worker that lives, never
// one for each message, and any server that speaks the SQS API will do.
package commands

// Package broker runs queues: one owner goroutine steps the machine of package queue, timers and waiting
// receives hang on it, and every durable change goes through the one Commit of a Store.
package broker

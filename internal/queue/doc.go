// Package queue says what a queue is: the words, limits and errors of Amazon SQS, the Service that fronts
// call, and the pure state machine behind it.
//
// It imports the standard library alone, does no I/O, starts no goroutine and reads no clock. Time and chance
// are given to it. [Catalog.Step] decides what a command means and returns the [Record]s that must be durable
// before the [Result] may be shown, so the same code runs under a test script, a simulator and a disk.
package queue

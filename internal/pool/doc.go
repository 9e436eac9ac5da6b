// Package pool runs a pool of workers on one or more queues: it watches the queues, asks a policy how many workers there
// should be, and has a driver start what is missing.
//
// One goroutine owns a pool; a second one watches the queues for it. Nobody is killed to shrink: a worker leaves by
// itself after its idle time, and what the policy wants to be rid of sooner is asked to finish first. Every decision is
// kept with its inputs and its reason.
//
// The package is a customer of the queue service like every other: it needs GetQueueAttributes alone. What Forebay
// tells beyond that (ages, times, consumers, what comes due, and a request that waits for demand) is used where it is
// there.
package pool

// Package policy decides how many workers a pool should have.
//
// A policy is handed what can be observed at one moment (the queue, the pool's settings, the workers) and answers
// with a decision and its reason in words. It reads no clock, starts nothing and waits for nothing, so the live
// controller and the simulator run exactly the same code. Some policies remember what they saw before; each pool has
// its own.
//
// The words: W* is the wait objective ("no message should wait longer"), S the time one message takes, B the time
// from the start order of a worker to its first receive, c the messages one worker works on at once.
package policy

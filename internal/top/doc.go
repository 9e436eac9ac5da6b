// Package top draws queues, their consumers and the pools of workers on them, once or live on a terminal.
//
// It draws what it is handed: who asks, and whom, is the caller's business. Drawing is a function of a frame, the size of
// the screen and how to sort, so that everything but the keys is tested without a terminal.
package top

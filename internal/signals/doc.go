// Package signals is what queues tell to those who watch them: rates, a history of the last two days, and both with
// all other figures as JSON under /forebay/v1/queues. It asks for figures through functions that it is given.
package signals

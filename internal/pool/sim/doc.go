// Package sim plays a day of a pool in a second: the same policies that run live, on a virtual clock, against
// generated or recorded arrivals.
//
// Messages wait in the order in which they were sent; workers boot, serve, idle and retire. Everything that happens
// follows from the trace, the settings and a seed, so each figure can be made again.
package sim

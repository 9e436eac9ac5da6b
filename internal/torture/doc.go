// Package torture holds the tests that cut the power of the queue service below HTTP, a broker over its store on a
// disk in memory, again and again, and then hold what is left against everything that was acknowledged.
package torture

// Package guard holds the rules of the house as tests: who may import whom, how long a file may grow, that what
// is exported is explained and that the documents name things that exist. It has no code of its own.
package guard

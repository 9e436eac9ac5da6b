//go:build !mutants

package queue

// mutant names a mistake that is built in to see whether the tests find it. An ordinary build has none, and the
// compiler leaves out what depends on one; `make mutants` builds the others.
const mutant = ""

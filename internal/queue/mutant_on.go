//go:build mutants

package queue

// mutant is set by the linker.
var mutant string

//go:build mutants

package broker

// mutant is set by the linker.
var mutant string

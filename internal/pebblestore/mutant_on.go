//go:build mutants

package pebblestore

// mutant is set by the linker.
var mutant string

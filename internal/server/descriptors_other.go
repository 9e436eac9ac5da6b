//go:build !unix

package server

// descriptorsMax is zero: it is not known here.
func descriptorsMax() int { return 0 }

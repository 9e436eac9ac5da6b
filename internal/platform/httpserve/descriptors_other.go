//go:build !unix

package httpserve

// descriptorsMax is zero: it is not known here.
func descriptorsMax() int { return 0 }

// Package awsjson reads and writes the letters of the AWS JSON 1.0 protocol, and knows nothing of what they
// mean.
//
// A request is parsed once into a flat index of its values, which then answer by name. There is no reflection,
// and a text without escapes is a slice of the request's own bytes. Compared with encoding/json the reader is
// stricter: nesting, the number of values and repeated names are limited, and text that is not Unicode (bytes
// that are not UTF-8, half a surrogate pair) is refused instead of repaired, since a queue must give back what
// it was given.
package awsjson

package config

import "github.com/forebay-mq/forebay/internal/nearest"

// Nearest returns the one of known that name was probably meant to be, "" when nothing is near.
func Nearest(name string, known []string) string { return nearest.Of(name, known) }

package config

import (
	"os"
	"path/filepath"
	"strings"
)

// SystemFolder is where a packaged server keeps its data.
const SystemFolder = "/var/lib/forebay"

// DataFolder returns the absolute path of the data folder when the setting "data" is given: given itself, or
// else $STATE_DIRECTORY (the first of it), [SystemFolder] if that exists and may be written to, or
// ./forebay-data. Server and client commands agree on it, which is how a client finds the keys of a server
// on the same machine.
func DataFolder(given string, env func(string) (string, bool)) (string, error) {
	if given != "" {
		return filepath.Abs(given)
	}
	if state, _ := env("STATE_DIRECTORY"); state != "" {
		first, _, _ := strings.Cut(state, ":")
		return filepath.Abs(first)
	}
	if Writable(SystemFolder) {
		return SystemFolder, nil
	}
	return filepath.Abs("forebay-data")
}

// Writable reports whether folder exists and files can be made in it, by making one and removing it.
func Writable(folder string) bool {
	f, err := os.CreateTemp(folder, ".writable-*")
	if err != nil {
		return false
	}
	f.Close()
	return os.Remove(f.Name()) == nil
}

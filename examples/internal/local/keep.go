package local

import (
	"os"
	"path/filepath"
)

// Keep is the folder in which an example keeps what it reads and makes when no flag names one: here, in the folder that one
// stands in, if that exists already, else name among what programs keep for the user, or, without a home folder, among what
// is temporary. It is not made.
func Keep(name, here string) string {
	if info, err := os.Stat(here); err == nil && info.IsDir() {
		return here
	}
	base, err := os.UserCacheDir()
	if err != nil {
		base = os.TempDir()
	}
	return filepath.Join(base, "forebay", name)
}

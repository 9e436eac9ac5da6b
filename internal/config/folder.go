package config

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// SystemFolder is where a packaged server keeps its data.
const SystemFolder = "/var/lib/forebay"

// dataFolderHere is the data folder in the folder that one stands in.
const dataFolderHere = "forebay-data"

// DataFolder returns the absolute path of the data folder when the setting "data" is given: given itself, or
// else $STATE_DIRECTORY (the first of it), [SystemFolder] if that exists and may be written to, or ./forebay-data. Server
// and client commands agree on it, which is how a client finds the keys of a server on the same machine.
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
	return filepath.Abs(dataFolderHere)
}

// UserFolder returns the absolute path of a folder that a command keeps things in when the user has named none: here, in
// the folder that one stands in, if that exists, or else name in the user's [StateFolder]. Where the user has none, it is
// here too.
func UserFolder(name, here string, env func(string) (string, bool)) (string, error) {
	if !isFolder(here) {
		if state := StateFolder(env); state != "" {
			return filepath.Join(state, name), nil
		}
	}
	return filepath.Abs(here)
}

// StateFolder is where commands of a user keep what is to last and has no other place: $XDG_STATE_HOME/forebay, or what
// the system has for that in the home folder. Empty: there is no home folder, or nothing can be made in it.
func StateFolder(env func(string) (string, bool)) string {
	return ofUser(env, "XDG_STATE_HOME", filepath.Join(".local", "state"))
}

// SettingsFolder is where commands of a user keep what the user has set: $XDG_CONFIG_HOME/forebay, or what the system
// has for that in the home folder. Empty: as for [StateFolder].
func SettingsFolder(env func(string) (string, bool)) string {
	return ofUser(env, "XDG_CONFIG_HOME", ".config")
}

func ofUser(env func(string) (string, bool), variable, usual string) string {
	base, _ := env(variable)
	if !filepath.IsAbs(base) { // the specification of these variables passes over what is relative
		home := HomeFolder(env)
		if home == "" {
			return ""
		}
		switch runtime.GOOS {
		case "darwin":
			usual = filepath.Join("Library", "Application Support")
		case "windows":
			usual = filepath.Join("AppData", "Local")
		}
		base = filepath.Join(home, usual)
	}
	folder := filepath.Join(base, "forebay")
	if !isFolder(folder) && !Writable(existing(base)) {
		return ""
	}
	return folder
}

// HomeFolder is the user's home folder, if there is one.
func HomeFolder(env func(string) (string, bool)) string {
	name := "HOME"
	if runtime.GOOS == "windows" {
		name = "USERPROFILE"
	}
	home, _ := env(name)
	if !filepath.IsAbs(home) || !isFolder(home) {
		return ""
	}
	return home
}

// existing is path, or the nearest folder above it that exists.
func existing(path string) string {
	for !isFolder(path) && path != filepath.Dir(path) {
		path = filepath.Dir(path)
	}
	return path
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
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

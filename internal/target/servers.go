package target

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Files of a folder that a process serves: where it can be reached, and a lock that it holds as long as it runs.
const (
	endpointFile = "endpoint"
	lockFile     = "endpoint.lock"
)

// serversFolder holds a note for each running server of the user.
const serversFolder = "servers"

// Server is a server of this user that runs on this machine.
type Server struct {
	Name     string `json:"-"` // from its folder; distinct among those that run
	Endpoint string `json:"endpoint"`
	Data     string `json:"data"` // absolute
}

// Announce notes in folder that its process can be reached at endpoint, and in state, unless that is empty, that there is
// such a server. leave takes the notes back; it is never nil. The error says what could not be noted, and nothing depends
// on it but that commands find the process by themselves.
func Announce(folder, state, endpoint string) (leave func(), err error) {
	lock, err := holdLock(filepath.Join(folder, lockFile))
	err = errors.Join(err, writeFile(filepath.Join(folder, endpointFile), []byte(endpoint+"\n")))
	note := ""
	if state != "" {
		var noteErr error
		note, noteErr = noteServer(state, Server{Endpoint: endpoint, Data: folder})
		err = errors.Join(err, noteErr)
	}
	return func() {
		_ = os.Remove(filepath.Join(folder, endpointFile))
		if note != "" {
			_ = os.Remove(note)
		}
		if lock != nil {
			_ = lock.Close()
		}
	}, err
}

// noteServer writes the note of a running server, and returns the file's name.
func noteServer(state string, s Server) (path string, err error) {
	sum := sha256.Sum256([]byte(s.Data))
	path = filepath.Join(state, serversFolder, hex.EncodeToString(sum[:8])+".json")
	text, err := json.Marshal(s)
	if err != nil {
		return path, err
	}
	return path, writeFile(path, append(text, '\n'))
}

// Running returns where the process of a folder can be reached, and whether it runs. What a process has left that was
// killed does not count: at its address another may answer by now.
func Running(folder string) (endpoint string, running bool) {
	text, err := os.ReadFile(filepath.Join(folder, endpointFile))
	endpoint = strings.TrimSpace(string(text))
	if err != nil || endpoint == "" {
		return "", false
	}
	return endpoint, lockHeld(filepath.Join(folder, lockFile))
}

// Servers lists the servers of this user that run, by name. Notes of others are removed.
func Servers(state string) []Server {
	if state == "" {
		return nil
	}
	notes, _ := filepath.Glob(filepath.Join(state, serversFolder, "*.json")) // the pattern is well formed
	var found []Server
	for _, note := range notes {
		text, err := os.ReadFile(note)
		var s Server
		if err != nil || json.Unmarshal(text, &s) != nil || s.Data == "" {
			continue
		}
		endpoint, running := Running(s.Data)
		if !running {
			_ = os.Remove(note)
			continue
		}
		s.Endpoint, s.Name = endpoint, nameOf(s.Data)
		found = append(found, s)
	}
	counts := make(map[string]int)
	for _, s := range found {
		counts[s.Name]++
	}
	for i, s := range found {
		if counts[s.Name] > 1 {
			found[i].Name += "-" + s.Endpoint[strings.LastIndex(s.Endpoint, ":")+1:]
		}
	}
	slices.SortFunc(found, func(a, b Server) int { return strings.Compare(a.Name, b.Name) })
	return found
}

// unfit is what a name of a context cannot have.
var unfit = regexp.MustCompile(`[^A-Za-z0-9_.-]+`)

// nameOf makes a name of a data folder: its own, or that of the folder around it where its own says nothing.
func nameOf(data string) string {
	name := filepath.Base(data)
	if name == "forebay-data" || name == "data" {
		name = filepath.Base(filepath.Dir(data))
	}
	name = strings.Trim(unfit.ReplaceAllString(name, "-"), "-.")
	if name == "" {
		return "server"
	}
	return name[:min(len(name), 40)]
}

func absolute(path string) string {
	full, err := filepath.Abs(path)
	if err != nil {
		return path // the folder that one stands in is gone
	}
	return full
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// isData reports whether a folder is a server's: not merely made for one.
func isData(folder string) bool {
	if folder == "" {
		return false
	}
	for _, name := range []string{"FORMAT", endpointFile} {
		if _, err := os.Stat(filepath.Join(folder, name)); err == nil {
			return true
		}
	}
	return false
}

package target

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Context is a server under a name. It has a data folder of this machine, which says where the server is and what its
// key is, or an address with a key.
type Context struct {
	Endpoint string `json:"endpoint,omitempty"`
	Data     string `json:"data,omitempty"` // absolute
	Region   string `json:"region,omitempty"`
	KeyID    string `json:"access_key_id,omitempty"`
	Secret   string `json:"secret_access_key,omitempty"`
	Token    string `json:"session_token,omitempty"`
	CAFile   string `json:"ca_file,omitempty"` // absolute
}

// Contexts are those of a user.
type Contexts struct {
	Current  string             `json:"current,omitempty"` // the one in use; empty: none
	Contexts map[string]Context `json:"contexts"`          // by name; never nil after [LoadContexts]
}

// contextsFile is readable for its owner alone, since it has secrets.
const contextsFile = "contexts.json"

// contextName is what a context may be called: at most 64 letters, digits, dots, dashes and underscores, no dash first.
var contextName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$`)

// CheckContextName refuses what cannot be the name of a context.
func CheckContextName(name string) error {
	if contextName.MatchString(name) {
		return nil
	}
	return refuse(Usage, nil, "%q is no name of a context: it takes up to 64 letters, digits, dots, dashes and underscores", name)
}

// LoadContexts reads the contexts in the folder. A file that is missing has none; so has an empty folder.
func LoadContexts(folder string) (Contexts, error) {
	all := Contexts{Contexts: map[string]Context{}}
	if folder == "" {
		return all, nil
	}
	path := filepath.Join(folder, contextsFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return all, nil
	}
	if err != nil {
		return all, fmt.Errorf("read the contexts: %w", err)
	}
	decoder := json.NewDecoder(strings.NewReader(string(text)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&all); err != nil {
		return all, refuse(Usage, []string{"Mend it, or move it away and add the contexts again"}, "%s cannot be understood: %v", path, err)
	}
	if all.Contexts == nil {
		all.Contexts = map[string]Context{}
	}
	return all, nil
}

// Save writes the contexts into the folder, which it makes. The file is replaced whole or not at all.
func (c Contexts) Save(folder string) error {
	if folder == "" {
		return refuse(Usage, []string{"Set HOME or XDG_CONFIG_HOME"}, "there is no home folder to keep contexts in")
	}
	text, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return err
	}
	return writeFile(filepath.Join(folder, contextsFile), append(text, '\n'))
}

func (c Contexts) names() []string { return slices.Sorted(maps.Keys(c.Contexts)) }

// writeFile replaces a file, for its owner alone.
func writeFile(path string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}

// context is the server of that name: a context, or a server that runs here. Where by is not empty it is what has named
// the context, for errors.
func (r *resolver) context(name, by string) (place, error) {
	all, err := LoadContexts(r.Config)
	if err != nil {
		return place{}, err
	}
	c, ok := all.Contexts[name]
	if !ok {
		servers := Servers(r.State)
		i := slices.IndexFunc(servers, func(s Server) bool { return s.Name == name })
		if i < 0 {
			return place{}, refuse(NotFound, []string{"List contexts:  forebay context ls", "Add it:         forebay context add " + name},
				"there is no context %q (%s)", name, by)
		}
		c = Context{Data: servers[i].Data}
	}
	p := place{source: "context " + name, endpoint: c.Endpoint, key: Key{ID: c.KeyID, Secret: c.Secret, Token: c.Token}}
	if c.Endpoint == "" {
		if p, err = r.folder(c.Data, "context "+name); err != nil {
			return p, err
		}
	}
	if p.key.ID != "" {
		p.keySource = p.source
	}
	p.region, p.caFile = c.Region, c.CAFile
	return p, nil
}

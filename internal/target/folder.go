package target

// DataFolder returns the data folder that a command works on which needs no running server, whether or not it is there:
// that of a flag, of Forebay's variables, of the context in use, or the one at hand. A context without a folder on this
// machine is an error: the user means a server whose folder is elsewhere. Addresses do not count, since they say nothing
// of folders.
func DataFolder(f Flags, m Machine) (string, error) {
	r := &resolver{f, m}
	if f.Data != "" {
		return absolute(f.Data), nil
	}
	name, by := f.Context, "--context"
	if name == "" {
		if data := r.env("FOREBAY_DATA"); data != "" {
			return absolute(data), nil
		}
		name, by = r.env("FOREBAY_CONTEXT"), "FOREBAY_CONTEXT"
	}
	all, err := LoadContexts(r.Config)
	if err != nil {
		return "", err
	}
	if name == "" {
		name, by = all.Current, "forebay context use"
	}
	if name == "" {
		if servers := Servers(r.State); !isData(r.Folder) && len(servers) == 1 {
			return servers[0].Data, nil
		}
		return r.Folder, nil
	}
	data := all.Contexts[name].Data
	if _, ok := all.Contexts[name]; !ok {
		for _, s := range Servers(r.State) {
			if s.Name == name {
				data = s.Data
			}
		}
	}
	if data == "" {
		return "", refuse(NotFound, []string{"Name the folder:  --data FOLDER"},
			"context %q (%s) has no data folder on this machine", name, by)
	}
	return data, nil
}

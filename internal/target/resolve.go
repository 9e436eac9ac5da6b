package target

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"strings"
)

// What holds where nothing else is said.
const (
	DefaultEndpoint = "http://127.0.0.1:4566"
	DefaultRegion   = "us-east-1"
)

// noKey stands for a key where there is none. A server under --dev accepts it, as anything.
const noKey = "none"

// Flags are what the command line says. An empty value was not given.
type Flags struct {
	Endpoint string // --endpoint
	Data     string // --data
	Context  string // --context
	Region   string // --region
	CAFile   string // --ca-file
}

// Key is a pair that signs requests; its zero value is none.
type Key struct {
	ID     string
	Secret string
	Token  string // of a session; empty for most
}

// Machine is what the command finds around it. Folders may be empty: there is none then.
type Machine struct {
	Env     func(string) (string, bool)      // as os.LookupEnv
	Folder  string                           // absolute: the data folder of a server that is started here without settings
	InPlace bool                             // Folder is in the folder that the user stands in, who so means its server alone
	Config  string                           // absolute: where contexts are kept
	State   string                           // absolute: where servers of this user note that they run
	RootKey func(folder string) (Key, error) // the root key of a data folder; [fs.ErrNotExist] where there is none
	Home    string                           // the user's home folder, for ~/.aws
}

// Target is a server, and how to speak to it.
type Target struct {
	Endpoint string // base URL, without a slash at the end
	Region   string // to sign for
	Key      Key    // "none" where no key was found
	CAFile   string // authorities to trust instead of the system's, PEM; empty: the system's
	Data     string // the server's data folder, where that is known

	Source    string // what has named the server, such as "--data" or "context prod"
	KeySource string // what the key is from; empty: no key was found
	Open      bool   // the server is known to accept any key
	Note      string // why a key that is there was not used; empty: there is none such
}

// place names a server, with the key that stands beside it.
type place struct {
	source, keySource string
	endpoint          string // empty: the place has a key alone, which is for whichever server is named
	key               Key
	region, caFile    string
	data              string
	open              bool
	loose             bool // the key stands in the environment
	note              string
}

// resolver looks through the places of a command.
type resolver struct {
	Flags
	Machine
}

// Resolve finds the server that is meant. Its errors are of type *[Error], or are those of files that cannot be read.
func Resolve(f Flags, m Machine) (Target, error) {
	r := &resolver{f, m}
	p, err := r.choose()
	if err != nil {
		return Target{}, err
	}
	if err := CheckEndpoint(p.endpoint); err != nil {
		return Target{}, err
	}
	t := Target{
		Endpoint: strings.TrimRight(p.endpoint, "/"), Key: p.key, Data: p.data, Open: p.open, Note: p.note,
		Source: p.source, KeySource: p.keySource,
		Region: cmp.Or(f.Region, r.env("FOREBAY_REGION"), p.region, r.env("AWS_REGION"), r.env("AWS_DEFAULT_REGION"), DefaultRegion),
		CAFile: cmp.Or(f.CAFile, r.env("FOREBAY_CA_FILE"), p.caFile, r.env("AWS_CA_BUNDLE")),
	}
	if t.Key.ID == "" {
		t.Key, t.KeySource = Key{ID: noKey, Secret: noKey}, ""
	}
	return t, nil
}

func (r *resolver) env(name string) string {
	value, _ := r.Env(name)
	return value
}

// choose goes through the places in the order that the package describes.
func (r *resolver) choose() (place, error) {
	for _, level := range []func() (place, bool, error){
		r.commandLine, r.forebayVariables, r.awsVariables, r.awsProfile, r.currentContext, r.folderHere, r.runningServer,
	} {
		if p, found, err := level(); err != nil || found {
			return p, err
		}
	}
	p := place{source: "the default", endpoint: DefaultEndpoint}
	return p, r.complete(&p)
}

// commandLine is the place that flags name.
func (r *resolver) commandLine() (place, bool, error) {
	switch {
	case r.Context != "" && (r.Flags.Endpoint != "" || r.Data != ""):
		return place{}, false, refuse(Usage, []string{"List contexts:  forebay context ls"},
			"--context names a server, and so do --endpoint and --data: give only one of them")
	case r.Context != "":
		p, err := r.context(r.Context, "--context")
		return p, true, err
	case r.Flags.Endpoint != "":
		p, err := r.at(r.Flags.Endpoint, "--endpoint", r.Data, "--data")
		return p, true, err
	case r.Data != "":
		p, err := r.folder(r.Data, "--data")
		return p, true, err
	}
	return place{}, false, nil
}

// forebayVariables is the place that Forebay's own variables name. A key among them goes before that of the folder or
// context: they belong together.
func (r *resolver) forebayVariables() (place, bool, error) {
	endpoint, data, context := r.env("FOREBAY_ENDPOINT"), r.env("FOREBAY_DATA"), r.env("FOREBAY_CONTEXT")
	if endpoint == "" && data == "" && context == "" {
		return place{}, false, nil
	}
	key, err := r.forebayKey()
	if err != nil {
		return place{}, false, err
	}
	var p place
	switch {
	case context != "" && (endpoint != "" || data != ""):
		return place{}, false, refuse(Usage, []string{"Take one back, such as:  unset FOREBAY_CONTEXT"},
			"FOREBAY_CONTEXT names a server, and so do FOREBAY_ENDPOINT and FOREBAY_DATA: set only one of them")
	case context != "":
		p, err = r.context(context, "FOREBAY_CONTEXT")
	case endpoint != "" && key.ID != "":
		p = place{source: "FOREBAY_ENDPOINT", endpoint: endpoint}
		if data != "" {
			p.data = absolute(data)
		}
	case endpoint != "":
		p, err = r.at(endpoint, "FOREBAY_ENDPOINT", data, "FOREBAY_DATA")
	default:
		p, err = r.folder(data, "FOREBAY_DATA")
	}
	if err == nil && key.ID != "" {
		p.key, p.keySource = key, "FOREBAY_ACCESS_KEY_ID"
	}
	return p, true, err
}

// awsVariables is the place that the variables of AWS SDKs name.
func (r *resolver) awsVariables() (place, bool, error) {
	endpoint, source := r.awsEndpoint()
	if endpoint == "" {
		return place{}, false, nil
	}
	p := place{source: source, endpoint: endpoint}
	return p, true, r.complete(&p)
}

// awsEndpoint is what AWS SDKs take from the environment for SQS.
func (r *resolver) awsEndpoint() (endpoint, source string) {
	if r.ignoresEndpoints() {
		return "", ""
	}
	for _, name := range []string{"AWS_ENDPOINT_URL_SQS", "AWS_ENDPOINT_URL"} {
		if value := r.env(name); value != "" {
			return value, name
		}
	}
	return "", ""
}

func (r *resolver) ignoresEndpoints() bool {
	return strings.EqualFold(r.env("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"), "true")
}

// currentContext is the place that `forebay context use` has chosen.
func (r *resolver) currentContext() (place, bool, error) {
	all, err := LoadContexts(r.Config)
	if err != nil || all.Current == "" {
		return place{}, false, err
	}
	p, err := r.context(all.Current, "forebay context use")
	if err == nil {
		err = r.overrideKey(&p)
	}
	return p, true, err
}

// folderHere is the server of the data folder at hand. One that stands still is passed over, unless the user stands
// beside it.
func (r *resolver) folderHere() (place, bool, error) {
	if !isData(r.Folder) {
		return place{}, false, nil
	}
	p, err := r.folder(r.Folder, "")
	if e, ok := errors.AsType[*Error](err); ok && e.Kind == Unreachable && !r.InPlace {
		if servers := Servers(r.State); len(servers) > 0 {
			return place{}, false, nil
		}
	}
	if err == nil {
		err = r.overrideKey(&p)
	}
	return p, true, err
}

// runningServer is the one server that runs on this machine, as far as this user knows.
func (r *resolver) runningServer() (place, bool, error) {
	servers := Servers(r.State)
	switch len(servers) {
	case 0:
		return place{}, false, nil
	case 1:
		p, err := r.folder(servers[0].Data, "")
		if err == nil {
			err = r.overrideKey(&p)
		}
		return p, true, err
	}
	hints := make([]string, 0, len(servers)+1)
	for _, s := range servers {
		hints = append(hints, fmt.Sprintf("--context %-12s %s, data in %s", s.Name, s.Endpoint, s.Data))
	}
	return place{}, false, refuse(NotFound, append(hints, "For good:  forebay context use NAME"),
		"%d servers run here: say which one is meant", len(servers))
}

// overrideKey puts FOREBAY_ACCESS_KEY_ID in the place of the key of p, which no flag has named.
func (r *resolver) overrideKey(p *place) error {
	key, err := r.forebayKey()
	if key.ID != "" {
		p.key, p.keySource = key, "FOREBAY_ACCESS_KEY_ID"
	}
	return err
}

// at is a server by its address, with the key of a data folder where one is named beside it.
func (r *resolver) at(endpoint, source, data, dataSource string) (place, error) {
	p := place{source: source, endpoint: endpoint}
	if err := CheckEndpoint(endpoint); err != nil {
		return p, err
	}
	if data == "" {
		return p, r.complete(&p)
	}
	p.data = absolute(data)
	key, err := r.RootKey(p.data)
	switch {
	case err == nil:
		p.key, p.keySource = key, dataSource
	case !errors.Is(err, fs.ErrNotExist):
		return p, err
	case !Local(endpoint):
		return p, refuse(Denied, []string{"Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and leave " + dataSource + " out"},
			"no credentials for %s: %s has none", endpoint, p.data)
	}
	return p, nil
}

// folder is the server of a data folder, which must run.
func (r *resolver) folder(data, source string) (place, error) {
	data = absolute(data)
	p := place{source: cmp.Or(source, "the data folder "+data), data: data}
	named := ""
	if source != "" {
		named = " (" + source + ")"
	}
	if !isFolder(data) {
		return p, refuse(NotFound, []string{"Start a server there:  forebay serve --data " + data}, "there is no folder %s%s", data, named)
	}
	endpoint, running := Running(data)
	if !running {
		return p, refuse(Unreachable, []string{"Start it:                        forebay serve --data " + data,
			"Or say where it can be reached:  --endpoint URL --data " + data}, "no server runs in %s%s", data, named)
	}
	p.endpoint = endpoint
	key, err := r.RootKey(data)
	switch {
	case err == nil:
		p.key, p.keySource = key, p.source
	case errors.Is(err, fs.ErrNotExist):
		p.open = true // it runs without keys, so it runs under --dev
	default:
		return p, err
	}
	return p, nil
}

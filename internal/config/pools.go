package config

import (
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// PoolFile is a file of pools.
type PoolFile struct {
	Listen string // host:port; empty: not said
	State  string // folder; empty: not said
	Pools  []Pool // in the order of the file
	path   string
	data   []byte
}

// Pool is one [pools.NAME] section, or the flags that stand for one. Whether the values make sense together is for
// others to say.
type Pool struct {
	Name          string
	Queues        []string
	Wait          time.Duration
	Min, Max      int
	Slots         int
	Budget, Price float64
	Policy        string
	Boot, Service time.Duration
	Every         time.Duration

	Driver                              string
	Command, CountCommand, DrainCommand []string
	Folder                              string
	Commands                            bool // workers take commands, each through a queue of its own
	URL, CountURL, TokenEnv             string
	Group, Region, Endpoint             string

	Standby bool          // several controllers, of which one leads
	Lease   time.Duration // how long a leader that has gone is waited for

	keys map[string]key // where each was given
}

// PoolKey is a setting of a pool.
type PoolKey struct {
	Key, Usage string
	FileOnly   bool // it is no flag
	set        func(p *Pool, v poolValue) error
}

// Flag is the key as a flag, without dashes in front.
func (k PoolKey) Flag() string { return strings.ReplaceAll(k.Key, "_", "-") }

// Set gives a pool the setting, from the text of a flag.
func (k PoolKey) Set(p *Pool, text string) error { return k.set(p, poolValue{text: text}) }

// poolValue is a value before anybody knows what it should be.
type poolValue struct {
	text   string
	list   []string
	isList bool
}

// PoolKeys lists the settings of a pool in the order in which they are shown. The slice is the caller's.
func PoolKeys() []PoolKey { return slices.Clone(poolKeys) }

var poolKeys = []PoolKey{
	{Key: "queue", Usage: "queue to work on, by name or URL", set: func(p *Pool, v poolValue) error {
		p.Queues = append(p.Queues, v.text)
		return v.plain()
	}},
	{Key: "queues", Usage: "several queues, the most important first", FileOnly: true, set: words(func(p *Pool) *[]string { return &p.Queues })},
	span("wait", "objective: no message should wait longer", func(p *Pool) *time.Duration { return &p.Wait }),
	whole("min", "workers that are always there", func(p *Pool) *int { return &p.Min }),
	whole("max", "never more workers", func(p *Pool) *int { return &p.Max }),
	whole("slots", "messages that a worker takes at once", func(p *Pool) *int { return &p.Slots }),
	amount("budget", "what the pool may cost in an hour", func(p *Pool) *float64 { return &p.Budget }),
	amount("price", "what a worker costs in an hour, in the same money", func(p *Pool) *float64 { return &p.Price }),
	word("policy", "slack, keda:target=12, target-tracking:target=12, nomad:target=2, age-step or fixed:workers=4", func(p *Pool) *string { return &p.Policy }),
	span("boot", "first estimate of the time from a start order to the first receive", func(p *Pool) *time.Duration { return &p.Boot }),
	span("service", "first estimate of the time that a message takes", func(p *Pool) *time.Duration { return &p.Service }),
	span("every", "time between two regular decisions (that of the policy)", func(p *Pool) *time.Duration { return &p.Every }),
	word("driver", "how workers are started: exec, webhook, command, capacity or none", func(p *Pool) *string { return &p.Driver }),
	{Key: "command", Usage: "the worker (exec) or what starts workers (command)", FileOnly: true, set: words(func(p *Pool) *[]string { return &p.Command })},
	{Key: "count_command", Usage: "prints how many workers there are", FileOnly: true, set: words(func(p *Pool) *[]string { return &p.CountCommand })},
	{Key: "drain_command", Usage: "has workers finish and leave", FileOnly: true, set: words(func(p *Pool) *[]string { return &p.DrainCommand })},
	truth("commands", "workers take commands (exec); {commands} in the command says so, too", func(p *Pool) *bool { return &p.Commands }),
	word("folder", "folder that workers run in (exec)", func(p *Pool) *string { return &p.Folder }),
	word("url", "gets a POST for each order (webhook)", func(p *Pool) *string { return &p.URL }),
	word("count_url", "answers how many workers there are (webhook)", func(p *Pool) *string { return &p.CountURL }),
	word("token_env", "environment variable with the bearer token (webhook)", func(p *Pool) *string { return &p.TokenEnv }),
	word("group", "Auto Scaling group (capacity)", func(p *Pool) *string { return &p.Group }),
	word("group_region", "its region (capacity)", func(p *Pool) *string { return &p.Region }),
	word("group_endpoint", "URL of the Auto Scaling API, when it is not Amazon's (capacity)", func(p *Pool) *string { return &p.Endpoint }),
	truth("standby", "several controllers run this pool: one leads, the others stand by", func(p *Pool) *bool { return &p.Standby }),
	span("lease", "how long a leader that has gone is waited for", func(p *Pool) *time.Duration { return &p.Lease }),
}

// plain refuses a list where one value is wanted.
func (v poolValue) plain() error {
	if v.isList {
		return fmt.Errorf("a list stands where one value is wanted")
	}
	if v.text == "" {
		return fmt.Errorf("the value is empty")
	}
	return nil
}

func word(name, usage string, field func(*Pool) *string) PoolKey {
	return PoolKey{Key: name, Usage: usage, set: func(p *Pool, v poolValue) error {
		*field(p) = v.text
		return v.plain()
	}}
}

func words(field func(*Pool) *[]string) func(*Pool, poolValue) error {
	return func(p *Pool, v poolValue) error {
		if !v.isList {
			return fmt.Errorf(`a list is wanted, like ["a", "b"]`)
		}
		*field(p) = v.list
		return nil
	}
}

// parsed is a key whose text is read by a function; like shows how it is written.
func parsed[T any](name, usage, like string, field func(*Pool) *T, read func(string) (T, error)) PoolKey {
	return PoolKey{Key: name, Usage: usage, set: func(p *Pool, v poolValue) error {
		if err := v.plain(); err != nil {
			return err
		}
		value, err := read(v.text)
		if err != nil {
			return fmt.Errorf("%q is not %s", v.text, like)
		}
		*field(p) = value
		return nil
	}}
}

func span(name, usage string, field func(*Pool) *time.Duration) PoolKey {
	return parsed(name, usage, "a duration; write it like 30s", field, time.ParseDuration)
}

func whole(name, usage string, field func(*Pool) *int) PoolKey {
	return parsed(name, usage, "a whole number", field, strconv.Atoi)
}

func amount(name, usage string, field func(*Pool) *float64) PoolKey {
	return parsed(name, usage, "a number", field, func(text string) (float64, error) {
		f, err := strconv.ParseFloat(text, 64)
		if err == nil && (math.IsNaN(f) || math.IsInf(f, 0)) {
			err = strconv.ErrRange
		}
		return f, err
	})
}

func truth(name, usage string, field func(*Pool) *bool) PoolKey {
	return parsed(name, usage, "true or false", field, strconv.ParseBool)
}

// LoadPools reads a file of pools. Errors are *[FileError]s that name the line, the key and, for a key that nobody
// knows, the nearest one.
func LoadPools(path string) (*PoolFile, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("the file of pools cannot be read: %w", err)
	}
	return parsePools(path, data)
}

func parsePools(path string, data []byte) (*PoolFile, error) {
	found := &PoolFile{path: path, data: data}
	r := reader{data: data, file: &file{path: path}}
	r.section = func(k key) error { return found.section(&r, k) }
	r.entry = func(k key) error { return found.value(&r, k) }
	if err := r.parse(); err != nil {
		return nil, err
	}
	if len(found.Pools) == 0 {
		return nil, fmt.Errorf("%s: there is no pool in it; begin with [pools.NAME]", path)
	}
	return found, nil
}

// poolSection is where pools stand.
const poolSection = "pools"

func (f *PoolFile) section(r *reader, k key) error {
	if k.path[0] != poolSection || len(k.path) != 2 {
		name := strings.Join(k.path, ".")
		hint := "a pool's section is [pools.NAME]"
		if Nearest(k.path[0], []string{poolSection}) != "" && k.path[0] != poolSection {
			hint = fmt.Sprintf("did you mean [pools.%s]?", strings.Join(k.path[1:], "."))
		}
		return r.markKey(k, fmt.Sprintf("unknown section [%s]", name), hint)
	}
	f.pool(k)
	return nil
}

// pool is the pool whose section or key k is.
func (f *PoolFile) pool(k key) *Pool {
	for i := range f.Pools {
		if f.Pools[i].Name == k.path[1] {
			return &f.Pools[i]
		}
	}
	f.Pools = append(f.Pools, Pool{Name: k.path[1], keys: map[string]key{"name": k}})
	return &f.Pools[len(f.Pools)-1]
}

func (f *PoolFile) value(r *reader, k key) error {
	last := k.path[len(k.path)-1]
	v, ok := valueOf(r.lookup(k.path))
	if !ok {
		return r.markKey(k, fmt.Sprintf("%q takes a text, a number, true or false, or a list of texts", last), "")
	}
	if len(k.path) == 1 {
		return f.top(r, k, v)
	}
	if k.path[0] != poolSection || len(k.path) != 3 {
		return f.section(r, k)
	}
	i := slices.IndexFunc(poolKeys, func(p PoolKey) bool { return p.Key == last })
	if i < 0 {
		names := make([]string, len(poolKeys))
		for i, p := range poolKeys {
			names[i] = p.Key
		}
		return r.unknown(k, last, "pools."+k.path[1], names)
	}
	p := f.pool(k)
	p.keys[last] = k
	if err := poolKeys[i].set(p, v); err != nil {
		return r.markKey(k, last+": "+err.Error(), "")
	}
	return nil
}

// top takes the settings that stand above all pools.
func (f *PoolFile) top(r *reader, k key, v poolValue) error {
	settings := map[string]*string{"listen": &f.Listen, "state": &f.State}
	field, ok := settings[k.path[0]]
	if !ok {
		return r.unknown(k, k.path[0], "", []string{"listen", "state"})
	}
	err := v.plain()
	if *field = v.text; err == nil && k.path[0] == "listen" {
		err = address(v.text)
	}
	if err != nil {
		return r.markKey(k, k.path[0]+": "+err.Error(), "")
	}
	return nil
}

// valueOf is the value of a key in the tree.
func valueOf(value any) (poolValue, bool) {
	if f, ok := value.(float64); ok {
		return poolValue{text: strconv.FormatFloat(f, 'g', -1, 64)}, true
	}
	items, isList := value.([]any)
	if !isList {
		text, ok := plain(value)
		return poolValue{text: text}, ok
	}
	v := poolValue{isList: true}
	for _, item := range items {
		text, ok := item.(string)
		if !ok {
			return v, false
		}
		v.list = append(v.list, text)
	}
	return v, true
}

// Wrong is the error for a key of a pool whose value turned out to be wrong, with the line it stands in. A key that was
// not given is shown at the pool's section.
func (f *PoolFile) Wrong(pool, name, what string) error {
	r := reader{data: f.data, file: &file{path: f.path}}
	for _, p := range f.Pools {
		if p.Name != pool {
			continue
		}
		k, ok := p.keys[name]
		if !ok && name == "queue" {
			k, ok = p.keys["queues"]
		}
		if !ok {
			k = p.keys["name"]
		}
		return r.markKey(k, what, "")
	}
	return fmt.Errorf("%s: %s", f.path, what)
}

// InFile says whether the pools come from a file, and not from flags.
func (f *PoolFile) InFile() bool { return f.path != "" }

package target

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Servers of the tests. Each has a key with its own name, so that a mixture shows.
const (
	prodURL   = "https://prod.example:4566"
	drillURL  = "http://127.0.0.1:14602" // in the folder drill, which runs
	hereURL   = "http://127.0.0.1:14603" // in the folder here, which runs
	otherURL  = "http://127.0.0.1:14604"
	remoteURL = "https://other.example"
)

// bench is a machine with folders, contexts and variables.
type bench struct {
	root    string
	machine Machine
	env     map[string]string
}

// newBench makes a machine with the folders drill (runs), here (runs), still (does not) and dev (runs without keys).
func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{root: t.TempDir(), env: map[string]string{}}
	for name, endpoint := range map[string]string{"drill": drillURL, "here": hereURL, "still": "", "dev": otherURL} {
		folder := filepath.Join(b.root, name)
		if err := os.MkdirAll(folder, 0o700); err != nil {
			t.Fatal(err)
		}
		b.write(t, filepath.Join(name, "FORMAT"), "x")
		if endpoint != "" {
			leave, err := Announce(folder, "", endpoint)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(leave)
		}
	}
	b.machine = Machine{Folder: filepath.Join(b.root, "nowhere"), Config: filepath.Join(b.root, "config"),
		State: filepath.Join(b.root, "state"), Home: b.root,
		Env: func(name string) (string, bool) { value, ok := b.env[name]; return value, ok },
		RootKey: func(folder string) (Key, error) {
			name := filepath.Base(folder)
			if name == "dev" || !isFolder(folder) {
				return Key{}, fs.ErrNotExist
			}
			return Key{ID: name, Secret: "secret of " + name}, nil
		}}
	contexts := Contexts{Contexts: map[string]Context{
		"prod":  {Endpoint: prodURL, KeyID: "context-prod", Secret: "s", Region: "eu-north-1", CAFile: "/prod.pem"},
		"drill": {Data: filepath.Join(b.root, "drill")},
		"still": {Data: filepath.Join(b.root, "still")},
		"bare":  {Endpoint: remoteURL},
	}}
	if err := contexts.Save(b.machine.Config); err != nil {
		t.Fatal(err)
	}
	b.write(t, ".aws/config", "[profile prod]\nregion = eu-west-3\nendpoint_url = "+prodURL+"\naws_access_key_id = profile-prod\naws_secret_access_key = s\n"+
		"[profile sqs]\nservices = local\n[services local]\ns3 =\n  endpoint_url = http://s3.example\nsqs =\n  endpoint_url = "+otherURL+"\n"+
		"[profile keys]\nregion = us-west-2\n[default]\nendpoint_url = "+prodURL+"\n")
	b.write(t, ".aws/credentials", "[keys]\naws_access_key_id = profile-keys\naws_secret_access_key = s\n[sqs]\naws_access_key_id = profile-sqs\naws_secret_access_key = s\n")
	return b
}

func (b *bench) write(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join(b.root, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// setting is what one row puts on the machine: flags begin with --, "here", "home" and "use" stand for a data folder in
// place, the user's own data folder and the context in use; the rest are variables. FOLDER/ begins a path of the machine.
func (b *bench) resolve(t *testing.T, setting string) (Target, error) {
	t.Helper()
	var f Flags
	for word := range strings.FieldsSeq(setting) {
		name, value, _ := strings.Cut(word, "=")
		if after, ok := strings.CutPrefix(value, "FOLDER/"); ok {
			value = filepath.Join(b.root, after)
		}
		switch name {
		case "--endpoint":
			f.Endpoint = value
		case "--data":
			f.Data = value
		case "--context":
			f.Context = value
		case "--region":
			f.Region = value
		case "--ca-file":
			f.CAFile = value
		case "here", "home":
			b.machine.Folder, b.machine.InPlace = value, name == "here"
		case "use":
			all, err := LoadContexts(b.machine.Config)
			if err != nil {
				t.Fatal(err)
			}
			if all.Current == value {
				continue
			}
			all.Current = value
			if err := all.Save(b.machine.Config); err != nil {
				t.Fatal(err)
			}
		case "runs":
			if _, err := noteServer(b.machine.State, Server{Data: value}); err != nil {
				t.Fatal(err)
			}
		default:
			b.env[name] = value
		}
	}
	return Resolve(f, b.machine)
}

// What the environment says of production, in every way that there is.
const (
	awsProd     = " AWS_ENDPOINT_URL_SQS=" + prodURL + " AWS_ACCESS_KEY_ID=aws-prod AWS_SECRET_ACCESS_KEY=s "
	genericProd = " AWS_ENDPOINT_URL=" + prodURL + " AWS_ACCESS_KEY_ID=aws-prod AWS_SECRET_ACCESS_KEY=s "
	forebayProd = " FOREBAY_ENDPOINT=" + prodURL + " FOREBAY_ACCESS_KEY_ID=forebay-prod FOREBAY_SECRET_ACCESS_KEY=s "
	bareAWS     = " AWS_ACCESS_KEY_ID=aws AWS_SECRET_ACCESS_KEY=s "
	bareForebay = " FOREBAY_ACCESS_KEY_ID=forebay FOREBAY_SECRET_ACCESS_KEY=s "
)

func TestWhichServerAndKey(t *testing.T) {
	for _, tt := range []struct {
		name, setting string
		endpoint, key string // of the target
		refused       string // of the error, instead
	}{
		{"nothing is said", "", DefaultEndpoint, "none", ""},

		// A flag goes before everything.
		{"a folder by flag, production in the variables for SQS", "--data=FOLDER/drill" + awsProd, drillURL, "drill", ""},
		{"a folder by flag, production in the general variables", "--data=FOLDER/drill" + genericProd, drillURL, "drill", ""},
		{"a folder by flag, production in our variables", "--data=FOLDER/drill" + forebayProd, drillURL, "drill", ""},
		{"a folder by flag, a key of ours that stands alone", "--data=FOLDER/drill" + bareForebay, drillURL, "drill", ""},
		{"a folder by flag, a key of AWS that stands alone", "--data=FOLDER/drill" + bareAWS, drillURL, "drill", ""},
		{"a folder by flag, another in the environment", "--data=FOLDER/drill FOREBAY_DATA=FOLDER/here", drillURL, "drill", ""},
		{"a folder by flag, production as the context in the environment", "--data=FOLDER/drill FOREBAY_CONTEXT=prod", drillURL, "drill", ""},
		{"a folder by flag, production as the context in use", "--data=FOLDER/drill use=prod", drillURL, "drill", ""},
		{"a folder by flag, production in the profile", "--data=FOLDER/drill AWS_PROFILE=prod", drillURL, "drill", ""},
		{"a folder by flag, another at hand", "--data=FOLDER/drill here=FOLDER/here", drillURL, "drill", ""},
		{"a context by flag, production in the variables", "--context=drill" + awsProd, drillURL, "drill", ""},
		{"a context by flag, production in our variables", "--context=drill" + forebayProd, drillURL, "drill", ""},
		{"a context by flag with a key of its own, another in the variables", "--context=prod" + bareForebay + bareAWS, prodURL, "context-prod", ""},
		{"an address by flag with its folder, production in the variables", "--endpoint=http://127.0.0.1:9 --data=FOLDER/drill" + awsProd + forebayProd, "http://127.0.0.1:9", "drill", ""},
		{"an address by flag, its key in a folder at hand", "--endpoint=" + hereURL + " here=FOLDER/here" + awsProd, hereURL, "here", ""},
		{"an address by flag under another name of this machine", "--endpoint=http://localhost:14603 here=FOLDER/here" + awsProd, "http://localhost:14603", "here", ""},
		{"an address by flag, its key in a context", "--endpoint=" + prodURL + "/ here=FOLDER/here", prodURL, "context-prod", ""},
		{"an address by flag, the same in the variables", "--endpoint=" + prodURL + awsProd, prodURL, "aws-prod", ""},
		{"an address by flag, the same in our variables", "--endpoint=" + prodURL + forebayProd, prodURL, "forebay-prod", ""},
		{"an address by flag, a key of AWS that stands alone", "--endpoint=" + remoteURL + bareAWS, remoteURL, "aws", ""},
		{"an address by flag, a key of ours that stands alone", "--endpoint=" + remoteURL + bareForebay + awsProd, remoteURL, "forebay", ""},
		{"an address by flag, a profile with a key alone", "--endpoint=" + remoteURL + " AWS_PROFILE=keys", remoteURL, "profile-keys", ""},
		{"an address by flag, the folder of the same address in our variables", "--endpoint=" + remoteURL + " FOREBAY_ENDPOINT=" + remoteURL + " FOREBAY_DATA=FOLDER/drill", remoteURL, "drill", ""},
		{"an address by flag on this machine, keys of production", "--endpoint=http://127.0.0.1:9" + awsProd + forebayProd, "http://127.0.0.1:9", "none", ""},
		{"an address by flag of a server without keys", "--endpoint=" + otherURL + " --data=FOLDER/dev" + awsProd, otherURL, "none", ""},

		// A key of another place is refused.
		{"an address by flag, keys of production", "--endpoint=" + remoteURL + awsProd, "", "", "the key in AWS_ACCESS_KEY_ID is for " + prodURL},
		{"an address by flag, general keys of production", "--endpoint=" + remoteURL + genericProd, "", "", "the key in AWS_ACCESS_KEY_ID is for " + prodURL},
		{"an address by flag, our keys of production", "--endpoint=" + remoteURL + forebayProd, "", "", "the key in FOREBAY_ACCESS_KEY_ID is for " + prodURL},
		{"an address by flag, our key for a folder", "--endpoint=" + remoteURL + " FOREBAY_DATA=FOLDER/drill" + bareForebay, "", "", "is for " + drillURL},
		{"an address by flag, our key for a context", "--endpoint=" + remoteURL + " FOREBAY_CONTEXT=drill" + bareForebay, "", "", "is for " + drillURL},
		{"an address by flag, our key for a folder that stands still", "--endpoint=" + remoteURL + " FOREBAY_DATA=FOLDER/still" + bareForebay, "", "", "is for the server of FOREBAY_DATA"},
		{"an address by flag, a profile of production", "--endpoint=" + remoteURL + " AWS_PROFILE=prod", "", "", "no credentials for " + remoteURL},
		{"an address by flag, a folder at hand", "--endpoint=" + remoteURL + " here=FOLDER/here", "", "", "no credentials for " + remoteURL},
		{"an address by flag, a context in use", "--endpoint=" + remoteURL + " use=prod", "", "", "no credentials for " + remoteURL},
		{"an address in a variable, a folder at hand", "AWS_ENDPOINT_URL_SQS=" + remoteURL + " here=FOLDER/here", "", "", "no credentials for " + remoteURL},
		{"an address by flag whose folder has no key", "--endpoint=" + remoteURL + " --data=FOLDER/dev" + awsProd, "", "", "has none"},
		{"an id without a secret", "FOREBAY_ACCESS_KEY_ID=x --endpoint=" + remoteURL, "", "", "FOREBAY_SECRET_ACCESS_KEY is not"},
		{"an id of AWS without a secret", "AWS_ACCESS_KEY_ID=x --endpoint=" + remoteURL, "", "", "AWS_SECRET_ACCESS_KEY is not"},

		// Flags, and variables, that contradict each other.
		{"a context and an address", "--context=prod --endpoint=" + drillURL, "", "", "give only one of them"},
		{"a context and a folder", "--context=prod --data=FOLDER/drill", "", "", "give only one of them"},
		{"a context and a folder in the environment", "FOREBAY_CONTEXT=prod FOREBAY_DATA=FOLDER/drill", "", "", "set only one of them"},
		{"a context and an address in the environment", "FOREBAY_CONTEXT=prod FOREBAY_ENDPOINT=" + drillURL, "", "", "set only one of them"},
		{"an address that is none", "--endpoint=localhost", "", "", "is no endpoint"},
		{"a context that is not there", "--context=none", "", "", `no context "none"`},

		// What is named and does not run is not replaced by something else.
		{"a folder by flag that stands still", "--data=FOLDER/still" + awsProd, "", "", "no server runs in"},
		{"a folder by flag that is not there", "--data=FOLDER/missing" + awsProd, "", "", "there is no folder"},
		{"a context that stands still", "--context=still here=FOLDER/here", "", "", "no server runs in"},
		{"a folder in the environment that stands still", "FOREBAY_DATA=FOLDER/still" + awsProd, "", "", "no server runs in"},
		{"a folder that one stands beside and that stands still", "here=FOLDER/still runs=FOLDER/drill", "", "", "no server runs in"},
		{"the user's folder stands still, and so does all else", "home=FOLDER/still", "", "", "no server runs in"},

		// Our variables go before those of AWS, and a key among them before that of the folder.
		{"our address and that of AWS", forebayProd + " AWS_ENDPOINT_URL_SQS=" + drillURL + bareAWS, prodURL, "forebay-prod", ""},
		{"our address with a key of AWS", "FOREBAY_ENDPOINT=" + remoteURL + bareAWS, remoteURL, "aws", ""},
		{"our address with keys of production", "FOREBAY_ENDPOINT=" + remoteURL + awsProd, "", "", "is for " + prodURL},
		{"our address with its folder", "FOREBAY_ENDPOINT=http://127.0.0.1:9 FOREBAY_DATA=FOLDER/drill" + awsProd, "http://127.0.0.1:9", "drill", ""},
		{"our address with its folder and a lesser key", "FOREBAY_ENDPOINT=http://127.0.0.1:9 FOREBAY_DATA=FOLDER/drill" + bareForebay, "http://127.0.0.1:9", "forebay", ""},
		{"a folder in the environment", "FOREBAY_DATA=FOLDER/drill" + awsProd, drillURL, "drill", ""},
		{"a folder in the environment and a lesser key", "FOREBAY_DATA=FOLDER/drill" + bareForebay, drillURL, "forebay", ""},
		{"a context in the environment", "FOREBAY_CONTEXT=drill" + awsProd, drillURL, "drill", ""},

		// Variables of AWS go before what is stored.
		{"the variable for SQS and the general one", awsProd + "AWS_ENDPOINT_URL=" + drillURL, prodURL, "aws-prod", ""},
		{"the general variable alone", genericProd + "here=FOLDER/here", prodURL, "aws-prod", ""},
		{"variables of AWS, a context in use and a folder at hand", awsProd + "use=drill here=FOLDER/here", prodURL, "aws-prod", ""},
		{"variables of AWS with a key of ours that stands alone", awsProd + bareForebay, prodURL, "forebay", ""},
		{"an address in a variable, its key in the folder at hand", "AWS_ENDPOINT_URL_SQS=" + hereURL + " here=FOLDER/here", hereURL, "here", ""},
		{"variables of AWS that are to be ignored", awsProd + "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=true here=FOLDER/here", hereURL, "here", ""},
		{"a profile with an address", "AWS_PROFILE=prod here=FOLDER/here", prodURL, "profile-prod", ""},
		{"a profile with an address for SQS", "AWS_PROFILE=sqs here=FOLDER/here", otherURL, "profile-sqs", ""},
		{"a profile with an address, and variables", "AWS_PROFILE=prod AWS_ENDPOINT_URL_SQS=" + drillURL + bareAWS, drillURL, "aws", ""},
		{"a profile without an address", "AWS_PROFILE=keys here=FOLDER/here", hereURL, "here", ""},
		{"a profile that is not there", "AWS_PROFILE=nonsense here=FOLDER/here", hereURL, "here", ""},
		{"the default profile is not looked at", "here=FOLDER/here", hereURL, "here", ""},

		// What is stored goes before what is found.
		{"a context in use and a folder at hand", "use=drill here=FOLDER/here", drillURL, "drill", ""},
		{"a context in use and a key of AWS that stands alone", "use=drill" + bareAWS, drillURL, "drill", ""},
		{"a context in use and a lesser key", "use=drill" + bareForebay, drillURL, "forebay", ""},
		{"a context in use that is not there", "use=gone here=FOLDER/here", "", "", `no context "gone"`},
		{"a folder at hand and a key of AWS that stands alone", "here=FOLDER/here" + bareAWS, hereURL, "here", ""},
		{"a folder at hand and a lesser key", "here=FOLDER/here" + bareForebay, hereURL, "forebay", ""},
		{"a folder at hand and a server that runs elsewhere", "here=FOLDER/here runs=FOLDER/drill", hereURL, "here", ""},
		{"a folder at hand of a server without keys", "here=FOLDER/dev" + bareAWS, otherURL, "none", ""},
		{"the user's folder stands still, a server runs elsewhere", "home=FOLDER/still runs=FOLDER/drill", drillURL, "drill", ""},
		{"one server runs", "runs=FOLDER/drill", drillURL, "drill", ""},
		{"a server that runs, by its name", "--context=here runs=FOLDER/here runs=FOLDER/drill", hereURL, "here", ""},
		{"two servers run", "runs=FOLDER/drill runs=FOLDER/here", "", "", "2 servers run here"},
		{"nothing but a key of AWS", bareAWS, DefaultEndpoint, "aws", ""},
		{"nothing but a key of ours", bareForebay, DefaultEndpoint, "forebay", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := newBench(t).resolve(t, tt.setting)
			switch {
			case tt.refused != "":
				e, ok := errors.AsType[*Error](err)
				if !ok || !strings.Contains(e.What, tt.refused) || e.Kind == 0 {
					t.Errorf("%s: got %s with the key %s, %v; want a refusal with %q", tt.setting, got.Endpoint, got.Key.ID, err, tt.refused)
				}
			case err != nil || got.Endpoint != tt.endpoint || got.Key.ID != tt.key:
				t.Errorf("%s: got %s with the key %s, %v; want %s with %s", tt.setting, got.Endpoint, got.Key.ID, err, tt.endpoint, tt.key)
			}
		})
	}
}

// Whatever stands beside each other, the key is never that of another server. Each row of the product of flags, variables,
// contexts and folders is tried.
func TestTheKeyIsAlwaysOfTheServer(t *testing.T) {
	b := newBench(t)
	owners := map[string]string{"drill": drillURL, "here": hereURL, "context-prod": prodURL, "aws-prod": prodURL, "forebay-prod": prodURL, "profile-prod": prodURL}
	levels := [][]string{
		{"use=", "use=prod", "use=drill"},
		{"", "--data=FOLDER/drill", "--endpoint=" + drillURL, "--endpoint=" + prodURL, "--endpoint=" + remoteURL, "--context=drill", "--context=prod"},
		{"", forebayProd, "FOREBAY_DATA=FOLDER/here", "FOREBAY_ENDPOINT=" + remoteURL, "FOREBAY_CONTEXT=prod", "FOREBAY_CONTEXT=drill"},
		{"", awsProd, genericProd, "AWS_ENDPOINT_URL_SQS=" + remoteURL, "AWS_ENDPOINT_URL_SQS=" + drillURL, "AWS_PROFILE=prod"},
		{"here=", "here=FOLDER/here", "here=FOLDER/still"},
	}
	tried := 0
	for _, setting := range product(levels) {
		clear(b.env)
		got, err := b.resolve(t, setting)
		if err != nil {
			continue // refused, as it may always be
		}
		tried++
		if owner := owners[got.Key.ID]; owner != "" && !same(owner, got.Endpoint) {
			t.Errorf("%s: the key %s of %s goes to %s", setting, got.Key.ID, owner, got.Endpoint)
		}
		if strings.Contains(setting, "--data=FOLDER/drill") || strings.Contains(setting, "--context=drill") {
			if got.Endpoint != drillURL || got.Key.ID != "drill" {
				t.Errorf("%s: got %s with %s, want the server that the flag names", setting, got.Endpoint, got.Key.ID)
			}
		}
		if _, after, ok := strings.Cut(setting, "--endpoint="); ok && got.Endpoint != strings.Fields(after)[0] {
			t.Errorf("%s: got %s, want the address that the flag names", setting, got.Endpoint)
		}
	}
	if tried < 500 {
		t.Errorf("only %d settings led to a server", tried)
	}
}

// product is each way to choose one word of each list.
func product(lists [][]string) []string {
	all := []string{""}
	for _, words := range lists {
		var next []string
		for _, before := range all {
			for _, word := range words {
				next = append(next, before+" "+word)
			}
		}
		all = next
	}
	return all
}

func TestRegionAndAuthorities(t *testing.T) {
	for _, tt := range []struct{ name, setting, region, file string }{
		{"nothing is said", "", DefaultRegion, ""},
		{"flags", "--context=prod --region=eu-1 --ca-file=/a.pem FOREBAY_REGION=x FOREBAY_CA_FILE=/b.pem", "eu-1", "/a.pem"},
		{"our variables", "--context=prod FOREBAY_REGION=eu-2 FOREBAY_CA_FILE=/b.pem AWS_CA_BUNDLE=/c.pem", "eu-2", "/b.pem"},
		{"those of the context", "--context=prod AWS_REGION=x AWS_CA_BUNDLE=/c.pem", "eu-north-1", "/prod.pem"},
		{"those of the profile", "AWS_PROFILE=prod AWS_REGION=x", "eu-west-3", ""},
		{"variables of AWS", "AWS_REGION=eu-3 AWS_DEFAULT_REGION=x AWS_CA_BUNDLE=/c.pem", "eu-3", "/c.pem"},
		{"the older variable", "AWS_DEFAULT_REGION=eu-4", "eu-4", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := newBench(t).resolve(t, tt.setting)
			if err != nil || got.Region != tt.region || got.CAFile != tt.file {
				t.Errorf("%s: got %q and %q, %v; want %q and %q", tt.setting, got.Region, got.CAFile, err, tt.region, tt.file)
			}
		})
	}
}

// What a program is given leads it to the same server, whatever stood in the environment before.
func TestProgramsFindTheSameServer(t *testing.T) {
	for _, setting := range product([][]string{{"", "--data=FOLDER/drill", "--context=prod"}, {"", forebayProd, "FOREBAY_DATA=FOLDER/here"},
		{"", awsProd, "AWS_PROFILE=prod"}, {"", "AWS_SESSION_TOKEN=x"}}) {
		b := newBench(t)
		want, err := b.resolve(t, setting)
		if err != nil {
			t.Fatalf("%s: %v", setting, err)
		}
		var environ []string
		for _, name := range slices.Sorted(maps.Keys(b.env)) {
			environ = append(environ, name+"="+b.env[name])
		}
		clear(b.env)
		for _, variable := range want.Environ(environ) {
			name, value, _ := strings.Cut(variable, "=")
			b.env[name] = value
		}
		got, err := Resolve(Flags{}, b.machine)
		if err != nil || got.Endpoint != want.Endpoint || got.Key != want.Key {
			t.Errorf("%s: a program finds %s with %v, %v; want %s with %v", setting, got.Endpoint, got.Key, err, want.Endpoint, want.Key)
		}
		if left := want.Misleading(b.machine.Env); len(left) > 0 {
			t.Errorf("%s: still misleading: %v", setting, left)
		}
	}
}

func TestWhereTheDataIs(t *testing.T) {
	for _, tt := range []struct{ name, setting, want, refused string }{
		{"nothing is said", "here=FOLDER/here" + awsProd, "here", ""},
		{"a flag", "--data=FOLDER/still FOREBAY_DATA=FOLDER/here", "still", ""},
		{"our variable", "FOREBAY_DATA=FOLDER/drill use=prod", "drill", ""},
		{"a context with a folder", "--context=drill FOREBAY_DATA=FOLDER/here", "drill", ""},
		{"a context elsewhere", "--context=prod here=FOLDER/here", "", `context "prod" (--context) has no data folder on this machine`},
		{"the context in use", "use=still here=FOLDER/here", "still", ""},
		{"the context in use is elsewhere", "use=prod here=FOLDER/here", "", "has no data folder"},
		{"one server runs", "runs=FOLDER/drill", "drill", ""},
		{"one server runs, and there is a folder at hand", "runs=FOLDER/drill here=FOLDER/here", "here", ""},
		{"a server that runs, by its name", "--context=here runs=FOLDER/here", "here", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t)
			if _, err := b.resolve(t, tt.setting); err != nil {
				t.Logf("resolve: %v", err)
			}
			var f Flags
			for word := range strings.FieldsSeq(tt.setting) {
				name, value, _ := strings.Cut(word, "=")
				switch name {
				case "--data":
					f.Data = filepath.Join(b.root, strings.TrimPrefix(value, "FOLDER/"))
				case "--context":
					f.Context = value
				}
			}
			got, err := DataFolder(f, b.machine)
			if tt.refused != "" {
				if err == nil || !strings.Contains(err.Error(), tt.refused) {
					t.Errorf("%s: got %s, %v; want a refusal with %q", tt.setting, got, err, tt.refused)
				}
				return
			}
			if want := filepath.Join(b.root, tt.want); err != nil || got != want {
				t.Errorf("%s: got %s, %v; want %s", tt.setting, got, err, want)
			}
		})
	}
}

// What a server has left that was killed leads to whoever listens there now: it does not count.
func TestNotesOfAKilledServerDoNotCount(t *testing.T) {
	b := newBench(t)
	folder := filepath.Join(b.root, "still")
	leave, err := Announce(folder, b.machine.State, otherURL)
	if err != nil {
		t.Fatal(err)
	}
	if endpoint, running := Running(folder); endpoint != otherURL || !running {
		t.Fatalf("Running = %q, %v while it runs", endpoint, running)
	}
	note, err := os.ReadFile(filepath.Join(folder, endpointFile))
	if err != nil || string(note) != otherURL+"\n" {
		t.Fatalf("the note is %q, %v", note, err)
	}
	leave()
	b.write(t, "still/endpoint", string(note)) // as a process leaves it that is killed: the lock is gone, the note is not
	if endpoint, running := Running(folder); running {
		t.Errorf("Running = %q, true after it was killed", endpoint)
	}
	if err := os.Remove(filepath.Join(folder, lockFile)); err != nil {
		t.Fatal(err)
	}
	if _, running := Running(folder); !running {
		t.Error("the note of an earlier version, which has no lock, is not believed")
	}
}

func TestServersOfOneNameAreToldApart(t *testing.T) {
	root := t.TempDir()
	state := filepath.Join(root, "state")
	for i, name := range []string{"a/shop/forebay-data", "b/shop/data", "drill"} {
		folder := filepath.Join(root, name)
		if err := os.MkdirAll(folder, 0o700); err != nil {
			t.Fatal(err)
		}
		leave, err := Announce(folder, state, fmt.Sprintf("http://127.0.0.1:%d", 100+i))
		if err != nil {
			t.Fatal(err)
		}
		defer leave()
	}
	var names []string
	for _, s := range Servers(state) {
		names = append(names, s.Name)
	}
	if want := []string{"drill", "shop-100", "shop-101"}; !slices.Equal(names, want) {
		t.Errorf("Servers = %v, want %v", names, want)
	}
}

func TestContextsAreKeptForTheirOwnerAlone(t *testing.T) {
	b := newBench(t)
	info, err := os.Stat(filepath.Join(b.machine.Config, contextsFile))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file of contexts: %v, %v; want mode 0600", info, err)
	}
	b.write(t, "config/contexts.json", `{"contexts": {"a": {"endpiont": "x"}}}`)
	if _, err := LoadContexts(b.machine.Config); err == nil || !strings.Contains(err.Error(), "endpiont") {
		t.Errorf("a misspelt key: %v", err)
	}
	for name, want := range map[string]bool{"prod": true, "a.b-c_d": true, "": false, "-x": false, "a b": false, "a/b": false, strings.Repeat("x", 65): false} {
		if err := CheckContextName(name); (err == nil) != want {
			t.Errorf("CheckContextName(%q) = %v", name, err)
		}
	}
}

package config

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "forebay.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func lookup(env map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) { v, ok := env[name]; return v, ok }
}

func TestEachSourceWinsOverTheOneBefore(t *testing.T) {
	path := write(t, "region = \"from-file\"\n")
	tests := []struct {
		name         string
		from         Sources
		want, origin string
	}{
		{"nothing given is the default", Sources{}, "us-east-1", "default"},
		{"the file wins over the default", Sources{File: path}, "from-file", path + ":1"},
		{"the environment wins over the file", Sources{File: path, Env: lookup(map[string]string{"FOREBAY_REGION": "from-env"})}, "from-env", "FOREBAY_REGION"},
		{"an empty variable is as good as none", Sources{File: path, Env: lookup(map[string]string{"FOREBAY_REGION": ""})}, "from-file", path + ":1"},
		{"the flag wins over the environment", Sources{File: path, Env: lookup(map[string]string{"FOREBAY_REGION": "from-env"}), Flags: map[string]string{"region": "from-flag"}}, "from-flag", "--region"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg, values, err := Load(tt.from)
			if err != nil {
				t.Fatal(err)
			}
			if got := origin(values, "region"); cfg.Region != tt.want || got != tt.origin {
				t.Errorf("region = %q from %q, want %q from %q", cfg.Region, got, tt.want, tt.origin)
			}
		})
	}
}

func TestFile(t *testing.T) {
	path := write(t, `
listen = "127.0.0.1:9999"
trusted_proxies = ["10.0.0.0/8", "192.0.2.1"]
tls = { cert = "a.pem", key = "b.pem" }
log.level = "debug"

[metrics]
max_queues = 7

[queues.orders]
visibility_timeout = "45s"
retention = "4d"
dead_letter_queue = "orders-dead"
max_receives = 3

[queues."jobs.fifo"]
content_based_deduplication = true
`)
	cfg, _, err := Load(Sources{File: path})
	if err != nil {
		t.Fatal(err)
	}
	got := []any{cfg.Listen, len(cfg.TrustedProxies), cfg.TLSCert, cfg.TLSKey, cfg.LogLevel, cfg.MetricsQueuesMax}
	want := []any{"127.0.0.1:9999", 2, "a.pem", "b.pem", "debug", 7}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("settings (-want +got):\n%s", diff)
	}
	queues := map[string]map[string]string{}
	for _, q := range cfg.Queues {
		queues[q.Name] = q.Attributes
	}
	wantQueues := map[string]map[string]string{
		"orders": {"VisibilityTimeout": "45", "MessageRetentionPeriod": "345600",
			"RedrivePolicy": `{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:orders-dead","maxReceiveCount":3}`},
		"jobs.fifo": {"ContentBasedDeduplication": "true"},
	}
	if diff := cmp.Diff(wantQueues, queues); diff != "" {
		t.Errorf("queues (-want +got):\n%s", diff)
	}
}

func TestRefusals(t *testing.T) {
	tests := []struct {
		name  string
		file  string
		flags map[string]string
		want  string // part of the message
	}{
		{"a misspelt key of a queue is marked", "\n[queues.orders]\nvisibilty_timeout = \"45s\"\n", nil,
			"forebay.toml:3: unknown key \"visibilty_timeout\" in [queues.orders]\n" +
				"  3 | visibilty_timeout = \"45s\"\n" +
				"    | ^^^^^^^^^^^^^^^^^ did you mean \"visibility_timeout\"?"},
		{"a misspelt key at the top is marked", "  lisen = \"x\"\n", nil,
			"forebay.toml:1: unknown key \"lisen\"\n  1 |   lisen = \"x\"\n    |   ^^^^^ did you mean \"listen\"?"},
		{"a misspelt section is marked", "[metrisc]\n", nil, "unknown section [metrisc]\n  1 | [metrisc]\n    |  ^^^^^^^ did you mean \"metrics\"?"},
		{"an array of sections is no section", "[[queues]]\n", nil, "[[queues]] is no section"},
		{"a queue inside a queue is explained", "[queues.orders.fifo]\n", nil, `[queues."orders.fifo"]`},
		{"a queue's value of the wrong form names its line", "[queues.a]\ndelay = \"soon\"\n", nil, `forebay.toml:2: delay: "soon" is no time`},
		{"a date is no setting", "listen = 2026-01-01\n", nil, "takes a text"},
		{"broken TOML names its line", "listen = \n", nil, "forebay.toml:1: "},
		{"a key given twice is refused", "region = \"a\"\nregion = \"b\"\n", nil, "forebay.toml"},
		{"half a redrive policy is refused", "[queues.a]\ndead_letter_queue = \"b\"\n", nil, "max_receives"},
		{"a bad value in the file names its line", "\nlog.level = \"loud\"\n", nil, "forebay.toml:2: log.level: \"loud\" is not one of"},
		{"a bad flag is named", "", map[string]string{"account": "12"}, `--account: "12" is no account number`},
		{"an address without a port is refused", "", map[string]string{"listen": "127.0.0.1"}, "--listen"},
		{"a port that is too high is refused", "", map[string]string{"listen": "127.0.0.1:70000"}, "is no port"},
		{"a public address needs TLS or a word (S20)", "", map[string]string{"listen": "0.0.0.0:4566"}, "--insecure-http"},
		{"an address without a host is public (S20)", "", map[string]string{"listen": ":4566"}, "--insecure-http"},
		{"a name is taken for public (S20)", "", map[string]string{"listen": "queues.internal:4566"}, "--insecure-http"},
		{"dev stays on this machine (S21)", "", map[string]string{"listen": "0.0.0.0:4566", "dev": "true", "insecure-http": "true"}, "--dev-allow-remote"},
		{"a certificate without its key is refused", "", map[string]string{"tls-cert": "a.pem"}, "--tls-key"},
		{"client certificates need TLS", "", map[string]string{"tls-client-ca": "a.pem"}, "--tls-cert"},
		{"ephemeral data has no place", "", map[string]string{"ephemeral": "true", "data": "x"}, "only one of them"},
		{"a size without sense is refused", "", map[string]string{"memory-cache": "lots"}, "64MiB"},
		{"a tiny size is refused", "", map[string]string{"memory-cache": "1KiB"}, "minimum"},
		{"a public URL needs a scheme", "", map[string]string{"public-url": "queues.example.com"}, "--public-url"},
		{"a proxy must be an address", "", map[string]string{"trusted-proxies": "10.0.0.1,proxy"}, `"proxy"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			from := Sources{Flags: tt.flags}
			if tt.file != "" {
				from.File = write(t, tt.file)
			}
			_, _, err := Load(from)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Load(%q, %v) = %v, want an error with %q", tt.file, tt.flags, err, tt.want)
			}
		})
	}
}

func TestAllowedAddresses(t *testing.T) {
	tests := []struct {
		name  string
		flags map[string]string
	}{
		{"IPv6 loopback", map[string]string{"listen": "[::1]:4566"}},
		{"localhost", map[string]string{"listen": "localhost:4566"}},
		{"all addresses with TLS", map[string]string{"listen": "0.0.0.0:4566", "tls-cert": "a", "tls-key": "b"}},
		{"all addresses with a word", map[string]string{"listen": "0.0.0.0:4566", "insecure-http": "yes"}},
		{"dev told twice", map[string]string{"listen": "0.0.0.0:4566", "insecure-http": "yes", "dev": "on", "dev-allow-remote": "on"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, _, err := Load(Sources{Flags: tt.flags}); err != nil {
				t.Errorf("Load(%v): %v", tt.flags, err)
			}
		})
	}
}

func TestDevHasNoCoolDownUnlessAsked(t *testing.T) {
	for _, tt := range []struct {
		name  string
		flags map[string]string
		want  bool
	}{
		{"as SQS by default", nil, true},
		{"off under dev", map[string]string{"dev": "true"}, false},
		{"on under dev when asked for", map[string]string{"dev": "true", "cool-down": "on"}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg, _, err := Load(Sources{Flags: tt.flags})
			if err != nil || cfg.CoolDown != tt.want {
				t.Errorf("Load(%v): cool-down %v, %v; want %v", tt.flags, cfg != nil && cfg.CoolDown, err, tt.want)
			}
		})
	}
}

func TestQueueAttribute(t *testing.T) {
	for _, tt := range []struct{ name, text, api, value, fails string }{
		{"visibility_timeout", "10m", "VisibilityTimeout", "600", ""},
		{"VisibilityTimeout", "45", "VisibilityTimeout", "45", ""},
		{"delay", "1500ms", "", "", "whole number of seconds"},
		{"retention", "14d", "MessageRetentionPeriod", "1209600", ""},
		{"max_message_size", "256KiB", "MaximumMessageSize", "262144", ""},
		{"max_message_size", "big", "", "", "no size"},
		{"fifo", "on", "FifoQueue", "true", ""},
		{"fifo", "perhaps", "", "", "neither true nor false"},
		{"visibility", "1s", "", "", "unknown queue attribute"},
		{"visibilty_timeout", "1s", "", "", `Did you mean "visibility_timeout"?`},
	} {
		api, value, err := QueueAttribute(tt.name, tt.text)
		failed := err != nil && tt.fails != "" && strings.Contains(err.Error(), tt.fails)
		if api != tt.api || value != tt.value || (err != nil) != (tt.fails != "") || err != nil && !failed {
			t.Errorf("QueueAttribute(%q, %q) = %q, %q, %v; want %q, %q, error with %q", tt.name, tt.text, api, value, err, tt.api, tt.value, tt.fails)
		}
	}
}

func TestDataFolderOrder(t *testing.T) {
	here, _ := filepath.Abs("forebay-data")
	for _, tt := range []struct {
		name, given string
		env         map[string]string
		want        string
	}{
		{"what is given wins", "/a", map[string]string{"STATE_DIRECTORY": "/b"}, "/a"},
		{"then the service manager's folder", "", map[string]string{"STATE_DIRECTORY": "/b:/c"}, "/b"},
		{"then a folder here", "", nil, here},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.want == here && Writable(SystemFolder) {
				t.Skipf("%s exists on this machine", SystemFolder)
			}
			got, err := DataFolder(tt.given, lookup(tt.env))
			if err != nil || got != tt.want {
				t.Errorf("DataFolder(%q, %v) = %q, %v; want %q", tt.given, tt.env, got, err, tt.want)
			}
		})
	}
}

func TestNearest(t *testing.T) {
	known := []string{"orders", "orders-dead", "invoices"}
	for name, want := range map[string]string{"orderz": "orders", "oredrs": "orders", "order": "orders", "invoice": "invoices", "completely": "", "": ""} {
		if got := Nearest(name, known); got != want {
			t.Errorf("Nearest(%q, %v) = %q, want %q", name, known, got, want)
		}
	}
}

func TestNamesOfSettingsDoNotCollide(t *testing.T) {
	flags, envs := map[string]bool{}, map[string]bool{}
	for _, s := range Settings() {
		flags[s.Flag()], envs[s.Env()] = true, true
	}
	if n := len(Settings()); len(flags) != n || len(envs) != n {
		t.Errorf("%d settings have flags %v and variables %v", n, slices.Sorted(maps.Keys(flags)), slices.Sorted(maps.Keys(envs)))
	}
}

func TestEverySettingIsInTheManual(t *testing.T) {
	manual, err := os.ReadFile(filepath.Join("..", "..", "docs", "operations.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range Settings() {
		if !strings.Contains(string(manual), "`"+s.Key+"`") {
			t.Errorf("docs/operations.md does not mention `%s`", s.Key)
		}
	}
}

func TestAnAttributeHasOneValueInAFile(t *testing.T) {
	for _, row := range []struct{ name, text, says string }{
		{"both names of an attribute", "[queues.x]\ndelay = 1\nDelaySeconds = 2\n", "DelaySeconds is set above in [queues.x] by its other name"},
		{"both names with the same value", "[queues.x]\nVisibilityTimeout = \"45\"\nvisibility_timeout = 45\n", "by its other name"},
		{"an inline table", "queues.x = {delay = 1, DelaySeconds = 1}\n", "by its other name"},
		{"a policy beside what it would be made of", "[queues.x]\nRedrivePolicy = \"{}\"\ndead_letter_queue = \"y\"\nmax_receives = 3\n", "which are the same"},
	} {
		path := filepath.Join(t.TempDir(), "forebay.toml")
		if err := os.WriteFile(path, []byte(row.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, err := Load(Sources{File: path}); err == nil || !strings.Contains(err.Error(), row.says) {
			t.Errorf("%s: %v, want %q in it", row.name, err, row.says)
		}
	}
}

func TestEveryAttributeIsExplained(t *testing.T) {
	for _, a := range QueueAttributes() {
		if a.Name == "" || a.API == "" || len(a.Usage) < 10 {
			t.Errorf("%+v is not explained", a)
		}
		for _, value := range a.Values {
			if _, _, err := QueueAttribute(a.Name, value); err != nil {
				t.Errorf("%s=%s is offered and refused: %v", a.Name, value, err)
			}
		}
	}
}

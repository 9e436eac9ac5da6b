package main

import (
	"bytes"
	"net"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/forebay-mq/forebay/internal/config"
)

const firstStart = `Forebay 0.1.0  single node, durable

  Endpoint   http://127.0.0.1:4566          SQS
  Data       /home/ana/shop/forebay-data    (created)
  Account    000000000000   region us-east-1
  Auth       signatures checked; a root key was created

  Next, in another terminal:
    eval "$(forebay env)"
    forebay send orders --create 'hello'
    forebay receive orders

ready in 41 ms. Press Ctrl-C to stop.
`

const ephemeralDev = `Forebay 0.1.0  single node, ephemeral: the data goes when the server stops

  Endpoint   http://127.0.0.1:4566    SQS
  Data       /tmp/forebay-1           (temporary)
  Account    000000000000   region us-east-1
  Auth       any credentials are accepted (--dev)

  Next, in another terminal:
    eval "$(forebay env --data /tmp/forebay-1)"
    forebay send orders --create 'hello'
    forebay receive orders

ready in 41 ms. Press Ctrl-C to stop.
`

func TestBanner(t *testing.T) {
	for _, tt := range []struct {
		name   string
		cfg    config.Config
		data   folder
		newKey bool
		want   string
	}{
		{"the first start", config.Config{}, folder{path: "/home/ana/shop/forebay-data", created: true}, true, firstStart},
		{"nothing is kept and nobody refused, and it says so (S28)", config.Config{Dev: true},
			folder{path: "/tmp/forebay-1", ephemeral: true, named: true}, false, ephemeralDev},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.cfg.Account, tt.cfg.Region = "000000000000", "us-east-1"
			var out bytes.Buffer
			banner{build: build{Version: "0.1.0"}, cfg: &tt.cfg, data: tt.data, endpoint: "http://127.0.0.1:4566",
				newKeys: tt.newKey, took: 41 * time.Millisecond}.print(&out)
			if diff := cmp.Diff(tt.want, out.String()); diff != "" {
				t.Errorf("banner (-want +got):\n%s", diff)
			}
		})
	}
}

func TestEndpointOf(t *testing.T) {
	for _, tt := range []struct {
		name, address string
		tls           bool
		want          string
	}{
		{"loopback", "127.0.0.1:4566", false, "http://127.0.0.1:4566"},
		{"all IPv4 addresses are reached by loopback", "0.0.0.0:4566", false, "http://127.0.0.1:4566"},
		{"all addresses are reached by loopback", "[::]:4566", true, "https://127.0.0.1:4566"},
		{"IPv6", "[::1]:4566", false, "http://[::1]:4566"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			address, err := net.ResolveTCPAddr("tcp", tt.address)
			if err != nil {
				t.Fatal(err)
			}
			if got := endpointOf(address, tt.tls); got != tt.want {
				t.Errorf("endpointOf(%s, %v) = %s, want %s", tt.address, tt.tls, got, tt.want)
			}
		})
	}
}

func TestTextsForPeople(t *testing.T) {
	for got, want := range map[string]string{
		short("3f1c0000-0000-0000-0000-00000000009a"): "3f1c…9a",
		short("abc"):                   "abc",
		bytesText(5):                   "5 B",
		bytesText(64 << 10):            "64 KiB",
		bytesText(16 << 20):            "16 MiB",
		bytesText(20 << 30):            "20 GiB",
		ageText(2 * time.Second):       "2s",
		ageText(-time.Second):          "0s",
		ageText(14*time.Minute + 59e9): "14m59s",
		ageText(26 * time.Hour):        "26h00m",
		ageText(4 * 24 * time.Hour):    "4d",
		plural(1, "message"):           "1 message",
		plural(2, "message"):           "2 messages",
		quoteSh("/srv/forebay data"):   "'/srv/forebay data'",
		quoteSh("it's"):                `'it'\''s'`,
		quoteSh("/srv/forebay"):        "/srv/forebay",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

package config

import (
	"strings"
	"testing"
)

func TestStrictNamesLineKeyAndWhatWasMeant(t *testing.T) {
	type route struct {
		Queue string `toml:"queue"`
		Rate  int    `toml:"rate"`
	}
	type page struct {
		Listen string           `toml:"listen"`
		Routes []route          `toml:"routes"`
		Peers  map[string]route `toml:"peers"`
	}
	for _, tt := range []struct {
		name, text string
		want       string // part of the error; empty: none
	}{
		{"a right file is read", "listen = \"x\"\n[[routes]]\nqueue = \"q\"\n", ""},
		{"a misspelt key of a route is marked", "[[routes]]\nqueeu = \"q\"\n", ":2: unknown key \"queeu\"\n  2 | queeu = \"q\"\n    | ^^^^^ did you mean \"queue\"?"},
		{"a misspelt key at the top is marked", "lisen = \"q\"\n", "did you mean \"listen\"?"},
		{"a misspelt key in a named table is marked", "[peers.a]\nrat = 3\n", "did you mean \"rate\"?"},
		{"a value of the wrong kind names its line", "[[routes]]\n\nrate = \"much\"\n", ":3: "},
		{"broken TOML names its line", "listen = \n", ":1: "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got page
			err := Strict(write(t, tt.text), &got)
			if tt.want == "" {
				if err != nil || got.Listen != "x" || len(got.Routes) != 1 || got.Routes[0].Queue != "q" {
					t.Errorf("Strict(%q) = %+v, %v", tt.text, got, err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Strict(%q) = %v, want an error with %q", tt.text, err, tt.want)
			}
		})
	}
}

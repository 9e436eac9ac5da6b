package config

import (
	"slices"
	"strings"
	"testing"
)

func TestOrigins(t *testing.T) {
	for _, row := range []struct {
		name, text string
		want       []string
		err        string
	}{
		{"none", "", nil, ""},
		{"two, separated by a comma and a space", "https://app.example.com, http://localhost:3000", []string{"https://app.example.com", "http://localhost:3000"}, ""},
		{"any", "*", []string{"*"}, ""},
		{"an origin with a slash behind it is never sent", "https://app.example.com/", nil, "write https://app.example.com"},
		{"an origin with capitals is never sent", "https://App.example.com", nil, "write https://app.example.com"},
		{"an origin with the port of its scheme is never sent", "https://app.example.com:443", nil, "leave out the port"},
		{"a host without a scheme is no origin", "app.example.com", nil, "write it like"},
		{"a wildcard within an origin is none", "https://*.example.com", nil, "write it like"},
	} {
		got, err := Origins(row.text)
		if row.err == "" && err != nil || row.err != "" && (err == nil || !strings.Contains(err.Error(), row.err)) || !slices.Equal(got, row.want) {
			t.Errorf("%s: Origins(%q): got %q, %v, want %q, %s", row.name, row.text, got, err, row.want, row.err)
		}
	}
}

func TestHostsUnderDev(t *testing.T) {
	for _, row := range []struct {
		name, text string
		ok         bool
	}{
		{"a name", "forebay.example.com", true},
		{"all below a name", "*.example.com", true},
		{"any", "*", true},
		{"a URL is no host", "http://forebay.example.com", false},
		{"a port does not belong to it", "forebay.example.com:4566", false},
		{"a wildcard must be the first label", "a.*.com", false},
	} {
		var c Config
		if err := setHosts(&c, row.text); (err == nil) != row.ok {
			t.Errorf("%s: setHosts(%q): got %v, want ok %v", row.name, row.text, err, row.ok)
		}
	}
}

package config

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// items are the parts of a list that is separated by commas or spaces.
func items(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' })
}

func setHosts(c *Config, text string) error {
	c.DevHosts = nil
	for _, host := range items(text) {
		name := strings.TrimPrefix(host, "*.")
		if host != "*" && (name == "" || strings.ContainsAny(name, "/:*@?#")) {
			return fmt.Errorf("%q is no host name; write it without scheme and port, like queues.example.com, *.example.com or *", host)
		}
		c.DevHosts = append(c.DevHosts, strings.ToLower(host))
	}
	return nil
}

func setOrigins(c *Config, text string) error {
	origins, err := Origins(text)
	c.CORSOrigins = origins
	return err
}

// Origins reads a list of web sites as browsers name them in the header Origin: scheme and host, with the port unless it
// is that of the scheme, and nothing behind. "*" stands for any.
func Origins(text string) ([]string, error) {
	var origins []string
	for _, item := range items(text) {
		u, err := url.Parse(item)
		switch {
		case item == "*":
		case err != nil || u.Scheme == "" || u.Host == "" || u.User != nil || strings.Contains(item, "*"):
			return nil, fmt.Errorf("%q is no origin; write it like https://app.example.com or http://localhost:3000, or * for any", item)
		case strings.ToLower(u.Scheme+"://"+u.Host) != item:
			return nil, fmt.Errorf("%q is never sent by a browser; write %s", item, strings.ToLower(u.Scheme+"://"+u.Host))
		case u.Scheme == "http" && u.Port() == "80" || u.Scheme == "https" && u.Port() == "443":
			return nil, fmt.Errorf("%q is never sent by a browser; leave out the port", item)
		}
		origins = append(origins, item)
	}
	return origins, nil
}

// count reads a number of at least one.
func count(field func(*Config) *int) func(*Config, string) error {
	return func(c *Config, text string) error {
		if text == "" {
			return nil
		}
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return fmt.Errorf("%q is not a number of at least 1", text)
		}
		*field(c) = n
		return nil
	}
}

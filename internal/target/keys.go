package target

import (
	"errors"
	"fmt"
	"strings"
)

// forebayKey is the key in Forebay's own variables.
func (r *resolver) forebayKey() (Key, error) {
	return r.pair("FOREBAY_ACCESS_KEY_ID", "FOREBAY_SECRET_ACCESS_KEY")
}

// awsKey is the key in the variables of AWS SDKs.
func (r *resolver) awsKey() (Key, error) {
	key, err := r.pair("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
	if key.ID != "" {
		key.Token = r.env("AWS_SESSION_TOKEN")
	}
	return key, err
}

// pair reads a key of two variables. An id without its secret is a mistake; a secret alone is none.
func (r *resolver) pair(id, secret string) (Key, error) {
	key := Key{ID: strings.TrimSpace(r.env(id)), Secret: strings.TrimSpace(r.env(secret))}
	if key.ID == "" {
		return Key{}, nil
	}
	if key.Secret == "" {
		return Key{}, refuse(Usage, []string{"Set both, or take the one back:  unset " + id}, "%s is set, and %s is not", id, secret)
	}
	return key, nil
}

// complete finds the key for a place that names an address alone: one that stands alone too, or that stands beside the
// same address. Keys of other servers are left where they are.
func (r *resolver) complete(p *place) error {
	var elsewhere []string
	candidates, err := r.candidates(p.source)
	if err != nil {
		return err
	}
	for _, c := range candidates {
		switch {
		case c.key.ID == "" && !c.open:
		case c.endpoint == "" || same(c.endpoint, p.endpoint):
			p.key, p.keySource, p.open = c.key, c.keySource, c.open
			if p.data == "" && c.endpoint != "" {
				p.data = c.data
			}
			return nil
		case c.loose:
			elsewhere = append(elsewhere, fmt.Sprintf("the key in %s is for %s", c.keySource, c.endpoint))
		}
	}
	p.note = strings.Join(elsewhere, "; ")
	if Local(p.endpoint) {
		return nil // a server under --dev needs none, and every other says so
	}
	what := "no credentials for " + p.endpoint
	if p.note != "" {
		what += ": " + p.note
	}
	return refuse(Denied, []string{"Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY together with AWS_ENDPOINT_URL_SQS=" + p.endpoint,
		"Or keep both under a name:  forebay context add NAME"}, "%s", what)
}

// candidates are the keys that may be for a server at the address that source has named, in the order in which they are
// tried. Places that cannot be read have none.
func (r *resolver) candidates(source string) ([]place, error) {
	var found []place
	forebay, err := r.forebayKey()
	if err != nil {
		return nil, err
	}
	if forebay.ID != "" {
		found = append(found, place{key: forebay, keySource: "FOREBAY_ACCESS_KEY_ID", endpoint: r.forebayAddress(), loose: true})
	}
	aws, err := r.awsKey()
	if err != nil {
		return nil, err
	}
	endpoint, _ := r.awsEndpoint()
	if aws.ID != "" && (endpoint != "" || source != "the default") {
		found = append(found, place{key: aws, keySource: "AWS_ACCESS_KEY_ID", endpoint: endpoint, loose: true})
	}
	if data := r.env("FOREBAY_DATA"); data != "" {
		found = r.appendForebayData(found, data)
	}
	all, err := LoadContexts(r.Config)
	if err != nil {
		return nil, err
	}
	for _, name := range all.names() {
		if p, err := r.context(name, ""); err == nil {
			found = append(found, p)
		}
	}
	if isData(r.Folder) {
		found = r.append(found, r.Folder, "")
	}
	for _, s := range Servers(r.State) {
		found = r.append(found, s.Data, "")
	}
	if p, err := r.profile(); err == nil && p.key.ID != "" {
		found = append(found, p)
	}
	if aws.ID != "" && endpoint == "" && source == "the default" {
		found = append(found, place{key: aws, keySource: "AWS_ACCESS_KEY_ID"}) // most likely of the real AWS, so it comes last
	}
	return found, nil
}

// appendForebayData adds the server of FOREBAY_DATA, which is at FOREBAY_ENDPOINT where that is set too.
func (r *resolver) appendForebayData(found []place, data string) []place {
	endpoint := r.env("FOREBAY_ENDPOINT")
	if endpoint == "" {
		return r.append(found, data, "FOREBAY_DATA")
	}
	key, err := r.RootKey(absolute(data))
	if err != nil {
		return found
	}
	return append(found, place{endpoint: endpoint, data: absolute(data), key: key, keySource: "FOREBAY_DATA"})
}

// append adds the server of a data folder, if it runs.
func (r *resolver) append(found []place, data, source string) []place {
	if p, err := r.folder(data, source); err == nil {
		found = append(found, p)
	}
	return found
}

// forebayAddress is the address that Forebay's variables name, for the key that stands beside it. Empty: none. What they
// name and does not run has an address that is like no other.
func (r *resolver) forebayAddress() string {
	if endpoint := r.env("FOREBAY_ENDPOINT"); endpoint != "" {
		return endpoint
	}
	name, find := "FOREBAY_CONTEXT", func(value string) (place, error) { return r.context(value, "FOREBAY_CONTEXT") }
	if r.env(name) == "" {
		name, find = "FOREBAY_DATA", func(value string) (place, error) { return r.folder(value, "FOREBAY_DATA") }
	}
	value := r.env(name)
	if value == "" {
		return ""
	}
	p, err := find(value)
	if _, ok := errors.AsType[*Error](err); ok || p.endpoint == "" {
		return "the server of " + name
	}
	return p.endpoint
}

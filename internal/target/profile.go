package target

import (
	"bufio"
	"bytes"
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// awsProfile is the place that the profile in AWS_PROFILE names, if its files say where SQS is. Without that variable the
// files are not looked at: what they say by default is about the real AWS.
func (r *resolver) awsProfile() (place, bool, error) {
	if r.ignoresEndpoints() {
		return place{}, false, nil
	}
	p, err := r.profile()
	if err != nil || p.endpoint == "" {
		return place{}, false, nil // as everything else that the profile is not there for
	}
	if p.key.ID == "" {
		err = r.complete(&p)
	}
	if err == nil {
		err = r.overrideKey(&p)
	}
	return p, true, err
}

// profile reads the profile that AWS_PROFILE names, from the files of AWS SDKs.
func (r *resolver) profile() (place, error) {
	name := cmp.Or(r.env("AWS_PROFILE"), r.env("AWS_DEFAULT_PROFILE"))
	if name == "" {
		return place{}, os.ErrNotExist
	}
	config, configErr := readSections(r.awsFile("AWS_CONFIG_FILE", "config"))
	shared, sharedErr := readSections(r.awsFile("AWS_SHARED_CREDENTIALS_FILE", "credentials"))
	if configErr != nil && sharedErr != nil {
		return place{}, configErr
	}
	section := config["profile "+name]
	if name == "default" {
		section = cmp.Or(section, config["default"])
	}
	secrets := shared[name]
	if section == nil && secrets == nil {
		return place{}, fmt.Errorf("no profile %s: %w", name, os.ErrNotExist)
	}
	source := "AWS_PROFILE=" + name
	p := place{source: source, keySource: source, region: section.get("region"), caFile: section.get("ca_bundle")}
	p.key = Key{ID: cmp.Or(secrets.get("aws_access_key_id"), section.get("aws_access_key_id")),
		Secret: cmp.Or(secrets.get("aws_secret_access_key"), section.get("aws_secret_access_key")),
		Token:  cmp.Or(secrets.get("aws_session_token"), section.get("aws_session_token"))}
	if !strings.EqualFold(section.get("ignore_configured_endpoint_urls"), "true") {
		services := config["services "+section.get("services")]
		p.endpoint = cmp.Or(services.get("sqs.endpoint_url"), section.get("endpoint_url"))
	}
	return p, nil
}

// awsFile is where a file of AWS SDKs is.
func (r *resolver) awsFile(variable, name string) string {
	if path := r.env(variable); path != "" {
		return path
	}
	if r.Home == "" {
		return ""
	}
	return filepath.Join(r.Home, ".aws", name)
}

// section is one of a file of AWS SDKs. A setting below another, as services have them, is called "sqs.endpoint_url".
type section struct{ values map[string]string }

// get returns a setting; of no section there is none.
func (s *section) get(name string) string {
	if s == nil {
		return ""
	}
	return s.values[name]
}

// readSections reads a file of AWS SDKs. Lines that mean nothing are passed over, as they do.
func readSections(path string) (map[string]*section, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	found := make(map[string]*section)
	var current *section
	above := "" // the setting without a value that indented ones belong to
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		line := lines.Text()
		bare := strings.TrimSpace(line)
		switch {
		case bare == "" || bare[0] == '#' || bare[0] == ';':
		case bare[0] == '[':
			name, _, _ := strings.Cut(bare[1:], "]")
			current, above = &section{make(map[string]string)}, ""
			found[strings.Join(strings.Fields(name), " ")] = current
		case current != nil:
			name, value, _ := strings.Cut(bare, "=")
			name, value = strings.ToLower(strings.TrimSpace(name)), strings.TrimSpace(value)
			indented := line[0] == ' ' || line[0] == '\t'
			switch {
			case indented && above != "":
				current.values[above+"."+name] = value
			case value == "":
				above = name
			default:
				current.values[name], above = value, ""
			}
		}
	}
	return found, lines.Err()
}

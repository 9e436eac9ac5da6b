package target

import "strings"

// Variable is one environment variable.
type Variable struct{ Name, Value string }

// Variables are what AWS SDKs and Forebay's own commands need to find the server. The endpoint is that of SQS alone, so
// that calls to other services go where they went before.
func (t Target) Variables() []Variable {
	found := []Variable{
		{"AWS_ENDPOINT_URL_SQS", t.Endpoint},
		{"AWS_ACCESS_KEY_ID", t.Key.ID},
		{"AWS_SECRET_ACCESS_KEY", t.Key.Secret},
		{"AWS_REGION", t.Region},
		{"AWS_DEFAULT_REGION", t.Region},
	}
	if t.Key.Token != "" {
		found = append(found, Variable{"AWS_SESSION_TOKEN", t.Key.Token})
	}
	if t.CAFile != "" {
		found = append(found, Variable{"AWS_CA_BUNDLE", absolute(t.CAFile)})
	}
	return found
}

// misleading are the variables that go before those of [Target.Variables], or that change what they mean.
var misleading = []string{
	"FOREBAY_ENDPOINT", "FOREBAY_DATA", "FOREBAY_CONTEXT", "FOREBAY_ACCESS_KEY_ID", "FOREBAY_SECRET_ACCESS_KEY", "FOREBAY_REGION",
	"FOREBAY_CA_FILE", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
}

// Misleading lists the variables that are set in an environment and would lead a program elsewhere, whatever
// [Target.Variables] say. env is as os.LookupEnv.
func (t Target) Misleading(env func(string) (string, bool)) []string {
	var found []string
	for _, name := range misleading {
		if value, _ := env(name); value != "" && !t.sets(name) {
			found = append(found, name)
		}
	}
	return found
}

func (t Target) sets(name string) bool { return name == "AWS_SESSION_TOKEN" && t.Key.Token != "" }

// Environ returns environ as a program must be given it to find this server and no other.
func (t Target) Environ(environ []string) []string {
	drop := make(map[string]bool)
	for _, name := range misleading {
		drop[name] = true
	}
	variables := t.Variables()
	for _, v := range variables {
		drop[v.Name] = true
	}
	kept := make([]string, 0, len(environ)+len(variables))
	for _, variable := range environ {
		if name, _, _ := strings.Cut(variable, "="); !drop[name] {
			kept = append(kept, variable)
		}
	}
	for _, v := range variables {
		kept = append(kept, v.Name+"="+v.Value)
	}
	return kept
}

package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/forebay-mq/forebay/internal/config"
)

// parseAttributes reads NAME=VALUE pairs into attributes of the API. An attribute may be given once, in one of its
// spellings, since two values have no order that a reader could see.
func parseAttributes(pairs []string) (map[string]string, error) {
	values := map[string]string{}
	given := map[string]string{}
	for _, pair := range pairs {
		name, text, ok := strings.Cut(pair, "=")
		if !ok {
			return nil, usage("%q is not NAME=VALUE, like visibility_timeout=45s\n  All attributes:  forebay help attributes", pair)
		}
		api, value, err := config.QueueAttribute(name, text)
		if err != nil {
			return nil, usage("%v\n  All attributes:  forebay help attributes", err)
		}
		if before, twice := given[api]; twice {
			return nil, usage("%s and %s are the same attribute, given twice: give it once", before, pair)
		}
		values[api], given[api] = value, pair
	}
	return values, nil
}

// parsePairs reads KEY=VALUE pairs of a flag; each key may be given once.
func parsePairs(flag string, pairs []string) (map[string]string, error) {
	values := map[string]string{}
	for _, pair := range pairs {
		key, value, ok := strings.Cut(pair, "=")
		if !ok || key == "" {
			return nil, usage("--%s: %q is not KEY=VALUE", flag, pair)
		}
		if before, twice := values[key]; twice {
			return nil, usage("--%s: %s is given twice, as %q and %q: give it once", flag, key, before, value)
		}
		values[key] = value
	}
	return values, nil
}

// attributesText lists the attributes of queues, for help.
func attributesText() string {
	var b strings.Builder
	for _, a := range config.QueueAttributes() {
		fmt.Fprintf(&b, "    %-29s%s\n", a.Name, a.Usage)
	}
	return b.String()
}

// attributesTopic is the page that `forebay help attributes` shows.
func attributesTopic() *cobra.Command {
	return &cobra.Command{
		Use:   "attributes",
		Short: "What can be set of a queue",
		Long: "Attributes of queues, for `forebay queues create` and `forebay queues set`, and for [queues.NAME] in the\n" +
			"configuration file:\n\n" + attributesText() +
			"\nTimes are written like 45s, 10m, 12h or 4d, a bare number counts seconds; sizes like 1024 or 256KiB. The names of\n" +
			"the SQS API (VisibilityTimeout) are understood too. `forebay queues show NAME` shows what is set.",
	}
}

// completeAttributes offers queues for the first argument, unless that is a new name, and attributes behind it.
func (a *app) completeAttributes(newName bool) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
		switch {
		case len(args) == 0 && newName:
			return nil, cobra.ShellCompDirectiveNoFileComp
		case len(args) == 0:
			return a.completeQueue(cmd, args, prefix)
		}
		var offers []string
		for _, attribute := range config.QueueAttributes() {
			name, values := attribute.Name+"=", attribute.Values
			if attributeGiven(args[1:], attribute) {
				continue
			}
			if !strings.HasPrefix(prefix, name) {
				if strings.HasPrefix(name, prefix) {
					offers = append(offers, cobra.CompletionWithDesc(name, attribute.Usage))
				}
				continue
			}
			for _, value := range values {
				if strings.HasPrefix(name+value, prefix) {
					offers = append(offers, name+value)
				}
			}
		}
		return offers, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	}
}

// attributeGiven reports whether one of the arguments sets the attribute, in one of its spellings.
func attributeGiven(args []string, attribute config.AttributeHelp) bool {
	for _, arg := range args {
		if strings.HasPrefix(arg, attribute.Name+"=") || strings.HasPrefix(arg, attribute.API+"=") {
			return true
		}
	}
	return false
}

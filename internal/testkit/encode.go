package testkit

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
)

type (
	// Map is a structure or map of a request or an answer, in the shape of the JSON protocol. Blobs are []byte
	// in requests and base64 text in answers; numbers are json.Number in answers.
	Map = map[string]any
	// List is a list in a Map.
	List = []any
)

// encodeJSON writes the request body of the JSON protocol.
func encodeJSON(in Map) ([]byte, error) {
	if in == nil {
		in = Map{}
	}
	return json.Marshal(in)
}

// listNames are the Query names of the list members that are not called as in the model.
func listNames() map[string]string {
	return map[string]string{
		"TagKeys":                     "TagKey",
		"AttributeNames":              "AttributeName",
		"MessageSystemAttributeNames": "MessageSystemAttributeName",
		"MessageAttributeNames":       "MessageAttributeName",
		"AWSAccountIds":               "AWSAccountId",
		"Actions":                     "ActionName",
		"StringListValues":            "StringListValue",
		"BinaryListValues":            "BinaryListValue",
	}
}

// Flatten returns the Query parameters of a request: members with dots and numbers, counting from 1.
func Flatten(action string, in Map) url.Values {
	out := url.Values{"Action": {action}, "Version": {"2012-11-05"}}
	flatten(out, action, "", in)
	return out
}

func flatten(out url.Values, action, prefix string, in Map) {
	lists := listNames()
	for _, name := range slices.Sorted(maps.Keys(in)) {
		switch value := in[name].(type) {
		case nil:
		case Map:
			flattenMap(out, action, prefix, name, value)
		case List:
			for i, item := range value {
				flattenItem(out, action, prefix, name, lists[name], i+1, item)
			}
		default:
			out.Set(prefix+name, text(value))
		}
	}
}

// flattenItem writes the nth item of a list member.
func flattenItem(out url.Values, action, prefix, name, queryName string, n int, item any) {
	if entry, ok := item.(Map); ok && name == "Entries" {
		flatten(out, action, fmt.Sprintf("%sRequestEntry.%d.", action, n), entry)
		return
	}
	out.Set(fmt.Sprintf("%s%s.%d", prefix, queryName, n), text(item))
}

// flattenMap writes a map member as numbered pairs, in key order.
func flattenMap(out url.Values, action, prefix, name string, value Map) {
	single, key := map[string]string{
		"Attributes":              "Attribute",
		"tags":                    "Tag",
		"Tags":                    "Tag",
		"MessageAttributes":       "MessageAttribute",
		"MessageSystemAttributes": "MessageSystemAttribute",
	}[name], "Name"
	if single == "Tag" {
		key = "Key"
	}
	for i, k := range slices.Sorted(maps.Keys(value)) {
		at := fmt.Sprintf("%s%s.%d.", prefix, single, i+1)
		out.Set(at+key, k)
		if typed, ok := value[k].(Map); ok {
			flatten(out, action, at+"Value.", typed)
			continue
		}
		out.Set(at+"Value", text(value[k]))
	}
}

// text writes a scalar as a Query parameter holds it.
func text(v any) string {
	if blob, ok := v.([]byte); ok {
		return base64.StdEncoding.EncodeToString(blob)
	}
	return fmt.Sprint(v)
}

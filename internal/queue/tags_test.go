package queue

import (
	"fmt"
	"maps"
	"strings"
	"testing"
)

// numberedTags returns n tags with different keys.
func numberedTags(n int) map[string]string {
	tags := make(map[string]string, n)
	for i := range n {
		tags[fmt.Sprint("key", i)] = "value"
	}
	return tags
}

func TestMergeTags(t *testing.T) {
	tests := []struct {
		name         string
		present, add map[string]string
		want         map[string]string
		code         Code
		text         string
	}{
		{"tags are added and overwritten", map[string]string{"a": "1", "b": "2"}, map[string]string{"b": "3", "c": ""},
			map[string]string{"a": "1", "b": "3", "c": ""}, 0, ""},
		{"keys are case-sensitive", map[string]string{"a": "1"}, map[string]string{"A": "2"}, map[string]string{"a": "1", "A": "2"}, 0, ""},
		{"the first tags of a queue", nil, map[string]string{"a": "1"}, map[string]string{"a": "1"}, 0, ""},
		{"no tags at all are a missing parameter", map[string]string{"a": "1"}, nil, nil,
			CodeMissingParameter, "The request must contain the parameter Tags."},
		{"50 tags pass", nil, numberedTags(50), numberedTags(50), 0, ""},
		{"the 51st tag is refused", numberedTags(50), map[string]string{"more": ""}, nil,
			CodeInvalidParameterValue, "Too many tags added for queue orders."},
		{"overwriting at 50 works", numberedTags(50), map[string]string{"key0": "value"}, numberedTags(50), 0, ""},
		{"an empty key is refused", nil, map[string]string{"": "x"}, nil,
			CodeInvalidParameterValue, "Tag keys must be between 1 and 128 characters in length."},
		{"a key of 128 characters passes", nil, map[string]string{strings.Repeat("é", 128): ""},
			map[string]string{strings.Repeat("é", 128): ""}, 0, ""},
		{"a key of 129 characters is refused", nil, map[string]string{strings.Repeat("k", 129): ""}, nil,
			CodeInvalidParameterValue, "Tag keys must be between 1 and 128 characters in length."},
		{"a value of 256 characters passes", nil, map[string]string{"k": strings.Repeat("é", 256)},
			map[string]string{"k": strings.Repeat("é", 256)}, 0, ""},
		{"a value of 257 characters is refused", nil, map[string]string{"k": strings.Repeat("v", 257)}, nil,
			CodeInvalidParameterValue, "Tag values must be between 0 and 256 characters in length."},
		{"bytes that are no text are refused", nil, map[string]string{"k": "\xff"}, nil, CodeInvalidParameterValue, "UTF-8"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before := maps.Clone(tt.present)
			got, err := MergeTags(tt.present, tt.add, "orders")
			checkRefusal(t, tt.add, err, tt.code, tt.text)
			if !maps.Equal(got, tt.want) {
				t.Errorf("%v and %v: got %v, want %v", tt.present, tt.add, got, tt.want)
			}
			if !maps.Equal(before, tt.present) {
				t.Errorf("the present tags were changed to %v", tt.present)
			}
		})
	}
}

package queue

import (
	"maps"
	"slices"
	"unicode/utf8"
)

// checkTags says why a queue called queueName cannot have tags, or nil. No tags at all are fine.
func checkTags(tags map[string]string, queueName string) error {
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		if n := utf8.RuneCountInString(key); n < 1 || n > TagKeyLenMax {
			return Errorf(CodeInvalidParameterValue, "Tag keys must be between 1 and %d characters in length.", TagKeyLenMax)
		}
		if utf8.RuneCountInString(tags[key]) > TagValueLenMax {
			return Errorf(CodeInvalidParameterValue, "Tag values must be between 0 and %d characters in length.", TagValueLenMax)
		}
		if !utf8.ValidString(key) || !utf8.ValidString(tags[key]) {
			return Errorf(CodeInvalidParameterValue, "Tag keys and values must be valid UTF-8.")
		}
	}
	if len(tags) > TagsMax {
		return Errorf(CodeInvalidParameterValue, "Too many tags added for queue %s.", queueName)
	}
	return nil
}

// MergeTags returns a new map with the tags of both, where those of add win, or the error of TagQueue. Neither
// argument is changed. A key that is present already does not count twice toward the limit.
func MergeTags(present, add map[string]string, queueName string) (map[string]string, error) {
	if len(add) == 0 {
		return nil, MissingParameter("Tags")
	}
	merged := make(map[string]string, len(present)+min(len(add), TagsMax+1))
	maps.Copy(merged, present)
	maps.Copy(merged, add)
	if err := checkTags(merged, queueName); err != nil {
		return nil, err
	}
	return merged, nil
}

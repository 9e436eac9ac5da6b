package config

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// Strict reads the TOML file at path into the struct that into points to, whose fields have toml tags. A key that no
// field has is refused, and so is a value of the wrong kind. What is wrong with the content comes back as a
// [FileError], which names the line and the key that was probably meant.
func Strict(path string, into any) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("the file cannot be read: %w", err)
	}
	r := reader{data: data, file: &file{path: path}}
	err = toml.NewDecoder(strings.NewReader(string(data))).DisallowUnknownFields().Decode(into)
	if unknown, ok := errors.AsType[*toml.StrictMissingError](err); ok {
		first := unknown.Errors[0]
		key := first.Key()
		line, column := first.Position()
		last := key[len(key)-1]
		hint := didYouMean(last, tagsAt(reflect.TypeOf(into), key[:len(key)-1]))
		return r.mark(line, column, len(last), fmt.Sprintf("unknown key %q", last), hint)
	}
	if bad, ok := errors.AsType[*toml.DecodeError](err); ok {
		line, column := bad.Position()
		return r.mark(line, column, 1, strings.TrimPrefix(bad.Error(), "toml: "), "")
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// tagsAt lists the keys that may stand in the table at path.
func tagsAt(t reflect.Type, path []string) []string {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if t.Kind() == reflect.Map && len(path) > 0 {
		return tagsAt(t.Elem(), path[1:])
	}
	if t.Kind() != reflect.Struct {
		return nil
	}
	var names []string
	for _, field := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(field.Tag.Get("toml"), ",")
		if name == "" || name == "-" {
			continue
		}
		if len(path) > 0 && name == path[0] {
			return tagsAt(field.Type, path[1:])
		}
		names = append(names, name)
	}
	return names
}

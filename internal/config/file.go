package config

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// file is a configuration file, read: every setting is still text.
type file struct {
	path    string
	entries map[string]entry // by Setting.Key
	queues  []Queue
}

// entry is one setting in the file.
type entry struct {
	text string
	line int
}

// FileError points at what is wrong in a configuration file.
type FileError struct {
	Path   string
	Line   int
	Column int    // of the first marked byte, from 1
	Width  int    // marked bytes; zero: nothing is marked
	Source string // the line
	What   string // what is wrong
	Hint   string // what to do; may be empty
}

// Error returns the message, and below it the line with a mark under what is meant.
func (e *FileError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s:%d: %s", e.Path, e.Line, e.What)
	if e.Width == 0 {
		return b.String()
	}
	number := fmt.Sprint(e.Line)
	fmt.Fprintf(&b, "\n  %s | %s", number, e.Source)
	fmt.Fprintf(&b, "\n  %*s | %*s%s", len(number), "", e.Column-1, "", strings.Repeat("^", e.Width))
	if e.Hint != "" {
		b.WriteString(" " + e.Hint)
	}
	return b.String()
}

// readFile reads a configuration file. It refuses keys that mean nothing, so that a typing error cannot
// silently leave a default in force.
func readFile(path string) (*file, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("the configuration file cannot be read: %w", err)
	}
	return parseFile(path, data)
}

func parseFile(path string, data []byte) (*file, error) {
	r := reader{data: data, file: &file{path: path, entries: map[string]entry{}}}
	r.section, r.entry = r.checkSection, r.take
	if err := r.parse(); err != nil {
		return nil, err
	}
	return r.file, nil
}

// reader walks the expressions of a file, for their positions, beside the tree that holds their values.
type reader struct {
	data  []byte
	tree  map[string]any
	file  *file
	table []string

	section func(key) error // checks the name of a [table]
	entry   func(key) error // takes one key and its value
}

// key is one key as it stands in the file.
type key struct {
	path         []string // from the root
	line, column int
	width        int
}

// parse reads the tree, then walks the expressions.
func (r *reader) parse() error {
	if err := toml.Unmarshal(r.data, &r.tree); err != nil {
		if bad, ok := errors.AsType[*toml.DecodeError](err); ok {
			line, column := bad.Position()
			return r.mark(line, column, 1, strings.TrimPrefix(bad.Error(), "toml: "), "")
		}
		return fmt.Errorf("%s: %w", r.file.path, err)
	}
	return r.read()
}

func (r *reader) read() error {
	var p unstable.Parser
	p.Reset(r.data)
	for p.NextExpression() {
		node := p.Expression()
		var err error
		switch node.Kind {
		case unstable.Table:
			k := r.key(&p, node, nil)
			r.table = k.path
			err = r.section(k)
		case unstable.ArrayTable:
			k := r.key(&p, node, nil)
			err = r.markKey(k, fmt.Sprintf("[[%s]] is no section", strings.Join(k.path, ".")), "use single brackets")
		case unstable.KeyValue:
			err = r.value(&p, node, r.table)
		}
		if err != nil {
			return err
		}
	}
	return p.Error()
}

// key joins the parts of a node's key to those of the table around it.
func (r *reader) key(p *unstable.Parser, node *unstable.Node, table []string) key {
	k := key{path: slices.Clone(table)}
	for it := node.Key(); it.Next(); {
		part := it.Node()
		k.path = append(k.path, string(part.Data))
		at := p.Shape(part.Raw)
		if k.width == 0 {
			k.line, k.column = at.Start.Line, at.Start.Column
		}
		k.width = at.End.Column - k.column
	}
	return k
}

// checkSection checks the name of a [table], and notes a queue.
func (r *reader) checkSection(k key) error {
	if k.path[0] == "queues" {
		if len(k.path) != 2 {
			return r.markKey(k, "a queue's section is [queues.NAME]", `quote names with dots: [queues."orders.fifo"]`)
		}
		r.queue(k)
		return nil
	}
	name := strings.Join(k.path, ".")
	for _, s := range settings {
		if strings.HasPrefix(s.Key, name+".") {
			return nil
		}
	}
	return r.markKey(k, fmt.Sprintf("unknown section [%s]", name), didYouMean(name, sections()))
}

// value hands on one key. An inline table is read like the section it stands for.
func (r *reader) value(p *unstable.Parser, node *unstable.Node, table []string) error {
	k := r.key(p, node, table)
	if node.Value().Kind == unstable.InlineTable {
		if err := r.section(k); err != nil {
			return err
		}
		for it := node.Value().Children(); it.Next(); {
			if err := r.value(p, it.Node(), k.path); err != nil {
				return err
			}
		}
		return nil
	}
	return r.entry(k)
}

// take notes the value of one key.
func (r *reader) take(k key) error {
	text, ok := plain(r.lookup(k.path))
	if !ok {
		return r.markKey(k, fmt.Sprintf("%q takes a text, a number, true or false, or a list of texts", k.path[len(k.path)-1]), "")
	}
	if k.path[0] == "queues" && len(k.path) > 1 {
		return r.queueValue(k, text)
	}
	name := strings.Join(k.path, ".")
	if slices.ContainsFunc(settings, func(s Setting) bool { return s.Key == name }) {
		r.file.entries[name] = entry{text, k.line}
		return nil
	}
	section, last := strings.Join(k.path[:len(k.path)-1], "."), k.path[len(k.path)-1]
	return r.unknown(k, last, section, keysOf(section))
}

// queue returns the entry of the queue whose section or key k is.
func (r *reader) queue(k key) *Queue {
	for i := range r.file.queues {
		if r.file.queues[i].Name == k.path[1] {
			return &r.file.queues[i]
		}
	}
	r.file.queues = append(r.file.queues, Queue{Name: k.path[1], Attributes: map[string]string{}, Line: k.line})
	return &r.file.queues[len(r.file.queues)-1]
}

func (r *reader) queueValue(k key, text string) error {
	if len(k.path) != 3 {
		return r.markKey(k, "a queue's section is [queues.NAME]", `quote names with dots: [queues."orders.fifo"]`)
	}
	switch k.path[2] {
	case "dead_letter_queue":
		r.queue(k).deadLetter = text
		return nil
	case "max_receives":
		r.queue(k).maxReceives = text
		return nil
	}
	name, value, err := QueueAttribute(k.path[2], text)
	if errors.Is(err, errUnknownAttribute) {
		return r.unknown(k, k.path[2], "queues."+k.path[1], append(attributeNames(), "dead_letter_queue", "max_receives"))
	}
	if err != nil {
		return r.markKey(k, err.Error(), "")
	}
	if _, twice := r.queue(k).Attributes[name]; twice {
		return r.markKey(k, fmt.Sprintf("%s is set above in [queues.%s] by its other name", k.path[2], k.path[1]), "keep one of the two")
	}
	r.queue(k).Attributes[name] = value
	return nil
}

func (r *reader) unknown(k key, name, section string, known []string) error {
	what := fmt.Sprintf("unknown key %q", name)
	if section != "" {
		what += fmt.Sprintf(" in [%s]", section)
	}
	return r.markKey(k, what, didYouMean(name, known))
}

func (r *reader) markKey(k key, what, hint string) error {
	return r.mark(k.line, k.column, k.width, what, hint)
}

func (r *reader) mark(line, column, width int, what, hint string) error {
	e := &FileError{Path: r.file.path, Line: line, Column: max(column, 1), Width: width, What: what, Hint: hint}
	if lines := strings.Split(string(r.data), "\n"); line >= 1 && line <= len(lines) {
		e.Source = strings.TrimRight(lines[line-1], "\r")
	}
	return e
}

func (r *reader) lookup(path []string) any {
	var at any = r.tree
	for _, part := range path {
		table, ok := at.(map[string]any)
		if !ok {
			return nil
		}
		at = table[part]
	}
	return at
}

// plain returns the text of a value. A list of texts is joined by commas.
func plain(value any) (string, bool) {
	switch v := value.(type) {
	case string:
		return v, true
	case int64, bool:
		return fmt.Sprint(v), true
	case []any:
		var parts []string
		for _, item := range v {
			part, ok := item.(string)
			if !ok {
				return "", false
			}
			parts = append(parts, part)
		}
		return strings.Join(parts, ","), true
	}
	return "", false
}

// sections lists the sections there are.
func sections() []string {
	names := []string{"queues"}
	for _, s := range settings {
		if section, _, ok := strings.Cut(s.Key, "."); ok && !slices.Contains(names, section) {
			names = append(names, section)
		}
	}
	return names
}

// keysOf lists the keys of a section; the empty section is the top of the file.
func keysOf(section string) []string {
	var names []string
	for _, s := range settings {
		before, after, ok := strings.Cut(s.Key, ".")
		if !ok {
			before, after = "", s.Key
		}
		if before == section {
			names = append(names, after)
		}
	}
	return names
}

func didYouMean(name string, known []string) string {
	if best := Nearest(name, known); best != "" {
		return fmt.Sprintf("did you mean %q?", best)
	}
	return ""
}

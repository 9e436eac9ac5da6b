package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/spf13/cobra"
)

// commandRow is how the tests of output run a command.
type commandRow struct {
	line string   // the command line; FOLDER stands for a folder of its own, HANDLE for the handle of a received message
	form string   // of -o json: object, array, or text for a command that prints for people whatever -o says
	runs bool     // until it is stopped
	mute string   // why the command prints nothing of its own, so that there is nothing to lose; it is not run
	prep []string // what must have been done before
}

// commandRows has a row for every command that can be run: TestEveryCommandHasARow fails when one is missing.
var commandRows = map[string]commandRow{
	"forebay":                 {line: "--version", form: "text"},
	"forebay send":            {line: "send orders one", form: "array"},
	"forebay receive":         {line: "receive orders", form: "array", prep: []string{"send orders one"}},
	"forebay peek":            {line: "peek orders", form: "array", prep: []string{"send orders one"}},
	"forebay delete":          {line: "delete handles HANDLE", form: "array"},
	"forebay queues":          {line: "queues", form: "array"},
	"forebay queues list":     {line: "queues list orders", form: "array"},
	"forebay queues create":   {line: "queues create again", form: "object"},
	"forebay queues show":     {line: "queues show orders", form: "object"},
	"forebay queues set":      {line: "queues set orders delay=0s", form: "object"},
	"forebay queues purge":    {line: "queues purge orders --dry-run", form: "object"},
	"forebay queues delete":   {line: "queues delete UNIQUE --yes", form: "object", prep: []string{"queues create UNIQUE"}},
	"forebay queues move":     {line: "queues move orders-dead --dry-run", form: "object"},
	"forebay queues redrive":  {line: "queues redrive orders-dead --dry-run", form: "object"},
	"forebay redrive":         {line: "redrive orders-dead --dry-run", form: "object"},
	"forebay top":             {line: "top --once", form: "object"},
	"forebay work":            {mute: "it logs to standard error"},
	"forebay pool":            {mute: "the same as pool list, and there is no controller here"},
	"forebay pool run":        {line: "pool run --queue orders --driver none --listen 127.0.0.1:0 --state FOLDER", form: "text", runs: true},
	"forebay pool list":       {mute: "print, as all lists: there is no controller here"},
	"forebay pool show":       {mute: "print, as above"},
	"forebay pool set":        {mute: "print, as above"},
	"forebay pool drain":      {mute: "print, as above"},
	"forebay pool pause":      {mute: "print, as above"},
	"forebay pool resume":     {mute: "print, as above"},
	"forebay pool why":        {mute: "print, as above"},
	"forebay pools":           {mute: "the old spelling of pool"},
	"forebay pools list":      {mute: "the old spelling of pool"},
	"forebay pools show":      {mute: "the old spelling of pool"},
	"forebay pools set":       {mute: "the old spelling of pool"},
	"forebay pools drain":     {mute: "the old spelling of pool"},
	"forebay pools pause":     {mute: "the old spelling of pool"},
	"forebay pools resume":    {mute: "the old spelling of pool"},
	"forebay pools why":       {mute: "the old spelling of pool"},
	"forebay gateway":         {mute: "it logs to standard error"},
	"forebay backend":         {mute: "it logs to standard error"},
	"forebay serve":           {line: "serve --listen 127.0.0.1:0 --data FOLDER", form: "text", runs: true},
	"forebay demo":            {line: "demo", form: "text"},
	"forebay demo gateway":    {line: "demo gateway --listen 127.0.0.1:0", form: "text", runs: true},
	"forebay env":             {line: "env", form: "object"},
	"forebay aws":             {mute: "the output is that of another program, which has the file itself"},
	"forebay keys":            {line: "keys", form: "array"},
	"forebay keys list":       {line: "keys list", form: "array"},
	"forebay keys create":     {line: "keys create UNIQUE", form: "object"},
	"forebay keys delete":     {line: "keys delete UNIQUE --yes", form: "object", prep: []string{"keys create UNIQUE"}},
	"forebay keys change":     {line: "keys change UNIQUE --rate 5", form: "object", prep: []string{"keys create UNIQUE"}},
	"forebay keys rotate":     {line: "keys rotate UNIQUE", form: "object", prep: []string{"keys create UNIQUE"}},
	"forebay keys disable":    {line: "keys disable UNIQUE", form: "object", prep: []string{"keys create UNIQUE"}},
	"forebay keys enable":     {line: "keys enable UNIQUE", form: "object", prep: []string{"keys create UNIQUE"}},
	"forebay config":          {line: "config", form: "array"},
	"forebay doctor":          {line: "doctor", form: "array"},
	"forebay backup":          {line: "backup FOLDER", form: "object"},
	"forebay restore":         {line: "restore FOLDER/b --data FOLDER/r", form: "array", prep: []string{"backup FOLDER/b"}},
	"forebay version":         {line: "version", form: "object"},
	"forebay bench":           {line: "bench send --messages 2 --producers 1", form: "object"},
	"forebay bench noop":      {line: "bench noop 1", form: "text"},
	"forebay sim":             {line: "sim --seeds 1 --length 1m --trace steady --policy slack", form: "array"},
	"forebay verify":          {line: "verify FOLDER/h", form: "object", prep: []string{"HISTORY"}},
	"forebay keep-command":    {mute: "a pipe to the process that started it"},
	"forebay context":         {line: "context", form: "array", prep: []string{"context add UNIQUE"}},
	"forebay context list":    {line: "context list", form: "array", prep: []string{"context add UNIQUE"}},
	"forebay context add":     {line: "context add UNIQUE", form: "object"},
	"forebay context use":     {line: "context use --none", form: "object"},
	"forebay context remove":  {line: "context remove UNIQUE", form: "object", prep: []string{"context add UNIQUE"}},
	"forebay completion bash": {line: "completion bash", form: "text"},
}

// otherLines are further ways in which commands print, besides the row that each has.
var otherLines = []commandRow{
	{line: "--help"}, {line: "help queues"}, {line: "help exit-codes"}, {line: "help attributes"}, {line: "serve --help"}, {line: "completion zsh"},
	{line: "completion fish"}, {line: "completion powershell"}, {line: "__complete queues s"}, {line: "queues -o table"}, {line: "queues -o name"},
	{line: "queues -o jsonl"}, {line: "top --once -o name"}, {line: "top --once -o json"}, {line: "env --shell json"}, {line: "env --unset"},
	{line: "receive orders --raw", prep: []string{"send orders one"}}, {line: "receive orders --base64", prep: []string{"send orders one"}},
	{line: "verify FOLDER/h", prep: []string{"HISTORY"}}, {line: "verify FOLDER/h -o json", prep: []string{"HISTORY"}}, {line: "verify --live"},
	{line: "bench send --messages 2 --producers 1 -o json"}, {line: "keys create UNIQUE -o json"}, {line: "queues show orders -o table"},
}

// rowKit has what rows are run with.
type rowKit struct {
	t      *testing.T
	number int
}

// run runs a row's preparations and the row itself, with standard output going to out.
func (k *rowKit) run(row commandRow, out io.Writer, more ...string) (code int, errs string) {
	k.t.Helper()
	k.number++
	folder := filepath.Join(k.t.TempDir(), "f")
	unique := fmt.Sprint("k", k.number)
	put := strings.NewReplacer("FOLDER", folder, "UNIQUE", unique)
	for _, line := range row.prep {
		if line == "HISTORY" {
			k.history(folder)
		} else if code, _, errs := command(put.Replace(line)); code != exitOK {
			k.t.Fatalf("forebay %s: exit code %d: %s", line, code, errs)
		}
	}
	line := put.Replace(row.line)
	if strings.Contains(line, "HANDLE") {
		line = strings.ReplaceAll(line, "HANDLE", k.handle())
	}
	ctx, cancel := context.WithCancel(k.t.Context())
	defer cancel()
	if broken, ok := out.(*brokenWriter); ok && row.runs {
		broken.broke = cancel
	}
	var stderr bytes.Buffer
	code = run(ctx, append(strings.Fields(line), more...), strings.NewReader(""), out, &stderr)
	return code, stderr.String()
}

// handle receives a message and returns its handle.
func (k *rowKit) handle() string {
	k.t.Helper()
	command("send handles --create one")
	_, out, errs := command("receive handles -o json")
	var got []message
	if err := json.Unmarshal([]byte(out), &got); err != nil || len(got) != 1 {
		k.t.Fatalf("receive: %q, %s: %v", out, errs, err)
	}
	return got[0].ReceiptHandle
}

func (k *rowKit) history(folder string) {
	k.t.Helper()
	text := `{"op":"send","queue":"q","key":"a","id":"1","call":1000000000,"return":2000000000}` + "\n"
	if err := os.MkdirAll(folder, 0o700); err != nil {
		k.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "h"), []byte(text), 0o600); err != nil {
		k.t.Fatal(err)
	}
}

// brokenWriter takes so many bytes, and then fails.
type brokenWriter struct {
	mu    sync.Mutex
	takes int
	err   error
	broke func() // called when it fails; may be nil
}

// Write implements io.Writer.
func (w *brokenWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(p) <= w.takes {
		w.takes -= len(p)
		return len(p), nil
	}
	if w.broke != nil {
		w.broke()
	}
	n := w.takes
	w.takes = 0
	return n, w.err
}

// outputServer starts the server that the rows use.
func outputServer(t *testing.T) {
	t.Helper()
	serveForTest(t)
	for _, line := range []string{"queues create orders-dead", "queues create orders --dead-letter orders-dead"} {
		if code, _, errs := command(line); code != exitOK {
			t.Fatalf("forebay %s: %s", line, errs)
		}
	}
}

// runnable lists the paths of all commands that do something.
func runnable(cmd *cobra.Command) []string {
	var paths []string
	if cmd.Runnable() {
		paths = append(paths, cmd.CommandPath())
	}
	for _, sub := range cmd.Commands() {
		paths = append(paths, runnable(sub)...)
	}
	return paths
}

func TestEveryCommandHasARow(t *testing.T) {
	paths := runnable((&app{out: &output{to: io.Discard}}).root())
	for _, path := range paths {
		row, ok := commandRows[path]
		if !ok {
			t.Errorf("%q has no row in commandRows: is it an error when its output cannot be written, and is -o json an object or an array?", path)
		} else if (row.line == "") == (row.mute == "") {
			t.Errorf("the row of %q needs either a line or a reason for having none", path)
		}
	}
	for path := range commandRows {
		if !slices.Contains(paths, path) && !strings.HasPrefix(path, "forebay completion") { // cobra adds those as it runs
			t.Errorf("there is no command %q for its row", path)
		}
	}
}

// A disk that is full, or a reader that has gone, is a failure of every command, however little it prints.
func TestOutputThatCannotBeWrittenIsAnError(t *testing.T) {
	outputServer(t)
	kit := &rowKit{t: t}
	rows := slices.Clone(otherLines)
	for _, row := range commandRows {
		if row.mute == "" {
			rows = append(rows, row)
		}
	}
	for _, row := range rows {
		t.Run(row.line+" on a full disk", func(t *testing.T) {
			kit.t = t
			code, errs := kit.run(row, &brokenWriter{err: syscall.ENOSPC}, rowFormat(row)...)
			if code != exitFailed || !row.runs && !strings.Contains(errs, "no space left on device") {
				t.Errorf("exit code %d, want %d: %s", code, exitFailed, errs)
			}
		})
		t.Run(row.line+" on a disk that fills after a few bytes", func(t *testing.T) {
			kit.t = t
			if code, errs := kit.run(row, &brokenWriter{err: syscall.ENOSPC, takes: 1}, rowFormat(row)...); code != exitFailed {
				t.Errorf("exit code %d, want %d: %s", code, exitFailed, errs)
			}
		})
		t.Run(row.line+" to a reader that has gone", func(t *testing.T) {
			kit.t = t
			code, errs := kit.run(row, &brokenWriter{err: syscall.EPIPE}, rowFormat(row)...)
			if code != exitPipe && (!row.runs || code == exitOK) || strings.Contains(errs, "error: the output") {
				t.Errorf("exit code %d, want %d and no word about it: %s", code, exitPipe, errs)
			}
		})
	}
}

// rowFormat has a command print that says nothing on standard output to people.
func rowFormat(row commandRow) []string {
	if strings.HasPrefix(row.line, "delete ") {
		return []string{"-o", "json"}
	}
	return nil
}

// What -o json prints is for programs: its form is that of the command, whatever is in it.
func TestTheFormOfJSONIsThatOfTheCommand(t *testing.T) {
	outputServer(t)
	kit := &rowKit{t: t}
	for path, row := range commandRows {
		if row.mute != "" || row.form == "text" {
			continue
		}
		t.Run(path+" is an "+row.form, func(t *testing.T) {
			kit.t = t
			var out bytes.Buffer
			code, errs := kit.run(row, &out, "-o", "json")
			if got := formOf(out.Bytes()); got != row.form {
				t.Errorf("exit code %d, %s instead of %s: %s%s", code, got, row.form, out.String(), errs)
			}
		})
	}
	t.Run("verify of two files is an object too", func(t *testing.T) {
		kit.t = t
		var out bytes.Buffer
		kit.run(commandRow{line: "verify FOLDER/h FOLDER/h", prep: []string{"HISTORY"}}, &out, "-o", "json")
		if formOf(out.Bytes()) != "object" {
			t.Errorf("%s instead of an object: %s", formOf(out.Bytes()), out.String())
		}
	})
	for _, line := range []string{"send orders one two", "queues list nothing-like-it", "receive orders-dead", "peek orders-dead", "verify --live"} {
		t.Run(line+" is an array", func(t *testing.T) {
			if _, out, errs := command(line + " -o json"); formOf([]byte(out)) != "array" {
				t.Errorf("%s instead of an array: %s%s", formOf([]byte(out)), out, errs)
			}
		})
	}
}

// formOf names the form of a JSON text.
func formOf(text []byte) string {
	var value any
	if err := json.Unmarshal(text, &value); err != nil {
		return "no JSON"
	}
	switch value.(type) {
	case []any:
		return "array"
	case map[string]any:
		return "object"
	}
	return "something else"
}

// The list in the documentation is the list of the rows.
func TestTheFormsOfJSONAreDocumented(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "operations.md"))
	if err != nil {
		t.Fatal(err)
	}
	for path, row := range commandRows {
		if row.form == "" || row.form == "text" || strings.HasPrefix(path, "forebay queues move") || strings.HasPrefix(path, "forebay queues redrive") {
			continue
		}
		_, list, _ := strings.Cut(string(text), "| "+row.form+" | ")
		list, _, _ = strings.Cut(list, "\n")
		if name := strings.TrimPrefix(path, "forebay "); !strings.Contains(list, "`"+name+"`") {
			t.Errorf("docs/operations.md does not say that -o json of %q is an %s", name, row.form)
		}
	}
}

// What cannot be had again is not destroyed before it has been written.
func TestNothingIsDestroyedBeforeItIsWritten(t *testing.T) {
	serveForTest(t)
	for name, writer := range map[string]*brokenWriter{
		"a disk that is full":                  {err: syscall.ENOSPC},
		"a disk that fills behind a message":   {err: syscall.ENOSPC, takes: 4},
		"a reader that has gone":               {err: syscall.EPIPE},
		"a reader that goes behind a message":  {err: syscall.EPIPE, takes: 4},
		"a writer that takes less without err": {takes: 2},
	} {
		for _, form := range []string{"", "-o json", "-o jsonl", "-o name", "-o table", "--raw", "--base64"} {
			t.Run("receive --delete "+form+" to "+name, func(t *testing.T) {
				queue := "q" + strings.Map(onlyLetters, name+form)
				for _, line := range []string{"queues create " + queue, "send " + queue + " one two three"} {
					if code, _, errs := command(line); code != exitOK {
						t.Fatalf("forebay %s: %s", line, errs)
					}
				}
				var errs bytes.Buffer
				out := &brokenWriter{err: writer.err, takes: writer.takes}
				words := strings.Fields("receive " + queue + " --max 10 --delete " + form)
				if code := run(t.Context(), words, strings.NewReader(""), out, &errs); code == exitOK || strings.Contains(errs.String(), "deleted.") {
					t.Errorf("exit code %d: %s", code, errs.String())
				}
				_, counts, _ := command("queues list " + queue)
				if fields := strings.Fields(counts); len(fields) < 3 || fields[1] != "0" || fields[2] != "3" {
					t.Errorf("%q: 3 messages should be in flight, none deleted", counts)
				}
			})
		}
	}
	t.Run("a key whose secret could not be written does not stay", func(t *testing.T) {
		var errs bytes.Buffer
		words := []string{"keys", "create", "lost"}
		if code := run(t.Context(), words, strings.NewReader(""), &brokenWriter{err: syscall.ENOSPC}, &errs); code != exitFailed {
			t.Errorf("exit code %d: %s", code, errs.String())
		}
		if _, out, _ := command("keys -o name"); strings.Contains(out, "lost") {
			t.Errorf("the key is there: %s", out)
		}
	})
}

func onlyLetters(r rune) rune {
	if r >= 'a' && r <= 'z' {
		return r
	}
	return -1
}

// An output is asked for its error instead of each write, so no command may go past it.
func TestOnlyMainKnowsStandardOutput(t *testing.T) {
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if name == "main.go" || strings.HasSuffix(name, "_test.go") {
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, past := range []string{"os.Stdout", "fmt.Print(", "fmt.Println(", "fmt.Printf(", "cmd.OutOrStdout", "syscall.Stdout"} {
			if bytes.Contains(text, []byte(past)) {
				t.Errorf("%s uses %s: write to app.out, which remembers what could not be written", name, past)
			}
		}
	}
}

func TestOutputKeepsItsFirstError(t *testing.T) {
	first := errors.New("first")
	o := &output{to: &brokenWriter{err: first}}
	_, err := o.Write([]byte("x"))
	if _, again := o.Write([]byte("y")); err != first || again != first || o.arrived() != first || o.close() != first {
		t.Errorf("Write: %v, then %v, %v and %v; want the first each time", err, again, o.arrived(), o.close())
	}
}

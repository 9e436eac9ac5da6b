package gateway

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// sealed is a small file of lines whose damage is noticed: each line has a checksum behind it, and a last line says
// that nothing was cut off. People may add lines by hand, without a checksum, and get it at the next start. Empty
// lines and those that begin with # are theirs.
type sealed struct {
	path  string
	raw   []string // all lines as they stand in the file
	lines []sealedLine
	open  bool // a checksum or the end is missing
}

// sealedLine is a line that counts, without its checksum.
type sealedLine struct {
	number int // from 1
	text   string
}

// sealedEnd is the last line of a sealed file.
const sealedEnd = "end"

// checksumOf is what stands behind a line: its CRC-32C in hexadecimal.
func checksumOf(line string) string {
	return fmt.Sprintf("%08x", crc32.Checksum([]byte(line), crc32.MakeTable(crc32.Castagnoli)))
}

// openSealed reads a file, which it makes of first when there is none. The error says where the damage is and what to
// do.
func openSealed(path string, first func() string) (*sealed, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		f := &sealed{path: path}
		if err := f.parse(first()); err != nil {
			return nil, err
		}
		if err = createOnce(path, f.text()); err != nil {
			return nil, err
		}
		text, err = os.ReadFile(path)
	}
	if err != nil {
		return nil, err
	}
	f := &sealed{path: path}
	return f, f.parse(string(text))
}

func (f *sealed) parse(text string) error {
	checked, ended := 0, false
	for line := range strings.Lines(text) {
		f.raw = append(f.raw, strings.TrimRight(line, "\r\n"))
		line = strings.TrimSpace(line)
		switch {
		case line == "":
			continue
		case line[0] == '#' && !swallowed(line):
			continue
		case line == sealedEnd:
			ended = true
			continue
		}
		plain, sum, has := cutChecksum(line)
		if has && sum != checksumOf(plain) {
			return fmt.Errorf("%s:%d is damaged: its checksum is %s, want %s; %s, or, if you have changed the line "+
				"yourself, take its last word away", f.path, len(f.raw), sum, checksumOf(plain), restoreAdvice)
		}
		if has {
			checked++
		}
		f.lines = append(f.lines, sealedLine{len(f.raw), plain})
	}
	if checked > 0 && !ended {
		return fmt.Errorf("%s is damaged: its end is missing, and lines may be missing too; %s", f.path, restoreAdvice)
	}
	f.open = checked < len(f.lines) || !ended
	return nil
}

// cutChecksum cuts the checksum off a line that has one: a last word of eight hexadecimal digits behind a space.
func cutChecksum(line string) (plain, sum string, has bool) {
	i := strings.LastIndexByte(line, ' ')
	if i < 0 || len(line)-i-1 != 8 || strings.Trim(line[i+1:], "0123456789abcdef") != "" {
		return line, "", false
	}
	if plain = line[:i]; plain == "site" { // a name of eight such letters, of a file without checksums
		return line, "", false
	}
	return plain, line[i+1:], true
}

// swallowed reports whether a comment was a line with a checksum before a bit of it, or of the line end before it,
// has changed.
func swallowed(comment string) bool {
	plain, _, has := cutChecksum(comment)
	return has && len(plain)-strings.LastIndexByte(plain, ' ') > keyBytes
}

// text is the file with all of its checksums, and what people have written between the lines.
func (f *sealed) text() string {
	var b strings.Builder
	next := 0
	for i, raw := range f.raw {
		switch {
		case next < len(f.lines) && f.lines[next].number == i+1:
			line := f.lines[next].text
			b.WriteString(line + " " + checksumOf(line) + "\n")
			next++
		case strings.TrimSpace(raw) != sealedEnd:
			b.WriteString(raw + "\n")
		}
	}
	b.WriteString(sealedEnd + "\n")
	return b.String()
}

// seal adds the checksums that are missing. A file that cannot be replaced, such as a mounted secret, stays without:
// whoever mounts it guards it.
func (f *sealed) seal() {
	info, err := os.Lstat(f.path)
	if !f.open || err != nil || !info.Mode().IsRegular() {
		return
	}
	draft, err := writeDraft(f.path, f.text(), info.Mode().Perm())
	if err != nil {
		return
	}
	if os.Rename(draft, f.path) == nil {
		_ = syncFolder(filepath.Dir(f.path))
		return
	}
	_ = os.Remove(draft)
}

// createOnce makes a file with its content, whole or not at all, on disk when it returns. A file that is there already
// is left as it is. Of two gateways that start at the same moment, one wins.
func createOnce(path, text string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	draft, err := writeDraft(path, text, 0o600)
	if err != nil {
		return err
	}
	defer os.Remove(draft)
	if err := os.Link(draft, path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncFolder(filepath.Dir(path))
}

// writeDraft writes a new file in the folder of path, synced, and returns its name.
func writeDraft(path, text string, mode fs.FileMode) (name string, err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return "", err
	}
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close()); err != nil {
		_ = os.Remove(f.Name())
		return "", err
	}
	return f.Name(), nil
}

// syncFolder makes the names in a folder durable.
func syncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

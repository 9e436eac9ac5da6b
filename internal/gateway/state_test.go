package gateway

import (
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// newState makes a state folder with a key, a name and what stands for a reply store, and a second key as a rotation
// leaves it.
func newState(t *testing.T) (folder string, want State) {
	t.Helper()
	folder = t.TempDir()
	mustState(t, folder)
	appendText(t, filepath.Join(folder, siteKeyName), "# the old one\n"+strings.Repeat("c0", keyBytes)+"\n")
	if err := os.Mkdir(filepath.Join(folder, repliesName), 0o700); err != nil {
		t.Fatal(err)
	}
	return folder, mustState(t, folder)
}

func mustState(t *testing.T, folder string) State {
	t.Helper()
	s, err := OpenState(folder, "", false)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func appendText(t *testing.T, path, text string) {
	t.Helper()
	before, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path, append(before, text...), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func (s State) String() string { return fmt.Sprintf("%s %x %s", s.Keys.site, s.Keys.all, s.Instance) }

// TestADamagedStateFileIsNeverTakenForAnother flips every bit, and cuts at every byte, of the key file and the name
// of the gateway.
func TestADamagedStateFileIsNeverTakenForAnother(t *testing.T) {
	folder, want := newState(t)
	for _, name := range []string{siteKeyName, instanceName} {
		path := filepath.Join(folder, name)
		right, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		refused, cases := 0, 0
		try := func(what string, text []byte) {
			t.Helper()
			cases++
			if err := os.WriteFile(path, text, 0o600); err != nil {
				t.Fatal(err)
			}
			got, err := OpenState(folder, "", false)
			switch {
			case err == nil && got.String() != want.String():
				t.Errorf("%s: %s: got %v in silence, want %v or a refusal\n%s", name, what, got, want, text)
			case err != nil && (!strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "restore")):
				t.Errorf("%s: %s: the refusal does not say where and what next: %v", name, what, err)
			case err != nil:
				refused++
			}
		}
		for i := range right {
			for bit := range 8 {
				flipped := slices.Clone(right)
				flipped[i] ^= 1 << bit
				try(fmt.Sprintf("bit %d of byte %d", bit, i), flipped)
			}
			try(fmt.Sprintf("cut to %d bytes", i), right[:i])
		}
		if err := os.WriteFile(path, right, 0o600); err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %d of %d damages were refused, the others change nothing", name, refused, cases)
	}
}

func TestStateFilesMissingBesideRepliesAreNotMadeAnew(t *testing.T) {
	for _, name := range []string{siteKeyName, instanceName} {
		folder, before := newState(t)
		if err := os.Remove(filepath.Join(folder, name)); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenState(folder, "", false); err == nil || !strings.Contains(err.Error(), "is missing beside the replies") ||
			!strings.Contains(err.Error(), "--accept-loss") {
			t.Errorf("%s is missing: got %v, want a refusal that names --accept-loss", name, err)
		}
		got, err := OpenState(folder, "", true)
		if err != nil || got.String() == before.String() {
			t.Errorf("%s is missing, with --accept-loss: got %v, %v, want new ones", name, got, err)
		}
	}
}

func TestStateFilesByHandAndOfOlderProgramsAreTaken(t *testing.T) {
	old, fresh := strings.Repeat("ab", keyBytes), strings.Repeat("cd", keyBytes)
	for _, test := range []struct{ name, text, want string }{
		{"of an older program", "# key\nsite s1\n" + old + "\n", "s1 " + old},
		{"a site whose name looks like a checksum", "site deadbeef\n" + old + "\n", "deadbeef " + old},
		{"a new key behind the old one", "site s1 " + checksumOf("site s1") + "\n" + old + " " + checksumOf(old) + "\nend\n" + fresh + "\n",
			"s1 " + old + " " + fresh},
		{"a new key before the old one", "site s1 " + checksumOf("site s1") + "\n" + fresh + "\n" + old + " " + checksumOf(old) + "\nend\n",
			"s1 " + fresh + " " + old},
		{"the old key taken away", "site s1 " + checksumOf("site s1") + "\n" + fresh + " " + checksumOf(fresh) + "\nend\n", "s1 " + fresh},
		{"a comment with a date", "# rotated 20261121\nsite s1\n" + old + "\n", "s1 " + old},
	} {
		t.Run(test.name, func(t *testing.T) {
			folder := t.TempDir()
			path := filepath.Join(folder, siteKeyName)
			if err := os.WriteFile(path, []byte(test.text), 0o600); err != nil {
				t.Fatal(err)
			}
			for range 2 { // the second time with checksums
				k := mustState(t, folder).Keys
				got := k.site
				for _, key := range k.all {
					got += " " + hex.EncodeToString(key)
				}
				if got != test.want {
					t.Errorf("got %s, want %s", got, test.want)
				}
			}
			text, err := os.ReadFile(path)
			if err != nil || !strings.HasSuffix(string(text), "\nend\n") || strings.Count(string(text), "#") != strings.Count(test.text, "#") {
				t.Errorf("the file is now %q, %v", text, err)
			}
		})
	}
}

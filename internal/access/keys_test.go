package access

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/forebay-mq/forebay/internal/queue"
)

// openTestKeys makes a keys file in a new folder.
func openTestKeys(t testing.TB) *Keys {
	t.Helper()
	k, created, err := OpenKeys(filepath.Join(t.TempDir(), "data", "keys.json"))
	if err != nil || !created {
		t.Fatalf("OpenKeys: created is %v, %v", created, err)
	}
	return k
}

// sameKeys opens the file of k as another process does. It looks for changes at every lookup.
func sameKeys(t *testing.T, k *Keys) *Keys {
	t.Helper()
	other, created, err := OpenKeys(k.path)
	if err != nil || created {
		t.Fatalf("OpenKeys again: created is %v, %v", created, err)
	}
	lookAlways(&other.watch)
	return other
}

// lookAlways gives a watch a clock that jumps ahead.
func lookAlways(w *watch) {
	now := time.Unix(1000, 0)
	w.now = func() time.Time {
		now = now.Add(checkEvery)
		return now
	}
}

func TestTheFirstStartMakesARootKey(t *testing.T) {
	k := openTestKeys(t)
	root := k.Root()
	if len(root.ID) != 20 || !strings.HasPrefix(root.ID, "FB") || len(root.Secret) != 40 || !root.Root() {
		t.Errorf("got id %q, a secret of %d characters, root %v", root.ID, len(root.Secret), root.Root())
	}
	if again := sameKeys(t, k).Root(); again.ID != root.ID || again.Secret != root.Secret {
		t.Errorf("the second start has another root key")
	}
	if other := openTestKeys(t).Root(); other.ID == root.ID || other.Secret == root.Secret {
		t.Errorf("two servers have the same root key")
	}
}

func TestS22TheKeysFileIsPrivate(t *testing.T) {
	k := openTestKeys(t)
	if _, err := k.Create("web", KeyOptions{}); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(k.path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file has mode %v, %v, want 0600", info.Mode(), err)
	}
	for _, mode := range []os.FileMode{0o640, 0o604, 0o620} {
		if err := os.Chmod(k.path, mode); err != nil {
			t.Fatal(err)
		}
		if _, _, err := OpenKeys(k.path); err == nil || !strings.Contains(err.Error(), "chmod 600") {
			t.Errorf("with mode %v: got %v, want a refusal that says what to do", mode, err)
		}
	}
}

func TestKeysLive(t *testing.T) {
	k := openTestKeys(t)
	grants := []queue.Grant{{Kind: queue.GrantSend, Queues: "in-*"}}
	web, err := k.Create("web", KeyOptions{Account: "111122223333", Grants: grants})
	if err != nil {
		t.Fatal(err)
	}
	known := func(want bool, when string) {
		t.Helper()
		if _, got := k.lookup(web.ID); got != want {
			t.Errorf("%s: the key is known: %v, want %v", when, got, want)
		}
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Error(err)
		}
	}
	known(true, "created")
	must(k.Disable("web"))
	known(false, "disabled")
	must(k.Enable("web"))
	known(true, "enabled")
	list := k.List()
	if len(list) != 2 || list[0].Name != RootName || list[1].Name != "web" || list[1].Account != "111122223333" || len(list[1].Grants) != 1 {
		t.Errorf("List: got %+v", list)
	}
	must(k.Delete("web"))
	known(false, "deleted")
	if _, err := k.Create("web", KeyOptions{}); err != nil {
		t.Errorf("the name is free again, but: %v", err)
	}
	known(false, "another of the same name created")
}

func TestKeysRefuse(t *testing.T) {
	k := openTestKeys(t)
	if _, err := k.Create("web", KeyOptions{}); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(k.path)
	if err != nil {
		t.Fatal(err)
	}
	create := func(name string, opts KeyOptions) error {
		_, err := k.Create(name, opts)
		return err
	}
	anyError := errors.New("any")
	for _, row := range []struct {
		name      string
		err, want error
	}{
		{"a name that is taken", create("web", KeyOptions{}), ErrKeyExists},
		{"the root's name", create(RootName, KeyOptions{}), ErrKeyExists},
		{"no name", create("", KeyOptions{}), anyError},
		{"a name with a slash", create("a/b", KeyOptions{}), anyError},
		{"a long name", create(strings.Repeat("x", KeyNameLenMax+1), KeyOptions{}), anyError},
		{"an account of letters", create("a", KeyOptions{Account: "abcdefabcdef"}), anyError},
		{"a wrong pattern", create("a", KeyOptions{Grants: []queue.Grant{{Kind: queue.GrantSend, Queues: "a b"}}}), anyError},
		{"disabling nobody", k.Disable("nobody"), ErrKeyMissing},
		{"enabling nobody", k.Enable("nobody"), ErrKeyMissing},
		{"deleting nobody", k.Delete("nobody"), ErrKeyMissing},
		{"deleting the last admin", k.Delete(RootName), ErrLastAdmin},
		{"disabling the last admin", k.Disable(RootName), ErrLastAdmin},
	} {
		if row.err == nil || row.want != anyError && !errors.Is(row.err, row.want) {
			t.Errorf("%s: got %v, want %v", row.name, row.err, row.want)
		}
	}
	if after, err := os.ReadFile(k.path); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the refused changes changed the file: %v", err)
	}
	if left, err := filepath.Glob(k.path + ".*"); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestAnotherProcessChangesTheKeys(t *testing.T) {
	cli := openTestKeys(t)
	server := sameKeys(t, cli)
	web, err := cli.Create("web", KeyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, known := server.lookup(web.ID); !known {
		t.Error("the server does not know the new key")
	}
	if err := cli.Delete("web"); err != nil {
		t.Fatal(err)
	}
	if _, known := server.lookup(web.ID); known {
		t.Error("the server still knows the deleted key")
	}
	if _, err := server.Create("from-the-server", KeyOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := cli.Create("from-the-cli", KeyOptions{}); err != nil {
		t.Fatal(err)
	}
	if got := len(server.List()); got != 3 {
		t.Errorf("there are %d keys, want root and both new ones", got)
	}
}

func TestANewKeyIsKnownAtOnceAndOtherChangesAfterASecond(t *testing.T) {
	cli := openTestKeys(t)
	server := sameKeys(t, cli)
	now := time.Unix(100, 0)
	server.watch.now = func() time.Time { return now }
	server.lookup("")
	web, err := cli.Create("web", KeyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	now = now.Add(checkEvery - 1)
	if _, known := server.lookup(web.ID); !known {
		t.Error("a key that another process has made is not known at once")
	}
	if err := cli.Disable("web"); err != nil {
		t.Fatal(err)
	}
	if _, known := server.lookup(web.ID); !known {
		t.Error("the file was looked at for a key that is known, twice within a second")
	}
	now = now.Add(1)
	if _, known := server.lookup(web.ID); known {
		t.Error("the file was not looked at after a second")
	}
}

func TestAWrongFileChangesNothing(t *testing.T) {
	cli := openTestKeys(t)
	server := sameKeys(t, cli)
	var log bytes.Buffer
	server.Logger = slog.New(slog.NewTextHandler(&log, nil))
	root := server.Root()
	good, err := os.ReadFile(cli.path)
	if err != nil {
		t.Fatal(err)
	}
	replace := func(old, text string) string { return strings.Replace(string(good), old, text, 1) }
	for name, text := range map[string]string{
		"empty":                 "",
		"half":                  string(good[:len(good)/2]),
		"twice":                 string(good) + string(good),
		"of another format":     replace(`"format": 1`, `"format": 2`),
		"without a root":        replace(`"root"`, `"web"`),
		"with a misspelt field": replace(`"name"`, `"disbled": true, "name"`),
		"with a wrong type":     replace(`"`+root.Secret.Reveal()+`"`, "7"),
		"with a short secret":   replace(root.Secret.Reveal(), "x"),
	} {
		if err := os.WriteFile(cli.path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		log.Reset()
		if _, known := server.lookup(root.ID); !known {
			t.Errorf("a file that is %s: the keys were forgotten", name)
		}
		if !strings.Contains(log.String(), "cannot be used") || strings.Contains(log.String(), root.Secret.Reveal()) {
			t.Errorf("a file that is %s: the log says %q", name, log.String())
		}
		if _, _, err := OpenKeys(cli.path); err == nil {
			t.Errorf("a file that is %s: a server starts with it", name)
		}
		if _, err := cli.Create("x", KeyOptions{}); err == nil {
			t.Errorf("a file that is %s was overwritten", name)
		}
	}
}

func TestOneProcessAtATimeChangesTheKeys(t *testing.T) {
	k := openTestKeys(t)
	draft := k.path + ".new"
	if err := os.WriteFile(draft, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := k.Create("web", KeyOptions{}); err == nil || !strings.Contains(err.Error(), "another process") {
		t.Errorf("while another process writes: got %v, want a refusal", err)
	}
	old := time.Now().Add(-2 * leftOver)
	if err := os.Chtimes(draft, old, old); err != nil {
		t.Fatal(err)
	}
	if _, err := k.Create("web", KeyOptions{}); err != nil {
		t.Errorf("after another process died: got %v, want the key created", err)
	}
}

func TestS22SecretsHideThemselves(t *testing.T) {
	k := openTestKeys(t)
	key := k.Root()
	var log bytes.Buffer
	for _, handler := range []slog.Handler{slog.NewTextHandler(&log, nil), slog.NewJSONHandler(&log, nil)} {
		slog.New(handler).Info("shown", "secret", key.Secret, "key", key, "pointer", &key, "list", k.List(), "keys", k)
	}
	text, err := json.Marshal([]any{key, k.List(), map[string]any{"secret": key.Secret}})
	if err != nil {
		t.Fatal(err)
	}
	a := NewAuthenticator(AuthenticatorOptions{Keys: k, Account: "000000000000"})
	for _, shown := range []string{
		log.String(), string(text), fmt.Sprint(key, &key, k, a, key.Secret), key.Secret.String(), fmt.Errorf("key %v", key).Error(),
		fmt.Sprintf("%v %+v %#v %s %q %x %X %d", key, key, key, key.Secret, key.Secret, key.Secret, key.Secret, key.Secret),
		fmt.Sprintf("%+v %#v %+v", k, k, a),
	} {
		secret := key.Secret.Reveal()
		if strings.Contains(shown, secret) || strings.Contains(shown, fmt.Sprintf("%x", secret)) {
			t.Errorf("the secret %s is in %s", secret, shown)
		}
	}
}

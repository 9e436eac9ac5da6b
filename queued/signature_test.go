package queued_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/forebay-mq/forebay/queued"
)

var (
	noon    = time.Unix(1_795_000_000, 0)
	oldKey  = queued.Key{ID: "old", Secret: []byte("0123456789abcdef")}
	newKey  = queued.Key{ID: "new", Secret: []byte("fedcba9876543210")}
	keyring = queued.Keyring{newKey, oldKey}
)

func TestASignatureIsWhatTheDocumentSays(t *testing.T) {
	body := `{"forebay":"queued-http/1"}`
	mac := hmac.New(sha256.New, newKey.Secret)
	mac.Write([]byte("queued-http/1 request\n1795000000\n" + body))
	want := "v1 t=1795000000 key=new sig=" + hex.EncodeToString(mac.Sum(nil))
	if got := keyring.Sign(queued.KindRequest, body, noon); got != want {
		t.Errorf("Sign = %q, want %q", got, want)
	}
	python := "v1 t=1795272899 key=k1 sig=9eeb7284897a7ef577c5e12aa746f169ac59dc1db3454c514aeefde03453d045" // by the document's own lines
	if err := (queued.Keyring{{ID: "k1", Secret: oldKey.Secret}}).Verify(queued.KindRequest, "body", python, time.Unix(1795272900, 0)); err != nil {
		t.Errorf("a signature made in Python: %v", err)
	}
	if got := (queued.Keyring{}).Sign(queued.KindRequest, body, noon); got != "" {
		t.Errorf("Sign without keys = %q, want nothing", got)
	}
}

func TestOnlyAGenuineSignatureIsTaken(t *testing.T) {
	good := queued.Keyring{oldKey}.Sign(queued.KindRequest, "body", noon)
	for _, c := range []struct {
		name      string
		kind      queued.Kind
		body      string
		signature string
		now       time.Time
		want      string // in the error; empty: taken
	}{
		{"a second key", queued.KindRequest, "body", good, noon, ""},
		{"a year later", queued.KindRequest, "body", good, noon.AddDate(1, 0, 0), ""},
		{"a clock a little behind", queued.KindRequest, "body", good, noon.Add(-time.Minute), ""},
		{"a clock far behind", queued.KindRequest, "body", good, noon.Add(-time.Hour), "clocks"},
		{"as a reply", queued.KindReply, "body", good, noon, "does not fit"},
		{"another body", queued.KindRequest, "bodY", good, noon, "does not fit"},
		{"another time", queued.KindRequest, "body", strings.Replace(good, "t=1795", "t=1794", 1), noon, "does not fit"},
		{"another key", queued.KindRequest, "body", strings.Replace(good, "key=old", "key=new", 1), noon, "does not fit"},
		{"an unknown key", queued.KindRequest, "body", strings.Replace(good, "key=old", "key=odd", 1), noon, "not known"},
		{"half of it", queued.KindRequest, "body", good[:len(good)-2], noon, "does not fit"},
		{"none", queued.KindRequest, "body", "", noon, "there is none"},
		{"another version", queued.KindRequest, "body", strings.Replace(good, "v1", "v2", 1), noon, "want"},
		{"no hex", queued.KindRequest, "body", good + "g", noon, "want"},
		{"no time", queued.KindRequest, "body", strings.Replace(good, "t=", "t=x", 1), noon, "t is no time"},
	} {
		err := keyring.Verify(c.kind, c.body, c.signature, c.now)
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: %v, want it taken", c.name, err)
		case c.want != "" && (!errors.Is(err, queued.ErrSignature) || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: %v, want an error about %q", c.name, err, c.want)
		}
	}
}

func TestAKeyFileIsReadOrExplained(t *testing.T) {
	keys, err := queued.ParseKeys(strings.NewReader("# ours\n\nnew fedcba9876543210\nold  0123456789abcdef\n"))
	if err != nil || len(keys) != 2 || keys[0].ID != "new" || string(keys[1].Secret) != "0123456789abcdef" {
		t.Errorf("got %v, %v", keys, err)
	}
	for file, want := range map[string]string{
		"":                                       "no keys",
		"a\n":                                    "line 1: want an id",
		"a short\n":                              "openssl",
		"a 0123456789abcdef\na 0123456789abcdef": "line 2: the key a comes twice",
		"a/b 0123456789abcdef":                   "no id of a key",
	} {
		if _, err := queued.ParseKeys(strings.NewReader(file)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want an error about %q", file, err, want)
		}
	}
}

package access

import (
	"context"
	"errors"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/forebay-mq/forebay/internal/queue"
)

// knows fails the test unless the key of an id is accepted or refused as wanted.
func knows(t *testing.T, k *Keys, id string, want bool, when string) {
	t.Helper()
	if _, got := k.lookup(id); got != want {
		t.Errorf("%s: the key is accepted: %v, want %v", when, got, want)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestRotateReplacesThePair(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := openTestKeys(t)
		first := k.Root()
		second, err := k.Rotate(RootName, 0)
		must(t, err)
		knows(t, k, first.ID, false, "the old pair, without an overlap")
		knows(t, k, second.ID, true, "the new pair")
		third, err := k.Rotate(RootName, time.Hour)
		must(t, err)
		knows(t, k, second.ID, true, "the old pair, within the overlap")
		fourth, err := k.Rotate(RootName, 2*time.Hour)
		must(t, err)
		knows(t, sameKeysNow(t, k), second.ID, true, "the oldest pair, in another process")
		time.Sleep(time.Hour)
		knows(t, k, second.ID, false, "the oldest pair, after its overlap")
		knows(t, k, third.ID, true, "the one after it")
		fifth, err := k.Rotate(RootName, 0)
		must(t, err)
		for _, id := range []string{first.ID, second.ID, third.ID, fourth.ID} {
			knows(t, k, id, false, "an earlier pair, once it was rotated without overlap")
		}
		knows(t, k, fifth.ID, true, "the newest pair")
		if root := k.Root(); root.Secret != fifth.Secret || root.Secret == fourth.Secret {
			t.Error("the secret in the file is not the newest")
		}
		for range previousMax {
			_, err = k.Rotate(RootName, time.Hour)
			must(t, err)
		}
		if _, err := k.Rotate(RootName, time.Hour); !errors.Is(err, ErrKeyInvalid) {
			t.Errorf("one more pair than can be accepted at a time: got %v, want a refusal", err)
		}
		if _, err := k.Rotate(RootName, OverlapMax+1); !errors.Is(err, ErrKeyInvalid) {
			t.Errorf("too long an overlap: got %v, want a refusal", err)
		}
	})
}

// sameKeysNow opens the file of k as another process does, in the test's own time.
func sameKeysNow(t *testing.T, k *Keys) *Keys {
	t.Helper()
	other, _, err := OpenKeys(k.path)
	must(t, err)
	return other
}

func TestAKeyExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := openTestKeys(t)
		var told atomic.Int64
		k.OnChange = func() { told.Add(1) }
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); k.Run(ctx) }()
		ci, err := k.Create("ci", KeyOptions{Expires: time.Now().Add(time.Hour)})
		must(t, err)
		time.Sleep(time.Hour - time.Nanosecond)
		synctest.Wait()
		knows(t, k, ci.ID, true, "before it expires")
		before := told.Load()
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		knows(t, k, ci.ID, false, "when it has expired")
		if n := told.Load() - before; n != 1 {
			t.Errorf("OnChange was called %d times for the expiry, want once", n)
		}
		standings := k.Standings(testAccount)
		if len(standings) != 2 || len(standings[1].IDs) != 0 {
			t.Errorf("an expired key stands without ids, so that what it has set up goes on: got %+v", standings)
		}
		never := time.Time{}
		must(t, k.Change("ci", KeyChange{Expires: &never}))
		knows(t, k, ci.ID, true, "when it expires no more")
		cancel()
		<-ended
	})
}

func TestTheLastAdminStays(t *testing.T) {
	soon := time.Now().Add(time.Hour)
	for _, row := range []struct {
		name  string
		setUp func(*testing.T, *Keys)
		do    func(*Keys) error
		want  error
	}{
		{"root alone cannot be disabled", nil, func(k *Keys) error { return k.Disable(RootName) }, ErrLastAdmin},
		{"nor deleted", nil, func(k *Keys) error { return k.Delete(RootName) }, ErrLastAdmin},
		{"nor expire", nil, func(k *Keys) error { return k.Change(RootName, KeyChange{Expires: &soon}) }, ErrLastAdmin},
		{"beside another admin it can be disabled", admin, func(k *Keys) error { return k.Disable(RootName) }, nil},
		{"and deleted", admin, func(k *Keys) error { return k.Delete(RootName) }, nil},
		{"an admin that is disabled does not count", func(t *testing.T, k *Keys) { admin(t, k); must(t, k.Disable("alice")) },
			func(k *Keys) error { return k.Delete(RootName) }, ErrLastAdmin},
		{"nor one that expires", func(t *testing.T, k *Keys) {
			_, err := k.Create("alice", KeyOptions{Admin: true, Expires: soon})
			must(t, err)
		}, func(k *Keys) error { return k.Disable(RootName) }, ErrLastAdmin},
		{"nor a key that may do everything with queues", func(t *testing.T, k *Keys) {
			_, err := k.Create("alice", KeyOptions{Grants: []queue.Grant{{Kind: queue.GrantFull, Queues: "*"}}})
			must(t, err)
		}, func(k *Keys) error { return k.Disable(RootName) }, ErrLastAdmin},
		{"the other admin is the last then", func(t *testing.T, k *Keys) { admin(t, k); must(t, k.Delete(RootName)) },
			func(k *Keys) error { return k.Delete("alice") }, ErrLastAdmin},
		{"rotating takes nothing away", nil, func(k *Keys) error { _, err := k.Rotate(RootName, 0); return err }, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			k := openTestKeys(t)
			if row.setUp != nil {
				row.setUp(t, k)
			}
			before, _ := os.ReadFile(k.path)
			err := row.do(k)
			if !errors.Is(err, row.want) {
				t.Errorf("got %v, want %v", err, row.want)
			}
			if after, _ := os.ReadFile(k.path); err != nil && string(after) != string(before) {
				t.Error("the refused change has changed the file")
			}
			if _, ok := k.ActiveAdmin(); !ok {
				t.Error("no admin is left")
			}
		})
	}
}

func admin(t *testing.T, k *Keys) {
	t.Helper()
	_, err := k.Create("alice", KeyOptions{Admin: true})
	must(t, err)
}

func TestRootComesBack(t *testing.T) {
	k := openTestKeys(t)
	admin(t, k)
	must(t, k.Delete(RootName))
	if k := sameKeysNow(t, k); k.Root().ID != "" {
		t.Error("there is a root key still")
	}
	root, err := k.Create(RootName, KeyOptions{})
	must(t, err)
	if !root.Owner() {
		t.Error("a key that is named root is no admin")
	}
}

func TestAnAdminTakesNoGrants(t *testing.T) {
	k := openTestKeys(t)
	for name, opts := range map[string]KeyOptions{
		"of another account":      {Admin: true, Account: "111122223333"},
		"with grants":             {Admin: true, Grants: []queue.Grant{{Kind: queue.GrantSend, Queues: "x"}}},
		"with a negative rate":    {Limits: Limits{Rate: -1}},
		"with a burst alone":      {Limits: Limits{Burst: 5}},
		"that has expired before": {Expires: time.Now().Add(-time.Second)},
	} {
		if _, err := k.Create("alice", opts); !errors.Is(err, ErrKeyInvalid) {
			t.Errorf("a key %s: got %v, want a refusal", name, err)
		}
	}
}

func TestARateHoldsAndRecovers(t *testing.T) {
	u := new(usage)
	l := &Limits{Rate: 10, Burst: 3}
	now := testNow
	admitted := func(tries int) (n int) {
		for range tries {
			if u.admit("web", l, now) == nil {
				n++
			}
		}
		return n
	}
	if got := admitted(10); got != 3 {
		t.Errorf("at once: %d requests were admitted, want the burst of 3", got)
	}
	now = now.Add(100 * time.Millisecond)
	if got := admitted(10); got != 1 {
		t.Errorf("after a tenth of a second: %d, want 1", got)
	}
	now = now.Add(time.Hour)
	if got := admitted(10); got != 3 {
		t.Errorf("after an hour: %d, want the burst of 3 and no more", got)
	}
	now = now.Add(-time.Hour)
	if got := admitted(10); got != 0 {
		t.Errorf("with the clock set back: %d, want none", got)
	}
	var refusal *queue.Error
	if err := u.admit("web", l, now); !errors.As(err, &refusal) || refusal.Code != queue.CodeRequestThrottled || !strings.Contains(refusal.Message, "web") {
		t.Errorf("got %v, want RequestThrottled that names the key", err)
	}
}

func TestAQuotaIsForADay(t *testing.T) {
	u := new(usage)
	l := &Limits{MessagesDay: 10, BytesDay: 100}
	now := time.Date(2026, 11, 20, 23, 59, 59, 0, time.UTC)
	check := func(what string, messages int, bytes int64, want bool) {
		t.Helper()
		err := u.spend("web", l, messages, bytes, now)
		if (err == nil) != want {
			t.Errorf("%s: got %v, admitted should be %v", what, err, want)
		}
	}
	check("nine messages", 9, 9, true)
	check("two more are too many", 2, 2, false)
	check("one more is not", 1, 1, true)
	u.giveBack(1, 1)
	check("what was given back can be used", 1, 1, true)
	now = now.Add(time.Second)
	check("the next day begins anew", 1, 100, true)
	check("and has bytes of its own", 1, 1, false)
	now = now.Add(-time.Second)
	check("a clock set back does not begin the day before anew", 1, 1, false)
}

func TestUseIsWrittenDownOnceAMinuteAndAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := openTestKeys(t)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); k.Run(ctx) }()
		web, err := k.Create("web", KeyOptions{Limits: Limits{MessagesDay: 5}})
		must(t, err)
		a := NewAuthenticator(AuthenticatorOptions{Keys: k, Account: testAccount})
		use := func() queue.Caller {
			by, err := a.Authenticate(signed(t, web, time.Now()), nil)
			must(t, err)
			return by
		}
		path := filepath.Join(filepath.Dir(k.path), usesFile)
		written := func() time.Time {
			for _, key := range sameKeysNow(t, k).List() {
				if key.Name == "web" {
					return key.LastUsed()
				}
			}
			return time.Time{}
		}
		by := use()
		synctest.Wait()
		if _, err := os.Stat(path); err == nil {
			t.Error("the first use was written down at once")
		}
		first := time.Now().Truncate(time.Second)
		time.Sleep(usesEvery)
		synctest.Wait()
		if got := written(); !got.Equal(first) {
			t.Errorf("a minute later: last used %v, want %v", got, first)
		}
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("the file: %v, %v, want mode 0600", info, err)
		}
		_, err = k.Spend(&by, 3, 30)
		must(t, err)
		use()
		last := time.Now().Truncate(time.Second)
		cancel()
		<-ended
		if got := written(); !got.Equal(last) {
			t.Errorf("at the end: last used %v, want %v", got, last)
		}
		if _, err := sameKeysNow(t, k).Spend(&by, 3, 30); err == nil {
			t.Error("a restart has forgotten how much of its quota the key has used")
		}
		must(t, k.Delete("web"))
		web, err = k.Create("web", KeyOptions{Limits: Limits{MessagesDay: 5}})
		must(t, err)
		if !written().IsZero() {
			t.Error("another key of the same name was never used")
		}
	})
}

func TestBasicAuthentication(t *testing.T) {
	k := openTestKeys(t)
	root := k.Root()
	a := NewAuthenticator(AuthenticatorOptions{Keys: k, Account: testAccount})
	for _, row := range []struct {
		name, id, secret string
		want             bool
	}{
		{"a key", root.ID, root.Secret.Reveal(), true},
		{"a wrong secret", root.ID, "x", false},
		{"no secret", root.ID, "", false},
		{"no key", "FBXXXXXXXXXXXXXXXXXX", root.Secret.Reveal(), false},
		{"nothing", "", "", false},
	} {
		r := httptest.NewRequest("GET", "/metrics", nil)
		r.SetBasicAuth(row.id, row.secret)
		by, err := a.AuthenticateBasic(r)
		if (err == nil) != row.want || by.Owner != row.want {
			t.Errorf("%s: got %+v, %v, want it let in: %v", row.name, by, err, row.want)
		}
	}
}

package access

import (
	"fmt"
	"os"
	"slices"
	"testing"

	"github.com/forebay-mq/forebay/internal/queue"
)

// TestADamagedKeysFileIsNoticed flips a bit of every byte, and cuts at every byte. What is read is what was written,
// or nothing is.
func TestADamagedKeysFileIsNoticed(t *testing.T) {
	k := openTestKeys(t)
	if _, err := k.Create("web", KeyOptions{Grants: []queue.Grant{{Kind: queue.GrantSend, Queues: "a-*"}}}); err != nil {
		t.Fatal(err)
	}
	right, err := os.ReadFile(k.path)
	if err != nil {
		t.Fatal(err)
	}
	want := contentOf(t, k.path)
	try := func(what string, text []byte) {
		t.Helper()
		if err := os.WriteFile(k.path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		ring, err := readKeys(k.path)
		if err == nil && fmt.Sprint(listed(ring)) != want {
			t.Errorf("%s changes the keys in silence:\n%s", what, text)
		}
	}
	for i := range right {
		flipped := slices.Clone(right)
		flipped[i] ^= 1 << (i % 8)
		try(fmt.Sprintf("bit %d of byte %d", i%8, i), flipped)
		try(fmt.Sprintf("a cut to %d bytes", i), right[:i])
	}
}

func contentOf(t *testing.T, path string) string {
	t.Helper()
	ring, err := readKeys(path)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(listed(ring))
}

// listed is what the keys say, secrets too.
func listed(ring *keyring) (all []string) {
	for _, k := range ring.list {
		all = append(all, fmt.Sprint(k.Name, k.ID, k.Secret.Reveal(), k.Account, k.Grants, k.Disabled, k.Created))
	}
	return all
}

package pool

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"
)

// TestADamagedMemoIsNotUsed flips every bit, and cuts at every byte.
func TestADamagedMemoIsNotUsed(t *testing.T) {
	memory := FileMemory{Folder: t.TempDir(), Pool: "p"}
	want := Memo{Service: []float64{1.5, 20}, Boot: 3, Crew: []Batch{{Started: time.Unix(1800000000, 0).UTC(), Up: 4}}}
	if err := memory.Save(t.Context(), want); err != nil {
		t.Fatal(err)
	}
	right, err := os.ReadFile(memory.path())
	if err != nil {
		t.Fatal(err)
	}
	try := func(what string, text []byte) {
		t.Helper()
		if err := os.WriteFile(memory.path(), text, 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := memory.Load(t.Context())
		if err == nil && asJSON(t, got) != asJSON(t, &want) {
			t.Errorf("%s changes the memo in silence: %s", what, text)
		}
	}
	for i := range right {
		for bit := range 8 {
			flipped := slices.Clone(right)
			flipped[i] ^= 1 << bit
			try(fmt.Sprintf("bit %d of byte %d", bit, i), flipped)
		}
		try(fmt.Sprintf("a cut to %d bytes", i), right[:i])
	}
	if err := os.WriteFile(memory.path(), []byte(`{"service":[1.5,20],"boot":3}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := memory.Load(t.Context()); err != nil || got.Boot != 3 {
		t.Errorf("the memo of an older program: got %v, %v", got, err)
	}
}

func asJSON(t *testing.T, m *Memo) string {
	t.Helper()
	text, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

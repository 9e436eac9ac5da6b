package access

import (
	"fmt"
	"io"
	"log/slog"
)

// Secret is the secret half of a key. Printed, logged or marshalled it hides itself; Reveal shows it.
type Secret string

const redacted = "[redacted]"

// Reveal returns the secret as it is, for signing, for the keys file and for the one who made the key.
func (s Secret) Reveal() string { return string(s) }

// String hides the secret.
func (s Secret) String() string { return redacted }

// Format hides the secret from every verb of fmt.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue hides the secret from slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText hides the secret from JSON and other encodings.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

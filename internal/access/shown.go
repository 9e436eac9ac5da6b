package access

import (
	"time"

	"github.com/forebay-mq/forebay/internal/queue"
)

// Shown is a key as it is shown: in JSON by the server and by the command line, which use the same names.
type Shown struct {
	Name     string        `json:"name"`
	ID       string        `json:"AccessKeyId"`
	Secret   string        `json:"SecretAccessKey,omitempty"` // of a new pair only
	Account  string        `json:"account,omitempty"`         // empty: the server's own
	Admin    bool          `json:"admin,omitempty"`
	Grants   []queue.Grant `json:"grants,omitempty"`
	Disabled bool          `json:"disabled"`
	Created  time.Time     `json:"created"`
	Expires  time.Time     `json:"expires,omitzero"`
	LastUsed time.Time     `json:"last_used,omitzero"`
	Limits   Limits        `json:"limits,omitzero"`
	Sent     *ShownSent    `json:"sent_today,omitempty"` // of a key with a quota
	Previous []ShownPair   `json:"previous,omitempty"`   // earlier ids that are accepted still
}

// ShownSent is how much of its quota a key has used in the present day of UTC.
type ShownSent struct {
	Messages int64 `json:"messages"`
	Bytes    int64 `json:"bytes"`
}

// ShownPair is an earlier id of a key that was rotated.
type ShownPair struct {
	ID    string    `json:"AccessKeyId"`
	Until time.Time `json:"until"`
}

// Show returns a key as it is shown, without its secret.
func Show(k *Key, now time.Time) Shown {
	s := Shown{
		Name: k.Name, ID: k.ID, Account: k.Account, Admin: k.Owner(), Grants: k.Grants, Disabled: k.Disabled,
		Created: k.Created, Expires: k.Expires, LastUsed: k.LastUsed(), Limits: k.Limits,
	}
	if k.Limits.MessagesDay > 0 || k.Limits.BytesDay > 0 {
		s.Sent = new(ShownSent)
		s.Sent.Messages, s.Sent.Bytes = k.SentToday(now)
	}
	for _, p := range k.Previous {
		if now.Before(p.Until) {
			s.Previous = append(s.Previous, ShownPair{ID: p.ID, Until: p.Until})
		}
	}
	return s
}

// ShowAll returns all keys in the order of their creation.
func ShowAll(keys *Keys, now time.Time) []Shown {
	list := keys.List()
	all := make([]Shown, len(list))
	for i := range list {
		all[i] = Show(&list[i], now)
	}
	return all
}

// Refresh brings the rights of a caller up to date. It returns false when the caller's key is not accepted any more. A
// stranger has no key and stays one.
func (k *Keys) Refresh(by *queue.Caller) bool {
	if by.Principal == "" {
		return true
	}
	found, known := k.lookup(by.ID)
	if known {
		by.Grants, by.Owner = found.key.policy, found.key.Owner()
	}
	return known
}

package gateway

import (
	"crypto/rand"
	"encoding/hex"
	"regexp"
)

// keyBytes is the size of a site's key.
const keyBytes = 32

// siteName is what a site may be called.
var siteName = regexp.MustCompile(`^[a-z0-9]{1,16}$`)

// Keys are what the gateways of one site prove their tokens to each other with. They are read-only and safe for
// concurrent use.
type Keys struct {
	site string   // names the site, and is no secret: part of the names of its reply queues
	all  [][]byte // the first one signs, all of them are believed
}

// NewKeys returns a new site with one key.
func NewKeys() *Keys {
	chance := make([]byte, 4+keyBytes)
	rand.Read(chance) // never fails
	return &Keys{site: hex.EncodeToString(chance[:4]), all: [][]byte{chance[4:]}}
}

// Package audit writes down who changed what, and who was refused: one line of JSON for each, never a body, a receipt
// handle or a secret. It must not know a protocol. Read log.go, then quota.go.
package audit

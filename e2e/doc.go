// Package e2e tests the built binary as its users meet it: started as a process, spoken to with the AWS SDK for Go,
// stopped, started again, and killed in the middle of everything.
package e2e

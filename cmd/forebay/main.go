// Command forebay runs and uses a Forebay server: a durable message queue that speaks the Amazon SQS API.
package main

import (
	"context"
	"os"
)

func main() {
	os.Exit(run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

package queued_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"os/signal"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/forebay-mq/forebay/queued"
)

// A server without an open port. AWS_ENDPOINT_URL_SQS says which queue server is meant; `forebay env` prints it.
func ExampleServe() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /hello/{name}", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "hello, %s\n", r.PathValue("name"))
	})
	err = queued.Serve(ctx, sqs.NewFromConfig(cfg), "requests", mux, func(o *queued.Options) {
		o.Concurrency = 100
		o.Rules.Paths = []string{"/hello"}
	})
	if err != nil {
		log.Fatal(err)
	}
}

// Any http.Client reaches a queued server through its queue.
func ExampleTransport() {
	cfg, err := config.LoadDefaultConfig(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	transport := &queued.Transport{Client: sqs.NewFromConfig(cfg), Queue: "requests"}
	defer transport.Close()
	client := &http.Client{Transport: transport}
	res, err := client.Get("http://hello.example/hello/ana")
	if err != nil {
		log.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s %s", res.Status, body)
}

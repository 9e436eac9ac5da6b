// Package worker takes messages from an SQS queue and hands each to a function, until it is told to stop.
//
// It does what every careful consumer of a queue does, and few do by themselves: it polls long, keeps the messages it
// holds by heartbeats, deletes in batches what is done, brings back later and later what keeps failing, keeps the order
// within a FIFO group, and gives back at once what it cannot finish when it has to end.
//
//	w, err := worker.New(worker.Options{
//		Client:   sqs.NewFromConfig(cfg),
//		QueueURL: url,
//		Handler: func(ctx context.Context, m *worker.Message) error {
//			return resize(ctx, *m.Body) // nil: done, and the message is deleted
//		},
//	})
//	if err != nil {
//		return err
//	}
//	return w.Run(ctx) // until ctx ends, and what is in work is finished or given back
//
// It needs a server that speaks the SQS API, Amazon's own included, and asks for nothing beyond that.
package worker

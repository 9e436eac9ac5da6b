package sqs

import "github.com/forebay-mq/forebay/internal/queue"

func readDeleteQueue(r *request, in *queue.DeleteQueueInput) { in.Queue = r.queue() }

package sqs

import "github.com/forebay-mq/forebay/internal/queue"

func readPurgeQueue(r *request, in *queue.PurgeQueueInput) { in.Queue = r.queue() }

package queue

// Prepare checks a draft as far as that is possible without its queue and makes a message of it: characters,
// sizes up to the absolute limit, attributes, ids, digests. What depends on the queue is left to the step.
// entry is the prefix for MissingParameter texts of a batch, e.g. "SendMessageBatchRequestEntry.1.".
func Prepare(by Caller, entry string, d *Draft) Prepared { return Prepared{} }

// PrepareBatch checks a batch as a whole: entries present and not too many, ids, sum of sizes. The error is for Send.Invalid.
func PrepareBatch(by Caller, in *SendMessageBatchInput) ([]Prepared, error) { return nil, nil }

// SelectAttributes returns the attributes of m that the names ask for (exact, "All", ".*", "*", "prefix.*"),
// and the digest over them, zero for none.
func SelectAttributes(m *Message, names []string) ([]MessageAttribute, Digest) { return nil, Digest{} }

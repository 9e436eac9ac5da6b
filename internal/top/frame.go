package top

import "time"

// Frame is all that is shown at one time.
type Frame struct {
	Time     time.Time `json:"time"`
	Endpoint string    `json:"endpoint"` // URL of the server
	Queues   []Queue   `json:"queues"`
	Pools    []Pool    `json:"pools,omitempty"`
	// Remarks are lines about what could not be found out. They are shown above the queues.
	Remarks []string `json:"remarks,omitempty"`
}

// Queue is a queue. What a server tells through the public API is always there.
type Queue struct {
	Name     string `json:"name"`
	Visible  int64  `json:"visible"`
	InFlight int64  `json:"in_flight"`
	Delayed  int64  `json:"delayed"`
	*Signals        // what only Forebay tells; nil on other servers
}

// Signals is what Forebay tells of a queue besides.
type Signals struct {
	Oldest    *float64 `json:"oldest_seconds"` // nil: nothing waits
	Poison    int64    `json:"poison"`
	Sent      float64  `json:"sent_rate"` // messages a second over about ten seconds, as the next two
	Received  float64  `json:"received_rate"`
	Deleted   float64  `json:"deleted_rate"`
	WaitedP95 *float64 `json:"waited_p95_seconds"` // since the server started; nil: nothing was received yet
	Polling   int64    `json:"polling"`            // long polls that wait now
	Holding   int64    `json:"holding"`            // named consumers with messages in flight
}

// Pool is a pool of workers.
type Pool struct {
	Name     string   `json:"name"`
	Desired  int      `json:"desired"`
	Up       int      `json:"up"`
	Starting int      `json:"starting"`
	Stopping int      `json:"stopping"`
	Oldest   *float64 `json:"oldest_seconds"`         // nil: nothing waits, or nobody tells
	Wait     float64  `json:"objective_wait_seconds"` // no message should wait longer
	State    string   `json:"state"`                  // a word or two; "ok" when all is well
}

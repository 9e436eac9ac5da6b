package telemetry

import (
	"math"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/forebay-mq/forebay/internal/queue"
)

// The classic buckets of queue histograms are whole numbers of native ones, so that both are exact: powers of four
// from 4 ms to 18 hours.
const (
	classicFirst = -8 * queue.BucketsPerDoubling
	classicLast  = 16 * queue.BucketsPerDoubling
	classicStep  = 2 * queue.BucketsPerDoubling
)

// nativeSchema is the schema of native histograms with eight buckets to a doubling.
const nativeSchema = 3

// histogramMetric is a queue's histogram as a metric, with native and classic buckets.
type histogramMetric struct {
	desc  *prometheus.Desc
	queue string
	from  *queue.Histogram
}

// Desc implements prometheus.Metric.
func (m *histogramMetric) Desc() *prometheus.Desc { return m.desc }

// Write implements prometheus.Metric.
func (m *histogramMetric) Write(out *dto.Metric) error {
	h := m.from
	wire := &dto.Histogram{
		SampleCount: new(uint64(h.Count)), SampleSum: new(h.Sum.Seconds()),
		Schema: new(int32(nativeSchema)), ZeroThreshold: new(queue.BucketBound(queue.BucketFirst)),
		ZeroCount: new(uint64(h.UpTo(queue.BucketFirst))),
	}
	for i := classicFirst; i <= classicLast; i += classicStep {
		wire.Bucket = append(wire.Bucket, &dto.Bucket{UpperBound: new(queue.BucketBound(i)), CumulativeCount: new(uint64(h.UpTo(i)))})
	}
	wire.Bucket = append(wire.Bucket, &dto.Bucket{UpperBound: new(math.Inf(1)), CumulativeCount: new(uint64(h.Count))})
	before := int64(0)
	for k, count := range h.Counts {
		i := h.Lowest + k
		if i <= queue.BucketFirst {
			continue // in the zero bucket
		}
		if len(wire.PositiveSpan) == 0 {
			wire.PositiveSpan = []*dto.BucketSpan{{Offset: new(int32(i)), Length: new(uint32(0))}}
		}
		*wire.PositiveSpan[0].Length++
		wire.PositiveDelta = append(wire.PositiveDelta, count-before)
		before = count
	}
	if len(wire.PositiveSpan) == 0 {
		// An empty span tells that the histogram is a native one, too.
		wire.PositiveSpan = []*dto.BucketSpan{{Offset: new(int32(0)), Length: new(uint32(0))}}
	}
	out.Label = []*dto.LabelPair{{Name: new("queue"), Value: &m.queue}}
	out.Histogram = wire
	return nil
}

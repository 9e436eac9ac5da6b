package telemetry

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/forebay-mq/forebay/internal/queue"
)

func TestHistogramsHaveNativeAndClassicBuckets(t *testing.T) {
	// Three of nothing, two of up to 1 s, one of up to 1.09 s, one of up to 4 s.
	h := queue.Histogram{Count: 7, Sum: 7 * time.Second, Lowest: queue.BucketFirst, Counts: make([]int64, 16-queue.BucketFirst+1)}
	for bucket, n := range map[int]int64{queue.BucketFirst: 3, 0: 2, 1: 1, 16: 1} {
		h.Counts[bucket-queue.BucketFirst] = n
	}
	var wire dto.Metric
	m := &histogramMetric{waitSeconds, "orders", &h}
	if err := m.Write(&wire); err != nil {
		t.Fatal(err)
	}
	got := wire.GetHistogram()
	if got.GetSampleCount() != 7 || got.GetSampleSum() != 7 || got.GetSchema() != 3 || got.GetZeroCount() != 3 {
		t.Errorf("got %v", got)
	}
	classic := map[float64]uint64{}
	for _, b := range got.GetBucket() {
		classic[b.GetUpperBound()] = b.GetCumulativeCount()
	}
	for bound, want := range map[float64]uint64{.00390625: 3, .25: 3, 1: 5, 4: 7, math.Inf(1): 7} {
		if classic[bound] != want {
			t.Errorf("%d are up to %v s, want %d", classic[bound], bound, want)
		}
	}
	native, count := map[int32]int64{}, int64(0)
	at := got.GetPositiveSpan()[0].GetOffset()
	for _, delta := range got.GetPositiveDelta() {
		count += delta
		native[at] = count
		at++
	}
	for bucket, want := range map[int32]int64{-1: 0, 0: 2, 1: 1, 2: 0, 16: 1} {
		if native[bucket] != want {
			t.Errorf("native bucket %d holds %d, want %d", bucket, native[bucket], want)
		}
	}
}

func TestHistogramsAndRatesAreScraped(t *testing.T) {
	source := queuesNamed("orders")
	all := source.Stats
	source.Stats = func(max int) ([]queue.Stats, int) {
		stats, n := all(max)
		stats[0].Waited = queue.Histogram{Count: 2, Sum: 3 * time.Second, Lowest: 0, Counts: []int64{1, 1}}
		return stats, n
	}
	m := NewMetrics(prometheus.NewRegistry(), Options{Source: source})
	text := scrape(m, "")
	for _, want := range []string{
		`forebay_queue_wait_seconds_bucket{queue="orders",le="1"} 1`,
		`forebay_queue_wait_seconds_bucket{queue="orders",le="+Inf"} 2`,
		`forebay_queue_wait_seconds_sum{queue="orders"} 3`,
		`forebay_queue_wait_seconds_count{queue="orders"} 2`,
		`forebay_queue_service_seconds_count{queue="orders"} 0`,
		`forebay_queue_rate{event="sent",queue="orders",window="10s"} 0.5`,
	} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("no line %q in:\n%s", want, text)
		}
	}
}

package bench

import (
	"net/http/httptest"
	"os"
	"testing"
	"time"
)

func TestARunIsComparedWithTheMachine(t *testing.T) {
	for _, protocol := range []string{"json", "query"} {
		noop := httptest.NewServer(NoopHandler(10))
		defer noop.Close()
		folder := t.TempDir()
		o := few(Pipeline, protocol, 10)
		o.Endpoint, o.KeyID, o.Secret, o.ServerPID = newFake(t, &fake{}).url, "id", "secret", os.Getpid()
		res, err := Compare(t.Context(), o, ReferenceOptions{Noop: noop.URL, NoopPID: os.Getpid(), Folder: folder, Long: 50 * time.Millisecond})
		if err != nil {
			t.Fatalf("%s: %v", protocol, err)
		}
		ref := res.Reference
		if ref.NoopRequestsPerSecond <= 0 || ref.Disk.SyncsPerSecond <= 0 || ref.Disk.SyncP99 <= 0 || ref.Disk.BytesPerSecond <= 0 {
			t.Errorf("%s: not everything was measured: %+v %+v", protocol, ref, ref.Disk)
		}
		if len(ref.Fractions) < 5 {
			t.Errorf("%s: fractions %+v, want at least 5", protocol, ref.Fractions)
		}
		for _, f := range ref.Fractions {
			if f.Fraction <= 0 {
				t.Errorf("%s: %+v is no fraction", protocol, f)
			}
		}
		if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
			t.Errorf("%s: the folder holds %v, %v; want nothing", protocol, left, err)
		}
	}
}

func TestTheNoopHandlerTakesSendsOfTheSizeItWasMadeFor(t *testing.T) {
	for _, batch := range []int{1, 3, 10} {
		for _, protocol := range []string{"json", "query"} {
			noop := httptest.NewServer(NoopHandler(batch))
			o := Options{Mode: Send, Endpoint: noop.URL, Protocol: protocol, Batch: batch, Messages: 60, Producers: 2, Queue: "q"}
			res, err := Run(t.Context(), o)
			if err != nil || len(res.Errors) > 0 || res.Acknowledged != 60 {
				t.Errorf("%s by %d: %+v, %v; want 60 acknowledged", protocol, batch, res, err)
			}
			noop.Close()
		}
	}
}

func TestADiskThatIsNotThereIsAnError(t *testing.T) {
	if _, err := MeasureDisk(t.Context(), t.TempDir()+"/none", time.Millisecond); err == nil {
		t.Error("no error for a folder that does not exist")
	}
}

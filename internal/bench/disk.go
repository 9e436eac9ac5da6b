package bench

import (
	"context"
	"os"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Disk is what a file system can do with one file.
type Disk struct {
	Folder         string  `json:"folder"`
	SyncsPerSecond float64 `json:"syncsPerSecond"` // of 4 KiB each, one after the other
	SyncP50        float64 `json:"syncP50"`        // ms
	SyncP99        float64 `json:"syncP99"`        // ms
	BytesPerSecond float64 `json:"bytesPerSecond"` // in large writes, with a sync at the end
}

const (
	syncBytes     = 4 << 10
	writeBytes    = 1 << 20
	writeBytesMax = 256 << 20
	syncRegion    = 16 << 20 // is written over and over: a log's file has its size before
)

// MeasureDisk writes to a file in folder that nobody sees, for about so long. A database has a file like that.
func MeasureDisk(ctx context.Context, folder string, long time.Duration) (Disk, error) {
	d := Disk{Folder: folder}
	f, err := os.CreateTemp(folder, "forebay-bench-*")
	if err != nil {
		return d, err
	}
	defer f.Close()
	if err := os.Remove(f.Name()); err != nil { // the space comes back when the file is closed, whatever happens
		return d, err
	}
	if err := d.measureWrites(ctx, f, long/2); err != nil {
		return d, err
	}
	return d, d.measureSyncs(ctx, f, long/2)
}

func (d *Disk) measureWrites(ctx context.Context, f *os.File, long time.Duration) error {
	block := newPadding()[:writeBytes]
	start := time.Now()
	written := 0
	for written < syncRegion || written < writeBytesMax && time.Since(start) < long && ctx.Err() == nil {
		n, err := f.Write(block)
		if err != nil {
			return err
		}
		written += n
	}
	if err := datasync(f); err != nil {
		return err
	}
	d.BytesPerSecond = float64(written) / time.Since(start).Seconds()
	return nil
}

func (d *Disk) measureSyncs(ctx context.Context, f *os.File, long time.Duration) error {
	block := newPadding()[:syncBytes]
	times := hdrhistogram.New(latencyMin, latencyMax, latencyDigits)
	start := time.Now()
	for n := int64(0); n == 0 || time.Since(start) < long && ctx.Err() == nil; n++ {
		before := time.Now()
		if _, err := f.WriteAt(block, n*syncBytes%syncRegion); err != nil {
			return err
		}
		if err := datasync(f); err != nil {
			return err
		}
		_ = times.RecordValue(min(max(int64(time.Since(before)), latencyMin), latencyMax))
	}
	d.SyncsPerSecond = float64(times.TotalCount()) / time.Since(start).Seconds()
	d.SyncP50 = float64(times.ValueAtQuantile(50)) / float64(time.Millisecond)
	d.SyncP99 = float64(times.ValueAtQuantile(99)) / float64(time.Millisecond)
	return nil
}

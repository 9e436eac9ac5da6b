package broker

import (
	"cmp"
	crand "crypto/rand"
	"encoding/binary"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strconv"

	"github.com/forebay-mq/forebay/internal/queue"
)

// dataFormat is the version of how everything is stored together. Raise it when an older program would misread
// the data; see the ritual at headerVersion for single values.
const dataFormat = 1

// The keys of MetaServer.
const (
	keyFormat  = "format"      // dataFormat as decimal text
	keyEpoch   = "epoch"       // the number of starts as uvarint
	keyReceipt = "receipt-key" // 32 random bytes, made once: handles stay good over restarts
)

// serverMeta is what a server remembers about itself.
type serverMeta struct {
	format  int // zero: the store is new
	epoch   uint32
	receipt [32]byte
}

// Open reads what store holds and starts serving it. It writes the number of this start before it returns. The
// store stays the caller's, who closes it after the Broker.
func Open(store Store, opts Options) (*Broker, error) {
	opts.Logger = cmp.Or(opts.Logger, slog.New(slog.DiscardHandler))
	opts.WaitersMax = cmp.Or(opts.WaitersMax, waitersMax)
	opts.CommandsMax = cmp.Or(opts.CommandsMax, commandsMax)

	meta, err := begun(store)
	if err != nil {
		return nil, err
	}
	opts.Queue.Epoch = meta.epoch
	if opts.Queue.Seed == 0 {
		opts.Queue.Seed = rand.Uint64()
	}
	catalog := queue.NewCatalog(opts.Queue)
	if err := restore(store, catalog); err != nil {
		return nil, err
	}
	clock := opts.Clock
	if clock == nil {
		clock = newSteadyClock(machineTime(), catalog.LastClock().Time(), opts.Logger)
	}
	return start(store, catalog, clock, queue.NewSealer(meta.receipt), opts), nil
}

// begun counts a new start and makes it durable, so that no two starts share an epoch.
func begun(store Store) (serverMeta, error) {
	meta, err := readServerMeta(store)
	if err != nil {
		return meta, err
	}
	var b Batch
	if meta.format == 0 {
		crand.Read(meta.receipt[:]) // never fails
		b.PutMeta(0, MetaServer, []byte(keyFormat), strconv.AppendInt(nil, dataFormat, 10))
		b.PutMeta(0, MetaServer, []byte(keyReceipt), meta.receipt[:])
	}
	meta.epoch++
	b.PutMeta(0, MetaServer, []byte(keyEpoch), binary.AppendUvarint(nil, uint64(meta.epoch)))
	done := make(chan error, 1)
	store.Commit(&b, func(err error) { done <- err })
	if err := <-done; err != nil {
		return meta, fmt.Errorf("commit the start of the server: %w", err)
	}
	return meta, nil
}

func readServerMeta(store Store) (serverMeta, error) {
	var meta serverMeta
	values := map[string][]byte{}
	err := store.Meta(0, MetaServer, func(key, value []byte) error {
		values[string(key)] = append([]byte(nil), value...)
		return nil
	})
	if err != nil {
		return meta, fmt.Errorf("read the server's own data: %w", err)
	}
	if len(values) == 0 {
		return meta, nil
	}
	meta.format, err = strconv.Atoi(string(values[keyFormat]))
	if err != nil || meta.format < 1 {
		return meta, damaged("data format", fmt.Errorf("%q is no version", values[keyFormat]))
	}
	if meta.format > dataFormat {
		return meta, fmt.Errorf("the data has format version %d, and this program understands versions up to %d: "+
			"use the newer program that wrote it", meta.format, dataFormat)
	}
	epoch := decoder{rest: values[keyEpoch]}
	meta.epoch = epoch.uint32()
	if err := epoch.end("number of starts"); err != nil {
		return meta, err
	}
	receipt := decoder{rest: values[keyReceipt]}
	receipt.fill(meta.receipt[:])
	return meta, receipt.end("key of the receipt handles")
}

// restore gives a catalog all that the store holds: first the queues with what belongs to each, then the move
// tasks, which can concern two queues.
func restore(store Store, catalog *queue.Catalog) error {
	var ids []queue.ID
	err := store.Queues(func(id queue.ID) error {
		ids = append(ids, id)
		return restoreQueue(store, catalog, id)
	})
	if err != nil {
		return err
	}
	for _, id := range ids {
		err := store.Meta(id, MetaTask, func(_, value []byte) error {
			task, err := decodeTask(value)
			if err != nil {
				return err
			}
			return catalog.RestoreTask(task)
		})
		if err != nil {
			return fmt.Errorf("restore the move tasks of queue %d: %w", id, err)
		}
	}
	return store.Meta(0, MetaDeleted, func(key, value []byte) error {
		at, err := decodeDeleted(value)
		if err != nil {
			return fmt.Errorf("restore the deleted queue %q: %w", key, err)
		}
		catalog.RestoreDeleted(string(key), at)
		return nil
	})
}

func restoreQueue(store Store, catalog *queue.Catalog, id queue.ID) error {
	var cfg *queue.Config
	var mark queue.Mark
	var marked bool
	readConfig := func(_, value []byte) (err error) { cfg, err = decodeConfig(value); return err }
	readMark := func(_, value []byte) (err error) { mark, err = decodeMark(value); marked = true; return err }
	if err := store.Meta(id, MetaConfig, readConfig); err != nil {
		return fmt.Errorf("restore queue %d: %w", id, err)
	}
	if err := store.Meta(id, MetaMark, readMark); err != nil {
		return fmt.Errorf("restore queue %d: %w", id, err)
	}
	if cfg == nil || !marked {
		return fmt.Errorf("restore queue %d: %w: its configuration or its mark is missing", id, ErrDamaged)
	}
	if err := catalog.RestoreQueue(id, cfg, mark); err != nil {
		return fmt.Errorf("restore queue %s: %w", cfg.Name, err)
	}
	err := store.States(id, func(seq queue.Seq, value []byte) error {
		s, err := decodeState(value)
		if err != nil {
			return fmt.Errorf("message %d: %w", seq, err)
		}
		return catalog.RestoreState(id, seq, s)
	})
	if err != nil {
		return fmt.Errorf("restore queue %s: %w", cfg.Name, err)
	}
	err = store.Meta(id, MetaSend, func(key, value []byte) error {
		s, err := decodeSend(key, value)
		if err != nil {
			return err
		}
		return catalog.RestoreSend(id, s)
	})
	if err != nil {
		return fmt.Errorf("restore queue %s: %w", cfg.Name, err)
	}
	return nil
}

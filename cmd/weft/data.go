package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/weftsync/weft/server"
	"github.com/weftsync/weft/storage"
)

// existing refuses a data directory that is not there: opening it would make an empty one.
func existing(dir string) error {
	if _, err := os.Stat(dir); err != nil {
		return fmt.Errorf("there is no data directory %q; name it with --data", dir)
	}
	return nil
}

// discard is the logger of commands that say themselves what goes wrong.
var discard = slog.New(slog.DiscardHandler)

// openStore opens a data directory for a command, which treats what it deletes and compacts as the server does.
func openStore(dir string, history storage.History) (*storage.Store, error) {
	store, err := storage.Open(storage.Options{Dir: dir, Logger: discard, Retire: server.RetireLog, History: history})
	if err != nil {
		return nil, explain(err, dir)
	}
	return store, nil
}

// dataFlag names a data directory that no server uses.
type dataFlag struct {
	Data string `default:"data" env:"WEFT_DATA" placeholder:"DIR" help:"Directory that holds the documents; no server may use it (${default})."`
}

// with opens the directory, which has to be there, for the time of fn.
func (f *dataFlag) with(fn func(*storage.Store) error) error {
	return f.withHistory(storage.History{}, fn)
}

// withHistory is with for what depends on which past is kept.
func (f *dataFlag) withHistory(history storage.History, fn func(*storage.Store) error) error {
	if err := existing(f.Data); err != nil {
		return err
	}
	store, err := openStore(f.Data, history)
	if err != nil {
		return err
	}
	return errors.Join(fn(store), store.Close())
}

// historyFlags say what is kept of the past of documents that have no setting of their own.
type historyFlags struct {
	History      bool          `env:"WEFT_HISTORY" help:"Keep the past of documents when they are compacted (server/OPERATIONS.md, History)."`
	HistoryAge   time.Duration `env:"WEFT_HISTORY_AGE" placeholder:"TIME" help:"Keep no more of it than this old; 0 for no bound."`
	HistoryBytes size          `env:"WEFT_HISTORY_BYTES" placeholder:"BYTES" help:"Keep no more of a document than about so many bytes of updates; 0 for no bound."`
}

func (f *historyFlags) kept() storage.History {
	return storage.History{On: f.History, Age: f.HistoryAge, Bytes: int64(f.HistoryBytes)}
}

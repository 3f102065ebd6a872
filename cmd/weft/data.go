package main

import (
	"fmt"
	"log/slog"
	"os"
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

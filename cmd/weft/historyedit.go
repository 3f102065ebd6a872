package main

import (
	"fmt"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/weftsync/weft/server/history"
	"github.com/weftsync/weft/storage"
)

// historyVersions is "weft history versions".
type historyVersions struct {
	pastFlags
	JSON bool `name:"json" help:"One JSON object a line."`
}

// Run lists.
func (c *historyVersions) Run(e *env) error {
	return c.with(e, func(log *storage.Document) error {
		all, err := log.Versions(e.ctx)
		if err != nil {
			return err
		}
		w := tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', 0)
		for _, v := range all {
			if c.JSON {
				err = printJSON(e.stdout, v)
			} else {
				_, err = fmt.Fprintf(w, "%s\tsequence %d\t%s\t%s\n", v.Name, v.Seq, v.Time.Format(time.RFC3339), strconv.Quote(v.User))
			}
			if err != nil {
				return err
			}
		}
		return w.Flush()
	})
}

// byFlag says who is written into the log.
type byFlag struct {
	By string `default:"weft history" placeholder:"USER" help:"The user in whose name it is done (${default})."`
}

// historyName is "weft history name".
type historyName struct {
	pastFlags
	byFlag
	At   string `placeholder:"MOMENT" help:"The moment; by default now."`
	Name string `arg:"" help:"What to call it. A version of that name moves."`
}

// Run names.
func (c *historyName) Run(e *env) error {
	return c.with(e, func(log *storage.Document) error {
		at, err := moment(e.ctx, log, c.At)
		if err != nil {
			return err
		}
		if err := log.SetVersion(e.ctx, storage.Version{Name: c.Name, Seq: at, User: c.By}); err != nil {
			return err
		}
		_, err = fmt.Fprintf(e.stdout, "%s is sequence %d\n", c.Name, at)
		return err
	})
}

// historyUnname is "weft history unname".
type historyUnname struct {
	pastFlags
	Name string `arg:"" help:"Which name."`
}

// Run takes the name away.
func (c *historyUnname) Run(e *env) error {
	return c.with(e, func(log *storage.Document) error { return log.DeleteVersion(e.ctx, c.Name) })
}

// historyRevert is "weft history revert".
type historyRevert struct {
	pastFlags
	byFlag
	To string `required:"" placeholder:"MOMENT" help:"The moment to go back to."`
}

// Run appends the edit that takes everything since back.
func (c *historyRevert) Run(e *env) error {
	return c.edit(e, c.By, c.To, func(log *storage.Document, at uint64) ([]byte, error) {
		return history.Revert(e.ctx, log, at)
	})
}

// historyUndo is "weft history undo".
type historyUndo struct {
	pastFlags
	byFlag
	User  string `required:"" help:"Whose changes; the empty one is nobody's."`
	Since string `required:"" placeholder:"MOMENT" help:"Those after this moment."`
}

// Run appends the edit that takes the user's changes back.
func (c *historyUndo) Run(e *env) error {
	return c.edit(e, c.By, c.Since, func(log *storage.Document, at uint64) ([]byte, error) {
		return history.Undo(e.ctx, log, c.User, at)
	})
}

// edit appends the update that fn makes for a moment, durably, and prints its sequence.
func (f *pastFlags) edit(e *env, by, text string, fn func(log *storage.Document, at uint64) ([]byte, error)) error {
	return f.with(e, func(log *storage.Document) error {
		at, err := history.Moment(e.ctx, log, text)
		if err != nil {
			return err
		}
		update, err := fn(log, at)
		if err != nil {
			return err
		}
		if err := appendDurably(e.ctx, log, storage.Entry{User: by, Update: update}); err != nil {
			return err
		}
		_, err = fmt.Fprintf(e.stdout, "sequence %d\n", log.Durable())
		return err
	})
}

// historySettings is "weft history settings".
type historySettings struct {
	pastFlags
	historyFlags `group:"What the server is started with, for documents that have no setting of their own"`
	On           bool          `xor:"kept" help:"Keep the past of this document."`
	Off          bool          `xor:"kept" help:"Do not: the next compaction forgets all but one generation."`
	Age          time.Duration `placeholder:"TIME" help:"With --on: keep no more than this old."`
	Bytes        size          `placeholder:"BYTES" help:"With --on: keep no more than about so many bytes of updates."`
}

// Run sets what is asked for, and prints what holds.
func (c *historySettings) Run(e *env) error {
	if !c.On && (c.Age != 0 || c.Bytes != 0) || c.Age < 0 || c.Bytes < 0 {
		return usageError("--age and --bytes are not negative, and go with --on")
	}
	return c.whenKept(e, c.kept(), func(log *storage.Document) error {
		if c.On || c.Off {
			if err := log.SetHistory(storage.History{On: c.On, Age: c.Age, Bytes: int64(c.Bytes)}); err != nil {
				return err
			}
		}
		h, err := log.History()
		if err != nil {
			return err
		}
		switch {
		case !h.On:
			_, err = fmt.Fprintln(e.stdout, "off: one generation is kept")
		case h.Age == 0 && h.Bytes == 0:
			_, err = fmt.Fprintln(e.stdout, "on: everything is kept")
		default:
			_, err = fmt.Fprintf(e.stdout, "on: age %s, bytes %d; 0 is no bound\n", h.Age, h.Bytes)
		}
		return err
	})
}

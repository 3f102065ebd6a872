package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/weftsync/weft/crdt"
	"github.com/weftsync/weft/server/history"
	"github.com/weftsync/weft/storage"
)

// historyCommand is "weft history".
type historyCommand struct {
	List     historyList     `cmd:"" help:"List the changes of a document, the newest first."`
	Show     historyShow     `cmd:"" help:"Print a document as it was."`
	Delta    historyDelta    `cmd:"" help:"Say what came and went in a text between two moments, and who did it."`
	Versions historyVersions `cmd:"" help:"List the named versions of a document."`
	Name     historyName     `cmd:"" help:"Name a version, or move its name."`
	Unname   historyUnname   `cmd:"" help:"Take the name of a version away; the moment stays."`
	Revert   historyRevert   `cmd:"" help:"Take back everything since a moment, as an edit."`
	Undo     historyUndo     `cmd:"" help:"Take back what one user did since a moment, and leave what others did."`
	Settings historySettings `cmd:"" help:"Show or set what is kept of the past of a document."`
}

// Help is what --help adds.
func (historyCommand) Help() string {
	return `Each works on a data directory that no server uses. A moment is a sequence as in the list, a time as
2026-01-02T15:04:05Z (the last change that is not younger), or version:NAME. What is kept of the past is
said under History in server/OPERATIONS.md in the source; a server that runs answers the same over REST.`
}

// pastFlags name a document whose past is asked for.
type pastFlags struct {
	dataFlag
	Document string `arg:"" help:"Which document."`
}

// with opens the directory and the document for the time of fn.
func (f *pastFlags) with(e *env, fn func(log *storage.Document) error) error {
	return f.whenKept(e, storage.History{}, fn)
}

// whenKept is with for what depends on which past is kept of documents without a setting.
func (f *pastFlags) whenKept(e *env, kept storage.History, fn func(log *storage.Document) error) error {
	return f.withHistory(kept, func(store *storage.Store) error {
		log, err := store.Document(e.ctx, f.Document, false)
		if err != nil {
			return err
		}
		defer log.Close()
		return fn(log)
	})
}

// moment finds what a flag means; without it the last change.
func moment(ctx context.Context, log *storage.Document, text string) (uint64, error) {
	if text == "" {
		return log.Durable(), nil
	}
	return history.Moment(ctx, log, text)
}

// historyList is "weft history list".
type historyList struct {
	pastFlags
	Limit int    `default:"100" help:"List at most so many; 0 lists all (${default})."`
	Below uint64 `placeholder:"SEQUENCE" help:"List those before this one."`
	JSON  bool   `name:"json" help:"One JSON object a line."`
}

// Run lists.
func (c *historyList) Run(e *env) error {
	return c.with(e, func(log *storage.Document) error {
		w := tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', 0)
		n := 0
		var failed error
		err := log.Changes(e.ctx, c.Below, func(change storage.Change) bool {
			if n++; c.Limit > 0 && n > c.Limit {
				return false
			}
			if c.JSON {
				failed = printJSON(e.stdout, change)
			} else {
				_, failed = fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%d bytes\n", change.Seq, change.Time.Format(time.RFC3339Nano), strconv.Quote(change.User), change.Connection, change.Bytes)
			}
			return failed == nil
		})
		if err == nil {
			err = failed
		}
		if err == nil {
			err = w.Flush()
		}
		return err
	})
}

// historyShow is "weft history show".
type historyShow struct {
	pastFlags
	At   string  `placeholder:"MOMENT" help:"As it was then; by default now."`
	As   string  `default:"json" enum:"json,text,html,v1,v2" help:"In which form: ${enum} (${default})."`
	Root *string `placeholder:"NAME" help:"Only this root; not of an update."`
}

// Run prints the document.
func (c *historyShow) Run(e *env) error {
	if c.Root != nil && form(c.As).isUpdate() {
		return errUpdateRoot
	}
	return c.with(e, func(log *storage.Document) error {
		at, err := moment(e.ctx, log, c.At)
		var doc *crdt.Doc
		if err == nil {
			doc, err = history.At(e.ctx, log, at)
		}
		var content []byte
		if err == nil {
			content, err = form(c.As).render(doc, c.Document, c.Root)
		}
		if err != nil {
			return err
		}
		if !form(c.As).isUpdate() {
			content = append(content, '\n')
		}
		_, err = e.stdout.Write(content)
		return err
	})
}

// historyDelta is "weft history delta".
type historyDelta struct {
	pastFlags
	From string `required:"" placeholder:"MOMENT" help:"The earlier moment."`
	To   string `placeholder:"MOMENT" help:"The later one; by default now."`
	Root string `required:"" placeholder:"NAME" help:"The root, which holds text."`
	JSON bool   `name:"json" help:"As JSON, with the formats."`
}

// Run prints a line for each run of the text: a sign, who did it, and the text.
func (c *historyDelta) Run(e *env) error {
	return c.with(e, func(log *storage.Document) error {
		from, err := history.Moment(e.ctx, log, c.From)
		if err != nil {
			return err
		}
		to, err := moment(e.ctx, log, c.To)
		if err != nil {
			return err
		}
		runs, err := history.Delta(e.ctx, log, from, to, c.Root)
		if err != nil {
			return err
		}
		if c.JSON {
			return printJSON(e.stdout, runs)
		}
		w := tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', 0)
		for _, run := range runs {
			text, err := json.Marshal(run.Insert)
			if err != nil {
				return err
			}
			what, by := run.Change()
			sign := map[string]string{"added": "+", "removed": "-"}[what]
			if sign != "" {
				by = strconv.Quote(by)
			}
			if _, err := fmt.Fprintf(w, "%s\t%s\t%s\n", sign, by, text); err != nil {
				return err
			}
		}
		return w.Flush()
	})
}

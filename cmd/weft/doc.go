package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"

	"github.com/weftsync/weft/storage"
)

// docCommand is "weft doc".
type docCommand struct {
	List     docList     `cmd:"" help:"List documents."`
	Show     docShow     `cmd:"" help:"Print a document as text or JSON."`
	Stats    docStats    `cmd:"" help:"Say how large documents are, and why."`
	Check    docCheck    `cmd:"" help:"Verify every checksum, and decode every document."`
	Export   docExport   `cmd:"" help:"Write documents to files: as updates, JSON, text or HTML."`
	Import   docImport   `cmd:"" help:"Take in documents: from updates, a SQLite file of Hocuspocus, or a directory of y-leveldb."`
	Delete   docDelete   `cmd:"" help:"Delete documents: softly, or for good with --hard."`
	Undelete docUndelete `cmd:"" help:"Take a soft deletion back."`
}

// Help is what --help adds.
func (docCommand) Help() string {
	return `Each works on a data directory that no server uses. For a server that runs, there are the REST interface and the
admin listener; see server/OPERATIONS.md in the source.`
}

// each calls fn for the documents of these names, or for all, with progress. One that fails is reported, the others go on.
func each(e *env, store *storage.Store, names []string, what string, fn func(name string) error) error {
	if len(names) == 0 {
		var err error
		if names, err = allDocuments(e, store); err != nil {
			return err
		}
	}
	p := newProgress(e.stderr, what, len(names))
	defer p.end()
	failed := 0
	for _, name := range names {
		if err := e.ctx.Err(); err != nil {
			return err
		}
		if err := fn(name); err != nil {
			failed++
			p.say(fmt.Sprintf("weft: %s: %v", name, err))
		}
		p.step()
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d documents: failed", failed, len(names))
	}
	return nil
}

// docList is "weft doc list".
type docList struct {
	dataFlag
	Deleted bool `help:"List those that are deleted and can be undeleted."`
	JSON    bool `name:"json" help:"One JSON object a line."`
}

// Run lists.
func (c *docList) Run(e *env) error {
	return c.with(func(store *storage.Store) error {
		page := store.Documents
		if c.Deleted {
			page = store.Deleted
		}
		w := tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', 0)
		for after := ""; ; {
			list, err := page(e.ctx, after, 0)
			if err != nil {
				return err
			}
			if len(list) == 0 {
				return w.Flush()
			}
			for _, d := range list {
				after = d.Name
				if c.JSON {
					err = printJSON(e.stdout, infoOf(d))
				} else {
					_, err = fmt.Fprintf(w, "%s\t%s\t%d bytes\tsequence %d\t%s\n", d.Name, d.Modified.Format(time.RFC3339), d.Bytes, d.Last, stateOf(d))
				}
				if err != nil {
					return err
				}
			}
		}
	})
}

// listedInfo is a document in JSON.
type listedInfo struct {
	Name     string    `json:"name"`
	ID       string    `json:"id"`
	Lineage  string    `json:"lineage"`
	Created  time.Time `json:"created"`
	Modified time.Time `json:"modified"`
	Deleted  time.Time `json:"deleted,omitzero"`
	Sequence uint64    `json:"sequence"`
	Bytes    int64     `json:"bytes"`
	Damage   string    `json:"damage,omitempty"`
}

func infoOf(d storage.DocumentInfo) listedInfo {
	info := listedInfo{d.Name, d.ID.String(), d.Lineage.String(), d.Created, d.Modified, d.Deleted, d.Last, d.Bytes, ""}
	if d.Damage != nil {
		info.Damage = d.Damage.Error()
	}
	return info
}

// stateOf says in words what is the matter with a document.
func stateOf(d storage.DocumentInfo) string {
	switch {
	case d.Damage != nil:
		return d.Damage.Error()
	case !d.Deleted.IsZero():
		return "deleted " + d.Deleted.Format(time.RFC3339)
	}
	return ""
}

func printJSON(w io.Writer, v any) error {
	line, err := json.Marshal(v)
	if err == nil {
		_, err = fmt.Fprintf(w, "%s\n", line)
	}
	return err
}

// docDelete is "weft doc delete".
type docDelete struct {
	dataFlag
	Hard      bool     `help:"Erase it: it cannot be taken back, and none of it stays in the tables."`
	Documents []string `arg:"" name:"document" help:"Which to delete."`
}

// Run deletes.
func (c *docDelete) Run(e *env) error {
	return c.with(func(store *storage.Store) error {
		remove := store.Delete
		if c.Hard {
			remove = store.Erase
		}
		return each(e, store, c.Documents, "deleted", func(name string) error { return remove(e.ctx, name) })
	})
}

// docUndelete is "weft doc undelete".
type docUndelete struct {
	dataFlag
	Documents []string `arg:"" name:"document" help:"Which to undelete."`
}

// Run undeletes.
func (c *docUndelete) Run(e *env) error {
	return c.with(func(store *storage.Store) error {
		return each(e, store, c.Documents, "undeleted", func(name string) error { return store.Undelete(e.ctx, name) })
	})
}

// docShow is "weft doc show".
type docShow struct {
	dataFlag
	As       string  `default:"json" enum:"json,text,html" help:"In which form: ${enum} (${default})."`
	Root     *string `placeholder:"NAME" help:"Only this root."`
	Document string  `arg:"" help:"Which to show."`
}

// Run prints the document.
func (c *docShow) Run(e *env) error {
	return c.with(func(store *storage.Store) error {
		doc, err := load(e.ctx, store, c.Document)
		if err != nil {
			return err
		}
		content, err := form(c.As).render(doc, c.Document, c.Root)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(e.stdout, "%s\n", content)
		return err
	})
}

// writeNew writes a file that must not be there.
func writeNew(path string, content []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o640)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	return errors.Join(err, f.Close())
}

package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/weftsync/weft/bench/engine"
	"github.com/weftsync/weft/bench/peers"
	"github.com/weftsync/weft/bench/report"
)

// measurePeer measures one row of another engine.
func (b *bench) measurePeer(ctx context.Context, peer peers.Peer, s *engine.Subject, row engine.Row) report.Cell {
	if b.node == nil {
		return report.Cell{Peer: peer.Name, Absence: report.Missing}
	}
	job, err := b.job(ctx, s)
	if err != nil {
		return report.CellOf(peer.Name, nil, err)
	}
	job.Row, job.Repeat = row.Name, b.Engine.repeat(row.Name)
	if row.PeerRow != "" {
		job.Row = row.PeerRow
	}
	values, err := peer.Measure(ctx, b.node, job, b.Engine.Bound)
	return report.CellOf(peer.Name, values, err)
}

// job writes what there is of a subject into files for the scripts, once.
func (b *bench) job(ctx context.Context, s *engine.Subject) (peers.Job, error) {
	if job, ok := b.jobs[s]; ok {
		return job, nil
	}
	job := peers.Job{Client: s.Client, Sizes: s.Sizes}
	f := &files{dir: filepath.Join(b.Out, "cache"), name: strings.Map(plain, s.Name)}
	if s.Trace != nil {
		history, _, err := b.node.WriteTrace(s.Trace)
		if err != nil {
			return job, err
		}
		job.Trace, job.Own = history, strings.TrimSuffix(history, ".json")
	}
	if s.Updates != nil {
		_, path, err := b.node.UpdatesFile(ctx, s.Trace, s.Client)
		if err != nil {
			return job, err
		}
		job.Updates = path
	}
	if s.Updates != nil || s.Whole != nil {
		whole, err := s.Document()
		if err != nil {
			return job, err
		}
		job.V1, job.V2 = f.write("v1", whole.V1), f.write("v2", whole.V2)
		job.Text, job.Root = f.write("text", []byte(whole.Text)), whole.Root
	}
	if s.Script != nil {
		script, err := json.Marshal(s.Script)
		if err != nil {
			return job, fmt.Errorf("write a script: %w", err)
		}
		job.Script = f.write("script", script)
	}
	if h := s.Hostile; h != nil {
		job.Update = f.write("update", h.Update)
		if h.Base != nil {
			job.Base = f.write("base", h.Base)
		}
		if h.Keys != nil {
			job.Updates = f.path("keys", h.Update)
			if err := h.Keys.WriteFile(job.Updates); err != nil {
				return job, err
			}
		}
	}
	if f.err == nil {
		b.jobs[s] = job
	}
	return job, f.err
}

// files writes files whose names begin with the subject's and tell their content, and keeps the first error.
type files struct {
	dir, name string
	err       error
}

func (f *files) path(kind string, data []byte) string {
	return filepath.Join(f.dir, fmt.Sprintf("%s-%x.%s", f.name, sha256.Sum256(data), kind))
}

func (f *files) write(kind string, data []byte) string {
	path := f.path(kind, data)
	if f.err != nil {
		return path
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		f.err = fmt.Errorf("write what the other engines read: %w", err)
	}
	return path
}

// plain keeps what may stand in the name of a file anywhere.
func plain(r rune) rune {
	if r == '-' || r == '_' || r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' {
		return r
	}
	return '_'
}

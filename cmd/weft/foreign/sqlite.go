package foreign

import (
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"

	_ "modernc.org/sqlite" // the driver
)

const sqliteMagic = "SQLite format 3\x00"

func isSQLite(path string) (bool, error) {
	f, err := os.Open(path)
	if err != nil {
		return false, fmt.Errorf("open what is to be imported: %w", err)
	}
	defer f.Close()
	head := make([]byte, len(sqliteMagic))
	if _, err := io.ReadFull(f, head); err != nil {
		return false, nil // too short to be one
	}
	return string(head) == sqliteMagic, nil
}

// sqlite is the file of Hocuspocus's extension for SQLite: a table "documents" with a name and a state each.
type sqlite struct {
	db       *sql.DB
	maxBytes int64
}

func openSQLite(path string, maxBytes int64) (*sqlite, error) {
	// Read-only, and with what a write-ahead log beside it holds.
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Opaque: url.PathEscape(path), RawQuery: "mode=ro"}).String())
	if err != nil {
		return nil, fmt.Errorf("open the SQLite file: %w", err)
	}
	s := &sqlite{db: db, maxBytes: maxBytes}
	if _, err := s.Count(); err != nil {
		return nil, errors.Join(fmt.Errorf("the SQLite file is not one of Hocuspocus: %w", err), db.Close())
	}
	return s, nil
}

// Count returns the number of documents. Hocuspocus has one row for each.
func (s *sqlite) Count() (n int, err error) {
	err = s.db.QueryRow(`SELECT count(*) FROM "documents"`).Scan(&n)
	return n, err
}

// Each reads one document after the other, in the order of the file.
func (s *sqlite) Each(fn func(Document) error) error {
	rows, err := s.db.Query(`SELECT name, length(data), CASE WHEN length(data) <= ? THEN data END FROM "documents" ORDER BY rowid`, s.maxBytes)
	if err != nil {
		return fmt.Errorf("read the SQLite file: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var d Document
		var data []byte
		if err := rows.Scan(&d.Name, &d.Bytes, &data); err != nil {
			return fmt.Errorf("read the SQLite file: %w", err)
		}
		if d.Bytes > s.maxBytes {
			d.Err = fmt.Errorf("%w: it has %d bytes, at most %d are read", ErrTooLarge, d.Bytes, s.maxBytes)
		} else {
			d.Updates = [][]byte{data}
		}
		if err := fn(d); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read the SQLite file: %w", err)
	}
	return nil
}

// Close closes the file.
func (s *sqlite) Close() error { return s.db.Close() }

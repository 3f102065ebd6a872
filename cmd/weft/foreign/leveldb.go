package foreign

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"

	"github.com/syndtr/goleveldb/leveldb"
	"github.com/syndtr/goleveldb/leveldb/opt"
)

// isLevelDB reports whether a folder is a LevelDB: it has the file that names its manifest.
func isLevelDB(path string) bool {
	_, err := os.Stat(filepath.Join(path, "CURRENT"))
	return err == nil
}

// levelDB is the directory of y-leveldb. Its keys are lists: ["v1", name, "update", number] has an update as its value, and
// ["v1_sv", name] says that there is such a document.
type levelDB struct {
	db       *leveldb.DB
	maxBytes int64
}

func openLevelDB(path string, maxBytes int64) (*levelDB, error) {
	db, err := leveldb.OpenFile(path, &opt.Options{ReadOnly: true, ErrorIfMissing: true})
	if err != nil {
		return nil, fmt.Errorf("open the LevelDB: %w", err)
	}
	return &levelDB{db: db, maxBytes: maxBytes}, nil
}

// Count returns the number of documents.
func (l *levelDB) Count() (n int, err error) {
	err = l.updates(func(string, []byte) error { return nil }, func(string) error { n++; return nil })
	return n, err
}

// Each reads one document after the other, in the order of the keys.
func (l *levelDB) Each(fn func(Document) error) error {
	var d Document
	return l.updates(func(name string, update []byte) error {
		d.Name = name
		if d.Bytes += int64(len(update)); d.Bytes > l.maxBytes {
			d.Err = fmt.Errorf("%w: its updates have more than %d bytes", ErrTooLarge, l.maxBytes)
			d.Updates = nil
			return nil
		}
		d.Updates = append(d.Updates, append([]byte(nil), update...))
		return nil
	}, func(string) error {
		done := d
		d = Document{}
		return fn(done)
	})
}

// updates walks the keys: see is called with each update, end after the last of each document.
func (l *levelDB) updates(see func(name string, update []byte) error, end func(name string) error) error {
	it := l.db.NewIterator(nil, nil)
	defer it.Release()
	name, open := "", false
	for it.Next() {
		of, ok := updateKey(it.Key())
		if !ok {
			continue // a state vector, or something that an application added
		}
		if open && of != name {
			if err := end(name); err != nil {
				return err
			}
		}
		name, open = of, true
		if err := see(name, it.Value()); err != nil {
			return err
		}
	}
	if err := it.Error(); err != nil {
		return fmt.Errorf("read the LevelDB: %w", err)
	}
	if open {
		return end(name)
	}
	return nil
}

// The parts of y-leveldb's keys.
const (
	partString = 0
	partUint32 = 1
)

// updateKey returns the name in the key of an update.
func updateKey(key []byte) (name string, ok bool) {
	var texts []string
	numbers := 0
	for len(key) > 0 {
		kind := key[0]
		key = key[1:]
		switch kind {
		case partString:
			text, rest, ok := cutString(key)
			if !ok {
				return "", false
			}
			texts, key = append(texts, text), rest
		case partUint32:
			if len(key) < 4 {
				return "", false
			}
			numbers, key = numbers+1, key[4:]
		default:
			return "", false
		}
	}
	if len(texts) != 3 || numbers != 1 || texts[0] != "v1" || texts[2] != "update" {
		return "", false
	}
	return texts[1], true
}

// cutString reads a string with its length before it, which is a varint of lib0.
func cutString(b []byte) (text string, rest []byte, ok bool) {
	n, size := binary.Uvarint(b)
	if size <= 0 || n > uint64(len(b)-size) {
		return "", nil, false
	}
	return string(b[size : size+int(n)]), b[size+int(n):], true
}

// Close closes the directory.
func (l *levelDB) Close() error { return l.db.Close() }

package crdttest

import (
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/weftsync/weft/crdt"
)

// withoutDocument asks of an encoded update, in both formats, what can be asked
// without a document. The picks say what obfuscation leaves readable.
func withoutDocument(e *Entry, merged, merged2 []byte, picks []int) error {
	options := crdt.ObfuscateOptions{KeepFormatting: picks[0]%2 != 0, KeepSubdocs: picks[0]%3 == 0, KeepXMLNames: picks[0]%5 == 0}
	hidden, err := crdt.ObfuscateUpdate(merged, options)
	if err != nil {
		return fmt.Errorf("obfuscate an update: %w", err)
	}
	hidden2, err := crdt.ObfuscateUpdateV2(merged2, options)
	if err != nil {
		return fmt.Errorf("obfuscate an update in V2: %w", err)
	}
	e.Hidden = []string{hex.EncodeToString(hidden), hex.EncodeToString(hidden2)}
	meta, err := crdt.ParseUpdateMeta(merged)
	if err != nil {
		return fmt.Errorf("read the extent of an update: %w", err)
	}
	meta2, err := crdt.ParseUpdateMetaV2(merged2)
	if err != nil {
		return fmt.Errorf("read the extent of an update in V2: %w", err)
	}
	e.Meta = []string{metaText(meta), metaText(meta2)}
	sv, err := crdt.StateVectorFromUpdateV2(merged2)
	if err != nil {
		return fmt.Errorf("read the state vector of an update in V2: %w", err)
	}
	e.Vector2 = hex.EncodeToString(sv)
	return checkContents(merged)
}

func metaText(m crdt.UpdateMeta) string {
	var parts []string
	for _, client := range slices.Sorted(maps.Keys(m.From)) {
		parts = append(parts, fmt.Sprintf("%d:%d-%d", client, m.From[client], m.To[client]))
	}
	return strings.Join(parts, " ")
}

// checkContents compares the ids of an update with those of its structs and
// deletes one by one.
func checkContents(update []byte) error {
	got, err := crdt.ContentsOfUpdate(update)
	if err != nil {
		return fmt.Errorf("read the contents of an update: %w", err)
	}
	structs, deletes, err := ScanUpdate(update)
	if err != nil {
		return fmt.Errorf("scan an update: %w", err)
	}
	inserts := map[uint64]map[uint64]bool{}
	for _, s := range structs {
		if s.Kind != "Skip" {
			addIDs(inserts, s.Client, s.Clock, s.Len)
		}
	}
	removed := map[uint64]map[uint64]bool{}
	for _, d := range deletes {
		addIDs(removed, d.Client, d.Clock, d.Len)
	}
	if err := sameIDs(got.Inserts, inserts); err != nil {
		return fmt.Errorf("inserts of an update: %w", err)
	}
	if err := sameIDs(got.Deletes, removed); err != nil {
		return fmt.Errorf("deletes of an update: %w", err)
	}
	return nil
}

func addIDs(ids map[uint64]map[uint64]bool, client, clock, n uint64) {
	if ids[client] == nil {
		ids[client] = map[uint64]bool{}
	}
	for i := range n {
		ids[client][clock+i] = true
	}
}

func sameIDs(got crdt.ClockRanges, want map[uint64]map[uint64]bool) error {
	if len(got) != len(want) {
		return fmt.Errorf("%d clients, want %d", len(got), len(want))
	}
	for client, ids := range want {
		n, end := 0, uint64(0)
		for i, r := range got[client] {
			if i > 0 && r.Clock <= end {
				return fmt.Errorf("client %d: range from %d on touches the one that ends at %d", client, r.Clock, end)
			}
			for k := range r.Len {
				if !ids[r.Clock+k] {
					return fmt.Errorf("client %d: clock %d is none", client, r.Clock+k)
				}
			}
			n, end = n+int(r.Len), r.Clock+r.Len
		}
		if n != len(ids) {
			return fmt.Errorf("client %d: %d clocks, want %d", client, n, len(ids))
		}
	}
	return nil
}

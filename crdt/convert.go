package crdt

import (
	"fmt"
	"slices"
)

// ConvertUpdateV1ToV2 returns a V1 update in the V2 format, without a document
// (Yjs: convertUpdateFormatV1ToV2). The error wraps an *UpdateError. The cost is
// linear in the bytes of the update; the memory is that of the result.
func ConvertUpdateV1ToV2(update []byte) ([]byte, error) { return convertUpdate(v1, v2, update, nil) }

// ConvertUpdateV2ToV1 returns a V2 update in the V1 format (Yjs:
// convertUpdateFormatV2ToV1). The error wraps an *UpdateError. Embeds and values
// of formats become JSON, which has no undefined, no NaN and no byte arrays.
func ConvertUpdateV2ToV1(update []byte) ([]byte, error) { return convertUpdate(v2, v1, update, nil) }

// convertUpdate rewrites an update; change may be nil, or change each part on
// the way.
func convertUpdate(from, to format, update []byte, change func(*part)) ([]byte, error) {
	w := to.writer(from, len(update))
	deletes, err := readWhole(from, update, func(p *part) {
		if change != nil {
			change(p)
		}
		w.write(p)
	})
	if err != nil {
		return nil, fmt.Errorf("converting an update: %w", err)
	}
	return w.finish(deletes), nil
}

// RenameClients returns a V1 update in which other clients made the same
// history: rename gives each client its new id, at most 2^53-1, and is asked of
// each once. The new ids have to be in the order of the old ones, or concurrent
// edits would merge otherwise; the error says so if they are not. Other errors
// wrap an *UpdateError. The cost is linear in the bytes of the update.
func RenameClients(update []byte, rename func(client uint64) uint64) ([]byte, error) {
	names := map[uint64]uint64{}
	var clients []uint64
	note := func(client uint64) {
		if _, ok := names[client]; !ok {
			names[client] = 0
			clients = append(clients, client)
		}
	}
	deletes, err := readWhole(v1, update, func(p *part) {
		note(p.client)
		if p.kind != kindGC && p.kind != kindSkip {
			p.eachID(func(id *wireID) { note(id.client) })
		}
	})
	if err != nil {
		return nil, fmt.Errorf("reading an update to rename its clients: %w", err)
	}
	for _, r := range deletes {
		note(r.client)
	}
	slices.Sort(clients)
	last := uint64(0)
	for _, client := range clients {
		name := rename(client)
		if name <= last || name > 1<<53-1 {
			return nil, fmt.Errorf("crdt: renaming client %d to %d, after %d: not in order, or over 2^53-1", client, name, last)
		}
		names[client], last = name, name
	}
	w := v1.writer(v1, len(update))
	if err := readUpdate(v1, update, func(p *part) {
		q := *p
		q.client, q.raw = names[p.client], nil
		if q.kind != kindGC && q.kind != kindSkip {
			q.eachID(func(id *wireID) { id.client = names[id.client] })
		}
		w.write(&q)
	}, unread); err != nil {
		return nil, fmt.Errorf("renaming the clients of an update: %w", err)
	}
	for i := range deletes {
		deletes[i].client = names[deletes[i].client]
	}
	return w.finish(deletes), nil
}

// eachID hands over the ids that an item names.
func (p *part) eachID(f func(*wireID)) {
	left, right := p.info&infoOrigin != 0, p.info&infoRight != 0
	if left {
		f(&p.origin)
	}
	if right {
		f(&p.right)
	}
	if !left && !right && !p.byName {
		f(&p.parent)
	}
}

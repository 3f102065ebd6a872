package crdt

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/weftsync/weft/crdt/lib0"
)

// UserData knows which user is behind a client id and who deleted what. It
// keeps both in a map of the document, so that all replicas know and that it
// outlives sessions: for each user name a map with an array "ids" of client ids
// and an array "ds" of encoded delete sets (Yjs: PermanentUserData).
//
// Together with Text.DeltaBetween it tells who wrote and who removed a piece of
// text. Entries of the map that are not of this form are passed over.
type UserData struct {
	d       *Doc
	users   *Map
	names   []string // in the order in which they became known
	deleted map[string]map[uint64][]clockRange
	clients []clientUser
	follows map[string]func() // ends following the arrays of a user
	cancel  []func()
}

type clientUser struct {
	client uint64
	name   string
}

// ErrUser is returned for a user name under which the map holds something else
// than UserData puts there.
var ErrUser = errors.New("crdt: not the data of a user")

// NewUserData follows a map of users. Yjs uses the root "users" by default. The
// cost is in proportion to what the map holds.
func NewUserData(users *Map) *UserData {
	u := &UserData{
		d: users.d, users: users,
		deleted: map[string]map[uint64][]clockRange{}, follows: map[string]func(){},
	}
	u.cancel = append(u.cancel, users.Observe(func(e *Event) {
		for _, name := range e.KeysChanged() {
			u.follow(name)
		}
	}))
	for _, name := range users.Keys() {
		u.follow(name)
	}
	return u
}

// Close ends following the map and recording deletions. What is known stays.
func (u *UserData) Close() {
	for _, cancel := range u.cancel {
		cancel()
	}
	for _, cancel := range u.follows {
		cancel()
	}
	u.cancel, u.follows = nil, map[string]func(){}
}

// arrays returns the two arrays of a user, and the branch of their map.
func (u *UserData) arrays(name string) (ids, ds *Array, user *branch) {
	v, _ := u.users.Get(name)
	m, ok := v.(*Map)
	if !ok {
		return nil, nil, nil
	}
	v, _ = m.Get("ids")
	ids, _ = v.(*Array)
	v, _ = m.Get("ds")
	if ds, _ = v.(*Array); ids == nil || ds == nil {
		return nil, nil, nil
	}
	return ids, ds, m.b
}

// follow reads what the map says of a user, and what it will say.
func (u *UserData) follow(name string) {
	ids, ds, _ := u.arrays(name)
	if ids == nil {
		return
	}
	if cancel := u.follows[name]; cancel != nil {
		cancel()
	}
	cancelDS := ds.Observe(func(e *Event) { u.addDeletes(name, added(e)) })
	cancelIDs := ids.Observe(func(e *Event) { u.addClients(name, added(e)) })
	u.follows[name] = func() { cancelDS(); cancelIDs() }
	if u.deleted[name] == nil {
		u.names = append(u.names, name)
	}
	u.deleted[name] = map[uint64][]clockRange{}
	u.addDeletes(name, ds.ToSlice())
	u.addClients(name, ids.ToSlice())
}

// added returns the elements that an array got.
func added(e *Event) []any {
	var out []any
	for _, op := range e.Delta() {
		if list, ok := op.Insert.([]any); ok {
			out = append(out, list...)
		}
	}
	return out
}

func (u *UserData) addDeletes(name string, sets []any) {
	mine := u.deleted[name]
	touched := map[uint64]bool{}
	for _, set := range sets {
		b, ok := set.([]byte)
		if !ok {
			continue
		}
		src := source{Decoder: lib0.NewDecoder(b)}
		all, err := src.snapshotDeletes()
		if err != nil {
			continue
		}
		for _, r := range all {
			mine[r.Client] = append(mine[r.Client], clockRange{uint32(r.Clock), uint32(r.Len)})
			touched[r.Client] = true
		}
	}
	for c := range touched {
		mine[c] = joinClocks(mine[c])
	}
}

func (u *UserData) addClients(name string, ids []any) {
	for _, v := range ids {
		f, ok := v.(float64)
		if !ok || f < 0 || f > 1<<53-1 || f != math.Trunc(f) {
			continue
		}
		client := uint64(f)
		if i := slices.IndexFunc(u.clients, func(c clientUser) bool { return c.client == client }); i >= 0 {
			u.clients[i].name = name
		} else {
			u.clients = append(u.clients, clientUser{client, name})
		}
	}
}

// User returns the name of the user who was given a client id (Yjs:
// getUserByClientId).
func (u *UserData) User(client uint64) (name string, ok bool) {
	for _, c := range u.clients {
		if c.client == client {
			return c.name, true
		}
	}
	return "", false
}

// Deleter returns the name of the user who deleted an operation; of several the
// one who became known first (Yjs: getUserByDeletedId). The cost is in
// proportion to the number of users.
func (u *UserData) Deleter(deleted ID) (name string, ok bool) {
	if deleted.Clock > maxClock {
		return "", false
	}
	clock := uint32(deleted.Clock)
	for _, name := range u.names {
		s := seen{deletes: u.deleted[name][deleted.Client]}
		if i := s.after(clock); i < len(s.deletes) && s.deletes[i].clock <= clock {
			return name, true
		}
	}
	return "", false
}

// Record writes down that a client id, as a rule Doc.ClientID, is a user's, and
// from now on what local transactions delete, until Close. record, if it is not
// nil, says which transactions count. It returns the update as Doc.Update does.
// The deletions of a transaction are written in one that follows it, which is
// part of the update of the first (Yjs: setUserMapping, which does so a little
// later). If another replica overwrites the user's entry, what is known is
// written to the new one.
func (u *UserData) Record(client uint64, name string, record func(*Tx) bool) ([]byte, error) {
	update, err := u.d.Update(func(tx *Tx) error {
		if _, ok := u.users.Get(name); !ok {
			user, err := u.users.SetMap(tx, name)
			if err != nil {
				return err
			}
			_, errIDs := user.SetArray(tx, "ids")
			_, errDS := user.SetArray(tx, "ds")
			if err := errors.Join(errIDs, errDS); err != nil {
				return err
			}
		}
		ids, _, _ := u.arrays(name)
		if ids == nil {
			return fmt.Errorf("%w: %q", ErrUser, name)
		}
		return ids.Push(tx, client)
	})
	if err != nil {
		return update, err
	}
	_, _, current := u.arrays(name)
	u.cancel = append(u.cancel,
		u.users.Observe(func(*Event) {
			if _, _, now := u.arrays(name); now != nil && now != current {
				current = now
				u.moveOver(name)
			}
		}),
		u.d.OnTransaction(AfterTransaction, func(tx *Tx) {
			if tx.Local() && len(tx.deletes) > 0 && (record == nil || record(tx)) {
				u.push(name, groupDeletes(tx.Deleted()))
			}
		}))
	return update, nil
}

// push writes a delete set to a user's entry.
func (u *UserData) push(name string, deletes []clientDeletes) {
	u.d.transact(nil, func(tx *Tx) {
		if _, ds, _ := u.arrays(name); ds != nil {
			out := v1.sink(nil)
			Snapshot{deletes: deletes}.writeDeletes(&out)
			ds.Push(tx, out.finish()) // fails only in a transaction that has ended
		}
	})
}

// moveOver writes what is known of a user to an entry that has taken the place
// of the one before.
func (u *UserData) moveOver(name string) {
	u.d.transact(nil, func(tx *Tx) {
		ids, _, _ := u.arrays(name)
		for _, c := range u.clients {
			if c.name == name {
				ids.Push(tx, c.client)
			}
		}
	})
	var all []IDRange
	for client, ranges := range u.deleted[name] {
		for _, r := range ranges {
			all = append(all, IDRange{client, uint64(r.clock), uint64(r.len)})
		}
	}
	u.push(name, groupDeletes(all))
}

package server

import (
	"encoding/json"
	"fmt"

	"github.com/weftsync/weft/awareness"
	ysync "github.com/weftsync/weft/sync"
)

// stamp is the fields of Grant.Presence: what the awareness of a session has to say about its user, whatever the client
// says. Nil changes nothing.
type stamp map[string]json.RawMessage

// userField is the field of a state that tells who somebody is, by the convention of the editors' bindings.
const userField = "user"

// newStamp reads Grant.Presence.
func newStamp(presence json.RawMessage) (stamp, error) {
	if len(presence) == 0 {
		return nil, nil
	}
	var fields stamp
	if err := json.Unmarshal(presence, &fields); err != nil {
		return nil, fmt.Errorf("read the presence of a grant: %w", err)
	}
	return fields, nil
}

// on writes the stamp's fields over those of "user" in each state; what else it holds, such as a colour or the cursor,
// stays. A state that gets too large is refused.
func (s stamp) on(entries []awareness.Entry, limits awareness.Options) *ysync.Refusal {
	if s == nil {
		return nil
	}
	most := limits.MaxStateBytes
	if most == 0 {
		most = awareness.DefaultMaxStateBytes
	}
	for i, e := range entries {
		if e.State == nil {
			continue
		}
		state, err := s.over(e.State)
		if err != nil {
			return ysync.Refuse(ysync.CodeMalformed, "awareness refused: a state that cannot be signed")
		}
		if len(state) > most {
			return ysync.Refuse(ysync.CodeTooLarge, "awareness refused: a state of %d bytes with its user, more than %d", len(state), most)
		}
		entries[i].State = state
	}
	return nil
}

// over returns a state with the stamp's fields over those of its user.
func (s stamp) over(state []byte) ([]byte, error) {
	fields := make(map[string]json.RawMessage)
	if err := json.Unmarshal(state, &fields); err != nil {
		return nil, fmt.Errorf("read a state: %w", err)
	}
	user := make(map[string]json.RawMessage, len(s))
	if json.Unmarshal(fields[userField], &user) != nil || user == nil {
		user = make(map[string]json.RawMessage, len(s)) // what stands there is no object, and goes
	}
	for name, value := range s {
		user[name] = value
	}
	signed, err := json.Marshal(user)
	if err != nil {
		return nil, fmt.Errorf("write a user: %w", err)
	}
	fields[userField] = signed
	return json.Marshal(fields)
}

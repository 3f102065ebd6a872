package sync

// Act is what a session asks its caller to do.
type Act uint8

// The acts. Those that show the state of the document, or say that something arrived, wait until every update that was
// given a sequence before the act was asked for is on disk; the others do not wait.
const (
	SendStep1      Act = iota + 1 // send the document's state vector. Waits for the disk
	SendStep2                     // answer with what the state vector in Payload lacks. Waits for the disk
	Apply                         // apply the update in Payload; its broadcast and its echo wait for the disk
	ApplyKnown                    // check that the update in Payload adds nothing, and refuse with CodeForbidden if it does
	ApplyAwareness                // apply the awareness update in Payload
	SendAwareness                 // send everybody's awareness, if there is any
)

// Step is one message and what is to be done about it.
type Step struct {
	Act     Act
	Kind    Kind   // of the message that asked for it; zero when none did
	Payload []byte // aliases the frame
}

// phase is where a session stands. It only moves forward.
type phase uint8

const (
	waiting phase = iota // not authorised: nothing may be received or sent
	open                 // authorised
	ended                // refused
)

// Session is the protocol's state for one document on one connection. It is not safe for concurrent use. The zero
// Session is not usable; make one with NewSession.
type Session struct {
	dialect Dialect
	phase   phase
	level   Level
	refusal *Refusal // why the session ended
}

// NewSession returns a session that waits for authorisation.
func NewSession(d Dialect) Session { return Session{dialect: d} }

// Dialect returns the dialect that the session's frames are in.
func (s *Session) Dialect() Dialect { return s.dialect }

// Level returns what the peer may do; None before Open.
func (s *Session) Level() Level { return s.level }

// Open authorises the peer and returns what a server of the dialect does first: it claims its state vector and shows
// who is there. A peer with level None is refused. On a session that is open already only the level changes, from the
// next frame on, and there are no steps.
func (s *Session) Open(l Level) ([]Step, error) {
	switch {
	case s.phase == ended:
		return nil, s.refusal
	case l == None || l >= levelEnd:
		return nil, s.End(Refuse(CodeForbidden, "no access to this document"))
	}
	first := s.phase == waiting
	s.phase, s.level = open, l
	if !first {
		return nil, nil
	}
	return []Step{{Act: SendStep1}, {Act: SendAwareness}}, nil
}

// Receive reads one frame and appends what is to be done, in order, to dst. Payloads alias frame. An error is a
// *Refusal and ends the session: every later call returns the same one, and no step of the frame is to be carried out.
// Nothing is allocated when dst has room, and the session keeps no reference to the frame.
func (s *Session) Receive(frame []byte, dst []Step) ([]Step, error) {
	switch s.phase {
	case ended:
		return dst, s.refusal
	case waiting:
		return dst, s.End(Refuse(CodeUnauthorized, "a message before authorisation"))
	}
	from := len(dst)
	all, err := s.dialect.Parse(frame, dst)
	if err != nil {
		return dst[:from], s.End(err)
	}
	kept := all[:from]
	for _, step := range all[from:] {
		act, err := s.act(step.Kind)
		if err != nil {
			return dst[:from], err
		}
		if act != 0 {
			step.Act = act
			kept = append(kept, step)
		}
	}
	return kept, nil
}

// act says what to do about a message: zero for one that is dropped.
func (s *Session) act(k Kind) (Act, error) {
	verdict := Authorize(s.level, k)
	switch verdict {
	case Allowed, OnlyKnown:
	case Ignored:
		return 0, nil
	case Nonsense:
		return 0, s.End(Refuse(CodeMalformed, "a client does not send %s messages", k))
	default:
		return 0, s.End(Refuse(CodeForbidden, "the level %s does not allow %s messages", s.level, k))
	}
	switch k {
	case Step1:
		return SendStep2, nil
	case Step2, Update:
		if verdict == OnlyKnown {
			return ApplyKnown, nil
		}
		return Apply, nil
	case Awareness:
		return ApplyAwareness, nil
	case QueryAwareness:
		return SendAwareness, nil
	}
	return 0, s.End(Refuse(CodeMalformed, "nothing is done about %s messages", k))
}

// End ends the session with a refusal and returns what it ended with: the first refusal stays.
func (s *Session) End(err error) error {
	if s.phase == ended {
		return s.refusal
	}
	r, ok := err.(*Refusal)
	if !ok {
		r = Refuse(CodeMalformed, "%v", err)
	}
	s.phase, s.refusal, s.level = ended, r, None
	return r
}

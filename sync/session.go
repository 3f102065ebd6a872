package sync

// Act is what a session asks its caller to do.
type Act uint8

// The acts. Those that show the state of the document, or say that something arrived, wait until every update that was
// given a sequence before the act was asked for is on disk; the others do not wait.
const (
	SendStep1         Act = iota + 1 // send the document's state vector. Waits for the disk
	SendStep2                        // answer with what the state vector in Payload lacks. Waits for the disk
	Apply                            // apply the update in Payload; its broadcast and its acknowledgement wait for the disk
	ApplyKnown                       // check that the update in Payload adds nothing, and reject it if it does
	Reject                           // do not apply the update; answer so
	ApplyAwareness                   // apply the awareness update in Payload
	SendAwareness                    // send everybody's awareness, if there is any
	Authenticate                     // ask who may do what with the token in Payload, then Open or End. See Kind
	SendAuthenticated                // tell the peer what it may do
	Hold                             // keep a copy of the message in Payload; Receive it again after Open or End
	Relay                            // pass the string in Payload on to the others
	Detach                           // the peer has left the document; forget the session
)

// Step is one message and what is to be done about it.
type Step struct {
	Act     Act
	Kind    Kind   // of the message that asked for it; zero when none did
	Payload []byte // aliases the frame
	// Provider is, with Authenticate, the major version that the provider tells, 0 if it tells none.
	Provider int
	// Acks is, with Apply and ApplyKnown, how many sync statuses say that it is applied and safe: the one that answers
	// this message, and those for updates that were rejected before and are in this one. 0 in dialects without any.
	Acks int
	// Unasked is set, with Apply and ApplyKnown, for what the provider does not count, such as the answer to a step 1
	// that the server sent of its own accord: when it is rejected, no sync status says so.
	Unasked bool
}

// phase is where a session stands.
//
//	          Open                End
//	waiting ────────▶ open ─────────────▶ parked: until a new token opens it again
//	   │                │                 ended: for good, in dialects of one document
//	   └────────────────┴─ End ──────────▶
type phase uint8

const (
	waiting phase = iota // not authorised: nothing of the document may be received or sent
	open                 // authorised
	parked               // refused, and the socket stays
	ended                // refused
)

// Session is the protocol's state for one document on one connection. It is not safe for concurrent use. The zero
// Session is not usable; make one with NewSession.
type Session struct {
	dialect Dialect
	phase   phase
	level   Level
	refusal *Refusal // why the session was refused last
	asking  bool     // a step Authenticate has been asked for since the session began to wait

	// Only in dialects that have sync statuses. A provider counts its updates and a step 2 for each of its own step 1s;
	// a status too many makes it say "saved" while an edit is still on its way.
	claims   uint64 // step 1s that were to be sent since the session was opened
	answers  uint64 // step 2s that came for them
	stale    uint64 // step 2s that may still come for claims from before the session was parked
	unasked  uint64 // the number of the claim that was sent of the server's own accord, 0 for none that is unanswered
	rejected int    // updates that were not applied and that the provider still counts
	void     int    // updates that were held before the token: the step 1 behind it makes the provider count from 1
}

// NewSession returns a session that waits for authorisation.
func NewSession(d Dialect) Session { return Session{dialect: d} }

// Dialect returns the dialect that the session's frames are in.
func (s *Session) Dialect() Dialect { return s.dialect }

// Level returns what the peer may do; None unless the session is open.
func (s *Session) Level() Level { return s.level }

// Waiting reports whether the session has been neither opened nor refused.
func (s *Session) Waiting() bool { return s.phase == waiting }

// IsOpen reports whether the session is authorised.
func (s *Session) IsOpen() bool { return s.phase == open }

// Open authorises the peer and returns what a server of the dialect does first. In a dialect of one document it claims
// its state vector and shows who is there; in one with addresses it says what the peer may do and who is there, and
// waits for the peer's step 1. A peer with level None is refused. On a session that is open already only the level
// changes, from the next frame on.
//
// Where updates were rejected because of the level, and on a session that was parked, the steps ask for what the server
// lacks: later updates of that peer would wait for the rejected ones for ever.
func (s *Session) Open(l Level) ([]Step, error) {
	was := s.phase
	switch {
	case was == ended:
		return nil, s.refusal
	case l == None || l >= levelEnd:
		return nil, s.End(Refuse(CodeForbidden, "no access to this document"))
	}
	s.phase, s.level, s.asking = open, l, false
	if !s.dialect.Addressed() {
		if was == open {
			return nil, nil
		}
		return []Step{{Act: SendStep1}, {Act: SendAwareness}}, nil
	}
	steps := []Step{{Act: SendAuthenticated}}
	switch was {
	case waiting:
		return append(steps, Step{Act: SendAwareness}), nil
	case parked:
		steps = append(steps, Step{Act: SendAwareness})
		steps = append(steps, s.claim()...)
		return append(steps, Step{Act: SendStep2, Payload: []byte{0}}), nil
	}
	return append(steps, s.Resync()...), nil
}

// Resync returns a step 1 of the server's own accord, if updates were rejected that the peer may make now and none was
// sent that is still to be answered.
func (s *Session) Resync() []Step {
	if s.phase != open || s.level < Write || s.rejected == 0 {
		return nil
	}
	return s.claim()
}

// claim returns a step 1 that nobody asked for, unless one is under way.
func (s *Session) claim() []Step {
	if s.unasked != 0 {
		return nil
	}
	s.claims++
	s.unasked = s.claims
	return []Step{{Act: SendStep1}}
}

// Receive reads one frame, without its address, and appends what is to be done, in order, to dst. Payloads alias frame.
// An error is a *Refusal and ends or parks the session as End does; no step of the frame is to be carried out. A session
// that has ended returns the refusal again; a parked one drops everything but a token and a farewell. Nothing is
// allocated when dst has room, and the session keeps no reference to the frame.
func (s *Session) Receive(frame []byte, dst []Step) ([]Step, error) {
	switch {
	case s.phase == ended:
		return dst, s.refusal
	case s.phase == waiting && !s.dialect.Addressed():
		return dst, s.End(Refuse(CodeUnauthorized, "a message before authorisation"))
	}
	from := len(dst)
	all, err := s.dialect.Parse(frame, dst)
	if err != nil {
		if s.phase == parked {
			return dst, nil
		}
		return dst[:from], s.End(err)
	}
	if s.dialect.Addressed() {
		return s.receiveAddressed(frame, all[from], dst)
	}
	kept := all[:from]
	for _, step := range all[from:] {
		step, err := s.judge(step)
		if err != nil {
			return dst[:from], err
		}
		if step.Act != 0 {
			kept = append(kept, step)
		}
	}
	return kept, nil
}

// receiveAddressed says what to do about the one message of a frame that had an address.
func (s *Session) receiveAddressed(frame []byte, m Step, dst []Step) ([]Step, error) {
	switch {
	case s.phase == parked && m.Kind != Token && m.Kind != Close:
		s.drop(m)
		return dst, nil
	case s.phase == waiting && Authorize(None, m.Kind) == Refused:
		// A step 1 before any token says that none will come: providers before version 3 send theirs only if they have
		// one, and every later version sends it first.
		if m.Kind == Step1 && !s.asking {
			s.asking = true
			dst = append(dst, Step{Act: Authenticate, Kind: Step1})
		}
		if m.Kind == Update && !s.asking {
			s.void++
		}
		return append(dst, Step{Act: Hold, Kind: m.Kind, Payload: frame}), nil
	case s.phase == open && m.Kind == Step1:
		// A provider that sends a step 1 counts from 1 again, for its answer to ours: what it was owed is void.
		s.rejected = 0
		s.claims++
		dst = append(dst, Step{Act: SendStep1, Kind: Step1})
	}
	m, err := s.judge(m)
	if err != nil || m.Act == 0 {
		return dst, err
	}
	return append(dst, m), nil
}

// drop counts what a provider goes on to send while it is parked: it counts it too.
func (s *Session) drop(m Step) {
	switch {
	case m.Kind == Update:
		s.rejected++
	case m.Kind == Step2 && s.stale > 0:
		s.stale--
	}
}

// judge sets the act of a message, to zero for one that is dropped.
func (s *Session) judge(m Step) (Step, error) {
	verdict := Authorize(s.level, m.Kind)
	switch {
	case verdict == Allowed, verdict == OnlyKnown:
	case verdict == Ignored:
		return Step{}, nil
	case verdict == Nonsense:
		return Step{}, s.End(Refuse(CodeMalformed, "a client does not send %s messages", m.Kind))
	case m.Kind == Update && s.dialect.Addressed():
		s.rejected++
		m.Act = Reject
		return m, nil
	default:
		return Step{}, s.End(Refuse(CodeForbidden, "the level %s does not allow %s messages", s.level, m.Kind))
	}
	switch m.Kind {
	case Step1:
		m.Act = SendStep2
	case Step2, Update:
		m.Act = Apply
		if verdict == OnlyKnown {
			m.Act = ApplyKnown
		}
		s.count(&m)
	case Awareness:
		m.Act = ApplyAwareness
	case QueryAwareness:
		m.Act = SendAwareness
	case Token:
		m.Act = Authenticate
		s.asking = true
	case Stateless:
		m.Act = Relay
	case Close:
		m.Act = Detach
	default:
		return Step{}, s.End(Refuse(CodeMalformed, "nothing is done about %s messages", m.Kind))
	}
	return m, nil
}

// count says how many sync statuses a step 2 or an update is owed: one, unless it answers a step 1 that the server sent
// of its own accord. Such an answer holds everything that was rejected before, and is owed the statuses of that.
func (s *Session) count(m *Step) {
	if !s.dialect.Addressed() {
		return
	}
	m.Acks = 1
	switch {
	case m.Kind == Update && s.void > 0:
		s.void--
		m.Unasked, m.Acks = true, 0
		return
	case m.Kind != Step2:
		return
	case s.stale > 0:
		s.stale--
		m.Unasked, m.Acks = true, 0
		return
	case s.answers == s.claims:
		return
	}
	s.answers++
	if s.answers == s.unasked {
		s.unasked = 0
		m.Unasked, m.Acks, s.rejected = true, s.rejected, 0
	}
}

// Rejected notes that a step was not applied after all, and reports whether a sync status has to say so.
func (s *Session) Rejected(step Step) bool {
	if step.Act != Reject { // a Reject was counted when it came
		s.rejected += step.Acks
	}
	return !step.Unasked
}

// End refuses the peer and returns the refusal. Where the socket stays, the session is parked, and a token may open it
// again; else it has ended, and the first refusal stays.
func (s *Session) End(err error) error {
	if s.phase == ended {
		return s.refusal
	}
	r, ok := err.(*Refusal)
	if !ok {
		r = Refuse(CodeMalformed, "%v", err)
	}
	s.phase, s.refusal, s.level, s.asking = ended, r, None, false
	if s.dialect.Addressed() {
		s.phase = parked
		s.rejected += int(s.claims - s.answers) // step 2s that are owed a status which will not come
		if s.unasked != 0 {
			s.rejected--
		}
		s.stale += s.claims - s.answers
		s.claims, s.answers, s.unasked = 0, 0, 0
	}
	return r
}

package sync

// Verdict is what becomes of a message.
type Verdict uint8

// The verdicts. The zero Verdict is Refused, so that a missing row refuses.
const (
	Refused   Verdict = iota // end the session with CodeForbidden, or say that it was not applied where the dialect can
	Allowed                  // carry it out
	Ignored                  // drop it without a word: unmodified clients send it unasked
	OnlyKnown                // carry it out if it adds nothing to the document, else refuse
	Nonsense                 // no peer may ever send this: end the session with CodeMalformed
)

// verdicts says for each kind and level what becomes of a message. A reader's provider sends things that it was not
// asked about and that must not end its session: its awareness, which is dropped below the level presence; a Step2 in
// answer to the server's Step1, which passes while it brings nothing new; and stateless messages of its application,
// which are dropped below the level write. A session that is not authorised has the level none: it may bring a token,
// and it may leave.
var verdicts = [kindEnd][levelEnd]Verdict{
	Step1:          {None: Refused, Read: Allowed, Presence: Allowed, Write: Allowed, Admin: Allowed},
	Step2:          {None: Refused, Read: OnlyKnown, Presence: OnlyKnown, Write: Allowed, Admin: Allowed},
	Update:         {None: Refused, Read: Refused, Presence: Refused, Write: Allowed, Admin: Allowed},
	Awareness:      {None: Refused, Read: Ignored, Presence: Allowed, Write: Allowed, Admin: Allowed},
	QueryAwareness: {None: Refused, Read: Allowed, Presence: Allowed, Write: Allowed, Admin: Allowed},
	Auth:           {None: Nonsense, Read: Nonsense, Presence: Nonsense, Write: Nonsense, Admin: Nonsense},
	Token:          {None: Allowed, Read: Allowed, Presence: Allowed, Write: Allowed, Admin: Allowed},
	Stateless:      {None: Refused, Read: Ignored, Presence: Ignored, Write: Allowed, Admin: Allowed},
	Close:          {None: Allowed, Read: Allowed, Presence: Allowed, Write: Allowed, Admin: Allowed},

	SyncReply:          {None: Nonsense, Read: Nonsense, Presence: Nonsense, Write: Nonsense, Admin: Nonsense},
	BroadcastStateless: {None: Nonsense, Read: Nonsense, Presence: Nonsense, Write: Nonsense, Admin: Nonsense},
	SyncStatus:         {None: Nonsense, Read: Nonsense, Presence: Nonsense, Write: Nonsense, Admin: Nonsense},
}

// Authorize says what becomes of a message of kind k from a peer of level l. It is the only place that decides it:
// every dialect and every transport asks here. Kinds and levels that do not exist are refused.
func Authorize(l Level, k Kind) Verdict {
	if l >= levelEnd || k >= kindEnd {
		return Refused
	}
	return verdicts[k][l]
}

package sync

// Verdict is what becomes of a message.
type Verdict uint8

// The verdicts. The zero Verdict is Refused, so that a missing row refuses.
const (
	Refused   Verdict = iota // end the session with CodeForbidden
	Allowed                  // carry it out
	Ignored                  // drop it without a word: unmodified clients send it unasked
	OnlyKnown                // carry it out if it adds nothing to the document, else refuse
	Nonsense                 // no peer may ever send this: end the session with CodeMalformed
)

// verdicts says for each kind and level what becomes of a message. A reader's provider sends two things that it was
// not asked about and that must not end its session: its awareness, which is dropped below the level presence, and a
// Step2 in answer to the server's Step1, which passes while it brings nothing new.
var verdicts = [kindEnd][levelEnd]Verdict{
	Step1:          {None: Refused, Read: Allowed, Presence: Allowed, Write: Allowed, Admin: Allowed},
	Step2:          {None: Refused, Read: OnlyKnown, Presence: OnlyKnown, Write: Allowed, Admin: Allowed},
	Update:         {None: Refused, Read: Refused, Presence: Refused, Write: Allowed, Admin: Allowed},
	Awareness:      {None: Refused, Read: Ignored, Presence: Allowed, Write: Allowed, Admin: Allowed},
	QueryAwareness: {None: Refused, Read: Allowed, Presence: Allowed, Write: Allowed, Admin: Allowed},
	Auth:           {None: Nonsense, Read: Nonsense, Presence: Nonsense, Write: Nonsense, Admin: Nonsense},
}

// Authorize says what becomes of a message of kind k from a peer of level l. It is the only place that decides it:
// every dialect and every transport asks here. Kinds and levels that do not exist are refused.
func Authorize(l Level, k Kind) Verdict {
	if l >= levelEnd || k >= kindEnd {
		return Refused
	}
	return verdicts[k][l]
}

package server

import "testing"

// tabs plays what two tabs of one browser do, of which the second loses its socket: they tell each other by
// BroadcastChannel what they are and hear, so each sends the awareness of both, and after the loss the first speaks for
// the second. It returns whether somebody else still sees the first when the socket of the second has gone.
func tabs(t *testing.T, h hooks) (firstStays bool) {
	t.Helper()
	s := startServer(t, newDisk(), h, nil)
	grace := s.arrive(t, "d", 3, 1)
	first, second := s.arrive(t, "d", 1, 1), s.arrive(t, "d", 2, 1)
	sees := func(id uint64) func() bool { return func() bool { return grace.present.State(id) != nil } }
	grace.await("the first", sees(1))
	grace.await("the second", sees(2))
	first.appear(2, 1, `{}`) // what it has heard from the second
	second.appear(1, 1, `{}`)
	first.appear(1, 2, `{"n":2}`)
	first.sync()
	second.appear(1, 2, `{"n":2}`) // and each news comes twice
	second.sync()

	_ = second.ws.CloseNow()
	grace.await("that somebody has gone", func() bool {
		firstStays = grace.present.State(1) != nil
		return !firstStays || grace.present.State(2) == nil
	})
	if !firstStays {
		return false
	}
	first.await("that the second has gone", func() bool { _, known := first.present.Clock(2); return known && first.present.State(2) == nil })
	first.appear(2, 2, `{"by":"the other tab"}`) // told by the first, the second raises its clock
	grace.await("the second again", sees(2))
	_ = first.ws.CloseNow()
	grace.await("that both have gone", func() bool { return grace.present.State(1) == nil && grace.present.State(2) == nil })
	grace.queryAwareness()
	grace.await("that nobody else has gone", sees(3))
	return true
}

// TestTabsSpeakForEachOther: a tab that loses its socket takes nobody with it, is seen again through the other tab, and
// goes with that one. The control takes every mention of an id for a claim to it, and loses the tab that is well.
func TestTabsSpeakForEachOther(t *testing.T) {
	if !tabs(t, hooks{}) {
		t.Error("the first tab's cursor vanished with the socket of the second")
	}
	if tabs(t, hooks{everyMention: true}) {
		t.Error("the control: the first tab's cursor stayed, so the test cannot see one vanish")
	}
}

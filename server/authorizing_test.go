package server

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	ysync "github.com/weftsync/weft/sync"
)

// slowAuthorizer answers when the test lets it, and notes how many questions were under way at once.
type slowAuthorizer struct {
	release chan struct{}
	now     atomic.Int32
	peak    atomic.Int32
	asked   atomic.Int32
}

func (a *slowAuthorizer) Authorize(context.Context, Request) (Grant, error) {
	a.asked.Add(1)
	n := a.now.Add(1)
	defer a.now.Add(-1)
	for {
		if peak := a.peak.Load(); n <= peak || a.peak.CompareAndSwap(peak, n) {
			break
		}
	}
	<-a.release
	return Grant{Level: ysync.Write}, nil
}

// askedOnEveryWay comes by both dialects, as a viewer and by REST, each several times, and returns when all have got in.
func askedOnEveryWay(t *testing.T, authorizations int) (peak int32) {
	t.Helper()
	a := &slowAuthorizer{release: make(chan struct{})}
	s := startServer(t, newDisk(), hooks{}, func(o *Options) {
		o.Authorizer = a
		o.Limits.Authorizations = authorizations
	})
	const each = 6
	var everybody sync.WaitGroup
	for i := range each {
		document := fmt.Sprint("d", i)
		everybody.Go(func() {
			if answer, body := s.get(t, http.MethodGet, "api/documents", nil, nil); answer.StatusCode != http.StatusOK {
				t.Errorf("list: got %d %s", answer.StatusCode, body)
			}
		})
		everybody.Go(func() { s.join(t, document) })
		h := s.collab(t, "collab", nil)
		for _, address := range []string{document, document + "\x00s"} {
			everybody.Go(func() { h.join(address, "") })
		}
	}
	eventually(t, "as many calls as may be", func() bool { return int(a.now.Load()) >= min(authorizations, 4*each) })
	close(a.release)
	everybody.Wait()
	if got := a.asked.Load(); got != 4*each {
		t.Errorf("got %d questions, want %d", got, 4*each)
	}
	return a.peak.Load()
}

// eventually waits until cond holds.
func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !cond(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited too long for %s", what)
		}
	}
}

// TestAuthorizerIsNotOverrun: no more than Limits.Authorizations questions are with the Authorizer at once, over all the
// ways in together, and who waits gets in. The control allows more than there are, and all of them come at once.
func TestAuthorizerIsNotOverrun(t *testing.T) {
	if got := askedOnEveryWay(t, 3); got != 3 {
		t.Errorf("got %d calls at once, want 3", got)
	}
	if got := askedOnEveryWay(t, 100); got != 24 {
		t.Errorf("the control: got %d calls at once, want all 24", got)
	}
}

// TestWaitingForTheAuthorizerIsBounded: who waits too long for a turn, and who comes when too many questions are under way,
// is told to come back, without the Authorizer; goroutines do not pile up, and when it answers again everybody gets in.
func TestWaitingForTheAuthorizerIsBounded(t *testing.T) {
	a := &slowAuthorizer{release: make(chan struct{})}
	s := startServer(t, newDisk(), hooks{}, func(o *Options) {
		o.Authorizer = a
		o.Limits.Authorizations, o.Limits.Openings = 1, 5
		o.Limits.AuthorizeWithin = 200 * time.Millisecond
		o.Limits.DocumentsPerConnection = 1000
	})
	first := s.collab(t, "collab", nil)
	for i := range 5 {
		first.attach(fmt.Sprint("d", i)).auth("", "")
	}
	eventually(t, "the places to be taken", func() bool { return len(s.questions) == 5 && a.now.Load() == 1 })
	before := runtime.NumGoroutine()
	for range 20 {
		crowd := s.collab(t, "collab", nil)
		for i := range 50 { // all but the first is sent to a socket that is being closed
			crowd.attach(fmt.Sprint("e", i)).auth("", "")
		}
		crowd.await("the close", func() bool { return crowd.ended != nil })
		if got, want := fmt.Sprint(crowd.ended), "too many wait to be authorised"; !strings.Contains(got, "StatusTryAgainLater") || !strings.Contains(got, want) {
			t.Errorf("got %s, want 1013 and %q", got, want)
		}
	}
	if grown := runtime.NumGoroutine() - before; grown > 100 {
		t.Errorf("%d goroutines more for 1,000 questions that were not asked", grown)
	}
	s.knock(t, "sync/d0").awaitClose(ysync.CodeTryLater, "too many wait to be authorised")
	if answer, body := s.get(t, http.MethodGet, "api/documents", nil, nil); answer.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("REST: got %d %s, want 503", answer.StatusCode, body)
	}
	if got := a.asked.Load(); got != 1 {
		t.Errorf("the Authorizer was asked %d times, want once", got)
	}
	close(a.release)
	eventually(t, "the places to be free", func() bool { return len(s.questions) == 0 && len(s.authorizing) == 0 })
	s.collab(t, "collab", nil).join("d0", "")
	s.join(t, "d0")
}

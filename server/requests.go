package server

import (
	"net/http"
	"time"

	ysync "github.com/weftsync/weft/sync"
)

// A request and the opening of an event stream are charged as one message, to the accounts that connections of the same
// address, user and document share, and what is sent with a request as bytes. Unlike a connection, which is not read for a
// while, a request that an account has no room for is refused: whoever waited for its turn would cost a goroutine.

// chargeAddress charges a request to where it comes from, before anybody is asked whose it is.
func (s *Server) chargeAddress(r *http.Request) *ysync.Refusal {
	return s.chargeRequest(&s.addresses, addressRate, s.clientOf(r))
}

// chargeGrant charges a request to its user and its document, which is empty for a list.
func (s *Server) chargeGrant(user, document string) *ysync.Refusal {
	if refusal := s.chargeRequest(&s.users, userRate, user); refusal != nil {
		return refusal
	}
	return s.chargeRequest(&s.documents, documentRate, document)
}

// chargeRequest charges a request to one account, or refuses it.
func (s *Server) chargeRequest(as *accounts, rate int, name string) *ysync.Refusal {
	a := as.open(name)
	defer as.close(a)
	wait := a.admit(time.Now())
	if wait == 0 {
		return nil
	}
	s.counters.throttled[rate].Add(1)
	refusal := ysync.Refuse(ysync.CodeSlowDown, "too much at once: the rate of this %s", rateNames[rate])
	refusal.After = wait
	return refusal
}

// chargeBody charges what came with a request. It is here by then, so nobody is refused: who comes next waits for it.
func (s *Server) chargeBody(r *http.Request, user, document string, n int) {
	now := time.Now()
	for _, of := range []struct {
		accounts *accounts
		name     string
	}{{&s.addresses, s.clientOf(r)}, {&s.users, user}, {&s.documents, document}} {
		a := of.accounts.open(of.name)
		a.draw(now, 0, n)
		of.accounts.close(a)
	}
}

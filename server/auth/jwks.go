package auth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"
)

// The defaults and bounds of fetching keys.
const (
	defaultRefresh = 15 * time.Minute
	defaultMaxAge  = 24 * time.Hour
	refetchAfter   = 10 * time.Second // between the beginnings of two fetches
	fetchWithin    = 5 * time.Second
	maxKeySetBytes = 128 << 10
	maxRedirects   = 3
)

// JWKSOptions configures NewJWKS. Only URL is required.
type JWKSOptions struct {
	// URL is where the JSON Web Key Set is: https, or http on a loopback address.
	URL string
	// Client fetches it, for certificates or proxies of your own. Nil is a plain one. Its redirects are followed to the
	// same scheme and host only.
	Client *http.Client
	// Refresh is after what time the keys are fetched again. 0 is 15 min.
	Refresh time.Duration
	// MaxAge is for how long the last good keys are used while fetching fails. 0 is 24 h.
	MaxAge time.Duration
	// Logger gets a line for each fetch that fails, and when the keys have changed. Nil is slog.Default.
	Logger *slog.Logger
}

// JWKS is a set of public keys at a URL, fetched when needed and kept. It is safe for concurrent use and has no
// goroutine of its own: a fetch begins when somebody asks.
//
// Keys that are older than Refresh are still used while the next ones are fetched. A token that names an unknown key
// makes the set be fetched at once, for keys change; but one fetch at a time, and at most one in 10 s: tokens with unknown
// keys are told to try later in between. A fetch that fails, or that finds no key it can use, changes nothing until the
// keys are older than MaxAge. Then tokens are told to try later.
type JWKS struct {
	url             string
	client          *http.Client
	refresh, maxAge time.Duration
	log             *slog.Logger

	mu      sync.Mutex
	keys    []Key
	fetched time.Time // when keys came; zero: never
	began   time.Time // when the last fetch began
	failure error     // of the last fetch
	running chan struct{}
}

// NewJWKS returns a set that has not been fetched yet, or an error that says which option is out of range.
func NewJWKS(o JWKSOptions) (*JWKS, error) {
	if err := checkEndpoint(o.URL, false); err != nil {
		return nil, fmt.Errorf("make key set: %w", err)
	}
	s := &JWKS{url: o.URL, client: clientOf(o.Client, sameHost), refresh: o.Refresh, maxAge: o.MaxAge, log: o.Logger}
	if s.refresh == 0 {
		s.refresh = defaultRefresh
	}
	if s.maxAge == 0 {
		s.maxAge = max(defaultMaxAge, s.refresh)
	}
	if s.refresh < refetchAfter || s.maxAge < s.refresh {
		return nil, fmt.Errorf("make key set: want %s ≤ Refresh ≤ MaxAge, have %s and %s", refetchAfter, s.refresh, s.maxAge)
	}
	if s.log == nil {
		s.log = slog.Default()
	}
	return s, nil
}

// Fetch fetches the keys now, unless that was done less than 10 s ago, and returns why it failed. Nobody has to call it;
// at the start of a program it tells early that the URL is wrong.
func (s *JWKS) Fetch(ctx context.Context) error {
	s.mu.Lock()
	running := s.start(time.Now())
	s.mu.Unlock()
	if err := wait(ctx, running); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failure
}

// find returns the keys that may have signed a token, after a fetch if there are none among those we have.
func (s *JWKS) find(ctx context.Context, h header) ([]Key, error) {
	if h.algorithm == HS256 {
		return nil, unauthorized("the token says HS256, and the keys are public") // no fetch can change that
	}
	keys, running := s.current(h)
	if found := h.matching(keys); len(found) > 0 {
		return found, nil
	}
	if running == nil {
		return nil, tryLater("%s; the keys were fetched less than %s ago", h.unmatched(keys), refetchAfter)
	}
	if err := wait(ctx, running); err != nil {
		return nil, tryLater("the keys take too long to fetch")
	}
	keys, err := s.latest()
	if found := h.matching(keys); len(found) > 0 {
		return found, nil
	}
	if err != nil {
		return nil, tryLater("the keys cannot be fetched") // why is in the log
	}
	return nil, unauthorized("%s", h.unmatched(keys))
}

// current returns the keys that are good now. When they are due, or none fits, it sees to a fetch and returns the channel
// that its end closes; nil when none may begin yet.
func (s *JWKS) current(h header) ([]Key, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	keys := s.goodAt(now)
	if now.Sub(s.fetched) < s.refresh && len(h.matching(keys)) > 0 {
		return keys, nil
	}
	return keys, s.start(now)
}

// latest returns the keys that are good now and the error of the last fetch.
func (s *JWKS) latest() ([]Key, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.goodAt(time.Now()), s.failure
}

// goodAt returns the keys unless they are too old. The caller holds the lock.
func (s *JWKS) goodAt(now time.Time) []Key {
	if now.Sub(s.fetched) >= s.maxAge {
		return nil
	}
	return s.keys
}

// start begins a fetch, unless one runs, which it returns, or one has begun a moment ago. The caller holds the lock.
func (s *JWKS) start(now time.Time) <-chan struct{} {
	if s.running == nil && now.Sub(s.began) >= refetchAfter {
		s.began, s.running = now, make(chan struct{})
		go s.run(s.running)
	}
	return s.running
}

// run fetches once. It outlives the request that wanted it, because others wait for it too.
func (s *JWKS) run(done chan struct{}) {
	ctx, cancel := context.WithTimeout(context.Background(), fetchWithin)
	defer cancel()
	keys, err := s.fetch(ctx)
	if err != nil {
		s.log.Warn("fetch keys", "url", place(s.url), "error", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failure = err; err == nil {
		if !sameKeys(s.keys, keys) {
			s.log.Info("new keys", "url", place(s.url), "keys", names(keys))
		}
		s.keys, s.fetched = keys, time.Now()
	}
	s.running = nil
	close(done)
}

// fetch gets the set.
func (s *JWKS) fetch(ctx context.Context) ([]Key, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url, nil)
	if err != nil {
		return nil, withoutURL(err)
	}
	r.Header.Set("Accept", "application/jwk-set+json, application/json")
	answer, err := s.client.Do(r)
	if err != nil {
		return nil, withoutURL(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the status is %d", answer.StatusCode)
	}
	body, err := readBody(answer.Body, maxKeySetBytes)
	if err != nil {
		return nil, err
	}
	return parseKeySet(body)
}

// sameHost follows few redirects, and none that leads to another server or away from https.
func sameHost(next *http.Request, before []*http.Request) error {
	first := before[0].URL
	if next.URL.Scheme != first.Scheme || next.URL.Host != first.Host {
		return fmt.Errorf("it redirects to another place, %s://%s", next.URL.Scheme, next.URL.Host)
	}
	if len(before) > maxRedirects {
		return errors.New("it redirects too often")
	}
	return nil
}

// wait waits for a fetch. A nil channel means that there is none.
func wait(ctx context.Context, running <-chan struct{}) error {
	if running == nil {
		return nil
	}
	select {
	case <-running:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// sameKeys reports whether two sets have keys of the same names and algorithms in the same order.
func sameKeys(a, b []Key) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].String() != b[i].String() {
			return false
		}
	}
	return true
}

// names returns how keys are called, for the log.
func names(keys []Key) []string {
	list := make([]string, len(keys))
	for i, k := range keys {
		list[i] = k.String()
	}
	return list
}

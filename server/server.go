package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/weftsync/weft/storage"
	"github.com/weftsync/weft/web"
)

// Options configures New. Only Storage.Dir is required; the zero value of everything else is safe.
type Options struct {
	// Storage says where the documents are. The server opens the store and closes it.
	Storage storage.Options
	// Compaction says when the logs of documents are replaced by snapshots, in the background.
	Compaction storage.CompactionOptions
	// Authorizer decides who may do what. Nil refuses everybody.
	Authorizer Authorizer
	// Origins are the web origins whose pages may use the server: scheme://host or scheme://host:port, with "*." before
	// the host for everything below it and ":*" for any port; "self" for the origin that has the request's own host;
	// "*" for all. Empty means "self". Requests without an Origin do not come from a page and are not affected.
	Origins []string
	// Proxies are the addresses of proxies in front of the server, whose X-Forwarded-For says who the client is: for
	// the rates of an address, and for the log. Nobody else is believed.
	Proxies []netip.Prefix
	// Prefix is the path under which browsers see the server, when it is mounted under one: "/notes/". The handler
	// takes requests with the prefix and without it.
	Prefix string
	// Logger gets one line for each refusal, failure and change of the server's own state. Nil is slog.Default.
	Logger *slog.Logger
	// Tracer gets a span for each handshake, load and compaction. Nil makes none.
	Tracer trace.TracerProvider
	// Limits bounds what peers can do. The zero value has the defaults.
	Limits Limits
	// Drain is for how long Shutdown spreads the closing of connections, so that not all of them come back at the same
	// moment. 0 is 3 s; negative closes them all at once.
	Drain time.Duration
	// Addr is where Listen listens. Empty is "127.0.0.1:8080".
	Addr string
	// AdminAddr is where Listen serves metrics, profiles and what an administrator does. Empty: nowhere.
	AdminAddr string
}

// Server serves documents. Make one with New, mount its Handler or call Listen and Serve, and end it with Shutdown.
type Server struct {
	log        *slog.Logger
	store      *storage.Store
	writable   func() error // says whether the store takes writes now
	authorizer Authorizer
	origins    originList
	prefix     string
	limits     Limits
	drain      time.Duration
	web        http.Handler
	hooks      hooks

	rooms       rooms
	connections connections
	viewers     viewers
	compacting  func()            // ends the compaction in the background
	senders     crew[*connection] // of what waits in outboxes
	releasers   crew[*room]       // of what became durable
	views       sync.WaitGroup    // event streams under way
	loads       chan struct{}     // one place for each load or replay under way
	inFlight    budget
	waiting     budget // held before authorisation
	kept        budget // merged logs that may be asked for again
	keptDigests budget // of those for which there was no room
	authorizing places // calls of the Authorizer
	questions   places // sessions that are asked about beside their connection's reader
	memory      memory
	users       accounts
	documents   accounts
	addresses   accounts
	proxies     []netip.Prefix
	turnedAway  turnedAway
	counters    counters

	started time.Time
	tracer  trace.Tracer

	mu        sync.Mutex
	began     bool // Shutdown was called
	listeners listeners

	draining chan struct{} // closed when Shutdown begins
	stopped  chan struct{} // closed when everything has ended
	watched  chan struct{} // closed when the watch has ended
}

// hooks are the tests' ways into the server. All are zero outside of tests.
type hooks struct {
	gateOff      bool // nothing waits for the disk
	wrapAppend   func(appendFunc) appendFunc
	beforeLoad   func(document string)
	everyMention bool // a connection speaks for every id that it ever mentions
	loadAlways   bool // no document is answered for without an engine
}

// appendFunc appends to a log, as storage.Document.Append does.
type appendFunc = func(storage.Entry) (uint64, error)

// New opens the store and returns a server that is ready for requests.
func New(o Options) (*Server, error) { return newServer(o, buildHooks()) }

// newServer is New with the tests' hooks.
func newServer(o Options, h hooks) (*Server, error) {
	if o.Storage.Dir == "" {
		return nil, errors.New("make server: no data directory")
	}
	origins, err := newOriginList(o.Origins)
	if err != nil {
		return nil, fmt.Errorf("make server: %w", err)
	}
	s := &Server{
		log: o.Logger, authorizer: o.Authorizer, origins: origins, limits: o.Limits.withDefaults(), drain: o.Drain, hooks: h,
		draining: make(chan struct{}), stopped: make(chan struct{}), watched: make(chan struct{}),
	}
	if s.log == nil {
		s.log = slog.Default()
	}
	if o.Tracer == nil {
		o.Tracer = noop.NewTracerProvider()
	}
	version, _ := Build()
	s.started, s.tracer = time.Now(), o.Tracer.Tracer(instrumentationName, trace.WithInstrumentationVersion(version))
	if s.authorizer == nil {
		s.authorizer = denyAll{}
	}
	def(&s.drain, 3*time.Second)
	s.prefix = cleanPrefix(o.Prefix)
	s.proxies = o.Proxies
	s.web = web.Handler(web.Options{Base: s.prefix})
	s.listeners = listeners{addr: o.Addr, adminAddr: o.AdminAddr}
	def(&s.listeners.addr, "127.0.0.1:8080")
	s.rooms = rooms{srv: s, byName: make(map[string]*room)}
	s.connections = connections{open: make(map[*connection]struct{}), empty: make(chan struct{})}
	s.viewers.open = make(map[*view]struct{})
	s.senders.do, s.releasers.do = (*connection).send, (*room).letOut
	s.loads = make(chan struct{}, s.limits.Loads)
	s.inFlight.limit = s.limits.InFlightBytes
	s.kept.limit, s.keptDigests.limit = s.limits.KeptBytes, s.limits.KeptBytes/4
	s.waiting.limit = s.limits.AllWaitingBytes
	s.authorizing = make(places, s.limits.Authorizations)
	s.questions = make(places, s.limits.Openings)
	s.turnedAway = newTurnedAway(s.limits.ParkFor)
	s.users, s.documents, s.addresses = newAccounts(s.limits.User), newAccounts(s.limits.Document), newAccounts(s.limits.Address)
	s.memory = newMemory(s.limits.MemoryBytes)
	s.counters.refusals = make(map[string]uint64)

	if o.Storage.Logger == nil {
		o.Storage.Logger = s.log
	}
	if o.Storage.Pace == nil {
		o.Storage.Pace = new(strain).distance
	}
	if o.Storage.Retire == nil {
		o.Storage.Retire = RetireLog
	}
	if s.store, err = storage.Open(o.Storage); err != nil {
		return nil, fmt.Errorf("open the data directory: %w", err)
	}
	s.writable = s.store.Writable
	s.compacting = s.store.StartCompaction(o.Compaction, s.mergeLog)
	go s.watch()
	return s, nil
}

// Handler returns the server as a handler: everything it serves, at the root or below Options.Prefix. It routes on the
// escaped path itself; a ServeMux before it must not clean the path, which it does not do for a pattern that ends in a
// slash and paths without "//" and "..".
func (s *Server) Handler() http.Handler { return http.HandlerFunc(s.serveHTTP) }

// Shutdown ends the server gracefully. It is not ready any more and takes no new connections; the connections are closed
// with 1012, spread over Options.Drain; what was received is made durable and its echo sent; event streams end and will
// resume elsewhere. When ctx ends before, everything still open is cut. The store is closed in any case, after what was
// appended is durable: nothing acknowledged is lost by an impatient ctx.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	if s.began {
		s.mu.Unlock()
		<-s.stopped
		return nil
	}
	s.began = true
	s.mu.Unlock()
	s.log.Info("draining", "connections", s.connections.count())
	close(s.draining)
	s.listeners.close()
	s.drainConnections(ctx)
	viewsEnded := make(chan struct{})
	go func() {
		s.views.Wait()
		close(viewsEnded)
	}()
	select {
	case <-viewsEnded:
	case <-ctx.Done():
	}
	s.compacting() // what leaves memory now is found by the next start
	left := s.rooms.close(ctx)
	s.listeners.wait(ctx)
	err := s.store.Close()
	close(s.stopped)
	<-s.watched
	s.log.Info("stopped", "documents left in memory", left)
	if err != nil {
		return fmt.Errorf("close the data directory: %w", err)
	}
	return nil
}

// newID returns an id for a connection.
func newID() uuid.UUID { return uuid.Must(uuid.NewV7()) }

// listenerError drops the error that says that a listener was closed on purpose.
func listenerError(err error) error {
	if errors.Is(err, http.ErrServerClosed) || errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// The limits of the HTTP server itself. There is none for a whole answer, because event streams have no end: each of
// their writes has a deadline instead.
const (
	readHeaderWithin = 10 * time.Second
	idleWithin       = 2 * time.Minute
	maxHeaderBytes   = 64 << 10
)

// listeners are the addresses that the server itself listens on.
type listeners struct {
	addr, adminAddr string

	mu     sync.Mutex
	public net.Listener
	admin  net.Listener
	http   []*http.Server
	served sync.WaitGroup
}

// Listen opens the addresses of the options. Use ":0" as the port to be given a free one.
func (s *Server) Listen() error {
	l := &s.listeners
	l.mu.Lock()
	defer l.mu.Unlock()
	var err error
	if l.public, err = net.Listen("tcp", l.addr); err != nil {
		return fmt.Errorf("listen on %s: %w", l.addr, err)
	}
	if l.adminAddr == "" {
		return nil
	}
	if l.admin, err = net.Listen("tcp", l.adminAddr); err != nil {
		_ = l.public.Close() // nothing was accepted on it
		return fmt.Errorf("listen on %s for the admin: %w", l.adminAddr, err)
	}
	return nil
}

// Addr returns the address that Listen opened, nil before.
func (s *Server) Addr() net.Addr { return addrOf(&s.listeners.mu, &s.listeners.public) }

// AdminAddr returns the admin address that Listen opened, nil if there is none.
func (s *Server) AdminAddr() net.Addr { return addrOf(&s.listeners.mu, &s.listeners.admin) }

func addrOf(mu *sync.Mutex, l *net.Listener) net.Addr {
	mu.Lock()
	defer mu.Unlock()
	if *l == nil {
		return nil
	}
	return (*l).Addr()
}

// Serve serves what Listen opened until Shutdown is called, and then returns nil.
func (s *Server) Serve() error {
	admin, err := s.adminHandler()
	if err != nil {
		return fmt.Errorf("serve: %w", err)
	}
	l := &s.listeners
	l.mu.Lock()
	if l.public == nil {
		l.mu.Unlock()
		return errors.New("serve: Listen was not called")
	}
	ended := make(chan error, 2)
	l.start(s.httpServer(s.Handler()), l.public, ended)
	if l.admin != nil {
		l.start(s.httpServer(admin), l.admin, ended)
	}
	l.mu.Unlock()
	for {
		select {
		case err := <-ended:
			if err := listenerError(err); err != nil {
				return fmt.Errorf("serve: %w", err)
			}
			<-s.draining
		case <-s.stopped:
			return nil
		}
	}
}

// start serves on one listener. The caller holds the lock.
func (l *listeners) start(h *http.Server, on net.Listener, ended chan<- error) {
	l.http = append(l.http, h)
	l.served.Go(func() { ended <- h.Serve(on) })
}

// httpServer returns an HTTP server with the limits that belong to every one of ours.
func (s *Server) httpServer(h http.Handler) *http.Server {
	return &http.Server{
		Handler: h, ReadHeaderTimeout: readHeaderWithin, IdleTimeout: idleWithin, MaxHeaderBytes: maxHeaderBytes,
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
}

// close stops accepting.
func (l *listeners) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, on := range []net.Listener{l.public, l.admin} {
		if on != nil {
			_ = on.Close() // its only error is that it is closed already
		}
	}
}

// wait ends the HTTP servers: gracefully, or when ctx has ended at once.
func (l *listeners) wait(ctx context.Context) {
	l.mu.Lock()
	servers := l.http
	l.mu.Unlock()
	for _, h := range servers {
		if h.Shutdown(ctx) != nil {
			_ = h.Close() // the rest is cut, which is what is wanted
		}
	}
	l.served.Wait()
}

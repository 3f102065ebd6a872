package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/weftsync/weft/server"
	"github.com/weftsync/weft/storage"
)

// serveCommand is "weft serve".
type serveCommand struct {
	Addr string `default:":8080" env:"WEFT_ADDR" placeholder:"HOST:PORT" help:"Where to listen (${default})."`

	accessFlags `group:"Who may do what (server/OPERATIONS.md explains tokens and webhooks)"`
	serverFlags
}

// anonymousBanner is printed when there is no authorisation.
const anonymousBanner = `
  weft serve --allow-anonymous: everybody who can reach this address may read and write every document.

`

// Run serves until it is told to stop.
func (c *serveCommand) Run(e *env) error {
	log := c.logger(e)
	authorizer, err := c.authorizer(e.ctx, log)
	if err != nil {
		return err
	}
	o := c.options(c.Addr, log)
	if o.Origins, err = c.origins(c.Origins); err != nil {
		return err
	}
	o.Authorizer = authorizer
	banner := ""
	if c.AllowAnonymous {
		banner = anonymousBanner
	}
	return serve(e, o, banner, c.StopFor)
}

// serve runs a server until a signal, or the end of the context, stops it. A second signal hurries: what is open is cut,
// and what was acknowledged stays.
func serve(e *env, o server.Options, banner string, stopWithin time.Duration) error {
	tracer, sendLast, err := tracer(e.ctx, o.Logger)
	if err != nil {
		return err
	}
	o.Tracer = tracer
	srv, err := server.New(o)
	if err != nil {
		return explain(err, o.Storage.Dir)
	}
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)

	served := make(chan error, 1)
	err = srv.Listen()
	if err == nil {
		fmt.Fprint(e.stdout, banner)
		fmt.Fprintf(e.stdout, "listening on http://%s/\n", srv.Addr())
		if admin := srv.AdminAddr(); admin != nil {
			fmt.Fprintf(e.stdout, "admin on http://%s/\n", admin)
		}
		go func() { served <- srv.Serve() }()
		idle, busy := context.WithCancel(e.ctx)
		defer busy()
		go giveBack(idle)
		select {
		case err = <-served:
		case <-signals:
		case <-e.ctx.Done():
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), stopWithin)
	defer cancel()
	go func() {
		select {
		case <-signals:
			cancel()
		case <-ctx.Done():
		}
	}()
	err = errors.Join(err, srv.Shutdown(ctx))
	sendLast(ctx)
	return err
}

// explain says what to do about an error of opening the data directory.
func explain(err error, dir string) error {
	switch {
	case errors.Is(err, storage.ErrInUse):
		return fmt.Errorf("the data directory %q is in use by another weft; stop that one, or choose another with --data", dir)
	case errors.Is(err, storage.ErrReadOnlyDir), errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("the data directory %q cannot be written: %w", dir, err)
	case errors.Is(err, storage.ErrNewerFormat):
		return fmt.Errorf("the data directory %q was written by a newer weft; nothing was changed: %w", dir, err)
	case errors.Is(err, storage.ErrCorrupt):
		return fmt.Errorf("the data directory %q is damaged; nothing was changed. Restore it from a backup: %w", dir, err)
	}
	return err
}

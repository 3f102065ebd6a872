package server

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	ysync "github.com/weftsync/weft/sync"
)

// TestRealProviders runs the unmodified providers of every version against an Authorizer and a disk that this test
// holds: web/clients/judged.mjs says what they have to see. How often a refused client comes back is watched for 15 s, or for
// WEFT_KNOCK_SECONDS.
func TestRealProviders(t *testing.T) {
	node, err := exec.LookPath("node")
	if _, missing := os.Stat("../web/node_modules/provider4"); err != nil || missing != nil {
		if os.Getenv("WEFT_NEED_NODE") != "" {
			t.Fatalf("WEFT_NEED_NODE is set, and Node or the providers are missing: %v, %v: run make web-deps", err, missing)
		}
		t.Skip("needs Node and web/node_modules")
	}
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	d := newDisk()
	var short sync.Map // when the token "short" expires, by document
	var faded atomic.Bool
	s := startServer(t, d, hooks{}, func(o *Options) {
		o.Limits.RenewBefore = 2 * time.Second
		o.Authorizer = AuthorizerFunc(func(ctx context.Context, r Request) (Grant, error) {
			if r.Token == "short" {
				expires, _ := short.LoadOrStore(r.Document, time.Now().Add(3*time.Second))
				return Grant{Level: ysync.Write, Expires: expires.(time.Time)}, nil
			}
			if r.Token == "fading" {
				g := Grant{Level: ysync.Write, User: "fading"}
				if faded.Load() {
					g.Level = ysync.Read
				}
				return g, nil
			}
			return grants(ctx, r)
		})
	})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	child := exec.CommandContext(ctx, node, "clients/judged.mjs", "--url", s.url, "--knock-seconds", cmp.Or(os.Getenv("WEFT_KNOCK_SECONDS"), "15"))
	child.Dir = "../web"
	child.Stderr = os.Stderr
	in, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	letGo := func() {}
	passed := 0
	for lines := bufio.NewScanner(out); lines.Scan(); {
		line := lines.Text()
		t.Log(line)
		if strings.HasPrefix(line, "ok: ") {
			passed++
		}
		words, isCommand := strings.CutPrefix(line, "> ")
		if !isCommand {
			continue
		}
		switch words {
		case "hold":
			letGo = d.hold()
		case "release":
			letGo()
		case "kick":
			s.Kick(Selection{User: "user of write"}, "out")
		case "lower":
			faded.Store(true)
			s.Reauthorize(Selection{User: "fading"})
		default:
			t.Errorf("unknown command %q", words)
		}
		fmt.Fprintln(in, "done")
	}
	letGo()
	if err := child.Wait(); err != nil || passed == 0 {
		t.Errorf("%d tests of the providers passed: %v", passed, err)
	}
}

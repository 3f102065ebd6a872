package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/weftsync/weft/crdt"
	"github.com/weftsync/weft/storage"
)

// patience is how long a test waits for what has to happen soon.
const patience = 30 * time.Second

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"weft": main})
}

// TestScripts runs the command line as people do; see testdata/script.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"await":  awaitLine,
			"fetch":  fetch,
			"signal": signalWeft,
			"edit":   editDocument,
		},
	})
}

// awaitLine waits until a file has a line that begins with a text, and sets a variable to the rest of the line:
// await FILE TEXT VARIABLE. A file is how a script sees what a process in the background prints.
func awaitLine(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: await FILE TEXT VARIABLE")
	}
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		content, err := os.ReadFile(ts.MkAbs(args[0]))
		if err != nil {
			continue // not there yet
		}
		for line := range strings.Lines(string(content)) {
			if rest, ok := strings.CutPrefix(line, args[1]); ok && strings.HasSuffix(line, "\n") {
				ts.Setenv(args[2], strings.TrimSpace(rest))
				return
			}
		}
	}
	ts.Fatalf("%s has no line that begins with %q", args[0], args[1])
}

// fetch makes a request and checks the status and a part of the body: fetch METHOD URL STATUS TEXT.
func fetch(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 4 {
		ts.Fatalf("usage: fetch METHOD URL STATUS TEXT")
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, args[0], args[1], nil)
	ts.Check(err)
	if args[0] == http.MethodPut {
		r.Header.Set("If-None-Match", "*") // creates
	}
	answer, err := http.DefaultClient.Do(r)
	ts.Check(err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	ts.Check(err)
	if !strings.HasPrefix(answer.Status, args[2]) || !strings.Contains(string(body), args[3]) {
		ts.Fatalf("%s %s: got %s %s, want %s with %q", args[0], args[1], answer.Status, body, args[2], args[3])
	}
}

// signalWeft sends SIGTERM to every process that runs in the background: signal all.
func signalWeft(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 || args[0] != "all" {
		ts.Fatalf("usage: signal all")
	}
	for _, p := range ts.BackgroundCmds() {
		ts.Check(p.Process.Signal(syscall.SIGTERM))
	}
}

// editDocument replaces a text in the root "content" of a document, in a directory that no server uses, as an editor of a
// user does: edit DIR DOCUMENT USER OLD NEW. Without OLD the new text comes at the end. The document is made when missing.
func editDocument(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 5 {
		ts.Fatalf("usage: edit DIR DOCUMENT USER OLD NEW")
	}
	store, err := openStore(ts.MkAbs(args[0]), storage.History{})
	ts.Check(err)
	ctx := context.Background()
	log, err := store.Document(ctx, args[1], true)
	ts.Check(err)
	doc, err := load(ctx, store, args[1])
	ts.Check(err)
	text := doc.Text("content")
	at := len(text.String()) // which is ASCII
	if args[3] != "" {
		at = strings.Index(text.String(), args[3])
	}
	update, err := doc.Update(func(tx *crdt.Tx) error {
		if err := text.Delete(tx, at, len(args[3])); err != nil {
			return err
		}
		return text.Insert(tx, at, args[4])
	})
	ts.Check(err)
	ts.Check(appendDurably(ctx, log, storage.Entry{User: args[2], Update: update}))
	log.Close()
	ts.Check(store.Close())
}

// TestHardDeletionByHand: a document that is erased by the command leaves behind what its copies are known by, as one does
// that the server erases.
func TestHardDeletionByHand(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "d")
	store, err := openStore(dir, storage.History{})
	if err != nil {
		t.Fatal(err)
	}
	log, err := store.Document(t.Context(), "notes", true)
	if err != nil {
		t.Fatal(err)
	}
	doc := crdt.New(crdt.Options{})
	update, err := doc.Update(func(tx *crdt.Tx) error { return doc.Text("content").Insert(tx, 0, "text") })
	if err != nil {
		t.Fatal(err)
	}
	if err := appendDurably(t.Context(), log, storage.Entry{Update: update}); err != nil {
		t.Fatal(err)
	}
	log.Close()
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if code := run(t.Context(), []string{"doc", "delete", "--data", dir, "--hard", "notes"}, &out, &out); code != exitOK {
		t.Fatalf("got exit code %d: %s", code, out.String())
	}
	if store, err = openStore(dir, storage.History{}); err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	known, err := store.Retired(t.Context(), "notes")
	if err != nil || len(known) != 1 || !bytes.Equal(known[0], doc.EncodeStateVector()) {
		t.Errorf("got %x, %v, want the state vector %x", known, err, doc.EncodeStateVector())
	}
}

// TestInUse starts two processes on one directory: the second says so and ends, the first is not disturbed.
func TestInUse(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "weft")
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	dir := t.TempDir()
	first := exec.Command(binary, "dev", "--addr", "127.0.0.1:0", "--data", dir)
	first.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var out watched
	out.line = make(chan string, 1)
	first.Stdout = &out
	if err := first.Start(); err != nil {
		t.Fatal(err)
	}
	url := <-out.line
	var stderr bytes.Buffer
	second := exec.Command(binary, "dev", "--addr", "127.0.0.1:0", "--data", dir)
	second.Stderr = &stderr
	if err := second.Run(); err == nil || second.ProcessState.ExitCode() != exitFailed {
		t.Errorf("got %v, want exit code %d", err, exitFailed)
	}
	if !strings.Contains(stderr.String(), "is in use by another weft") {
		t.Errorf("got %q", stderr.String())
	}
	answer, err := http.Get(url + "healthz")
	if err != nil || answer.StatusCode != 200 {
		t.Errorf("the first: %v", err)
	} else {
		answer.Body.Close()
	}
	if err := first.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := first.Wait(); err != nil {
		t.Errorf("the first ended with %v, want exit code 0", err)
	}
}

// watched sends the address on when it is printed.
type watched struct {
	text strings.Builder
	line chan string
	done bool
}

// Write looks for the line with the address.
func (w *watched) Write(p []byte) (int, error) {
	w.text.Write(p)
	if _, rest, ok := strings.Cut(w.text.String(), "listening on "); ok && !w.done {
		if url, _, ok := strings.Cut(rest, "\n"); ok {
			w.done = true
			w.line <- url
		}
	}
	return len(p), nil
}

func TestRunReturnsCodes(t *testing.T) {
	tests := []struct {
		name string
		args []string
		code int
		want string // part of what is printed, to either output
	}{
		{"help", []string{"--help"}, exitOK, "Usage: weft <command>"},
		{"help of a command", []string{"dev", "--help"}, exitOK, "$WEFT_DATA"},
		{"version", []string{"version"}, exitOK, "weft "},
		{"nothing", nil, exitUsage, "expected one of"},
		{"unknown command", []string{"paint"}, exitUsage, "paint"},
		{"unknown flag", []string{"dev", "--colour"}, exitUsage, "--colour"},
		{"dev to the world", []string{"dev", "--addr", "0.0.0.0:8080"}, exitUsage, "loopback"},
		{"dev on every interface", []string{"dev", "--addr", ":8080"}, exitUsage, "loopback"},
		{"dev by name", []string{"dev", "--addr", "example.com:80"}, exitUsage, "loopback"},
		{"serve by accident", []string{"serve"}, exitUsage, "--allow-anonymous"},
		{"serve to every site by accident", []string{"serve", "--allow-anonymous"}, exitUsage, "--allow-any-origin"},
		{"serve to every site with a star", []string{"serve", "--allow-anonymous", "--origin", "*"}, exitUsage, "--allow-any-origin"},
		{"serve to some sites and every site", []string{"serve", "--allow-anonymous", "--origin", "self", "--allow-any-origin"}, exitUsage, "not both"},
		{"serve by two rules", []string{"serve", "--allow-anonymous", "--jwks-url", "https://id.example.com/keys"}, exitUsage, "one way"},
		{"serve without an audience", []string{"serve", "--jwks-url", "https://id.example.com/keys"}, exitUsage, "--jwt-audience"},
		{"serve with keys in clear text", []string{"serve", "--jwks-url", "http://id.example.com/", "--jwt-audience", "a"}, exitFailed, "not https"},
		{"serve without the webhook's secret", []string{"serve", "--auth-webhook", "https://app.example.com/"}, exitUsage, "--auth-webhook-secret-file"},
		{"serve with keys that are none", []string{"serve", "--jwt-key", "{}", "--jwt-audience", "a"}, exitFailed, "--jwt-key: read keys"},
		{"bad origin", []string{"dev", "--addr", "127.0.0.1:0", "--data", "d", "--origin", "example.com"}, exitFailed, `origin "example.com"`},
	}
	t.Chdir(t.TempDir())
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out bytes.Buffer
			if code := run(t.Context(), tt.args, &out, &out); code != tt.code {
				t.Errorf("got exit code %d, want %d: %s", code, tt.code, out.String())
			}
			if !strings.Contains(out.String(), tt.want) {
				t.Errorf("got %q, want %q in it", out.String(), tt.want)
			}
		})
	}
}

// TestRunEndsWithItsContext: what cancels the context stops the server as a signal does.
func TestRunEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out := &watched{line: make(chan string, 1)}
	code := make(chan int, 1)
	go func() {
		code <- run(ctx, []string{"serve", "--allow-anonymous", "--origin", "self", "--addr", "127.0.0.1:0", "--data", t.TempDir(), "--drain=-1s"}, out, io.Discard)
	}()
	select {
	case <-out.line:
	case got := <-code:
		t.Fatalf("ended at once with exit code %d", got)
	}
	cancel()
	if got := <-code; got != exitOK {
		t.Errorf("got exit code %d, want 0", got)
	}
}

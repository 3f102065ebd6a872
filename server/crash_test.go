package server

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// The crash tests let editors type while the server dies, and note outside of it what each of them was told: an update
// that came back to its writer or came to somebody else, and a step 2 behind which everything sent before is safe. Each
// of these must be in the document afterwards, once.
//
//	WEFT_CRASH_ROUNDS=200 WEFT_CRASH_SEED=7 go test -v -timeout 0 -run '^TestCrash' ./server
//
// TestCrashPower takes the power away: what was not synced is gone, or some of it, as Pebble's crashing file system
// decides. TestCrashKill kills the real binary with SIGKILL. Both have a control that acknowledges when an update is
// applied, and which must lose.

// crashRounds returns how many rounds to run and the seed, from the environment.
func crashRounds(t *testing.T, few int) (int, uint64) {
	t.Helper()
	rounds, seed := few, uint64(time.Now().UnixNano())
	if n, err := strconv.Atoi(os.Getenv("WEFT_CRASH_ROUNDS")); err == nil && n > 0 {
		rounds = n
	}
	if n, err := strconv.ParseUint(os.Getenv("WEFT_CRASH_SEED"), 10, 64); err == nil && n > 0 {
		seed = n
	}
	t.Logf("%d rounds, seed %d", rounds, seed)
	return rounds, seed
}

const (
	crashDocuments = 3
	crashTypists   = 6
)

// marks are what typists write: <round.typist.number>.
var markPattern = regexp.MustCompile(`<\d+\.\d+\.\d+>`)

// typist types marks into a document as fast as it gets them through, and notes what is safe.
type typist struct {
	*editor
	document int
	prefix   string
	mu       sync.Mutex
	sent     int
	barrier  int // marks below it were answered by a step 2
	frozen   bool
}

// typeUntil types until the connection ends or stop is closed. Now and then it asks whether everything is safe.
func (ty *typist) typeUntil(stop <-chan struct{}, rng *rand.Rand) {
	for ty.end() == nil {
		select {
		case <-stop:
			return
		default:
		}
		ty.mu.Lock()
		n := ty.sent
		ty.sent++
		ty.mu.Unlock()
		ty.write(fmt.Sprintf("<%s.%d>", ty.prefix, n))
		if rng.IntN(5) == 0 {
			want := ty.ask()
			ty.editor.mu.Lock()
			for ty.step2s < want && ty.ended == nil {
				ty.seen.Wait()
			}
			answered := ty.step2s >= want
			ty.editor.mu.Unlock()
			if answered {
				ty.mu.Lock()
				if !ty.frozen {
					ty.barrier = n + 1
				}
				ty.mu.Unlock()
			}
		}
	}
}

// told returns the marks that this typist was told are safe, and freezes what it was told by step 2s.
func (ty *typist) told() []string {
	ty.mu.Lock()
	defer ty.mu.Unlock()
	ty.frozen = true
	var marks []string
	for n := range ty.barrier {
		marks = append(marks, fmt.Sprintf("<%s.%d>", ty.prefix, n))
	}
	ty.editor.mu.Lock()
	defer ty.editor.mu.Unlock()
	for _, u := range ty.updates {
		marks = append(marks, markPattern.FindAllString(string(u), -1)...)
	}
	return marks
}

// ledger is what was told outside of the server, by document.
type ledger struct {
	told [crashDocuments]map[string]bool
	lost int
}

// note writes down what a typist was told.
func (l *ledger) note(ty *typist) {
	if l.told[ty.document] == nil {
		l.told[ty.document] = make(map[string]bool)
	}
	for _, mark := range ty.told() {
		l.told[ty.document][mark] = true
	}
}

// check compares the documents with the ledger. What is lost is counted and forgotten, so that it counts once.
func (l *ledger) check(t *testing.T, s *testServer) {
	t.Helper()
	for d := range crashDocuments {
		e := s.join(t, crashName(d))
		there := make(map[string]int)
		for _, mark := range markPattern.FindAllString(e.text(), -1) {
			there[mark]++
		}
		for mark := range l.told[d] {
			switch n := there[mark]; n {
			case 1:
			case 0:
				l.lost++
				delete(l.told[d], mark)
			default:
				t.Errorf("%s is in the document %d times", mark, n)
			}
		}
		_ = e.ws.CloseNow()
	}
}

// size returns how much was told.
func (l *ledger) size() (n int) {
	for _, told := range l.told {
		n += len(told)
	}
	return n
}

func crashName(d int) string { return fmt.Sprint("crash/", d) }

// startTyping lets typists type until stop is closed or the server is gone.
func startTyping(t *testing.T, s *testServer, round int, rng *rand.Rand, stop <-chan struct{}, typing *sync.WaitGroup) []*typist {
	t.Helper()
	var all []*typist
	for i := range crashTypists {
		ty := &typist{editor: s.join(t, crashName(i%crashDocuments)), document: i % crashDocuments, prefix: fmt.Sprintf("%d.%d", round, i)}
		all = append(all, ty)
		own := rand.New(rand.NewPCG(rng.Uint64(), uint64(i)))
		typing.Go(func() { ty.typeUntil(stop, own) })
	}
	return all
}

// losePower runs rounds on a chain of file systems, each what a crash left of the one before.
func losePower(t *testing.T, rounds int, seed uint64, h hooks) *ledger {
	rng := rand.New(rand.NewPCG(seed, 1))
	l := new(ledger)
	fs := vfs.NewCrashableMem()
	for round := range rounds {
		d := newDiskOn(fs)
		s := startServer(t, d, h, func(o *Options) { o.Limits.MessagesPerSecond, o.Limits.BytesPerSecond = -1, -1 })
		l.check(t, s)
		stop := make(chan struct{})
		var typing sync.WaitGroup
		typists := startTyping(t, s, round, rng, stop, &typing)
		time.Sleep(time.Duration(rng.IntN(60)) * time.Millisecond)
		letGo := func() {}
		if round%2 == 0 { // the disk hangs for a while before the power goes
			letGo = d.hold()
			time.Sleep(time.Duration(5+rng.IntN(30)) * time.Millisecond)
		}
		for _, ty := range typists {
			l.note(ty)
		}
		fs = fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: []int{0, 0, 20, 50, 100}[rng.IntN(5)], RNG: rng})
		letGo()
		close(stop)
		s.stop() // what it still does happens on a disk that nobody will read
		typing.Wait()
	}
	s := startServer(t, newDiskOn(fs), hooks{}, nil)
	l.check(t, s)
	return l
}

func TestCrashPower(t *testing.T) {
	rounds, seed := crashRounds(t, 10)
	l := losePower(t, rounds, seed, hooks{})
	t.Logf("told %d, lost %d", l.size()+l.lost, l.lost)
	if l.lost > 0 || l.size() == 0 {
		t.Errorf("lost %d of %d, want 0 of many", l.lost, l.size()+l.lost)
	}
}

// TestCrashPowerControl acknowledges what is applied: the same test must find that it loses.
func TestCrashPowerControl(t *testing.T) {
	rounds, seed := crashRounds(t, 10)
	l := losePower(t, min(rounds, 20), seed, hooks{gateOff: true})
	t.Logf("told %d, lost %d", l.size()+l.lost, l.lost)
	if l.lost == 0 {
		t.Error("a server that acknowledges before it syncs lost nothing: the test would not notice")
	}
}

// built are the binaries of this run of the tests, by their tags, in a folder that TestMain removes.
var built struct {
	sync.Mutex
	dir    string
	byTags map[string]string
}

// buildWeft builds the binary with tags, once, and returns its path.
func buildWeft(t *testing.T, tags string) string {
	t.Helper()
	built.Lock()
	defer built.Unlock()
	if path, ok := built.byTags[tags]; ok {
		return path
	}
	if built.byTags == nil {
		dir, err := os.MkdirTemp("", "weft-test")
		if err != nil {
			t.Fatal(err)
		}
		built.dir, built.byTags = dir, make(map[string]string)
	}
	path := filepath.Join(built.dir, "weft-"+tags)
	if out, err := exec.Command("go", "build", "-tags", tags, "-o", path, "../cmd/weft").CombinedOutput(); err != nil {
		t.Fatalf("build weft: %v\n%s", err, out)
	}
	built.byTags[tags] = path
	return path
}

// startChild starts the binary, with flags of its own, and waits until it listens.
func startChild(t *testing.T, binary, dir string, flags ...string) (*exec.Cmd, *testServer) {
	t.Helper()
	cmd := exec.Command(binary, append([]string{"dev", "--addr", "127.0.0.1:0", "--data", dir,
		"--messages-per-second=-1", "--bytes-per-second=-1", "--document-messages-per-second=-1", "--reserve=-1"}, flags...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	errs := new(logs)
	cmd.Stderr = errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() }) // in most cases it is dead already
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		if url, ok := strings.CutPrefix(lines.Text(), "listening on "); ok {
			return cmd, &testServer{url: url, logs: errs}
		}
	}
	t.Fatalf("weft did not start: %s", errs)
	return nil, nil
}

// killing runs rounds against the binary in a process of its own, which is killed at a random moment of each.
func killing(t *testing.T, binary string, rounds int, seed uint64) *ledger {
	rng := rand.New(rand.NewPCG(seed, 2))
	l := new(ledger)
	dir := t.TempDir()
	for round := range rounds {
		cmd, s := startChild(t, binary, dir)
		l.check(t, s)
		stop := make(chan struct{})
		var typing sync.WaitGroup
		typists := startTyping(t, s, round, rng, stop, &typing)
		time.Sleep(time.Duration(20+rng.IntN(200)) * time.Millisecond) // the moment at which it is killed
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // killed, which is what was wanted
		close(stop)
		typing.Wait()
		for _, ty := range typists {
			ty.await("the end of the connection", func() bool { return ty.ended != nil })
			l.note(ty)
		}
	}
	cmd, s := startChild(t, binary, dir)
	l.check(t, s)
	stopChild(t, cmd)
	return l
}

// stopChild ends a child gracefully.
func stopChild(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	defer context.AfterFunc(ctx, func() { _ = cmd.Process.Kill() })()
	if err := cmd.Wait(); err != nil {
		t.Errorf("weft ended with %v, want exit code 0", err)
	}
}

func TestCrashKill(t *testing.T) {
	rounds, seed := crashRounds(t, 4)
	l := killing(t, buildWeft(t, ""), rounds, seed)
	t.Logf("told %d, lost %d", l.size()+l.lost, l.lost)
	if l.lost > 0 || l.size() == 0 {
		t.Errorf("lost %d of %d, want 0 of many", l.lost, l.size()+l.lost)
	}
}

// TestCrashKillControl kills a build that acknowledges what is applied and writes it a moment later: the same test must
// find that it loses.
func TestCrashKillControl(t *testing.T) {
	rounds, seed := crashRounds(t, 4)
	l := killing(t, buildWeft(t, "weftackatapply"), min(rounds, 10), seed)
	t.Logf("told %d, lost %d", l.size()+l.lost, l.lost)
	if l.lost == 0 {
		t.Error("a server that acknowledges before it writes lost nothing: the test would not notice")
	}
}

package crdttest

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
)

// Oracle is a Node process that runs scripts on real Yjs documents. Questions
// are answered in the order in which they were asked; any number of goroutines
// may ask.
type Oracle struct {
	Yjs  string // version
	Node string // version
	Web  string // the folder that Node runs in

	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader

	mu      sync.Mutex
	waiting chan chan reply
	done    chan struct{}
	log     *tail
}

type reply struct {
	body []byte
	err  error
}

// ErrNoNode is returned by StartOracle where Node or the npm packages of web/
// are not installed.
var ErrNoNode = errors.New("node or web/node_modules is missing")

// StartOracle starts a Node process. The folder web of the repository is found
// by walking up from the working directory. The caller closes the Oracle.
func StartOracle() (*Oracle, error) {
	web, err := findWeb()
	if err != nil {
		return nil, err
	}
	node, err := exec.LookPath("node")
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoNode, err)
	}
	o := &Oracle{
		cmd:     exec.Command(node, "--stack-size=4000", "oracle/child.mjs"),
		waiting: make(chan chan reply, 64),
		done:    make(chan struct{}),
		log:     &tail{},
	}
	o.Web, o.cmd.Dir, o.cmd.Stderr = web, web, o.log
	if o.in, err = o.cmd.StdinPipe(); err != nil {
		return nil, fmt.Errorf("open a pipe to node: %w", err)
	}
	out, err := o.cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("open a pipe from node: %w", err)
	}
	if err := o.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start node: %w", err)
	}
	o.out = bufio.NewReaderSize(out, 1<<20)
	go o.read()
	var hello struct{ Yjs, Node string }
	if err := o.ask(map[string]string{"do": "hello"}, &hello); err != nil {
		return nil, errors.Join(err, o.Close())
	}
	o.Yjs, o.Node = hello.Yjs, hello.Node
	return o, nil
}

func findWeb() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find web/: %w", err)
	}
	for {
		web := filepath.Join(dir, "web")
		if _, err := os.Stat(filepath.Join(web, "oracle", "child.mjs")); err == nil {
			if _, err := os.Stat(filepath.Join(web, "node_modules", "yjs")); err != nil {
				return "", fmt.Errorf("%w: %w", ErrNoNode, err)
			}
			return web, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", fmt.Errorf("%w: no folder web with an oracle above the working directory", ErrNoNode)
		}
		dir = parent
	}
}

// Close ends the process and waits for it.
func (o *Oracle) Close() error {
	err := o.in.Close()
	<-o.done
	return errors.Join(err, o.cmd.Wait())
}

// read hands answers to those who wait for them, in order.
func (o *Oracle) read() {
	defer close(o.done)
	for {
		body, err := readFrame(o.out)
		if err != nil {
			o.fail(fmt.Errorf("node gave no answer: %w\n%s", err, o.log))
			return
		}
		(<-o.waiting) <- reply{body: body}
	}
}

// fail answers every question with an error, now and later.
func (o *Oracle) fail(err error) {
	o.mu.Lock()
	waiting := o.waiting
	o.waiting = nil
	o.mu.Unlock()
	for {
		select {
		case c := <-waiting:
			c <- reply{err: err}
		default:
			return
		}
	}
}

func readFrame(r io.Reader) ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	body := make([]byte, binary.LittleEndian.Uint32(head[:]))
	_, err := io.ReadFull(r, body)
	return body, err
}

func (o *Oracle) ask(question, answer any) error {
	body, err := json.Marshal(question)
	if err != nil {
		return fmt.Errorf("encode a question: %w", err)
	}
	frame := binary.LittleEndian.AppendUint32(make([]byte, 0, len(body)+4), uint32(len(body)))
	c := make(chan reply, 1)
	o.mu.Lock()
	if o.waiting == nil {
		o.mu.Unlock()
		return fmt.Errorf("node has ended\n%s", o.log)
	}
	o.waiting <- c
	_, err = o.in.Write(append(frame, body...))
	o.mu.Unlock()
	if err != nil {
		return fmt.Errorf("ask node: %w\n%s", err, o.log)
	}
	r := <-c
	if r.err != nil {
		return r.err
	}
	if err := json.Unmarshal(r.body, answer); err != nil {
		return fmt.Errorf("decode an answer: %w", err)
	}
	return nil
}

// Run runs scripts on Yjs documents and returns the entries of each.
func (o *Oracle) Run(scripts ...*Script) ([][]Entry, error) {
	var answer struct {
		Replies []struct{ Steps []Entry }
		Err     string
	}
	if err := o.ask(map[string]any{"do": "scripts", "scripts": scripts}, &answer); err != nil {
		return nil, err
	}
	if answer.Err != "" || len(answer.Replies) != len(scripts) {
		return nil, fmt.Errorf("node ran %d of %d scripts: %s", len(answer.Replies), len(scripts), answer.Err)
	}
	out := make([][]Entry, len(scripts))
	for i, r := range answer.Replies {
		out[i] = r.Steps
	}
	return out, nil
}

// Load is a question to the oracle: what Yjs makes of updates.
type Load struct {
	Collect bool     `json:"gc"`
	Updates []string `json:"updates"` // hex
	Roots   []string `json:"roots"`
	V2      bool     `json:"v2"`    // the last update is in V2
	Merge   bool     `json:"merge"` // the updates are merged first
}

// Loaded is the answer to a Load.
type Loaded struct {
	Vector  string            `json:"sv"`
	Update  string            `json:"update"`
	Pending bool              `json:"pending"`
	Dumps   map[string]string `json:"dumps"`
	Err     string            `json:"err"`
}

// Load applies updates to Yjs documents, one for each question.
func (o *Oracle) Load(loads ...Load) ([]Loaded, error) {
	var answer struct{ Replies []Loaded }
	if err := o.ask(map[string]any{"do": "load", "loads": loads}, &answer); err != nil {
		return nil, err
	}
	if len(answer.Replies) != len(loads) {
		return nil, fmt.Errorf("node loaded %d of %d documents", len(answer.Replies), len(loads))
	}
	return answer.Replies, nil
}

// tail keeps the end of what a process writes to its standard error.
type tail struct {
	mu  sync.Mutex
	buf []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, p...)
	if n := len(t.buf); n > 8192 {
		t.buf = append([]byte(nil), t.buf[n-8192:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.buf)
}

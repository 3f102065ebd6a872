package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"github.com/weftsync/weft/server"
)

// flagName finds the flags in a help text or a document, without those that only help.
var flagName = regexp.MustCompile(`--([a-z][a-z-]+[a-z])\b`)

// TestFlagsAreDocumented: OPERATIONS.md has a row for every flag of serve and dev, and no row for another.
func TestFlagsAreDocumented(t *testing.T) {
	text, err := os.ReadFile("../../server/OPERATIONS.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := make(map[string]bool)
	for line := range strings.Lines(string(text)) {
		if cell, _, ok := strings.Cut(strings.TrimPrefix(line, "| "), " |"); ok && strings.HasPrefix(line, "| `--") {
			for _, m := range flagName.FindAllStringSubmatch(cell, -1) {
				documented[m[1]] = true
			}
		}
	}
	there := make(map[string]bool)
	for _, command := range []string{"serve", "dev"} {
		var help bytes.Buffer
		if code := run(t.Context(), []string{command, "--help"}, &help, io.Discard); code != exitOK {
			t.Fatalf("help of %s: exit code %d", command, code)
		}
		for line := range strings.Lines(help.String()) {
			line = strings.TrimSpace(line)
			if !strings.HasPrefix(line, "--") && !strings.HasPrefix(line, "-h") {
				continue
			}
			m := flagName.FindStringSubmatch(line)
			if m == nil || m[1] == "help" {
				continue
			}
			there[m[1]] = true
			if !documented[m[1]] {
				t.Errorf("--%s of %s is not in OPERATIONS.md", m[1], command)
			}
		}
	}
	for name := range documented {
		if !there[name] {
			t.Errorf("--%s is in OPERATIONS.md and not in the help of serve or dev", name)
		}
	}
	if len(there) < 50 {
		t.Errorf("got %d flags, want more than 50: the test sees too little", len(there))
	}
}

// TestEveryLimitHasAFlag: a flag sets each field of server.Limits, its environment variable too, and nothing else does.
func TestEveryLimitHasAFlag(t *testing.T) {
	flags := reflect.TypeFor[limitFlags]()
	reached := make(map[string]bool)
	for i := range flags.NumField() {
		tag := flags.Field(i).Tag
		name, env := tag.Get("name"), tag.Get("env")
		if want := "WEFT_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_")); env != want {
			t.Errorf("--%s has the variable %s, want %s", name, env, want)
		}
		value := "7"
		switch flags.Field(i).Type {
		case reflect.TypeFor[size]():
			value = "7KiB"
		case reflect.TypeFor[server.Limits]():
			t.Fatal("a limit is no flag")
		default:
			if flags.Field(i).Type.String() == "time.Duration" {
				value = "7s"
			}
		}
		var cli struct{ limitFlags }
		parser, err := kong.New(&cli)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parser.Parse([]string{"--" + name, value}); err != nil {
			t.Fatalf("--%s %s: %v", name, value, err)
		}
		set := nonZero("", reflect.ValueOf(cli.limits()))
		if len(set) != 1 || reached[set[0]] {
			t.Errorf("--%s sets %q, want one field that no other flag sets", name, set)
			continue
		}
		reached[set[0]] = true
	}
	for _, field := range leaves("", reflect.TypeFor[server.Limits]()) {
		// These three are rules of the protocol rather than limits of a machine.
		if !reached[field] && field != ".Awareness.Timeout" && field != ".Awareness.ForgetAfter" && field != ".Awareness.MaxClockStep" {
			t.Errorf("no flag sets Limits%s", field)
		}
	}
}

// nonZero names the fields below v that are set.
func nonZero(path string, v reflect.Value) (names []string) {
	if v.Kind() != reflect.Struct {
		if v.IsZero() {
			return nil
		}
		return []string{path}
	}
	for i := range v.NumField() {
		names = append(names, nonZero(path+"."+v.Type().Field(i).Name, v.Field(i))...)
	}
	return names
}

// leaves names the fields below a type.
func leaves(path string, of reflect.Type) (names []string) {
	if of.Kind() != reflect.Struct {
		return []string{path}
	}
	for i := range of.NumField() {
		names = append(names, leaves(path+"."+of.Field(i).Name, of.Field(i).Type)...)
	}
	return names
}

func TestSize(t *testing.T) {
	tests := []struct {
		text string
		want size
		bad  bool
	}{
		{"0", 0, false}, {"-1", -1, false}, {"65536", 65536, false}, {"64KiB", 64 << 10, false}, {"64 KiB", 64 << 10, false},
		{"4MiB", 4 << 20, false}, {"4m", 4 << 20, false}, {"1GiB", 1 << 30, false}, {"-1KiB", -1024, false},
		{"", 0, true}, {"KiB", 0, true}, {"4MB", 0, true}, {"4TiB", 0, true}, {"1.5MiB", 0, true}, {"9000000000000000000KiB", 0, true}, {"4KiBKiB", 0, true},
	}
	for _, tt := range tests {
		var got size
		if err := got.UnmarshalText([]byte(tt.text)); (err != nil) != tt.bad || got != tt.want {
			t.Errorf("%q: got %d, %v, want %d, an error: %t", tt.text, got, err, tt.want, tt.bad)
		}
	}
}

// TestSpansAreExported: with the standard variable set, a server sends its spans there before it ends.
func TestSpansAreExported(t *testing.T) {
	spans := make(chan []byte, 100)
	collector := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.URL.Path == "/v1/traces" {
			spans <- body
		}
	}))
	defer collector.Close()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.URL)
	t.Setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "none")
	t.Setenv("OTEL_SERVICE_NAME", "the-name-of-the-service")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out := &watched{line: make(chan string, 1)}
	code := make(chan int, 1)
	go func() {
		code <- run(ctx, []string{"dev", "--addr", "127.0.0.1:0", "--data", t.TempDir(), "--drain=-1s"}, out, io.Discard)
	}()
	var url string
	select {
	case url = <-out.line:
	case got := <-code:
		t.Fatalf("ended at once with exit code %d", got)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPut, url+"api/documents/traced", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("If-None-Match", "*")
	answer, err := http.DefaultClient.Do(r)
	if err != nil || answer.StatusCode != http.StatusCreated {
		t.Fatalf("create a document: %v, %v", answer, err)
	}
	answer.Body.Close()
	cancel()
	if got := <-code; got != exitOK {
		t.Errorf("got exit code %d, want 0", got)
	}
	close(spans)
	var all []byte
	for body := range spans {
		all = append(all, body...)
	}
	for _, part := range []string{"load", "traced", "the-name-of-the-service"} {
		if !bytes.Contains(all, []byte(part)) {
			t.Errorf("%q is not in the %d bytes that were exported", part, len(all))
		}
	}
	if wantsTraces(func(string) string { return "" }) {
		t.Error("spans are exported though nobody asked for them")
	}
}

package server

import (
	"context"
	"net/http"
	"strings"
	"testing"

	ysync "github.com/weftsync/weft/sync"
)

// TestDeleteDocument deletes while an editor and a reader are in the document: both are told, what comes back is refused
// until it is undeleted or erased, and then the name is free.
func TestDeleteDocument(t *testing.T) {
	disk := newDisk()
	s := startServer(t, disk, hooks{}, func(o *Options) {
		o.Authorizer = AllowAll(ysync.Admin)
		o.Limits.ParkFor = -1 // who comes back is told at once
	})
	e, other := s.join(t, "a/b"), s.join(t, "other")
	e.write("text")
	e.sync()
	v := s.view(t, "view/a/b", nil)
	v.expect("whole", `{"root":"content","text":"text"}`)
	expect := func(method, path string, status int, part string) {
		t.Helper()
		answer, body := s.get(t, method, path, map[string]string{"If-None-Match": "*", "Accept": "text/plain"}, nil)
		if answer.StatusCode != status || !strings.Contains(body, part) {
			t.Errorf("%s %s: got %d %s, want %d with %q", method, path, answer.StatusCode, body, status, part)
		}
	}
	const path = "api/documents/a%2Fb"
	expect("DELETE", "api/documents/none", 404, "no such document")
	expect("DELETE", path+"?hard=perhaps", 400, "true or false")
	expect("DELETE", path, 204, "")
	e.awaitClose(ysync.CodeNotFound, "deleted")
	v.expect("refused", `{"code":4404,"reason":"the document has been deleted","retry":false}`)
	v.expectEnd()
	expect("GET", path, 404, "deleted")
	expect("PUT", path, 404, "deleted")
	expect("DELETE", path, 404, "deleted")
	s.knock(t, "sync/a/b").awaitClose(ysync.CodeNotFound, "deleted")
	expect("GET", "api/documents", 200, `{"documents":[`)
	if err := s.Undelete(t.Context(), "a/b"); err != nil {
		t.Fatal(err)
	}
	if _, body := s.get(t, "GET", path, map[string]string{"Accept": "text/plain"}, nil); body != "text" {
		t.Errorf("undeleted: got %q, want the text", body)
	}
	expect("DELETE", path+"?hard=false", 204, "")
	expect("DELETE", path+"?hard", 204, "")
	expect("GET", path, 404, "no such document")
	expect("DELETE", path+"?hard", 404, "no such document")
	expect("PUT", path, 201, "a/b")
	if _, body := s.get(t, "GET", path, map[string]string{"Accept": "application/json"}, nil); body != "{}" {
		t.Errorf("made anew: got %s, want nothing of the old document", body)
	}
	if strings.Contains(s.logs.String(), `"msg":"document failed"`) {
		t.Error("a deletion was logged as a failure")
	}
	other.write("still here")
	other.sync()
}

// TestDeleteNeedsAdmin: who may write may not delete.
func TestDeleteNeedsAdmin(t *testing.T) {
	s := startServer(t, newDisk(), hooks{}, func(o *Options) { o.Authorizer = AuthorizerFunc(levelByToken) })
	for token, status := range map[string]int{"none": 403, "read": 403, "presence": 403, "write": 403, "admin": 204} {
		answer, _ := s.get(t, "PUT", "api/documents/"+token+"?token=admin", map[string]string{"If-None-Match": "*"}, nil)
		if answer.StatusCode != 201 {
			t.Fatalf("create: got %d", answer.StatusCode)
		}
		if answer, body := s.get(t, "DELETE", "api/documents/"+token+"?token="+token, nil, nil); answer.StatusCode != status {
			t.Errorf("as %s: got %d %s, want %d", token, answer.StatusCode, body, status)
		}
	}
}

// TestDeleteWhileLoading: a document that is being loaded when it is deleted is not there afterwards.
func TestDeleteWhileLoading(t *testing.T) {
	disk := newDisk()
	s := startServer(t, disk, hooks{}, nil)
	e := s.join(t, "d")
	e.write("text")
	e.sync()
	s.stop()
	reached, release := make(chan struct{}), make(chan struct{})
	s = startServer(t, disk, hooks{beforeLoad: func(string) { close(reached); <-release }}, nil)
	knocked := make(chan int)
	go func() {
		answer, _ := s.get(t, "GET", "api/documents/d", nil, nil)
		knocked <- answer.StatusCode
	}()
	<-reached
	deleted := make(chan error)
	go func() { deleted <- s.Delete(context.Background(), "d", false) }()
	// The deletion is durable before it waits for the load.
	for list, err := s.store.Deleted(t.Context(), "", 0); len(list) == 0; list, err = s.store.Deleted(t.Context(), "", 0) {
		if err != nil {
			t.Fatal(err)
		}
	}
	close(release)
	if err := <-deleted; err != nil {
		t.Fatal(err)
	}
	if status := <-knocked; status != http.StatusNotFound {
		t.Errorf("the request that waited: got %d, want 404", status)
	}
}

// TestUndeleteOverAdmin asks as an operator does.
func TestUndeleteOverAdmin(t *testing.T) {
	s := startServer(t, newDisk(), hooks{}, func(o *Options) { o.AdminAddr = "127.0.0.1:0" })
	if answer, _ := s.get(t, "PUT", "api/documents/d", map[string]string{"If-None-Match": "*"}, nil); answer.StatusCode != 201 {
		t.Fatal(answer.Status)
	}
	if err := s.Delete(t.Context(), "d", false); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		body   string
		status int
	}{
		{`{"document":"none"}`, 404},
		{`{"document":""}`, 400},
		{`{"document":"d"}`, 204},
		{`{"document":"d"}`, 404},
	} {
		if status, _ := s.admin(t, "/admin/undelete", tt.body, typeJSON); status != tt.status {
			t.Errorf("%s: got %d, want %d", tt.body, status, tt.status)
		}
	}
}

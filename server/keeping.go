package server

import (
	"net/http"
	"time"

	"github.com/weftsync/weft/server/history"
	"github.com/weftsync/weft/storage"
	ysync "github.com/weftsync/weft/sync"
)

// keptHistory is what is kept of a document, in JSON.
type keptHistory struct {
	On    bool   `json:"on"`
	Age   string `json:"age,omitempty"` // as of time.ParseDuration
	Bytes int64  `json:"bytes,omitempty"`
}

// settings shows or sets what is kept of the past.
func (p *past) settings() (any, *ysync.Refusal) {
	if p.r.Method == http.MethodPut {
		if p.grant.Level < ysync.Admin {
			return nil, ysync.Refuse(ysync.CodeForbidden, "what is kept of a document is changed with the level admin")
		}
		var body keptHistory
		if refusal := p.read(&body); refusal != nil {
			return nil, refusal
		}
		h := storage.History{On: body.On, Bytes: body.Bytes}
		if body.Age != "" {
			age, err := time.ParseDuration(body.Age)
			if err != nil || age < 0 {
				return nil, ysync.Refuse(ysync.CodeMalformed, "age is a duration such as 720h")
			}
			h.Age = age
		}
		if h.Bytes < 0 {
			return nil, ysync.Refuse(ysync.CodeMalformed, "bytes is not negative")
		}
		if err := p.log.SetHistory(h); err != nil {
			return nil, p.srv.refusalOfPast(p.name, err)
		}
	}
	h, err := p.log.History()
	if err != nil {
		return nil, p.srv.refusalOfPast(p.name, err)
	}
	shown := keptHistory{On: h.On, Bytes: h.Bytes}
	if h.Age > 0 {
		shown.Age = h.Age.String()
	}
	return shown, nil
}

// versions lists the named versions, or names one, or takes a name away.
func (p *past) versions(escaped string) (any, *ysync.Refusal) {
	name, ok := unescape(escaped)
	switch method := p.r.Method; {
	case !ok:
		return nil, ysync.Refuse(ysync.CodeMalformed, "the name of a version cannot be decoded")
	case name == "" && method == http.MethodGet:
		all, err := p.log.Versions(p.r.Context())
		if err != nil {
			return nil, p.srv.refusalOfPast(p.name, err)
		}
		return map[string]any{"versions": append([]storage.Version{}, all...)}, nil // [] where there is none
	case name != "" && method == http.MethodPut:
		var body struct {
			At string `json:"at"` // empty: now
		}
		if p.r.ContentLength != 0 {
			if refusal := p.read(&body); refusal != nil {
				return nil, refusal
			}
		}
		seq := p.log.Durable()
		if body.At != "" {
			var err error
			if seq, err = history.Moment(p.r.Context(), p.log, body.At); err != nil {
				return nil, p.srv.refusalOfPast(p.name, err)
			}
		}
		v := storage.Version{Name: name, Seq: seq, User: p.grant.User}
		if err := p.log.SetVersion(p.r.Context(), v); err != nil {
			return nil, p.srv.refusalOfPast(p.name, err)
		}
		return map[string]any{"name": name, "sequence": seq}, nil
	case name != "" && method == http.MethodDelete:
		if err := p.log.DeleteVersion(p.r.Context(), name); err != nil {
			return nil, p.srv.refusalOfPast(p.name, err)
		}
		return nil, nil
	}
	return nil, ysync.Refuse(ysync.CodeNotFound, "no such path or method below history")
}

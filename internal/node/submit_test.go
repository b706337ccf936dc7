package node

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"gominer/hasher"
)

type method = func([]json.RawMessage) (string, error)

func TestSubmit(t *testing.T) {
	block := make([]byte, 100)
	block[0] = 7
	header := hasher.Header(block[:80])
	hash := header.Hash().String()
	const other = `"` + best + `"`
	tests := []struct {
		name                 string
		submit, best, header method
		want                 string // "": accepted
		stale                bool
	}{
		{"accepted", answers("null"), answers(`"` + hash + `"`), nil, "", false},
		{"accepted and built upon", answers("null"), answers(other), answers(`{"confirmations":2}`), "", false},
		{"stale on btcd", answers("null"), answers(other), fails(-32603, "No block with that height"), "not in the node's best chain", true},
		{"orphan on btcd", answers("null"), answers(other), fails(-5, "Block not found"), "not in the node's best chain", true},
		{"stale on Core", answers(`"inconclusive"`), answers(other), answers(`{"confirmations":-1}`), "inconclusive", true},
		{"known already", answers(`"duplicate"`), answers(`"` + hash + `"`), nil, "", false},
		{"known, but stale", answers(`"duplicate"`), answers(other), answers(`{"confirmations":-1}`), "duplicate", true},
		{"known as bad", answers(`"duplicate-invalid"`), nil, nil, "duplicate-invalid", false},
		{"Core's reason", answers(`"bad-cb-amount"`), nil, nil, "bad-cb-amount", false},
		{"btcd's reason", answers(`"rejected: block target is too high\u001b[2J"`), nil, nil, "rejected: block target is too high[2J", false},
		{"empty reason", answers(`""`), nil, nil, "without a reason", false},
		{"reason of another form", answers(`{"status":"no"}`), nil, nil, `{"status":"no"}`, false},
		{"undecodable", fails(-22, "Block decode failed"), nil, nil, "Block decode failed", false},
	}
	for _, core := range []bool{false, true} {
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				submit := func(params []json.RawMessage) (string, error) {
					if len(params) != 1 || string(params[0]) != `"`+hex.EncodeToString(block)+`"` {
						t.Errorf("submitted with %s", params)
					}
					return tt.submit(params)
				}
				f := &fake{core: core, methods: map[string]method{"submitblock": submit, "getbestblockhash": tt.best, "getblockheader": tt.header}}
				err := serve(t, f).Submit(t.Context(), block, "")
				var refusal *Refusal
				switch {
				case tt.want == "" && err != nil:
					t.Errorf("refused: %v", err)
				case tt.want != "" && (!errors.As(err, &refusal) || refusal.Stale != tt.stale || !strings.Contains(refusal.Reason, tt.want) || strings.Contains(refusal.Reason, "\x1b")):
					t.Errorf("got %+v, want the refusal %q, stale %v", err, tt.want, tt.stale)
				}
			})
		}
	}
}

func TestSubmitWorkID(t *testing.T) {
	var params []json.RawMessage
	f := &fake{methods: map[string]method{"submitblock": func(p []json.RawMessage) (string, error) {
		params = p
		return `"high-hash"`, nil
	}}}
	c := serve(t, f)
	if err := c.Submit(t.Context(), make([]byte, 81), "w1"); err == nil || len(params) != 2 || string(params[1]) != `{"workid":"w1"}` {
		t.Errorf("submitted with %s: %v", params, err)
	}
	if err := c.Submit(t.Context(), make([]byte, 79), ""); err == nil {
		t.Error("79 bytes are a block")
	}
}

// TestSubmitIsPatient lets the first answers get lost.
func TestSubmitIsPatient(t *testing.T) {
	block := make([]byte, 81)
	header := hasher.Header(block[:80])
	f := &fake{core: true, methods: map[string]method{
		"submitblock":      answers(`"duplicate"`), // an earlier try had arrived
		"getbestblockhash": answers(`"` + header.Hash().String() + `"`),
	}}
	var lost atomic.Int32
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch lost.Add(1) {
		case 1:
			panic(http.ErrAbortHandler)
		case 2:
			http.Error(w, "Work queue depth exceeded", http.StatusServiceUnavailable)
		default:
			f.ServeHTTP(w, r)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		c := bubble(t, h)
		started := time.Now()
		if err := c.Submit(t.Context(), block, ""); err != nil {
			t.Error(err)
		}
		if took, want := time.Since(started), 1500*time.Millisecond; took != want {
			t.Errorf("it took %v, want %v", took, want)
		}
	})
}

func TestSubmitGivesUp(t *testing.T) {
	down := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	synctest.Test(t, func(t *testing.T) {
		c := bubble(t, down)
		started := time.Now()
		var refusal *Refusal
		if err := c.Submit(t.Context(), make([]byte, 81), ""); !errors.Is(err, ErrDown) || errors.As(err, &refusal) {
			t.Errorf("Submit: %v", err)
		}
		if took, want := time.Since(started), 7500*time.Millisecond; took != want {
			t.Errorf("it took %v, want %v", took, want)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		started = time.Now()
		if err := c.Submit(ctx, make([]byte, 81), ""); err == nil || time.Since(started) != time.Second {
			t.Errorf("after %v: %v", time.Since(started), err)
		}
	})
}

// TestSubmitToAStartingNode has a node that was started anew: it knows nothing
// yet, and what it says then is no judgement.
func TestSubmitToAStartingNode(t *testing.T) {
	block := make([]byte, 81)
	header := hasher.Header(block[:80])
	warmup := fails(-28, "Loading block index…")
	synctest.Test(t, func(t *testing.T) {
		f := &fake{core: true, methods: map[string]method{"submitblock": warmup}}
		c := bubble(t, f)
		var refusal *Refusal
		if err := c.Submit(t.Context(), block, ""); !errors.Is(err, ErrWarmup) || errors.As(err, &refusal) {
			t.Errorf("a node that goes on starting: %v, want ErrWarmup", err)
		}
		f.set("submitblock", answers("null"))
		f.set("getbestblockhash", answers(`"`+best+`"`))
		tries := 0
		f.set("getblockheader", func(params []json.RawMessage) (string, error) {
			if tries++; tries == 1 {
				return warmup(params)
			}
			return `{"confirmations":2}`, nil
		})
		if err := c.Submit(t.Context(), header[:], ""); err != nil {
			t.Errorf("a node that was starting: %v", err)
		}
	})
}

package stratum_test

import (
	"strings"
	"testing"
	"time"
)

// TestPoolDialects: on pools that speak as others do, everything is mined and
// nothing rejected; a refusal has its reason, whatever its form.
func TestPoolDialects(t *testing.T) {
	for _, c := range []struct {
		faults string
		reason string // to reject every other share; "": none is
	}{
		{"refuse", ""},
		{"refuse=mining.extranonce.subscribe", ""},
		{"refuse=mining.suggest_difficulty", ""},
		{"ignore", ""},
		{"ignore=mining.extranonce.subscribe", ""},
		{"ignore=mining.suggest_difficulty", ""},
		{"close-on", ""},
		{"quiet", ""},
		{"bare-subscribe", ""},
		{"subscriptions=flat", ""},
		{"subscriptions=empty", ""},
		{"subscriptions=null", ""},
		{"early-jobs", ""},
		{"late-jobs", ""},
		{"late-jobs + quiet", ""},
		{"enforce-at-once", ""},
		{"difficulty-as=string", ""},
		{"difficulty-as=long", ""},
		{"difficulty-as=exponent", ""},
		{"renew-extranonce", ""},
		{"flap-mask", ""},
		{"string-ids", ""},
		{"no-ids", ""},
		{"methods", ""},
		{"extras", ""},
		{"crlf", ""},
		{"swap-answers", ""},
		{"delay-shares=2s", ""},
		{"lose-jobs", ""},
		{"huge-coinbase", ""},
		{"reject", "Rejected by the fault reject (code 20)"},
		{"reject + errors=object", "Rejected by the fault reject (code 20)"},
		{"reject + errors=string", "Rejected by the fault reject"},
		{"reject + errors=false", "rejected without a reason"},
		{"reject + errors=reject-reason", "Rejected by the fault reject"},

		// As all of some pool.
		{"close-on + quiet + reject + errors=reject-reason", "Rejected by the fault reject"},                        // ckpool of 2017
		{"late-jobs + renew-extranonce + difficulty-as=long", ""},                                                   // M45-goPool
		{"quiet + subscriptions=flat + string-ids + no-ids + extras + difficulty-as=string + crlf + flap-mask", ""}, // nobody in particular
	} {
		t.Run(c.faults, func(t *testing.T) {
			inBubble(t, func(t *testing.T, _ *gauge) {
				// No share is found at the moment in which the pool changes something.
				a := enter(t, 247*time.Millisecond, strings.Split(c.faults, " + ")...)
				if a.await(20 * time.Second) {
					t.Error("the client has left")
				}
				s := a.leave()
				if s.Shares.Accepted < 35 || s.Shares.Lost > 1 || s.Shares.Stale > 0 || (s.Shares.Rejected > 0) != (c.reason != "") {
					t.Errorf("%+v, reasons %v", s.Shares, s.Reasons)
				}
				if c.reason != "" && s.Reasons[c.reason] != s.Shares.Rejected {
					t.Errorf("rejected for %v, want %q", s.Reasons, c.reason)
				}
			})
		})
	}
}

package stratum

import (
	"testing"

	"gominer/stratum/v1"
)

// TestRejectKinds: what pools in the field write when they refuse a share.
func TestRejectKinds(t *testing.T) {
	for _, c := range []struct {
		code int
		text string
		want rejectKind
	}{
		{21, "Invalid JobID", rejectStale}, // ckpool
		{23, "Above target", rejectLow},
		{0, "Above target", rejectLow}, // ckpool of 2017, reject-reason
		{20, "Invalid version mask", rejectOther},
		{20, "invalid extranonce2", rejectOther}, // M45-goPool
		{23, "low difficulty share (4.1363e-10 expected 0.00364466)", rejectLow},
		{20, "low difficulty share of 0.5", rejectLow}, // node-stratum-pool
		{21, "job not found", rejectStale},
		{22, "duplicate share", rejectDuplicate},
		{23, "Difficulty too low", rejectLow}, // public-pool
		{24, "unauthorized worker", rejectStranger},
		{25, "not subscribed", rejectLost},
		{0, "Job not found (=stale)", rejectStale},
		{-2, "Stale share", rejectStale},
		{0, "Duplicate", rejectDuplicate},
		{0, "Not authorized", rejectStranger},
		{2, "high-hash", rejectLow},
		{-1, "Unknown error", rejectOther},
		{0, "", rejectOther},
	} {
		if got := kindOf(&v1.Error{Code: c.code, Message: c.text}); got != c.want {
			t.Errorf("%d %q is of kind %d, want %d", c.code, c.text, got, c.want)
		}
	}
}

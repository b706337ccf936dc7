package miner

import (
	"slices"
	"sync/atomic"
	"time"
)

// sourceLedger is what is counted of one source, over all its sessions. The
// ledger's lock guards all but tried.
type sourceLedger struct {
	report  SourceReport // what Snapshot need not work out
	up      time.Duration
	latency latencies
	tried   atomic.Uint64 // headers
	gone    bool          // it is no longer part of what is mined on
}

// keptDifficulties bounds SourceReport.Difficulties.
const keptDifficulties = 32

// status keeps st and reports whether the state or the error is a new one.
func (s *sourceLedger) status(st SourceStatus, now time.Time) (news, traits bool) {
	old := &s.report.Status
	traits = !slices.Equal(old.Traits, st.Traits)
	news = old.State != st.State || st.Err != nil && (old.Err == nil || old.Err.Error() != st.Err.Error())
	if st.State == Down {
		s.report.Failure = st.Err
	}
	if st.URL == "" { // a report of failure alone: keep what is known of the rest
		st.URL, st.Protocol, st.Encryption, st.User = old.URL, old.Protocol, old.Encryption, old.User
	}
	if old.State != st.State {
		switch Up {
		case old.State:
			s.up += now.Sub(s.report.Since)
		case st.State:
			s.report.Connects++
		}
	}
	if news {
		s.report.Since = now
	}
	*old = st
	return news, traits
}

// difficulty notes what a job asks for.
func (s *sourceLedger) difficulty(d float64, now time.Time) {
	list := &s.report.Difficulties
	if n := len(*list); n > 0 && (*list)[n-1].Difficulty == d {
		return
	}
	*list = keep(*list, DifficultySince{d, now}, keptDifficulties)
}

// snapshot returns a copy of the report as of now.
func (s *sourceLedger) snapshot(now time.Time) SourceReport {
	r := s.report
	r.Uptime = s.up
	if r.Status.State == Up {
		r.Uptime += now.Sub(r.Since)
	}
	r.Hashes = s.tried.Load()
	r.Latency = s.latency.summary()
	r.Status.Traits = slices.Clone(r.Status.Traits)
	r.Difficulties = slices.Clone(r.Difficulties)
	if r.Job != nil {
		job := *r.Job
		r.Job = &job
	}
	return r
}

// keep appends v to a short list of at most most entries; the oldest gives way.
func keep[T any](list []T, v T, most int) []T {
	if len(list) >= most {
		list = slices.Delete(list, 0, len(list)-most+1)
	}
	return append(list, v)
}

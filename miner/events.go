package miner

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"
	"unicode"
)

// What happens is told once, to the logger. A record that scripts want carries
// EventKey; its other attributes are the event's fields, named as scripts see
// them. A handler for people leaves EventKey out.
const EventKey = "event"

func (m *Miner) event(level slog.Level, name, text string, attrs ...slog.Attr) {
	m.log.LogAttrs(context.Background(), level, text, append([]slog.Attr{slog.String(EventKey, name)}, attrs...)...)
}

func (m *Miner) logJob(source string, j *Job) {
	level, text := slog.LevelDebug, "job"
	if j.Clean {
		level, text = slog.LevelInfo, "new job"
	}
	m.event(level, "job", text,
		slog.String("source", source),
		slog.String("id", shownID(j.ID)),
		slog.Uint64("height", uint64(j.Height)),
		slog.Float64("difficulty", j.Target.Difficulty()),
		slog.Bool("clean", j.Clean),
		slog.String("prevhash", j.PrevHash.String()))
}

// status notes how a source stands, and says so if that is news.
func (m *Miner) status(source string, st SourceStatus) {
	switch news, traits := m.ledger.status(source, st, time.Now()); {
	case news:
		m.logSource(source, st)
	case traits && st.State == Up:
		m.logTraits(source, st)
	}
}

func (m *Miner) logSource(source string, st SourceStatus) {
	attrs := []slog.Attr{slog.String("source", source), slog.String("state", st.State.String())}
	switch st.State {
	case Up:
		connected := []slog.Attr{slog.String("source", source), slog.String("url", st.URL), slog.String("protocol", st.Protocol), slog.String("user", st.User)}
		if st.Encryption != "" {
			connected = append(connected, slog.String("encryption", st.Encryption))
		}
		m.event(slog.LevelInfo, "connected", "connected", connected...)
		m.logTraits(source, st)
	case Down:
		text := ""
		if st.Err != nil {
			text = st.Err.Error()
		}
		attrs = append(attrs, slog.String("error", text))
		if st.Retry > 0 {
			attrs = append(attrs, slog.Float64("retry_s", float64(st.Retry.Round(100*time.Millisecond))/1e9))
		}
		m.event(slog.LevelWarn, "source", "source down", attrs...)
	case Connecting:
		m.event(slog.LevelDebug, "source", "source", attrs...)
	}
}

// logTraits tells what was found out about a source that is up. There is as much
// of it as the source likes.
func (m *Miner) logTraits(source string, st SourceStatus) {
	const text = "found out"
	level := slog.LevelInfo
	if len(st.Traits) == 0 {
		level = slog.LevelDebug
	}
	m.event(m.floods.level(level, text), "source", text,
		slog.String("source", source), slog.String("state", st.State.String()), slog.Any("traits", st.Traits))
}

func (m *Miner) logMessage(source, text string) {
	m.event(slog.LevelInfo, "message", "message from the pool", slog.String("source", source), slog.String("text", text))
}

// shareAttrs are the fields that every share event has.
func (m *Miner) shareAttrs(sh *Share, result string) []slog.Attr {
	return []slog.Attr{
		slog.String("device", m.crew.name(sh.Device)),
		slog.String("job", shownID(sh.Job.ID)),
		slog.Float64("difficulty", sh.Job.Target.Difficulty()),
		slog.Float64("share_difficulty", sh.Hash.Difficulty()),
		slog.String("hash", sh.Hash.String()),
		slog.String("result", result),
	}
}

// shareEvent tells of a share, aloud unless many like it come.
func (m *Miner) shareEvent(level slog.Level, text string, attrs []slog.Attr) {
	m.event(m.floods.level(level, text), "share", text, attrs...)
}

func (m *Miner) logDropped(sh *Share, v Verdict) {
	if v == Duplicate {
		const text = "duplicate share dropped"
		m.log.LogAttrs(context.Background(), m.floods.level(slog.LevelWarn, text), text, m.shareAttrs(sh, "duplicate")...)
		return
	}
	m.shareEvent(slog.LevelInfo, "share stale, not sent", m.shareAttrs(sh, "stale"))
}

func (m *Miner) logHardwareError(device int, nonce uint32) {
	const text = "hardware error: the nonce does not give the hash that the device claimed"
	m.log.LogAttrs(context.Background(), m.floods.level(slog.LevelWarn, text), text,
		slog.String("device", m.crew.name(device)), slog.Uint64("nonce", uint64(nonce)))
}

func (m *Miner) logOutcome(o *Outcome) {
	sh := &o.Share
	attrs := append(m.shareAttrs(sh, o.Result()),
		slog.String("source", o.Source),
		slog.Float64("latency_ms", float64(o.After.Microseconds())/1000))
	var reject *Reject
	switch {
	case o.Err == nil:
		m.shareEvent(slog.LevelInfo, "share accepted", attrs)
	case errors.As(o.Err, &reject):
		m.shareEvent(slog.LevelWarn, "share rejected", append(attrs, slog.Int("code", reject.Code), slog.String("reason", reject.Reason)))
	default:
		m.shareEvent(slog.LevelWarn, "share lost", append(attrs, slog.String("reason", o.Err.Error())))
	}
	if sh.Block {
		level, text := slog.LevelInfo, "BLOCK FOUND"
		if o.Err != nil {
			level, text = slog.LevelWarn, "block found, but not accepted"
		}
		m.event(level, "block", text,
			slog.String("hash", sh.Hash.String()),
			slog.Uint64("height", uint64(sh.Job.Height)),
			slog.Bool("accepted", o.Err == nil))
	}
}

// logHashrate is called every hashrateEvery samples; once a minute people are
// told too.
func (m *Miner) logHashrate(samples int) {
	level := slog.LevelDebug
	if samples%60 == 0 {
		level = slog.LevelInfo
	}
	for _, d := range m.Snapshot().Devices {
		if d.Gone {
			continue
		}
		m.event(level, "hashrate", "hash rate",
			slog.String("device", d.Info.Name),
			slog.Float64("hs_10s", d.Rate.S10),
			slog.Float64("hs_60s", d.Rate.S60),
			slog.Float64("hs_avg", d.Rate.Avg))
	}
}

// shownID returns a job's id fit to be shown: the source chose it.
func shownID(id string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, id)
}

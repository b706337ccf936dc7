package main

import (
	"strings"

	"gominer/hasher"
	"gominer/internal/units"
	"gominer/stratum/v1"
)

// calls says of every request and notification that decode has no more to say of
// what it is for.
var calls = map[string]string{
	"mining.configure":            "Miner to pool: asks for extensions (BIP310). It comes before everything else.",
	"mining.subscribe":            "Miner to pool: opens the session.",
	"mining.authorize":            "Miner to pool: names a worker whose shares will follow.",
	"mining.extranonce.subscribe": "Miner to pool: it understands mining.set_extranonce. Many pools never answer.",
	"mining.suggest_difficulty":   "Miner to pool: a wish for a share difficulty. Many pools never answer.",
	"mining.suggest_target":       "Miner to pool: a wish for a share target, most significant byte first. Many pools never answer.",
	"mining.get_transactions":     "Miner to pool: asks for the transactions of a job.",
	"mining.capabilities":         "Miner to pool: what it can do. A draft.",
	"mining.set_goal":             "Pool to miner: what the next jobs are for. A draft.",
	"mining.ping":                 "Asks whether the other side is there; the answer is \"pong\".",
	"client.get_version":          "Pool to miner: asks for the miner's name and version.",
	"client.reconnect":            "Pool to miner: connect again. Miners are wise to follow only to the same site.",
	"client.show_message":         "Pool to miner: a text for the person who watches.",
}

// explainCall explains the messages without arithmetic, and remembers requests
// so that their answers can be told.
func (d *decoder) explainCall(e *explanation, m v1.Message) {
	e.About = calls[m.Method()]
	switch m := m.(type) {
	case *v1.Configure:
		d.ask(m.ID, m)
		e.addConfigure(m)
	case *v1.Subscribe:
		d.ask(m.ID, m)
		e.addText("agent", m.Agent)
		if m.Session != "" {
			e.addf("session", "", "%q, to be resumed", v1.CleanText(m.Session, 100))
		}
	case *v1.Authorize:
		d.ask(m.ID, m)
		e.addText("worker", m.Worker)
		if m.Password != "" {
			e.add("password", "", "given, not shown")
		}
	case *v1.ExtranonceSubscribe:
		d.ask(m.ID, m)
	case *v1.SuggestDifficulty:
		d.ask(m.ID, m)
		if t, err := hasher.TargetFromDifficulty(m.Difficulty); err == nil {
			e.addTarget(&t)
		} else {
			e.add("difficulty", "", exact(m.Difficulty))
		}
	case *v1.SuggestTarget:
		d.ask(m.ID, m)
		e.addTarget(&m.Target)
	case *v1.GetTransactions:
		d.ask(m.ID, m)
		e.addText("job id", m.JobID)
	case *v1.Capabilities:
		d.ask(m.ID, m)
		e.add("understands", "", strings.Join(capabilities(m), ", "))
		if m.SuggestedTarget != nil {
			e.addTarget(m.SuggestedTarget)
		}
	case *v1.SetGoal:
		e.addText("name", m.Name)
		e.addText("algorithm", m.Algorithm)
	case *v1.Reconnect:
		e.addReconnect(m)
	case *v1.ShowMessage:
		e.addText("text", m.Text)
	case *v1.Ping:
		d.ask(m.ID, m)
	case *v1.Unknown:
		d.ask(m.ID, m)
		e.About = "A method that gominer does not know."
		e.addText("params", string(m.Params))
	}
}

// addText adds what a peer wrote; nothing if it is empty.
func (e *explanation) addText(name, text string) {
	if text != "" {
		e.addf(name, "", "%q", v1.CleanText(text, 500))
	}
}

func (e *explanation) addConfigure(m *v1.Configure) {
	if r := m.VersionRolling; r != nil {
		e.addf("version-rolling", "", "mask %s; at least %s", describeMask(r.Mask), units.Plural(uint64(r.MinBitCount), "bit"))
	}
	if m.MinimumDifficulty != nil {
		e.add("minimum-difficulty", "", exact(*m.MinimumDifficulty))
	}
	if m.SubscribeExtranonce {
		e.add("subscribe-extranonce", "", "asked for")
	}
	if i := m.Info; i != nil {
		for _, f := range [][2]string{
			{"connection url", i.ConnectionURL}, {"hw version", i.HWVersion}, {"sw version", i.SWVersion}, {"hw id", i.HWID},
		} {
			e.addText(f[0], f[1])
		}
	}
	for _, name := range m.Other {
		e.add(v1.CleanText(name, 100), "", "asked for; gominer does not know it")
	}
}

func describeAnswer(a v1.Answer) string {
	switch {
	case !a.Given:
		return ""
	case a.Granted:
		return "granted"
	case a.Reason != "":
		return "refused: " + v1.CleanText(a.Reason, 200)
	}
	return "refused"
}

func capabilities(m *v1.Capabilities) (names []string) {
	for _, c := range []struct {
		name string
		has  bool
	}{{"notify", m.Notify}, {"set_difficulty", m.SetDifficulty}, {"set_goal", m.SetGoal}} {
		if c.has {
			names = append(names, c.name)
		}
	}
	if len(names) == 0 {
		return []string{"nothing that gominer knows of"}
	}
	return names
}

func (e *explanation) addReconnect(m *v1.Reconnect) {
	host := "the same"
	if m.Host != "" {
		host = v1.CleanText(m.Host, 255)
	}
	e.add("host", "", host)
	if m.Port == 0 {
		e.add("port", "", "the same")
	} else {
		e.addf("port", "", "%d", m.Port)
	}
	e.add("wait", "", units.Span(m.Wait))
}

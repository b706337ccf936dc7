package v1

import "gominer/hasher"

// Capabilities is mining.capabilities, a draft: what the client can do. Only the
// presence of a key counts.
type Capabilities struct {
	ID              ID
	Notify          bool
	SetDifficulty   bool
	SetGoal         bool
	SuggestedTarget *hasher.Target // takes the place of SuggestTarget
}

// Method returns "mining.capabilities".
func (*Capabilities) Method() string { return "mining.capabilities" }

func (m *Capabilities) ident() ID { return m.ID }

func (m *Capabilities) decode(p *params) {
	raw := p.next()
	if raw == nil {
		p.fail("capabilities", raw, "an object")
		return
	}
	for w := walk(p.object("capabilities", raw)); w.more(); {
		key := string(w.key())
		switch v := w.value(); key {
		case "notify":
			m.Notify = true
		case "set_difficulty":
			m.SetDifficulty = true
		case "set_goal":
			m.SetGoal = true
		case "suggested_target":
			t := p.target("suggested_target", v)
			m.SuggestedTarget = &t
		}
	}
}

func (m *Capabilities) append(b []byte) ([]byte, error) {
	b = append(appendCall(b, m.ID, m.Method()), '{')
	o := jsonList{b: b}
	for _, c := range []struct {
		key string
		has bool
	}{{"notify", m.Notify}, {"set_difficulty", m.SetDifficulty}, {"set_goal", m.SetGoal}} {
		if c.has {
			o.b = append(o.key(c.key), "{}"...)
		}
	}
	if m.SuggestedTarget != nil {
		o.b = appendString(o.key("suggested_target"), m.SuggestedTarget.String())
	}
	return append(o.b, "}]}"...), nil
}

// SetGoal is mining.set_goal, a draft: what the jobs that follow are for.
type SetGoal struct {
	ID        ID
	Name      string
	Algorithm string // "malgo", such as "SHA256d"; empty if not told
}

// Method returns "mining.set_goal".
func (*SetGoal) Method() string { return "mining.set_goal" }

func (m *SetGoal) ident() ID { return m.ID }

func (m *SetGoal) decode(p *params) {
	m.Name = p.text("goal", p.next())
	if o := p.object("goal parameters", p.nextOptional()); o != nil {
		m.Algorithm = p.optionalText("malgo", member(o, "malgo"))
	}
}

func (m *SetGoal) append(b []byte) ([]byte, error) {
	b = appendString(appendCall(b, m.ID, m.Method()), m.Name)
	if m.Algorithm != "" {
		b = append(b, `,{"malgo":`...)
		b = append(appendString(b, m.Algorithm), '}')
	}
	return append(b, "]}"...), nil
}

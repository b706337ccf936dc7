package v1

import "gominer/hasher"

// SetDifficulty is mining.set_difficulty: the share difficulty from the next job
// on. Read only lets through what hasher.TargetFromDifficulty takes.
type SetDifficulty struct {
	ID         ID
	Difficulty float64
	Quoted     bool // sent as a string, a dialect
}

// Method returns "mining.set_difficulty".
func (*SetDifficulty) Method() string { return "mining.set_difficulty" }

func (m *SetDifficulty) ident() ID { return m.ID }

func (m *SetDifficulty) decode(p *params) {
	m.Difficulty, m.Quoted = p.difficulty("difficulty", p.next())
}

func (m *SetDifficulty) append(b []byte) ([]byte, error) {
	return appendDifficultyCall(appendCall(b, m.ID, m.Method()), m.Difficulty, m.Quoted)
}

// SuggestDifficulty is mining.suggest_difficulty: a wish of the client. Many
// servers never answer it.
type SuggestDifficulty struct {
	ID         ID
	Difficulty float64
	Quoted     bool // sent as a string, a dialect
}

// Method returns "mining.suggest_difficulty".
func (*SuggestDifficulty) Method() string { return "mining.suggest_difficulty" }

func (m *SuggestDifficulty) ident() ID { return m.ID }

func (m *SuggestDifficulty) decode(p *params) {
	m.Difficulty, m.Quoted = p.difficulty("difficulty", p.next())
}

func (m *SuggestDifficulty) append(b []byte) ([]byte, error) {
	return appendDifficultyCall(appendCall(b, m.ID, m.Method()), m.Difficulty, m.Quoted)
}

func appendDifficultyCall(b []byte, d float64, quoted bool) ([]byte, error) {
	if _, err := hasher.TargetFromDifficulty(d); err != nil {
		return b, err
	}
	if !quoted {
		b = appendNumber(b, d)
	} else {
		b = append(appendNumber(append(b, '"'), d), '"')
	}
	return append(b, "]}"...), nil
}

// SuggestTarget is mining.suggest_target: SuggestDifficulty as a target. Many
// servers never answer it.
type SuggestTarget struct {
	ID     ID
	Target hasher.Target
}

// Method returns "mining.suggest_target".
func (*SuggestTarget) Method() string { return "mining.suggest_target" }

func (m *SuggestTarget) ident() ID { return m.ID }

func (m *SuggestTarget) decode(p *params) { m.Target = p.target("target", p.next()) }

func (m *SuggestTarget) append(b []byte) ([]byte, error) {
	b = appendCall(b, m.ID, m.Method())
	b = appendString(b, m.Target.String())
	return append(b, "]}"...), nil
}

// target reads 64 hex digits, most significant first.
func (p *params) target(field string, raw []byte) hasher.Target {
	s := p.string(field, raw)
	if p.err != nil {
		return hasher.Target{}
	}
	t, err := hasher.ParseTarget(s)
	if err != nil {
		p.fail(field, raw, wantHex(len(t), len(t)))
	}
	return t
}

package record

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"gominer/internal/jsonline"
)

// Masked stands where a secret stood.
const Masked = "***"

const (
	// A text this long, in bytes, is looked for where a peer may repeat it.
	// Shorter ones, such as the password "x", would be found in everything.
	leastSecret = 6

	mostNames = 2048 // secrets and users that are looked for, each
)

// masker takes secrets out of lines. What it has seen as one it also finds where
// the other side repeats it.
type masker struct {
	hideUsers bool
	secrets   []string
	users     []string // as they came; the i-th is shown as user i+1
}

// credentials are those in a URL: scheme://user:pass@host. JSON may write a
// slash as \/.
var credentials = regexp.MustCompile(`(:(?:\\?/){2})[^/\\\s"@]+@`)

// line returns the line without secrets; the argument stays as it is.
func (m *masker) line(line []byte, from Side) []byte {
	parts, err := jsonline.Parts(line)
	switch {
	case err != nil && from == Miner && mayHoldSecret(line):
		return []byte(Masked)
	case err != nil:
		line = m.repeated(line)
	case from == Miner:
		line = m.request(line, parts)
	default:
		line = m.answer(line, parts)
	}
	return credentials.ReplaceAll(line, []byte("${1}"+Masked+"@"))
}

// answer masks what a pool repeats in texts for people: the words of the protocol
// may be somebody's password, and have to stay.
func (m *masker) answer(line []byte, parts []jsonline.Part) []byte {
	shows := slices.ContainsFunc(parts, func(p jsonline.Part) bool {
		return strings.EqualFold(p.Key, "method") && text(p.Of(line)) == "client.show_message"
	})
	for _, p := range slices.Backward(parts) {
		switch key := strings.ToLower(p.Key); {
		case key == "error", key == "reject-reason", key == "params" && shows:
			line = replace(line, p, m.repeated(p.Of(line)))
		}
	}
	return line
}

// repeated masks all that is known to be secret.
func (m *masker) repeated(b []byte) []byte {
	for _, s := range m.secrets {
		b = bytes.ReplaceAll(b, []byte(s), []byte(Masked))
	}
	for i, u := range m.users {
		if len(u) >= leastSecret {
			b = bytes.ReplaceAll(b, []byte(u), alias(i))
		}
	}
	return b
}

// mayHoldSecret reports whether a line that can't be taken apart looks like one
// with a password.
func mayHoldSecret(line []byte) bool {
	lower := bytes.ToLower(line)
	for _, word := range []string{"auth", "login", "pass", `\u`} { // \u spells any of them
		if bytes.Contains(lower, []byte(word)) {
			return true
		}
	}
	return false
}

// request masks the password of a request that logs in, and, if users are
// hidden, the name in it and in each share. It goes from the end of the line to
// its start, so that what is found still stands where it was.
func (m *masker) request(line []byte, parts []jsonline.Part) []byte {
	if len(parts) > 0 && parts[0].Key == "" { // a batch
		if mayHoldSecret(line) {
			return []byte(Masked)
		}
		return line
	}
	logsIn, submits := false, false
	for _, p := range parts {
		if method := text(p.Of(line)); strings.EqualFold(p.Key, "method") {
			method = strings.ToLower(method)
			logsIn = logsIn || strings.Contains(method, "auth") || strings.Contains(method, "login")
			submits = submits || strings.Contains(method, "submit")
		}
	}
	for _, p := range slices.Backward(parts) {
		switch {
		case secretKey(p.Key):
			line = m.hide(line, p)
		case (logsIn || submits) && strings.EqualFold(p.Key, "params"):
			line = m.params(line, p, logsIn)
		}
	}
	return line
}

// params masks those of a login, or of a share.
func (m *masker) params(line []byte, at jsonline.Part, login bool) []byte {
	inner, err := jsonline.Parts(at.Of(line))
	if err != nil {
		if login {
			return m.hide(line, at)
		}
		return line
	}
	for i, p := range slices.Backward(inner) {
		p.Start, p.End = p.Start+at.Start, p.End+at.Start
		switch {
		case p.Key == "" && i == 0 && m.hideUsers:
			line = replace(line, p, fmt.Appendf(nil, "%q", m.user(text(p.Of(line)))))
		case login && (p.Key == "" && i > 0 || secretKey(p.Key)):
			line = m.hide(line, p)
		}
	}
	return line
}

func secretKey(key string) bool {
	key = strings.ToLower(key)
	for _, word := range []string{"pass", "pwd", "secret", "token"} {
		if strings.Contains(key, word) {
			return true
		}
	}
	return false
}

// hide masks a value and remembers it. null and the empty text hide nothing.
func (m *masker) hide(line []byte, p jsonline.Part) []byte {
	value := p.Of(line)
	if string(value) == "null" || string(value) == `""` {
		return line
	}
	for _, s := range []string{text(value), strings.Trim(string(value), `"`)} { // as it is, and as JSON spells it
		if len(s) >= leastSecret && len(m.secrets) < mostNames && !slices.Contains(m.secrets, s) {
			m.secrets = append(m.secrets, s)
		}
	}
	return replace(line, p, []byte(`"`+Masked+`"`))
}

// user returns what stands for a user's name: the same each time.
func (m *masker) user(name string) []byte {
	i := slices.Index(m.users, name)
	if i < 0 {
		if len(m.users) == mostNames {
			return []byte("user")
		}
		i = len(m.users)
		m.users = append(m.users, name)
	}
	return alias(i)
}

func alias(i int) []byte { return fmt.Appendf(nil, "user%d", i+1) }

// frame returns the frame with the names of users, if they are to be hidden,
// written over, so that it keeps its form.
func (m *masker) frame(frame []byte) []byte {
	for _, u := range m.users {
		if len(u) >= leastSecret {
			frame = bytes.ReplaceAll(frame, []byte(u), bytes.Repeat([]byte("x"), len(u)))
		}
	}
	return frame
}

// text returns the text that a JSON value is, or the value if it is none.
func text(value []byte) string {
	var s string
	if json.Unmarshal(value, &s) != nil {
		return string(value)
	}
	return s
}

// replace returns line with the part replaced; the argument stays as it is.
func replace(line []byte, p jsonline.Part, by []byte) []byte {
	return slices.Concat(line[:p.Start], by, line[p.End:])
}

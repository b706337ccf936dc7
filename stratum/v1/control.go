package v1

import (
	"math"
	"strconv"
	"time"
)

// Ping is mining.ping, from either side. It is answered with "pong", see
// TextResponse; many servers never do.
type Ping struct{ ID ID }

// Method returns "mining.ping".
func (*Ping) Method() string { return "mining.ping" }

func (m *Ping) ident() ID { return m.ID }

func (*Ping) decode(*params) {}

func (m *Ping) append(b []byte) ([]byte, error) {
	return append(appendCall(b, m.ID, m.Method()), "]}"...), nil
}

// GetVersion is client.get_version. It is answered with the client's
// name/version, see TextResponse.
type GetVersion struct{ ID ID }

// Method returns "client.get_version".
func (*GetVersion) Method() string { return "client.get_version" }

func (m *GetVersion) ident() ID { return m.ID }

func (*GetVersion) decode(*params) {}

func (m *GetVersion) append(b []byte) ([]byte, error) {
	return append(appendCall(b, m.ID, m.Method()), "]}"...), nil
}

// ShowMessage is client.show_message. The text is what the server sent: to show
// it, use CleanText.
type ShowMessage struct {
	ID   ID
	Text string
}

// Method returns "client.show_message".
func (*ShowMessage) Method() string { return "client.show_message" }

func (m *ShowMessage) ident() ID { return m.ID }

func (m *ShowMessage) decode(p *params) { m.Text = p.string("message", p.next()) }

func (m *ShowMessage) append(b []byte) ([]byte, error) {
	return append(appendString(appendCall(b, m.ID, m.Method()), m.Text), "]}"...), nil
}

// Reconnect is client.reconnect. Whether to follow it is the caller's to decide.
type Reconnect struct {
	ID   ID
	Host string        // at most 255 printable ASCII characters, not checked further; empty for the same host
	Port uint16        // 0 for the same port
	Wait time.Duration // before connecting again: seconds, rounded up to whole ones, 0 to 2^31-1
}

const (
	maxHost = 255 // bytes; a domain name has at most 253
	maxWait = math.MaxInt32
)

// Method returns "client.reconnect".
func (*Reconnect) Method() string { return "client.reconnect" }

func (m *Reconnect) ident() ID { return m.ID }

func (m *Reconnect) decode(p *params) {
	if raw := p.nextOptional(); raw != nil {
		m.Host = p.host(raw)
	}
	if raw := p.nextOptional(); raw != nil {
		m.Port = uint16(p.integer("port", unquoted(raw), 0, math.MaxUint16))
	}
	if raw := p.nextOptional(); raw != nil {
		const want = "seconds from 0 to 2147483647"
		if seconds, _ := p.number("wait", raw, want); seconds >= 0 && seconds <= maxWait {
			m.Wait = time.Duration(math.Ceil(seconds)) * time.Second
		} else {
			p.fail("wait", raw, want)
		}
	}
}

// host reads a string that can stand in an address.
func (p *params) host(raw []byte) string {
	host := p.string("host", raw)
	if len(host) > maxHost {
		p.fail("host", raw, "at most 255 bytes")
		return ""
	}
	for i := range len(host) {
		if host[i] <= ' ' || host[i] > '~' {
			p.fail("host", raw, "printable ASCII without spaces")
			return ""
		}
	}
	return host
}

// unquoted returns what stands in a JSON string, and any other value as it is:
// some servers write numbers as strings.
func unquoted(raw []byte) []byte {
	if raw[0] == '"' {
		return content(raw)
	}
	return raw
}

func (m *Reconnect) append(b []byte) ([]byte, error) {
	b = appendCall(b, m.ID, m.Method())
	seconds := int64(m.Wait / time.Second)
	if m.Wait%time.Second > 0 {
		seconds++
	}
	if m.Host != "" || m.Port != 0 || seconds > 0 {
		b = appendString(b, m.Host)
	}
	switch {
	case m.Port != 0:
		b = strconv.AppendUint(append(b, ','), uint64(m.Port), 10)
	case seconds > 0:
		b = append(b, ",null"...)
	}
	if seconds > 0 {
		b = strconv.AppendInt(append(b, ','), seconds, 10)
	}
	return append(b, "]}"...), nil
}

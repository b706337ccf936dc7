package v1_test

import (
	"errors"
	"strings"
	"testing"

	"gominer/stratum/v1"
)

// TestForeign: what is no Stratum V1 is recognized by how it begins.
func TestForeign(t *testing.T) {
	for _, c := range []struct {
		says string
		want v1.Foreign
	}{
		{"HTTP/1.1 400 Bad Request\r\n", v1.ForeignHTTP},
		{"<!DOCTYPE html>\n", v1.ForeignHTTP},
		{"GET / HTTP/1.1\r\n", v1.ForeignHTTP},
		{"POST /json_rpc HTTP/1.0\r\n", v1.ForeignHTTP},
		{"\x16\x03\x01\x02\x00\x01\x00", v1.ForeignTLS},
		{"\x15\x03\x03\x00\x02\x02\x46", v1.ForeignTLS},
		{"SSH-2.0-OpenSSH_9.9\r\n", v1.ForeignSSH},
		{"\x9a\x01\xf1\xff", v1.ForeignBinary},
		{"\"\x9a\x01\xf1\xff", v1.ForeignBinary},
		{"{\"id\":1,\"method\":\"\xff\"}\n", v1.ForeignUnknown},
		{"GETTING THERE\n", v1.ForeignUnknown},
		{"\x00\x01\n", v1.ForeignUnknown},
		{"[1,2,3]\n", v1.ForeignUnknown},
	} {
		rw := struct {
			*strings.Reader
			discard
		}{Reader: strings.NewReader(c.says)}
		_, err := v1.NewConn(rw, v1.Limits{}).Read()
		var bad *v1.ProtocolError
		if !errors.As(err, &bad) {
			t.Errorf("%q: %v", c.says, err)
			continue
		}
		if got := bad.Speaks(); got != c.want {
			t.Errorf("%q speaks %d, want %d", c.says, got, c.want)
		}
	}
}

type discard struct{}

func (discard) Write(b []byte) (int, error) { return len(b), nil }

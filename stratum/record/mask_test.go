package record_test

import (
	"bytes"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gominer/stratum/record"
)

func TestMask(t *testing.T) {
	const secret = "hunter2-secret"
	for _, c := range []struct {
		from       record.Side
		line, want string
	}{
		// The password, in all the forms that log somebody in, and nothing else.
		{record.Miner, `{"id": 3, "method": "mining.authorize", "params": ["alice.1", "hunter2-secret"]}`, `{"id": 3, "method": "mining.authorize", "params": ["alice.1", "***"]}`},
		{record.Miner, `{"params":["alice","x","hunter2-secret"],"method":"mining.\u0061uthorize"}`, `{"params":["alice","***","***"],"method":"mining.\u0061uthorize"}`},
		{record.Miner, `{"method":"mining.ping","params":["a","hunter2-secret"],"method":"Mining.Authorize","params":["b","hunter2-secret"]}`, `{"method":"mining.ping","params":["a","***"],"method":"Mining.Authorize","params":["b","***"]}`},
		{record.Miner, `{"method":"eth_submitLogin","params":["a","hunter2-secret"],"worker":"w"}`, `{"method":"eth_submitLogin","params":["a","***"],"worker":"w"}`},
		{record.Miner, `{"method":"login","params":{"login":"a","pass":"hunter2-secret","agent":"g"}}`, `{"method":"login","params":{"login":"a","pass":"***","agent":"g"}}`},
		{record.Miner, `{"method":"mining.authorize","params":"hunter2-secret"}`, `{"method":"mining.authorize","params":"***"}`},
		{record.Miner, `{"method":"mining.authorize","params":["a",["hunter2-secret"]]}`, `{"method":"mining.authorize","params":["a","***"]}`},
		{record.Miner, `{"method":"x","Password":"hunter2-secret","api_token":"hunter2-secret"}`, `{"method":"x","Password":"***","api_token":"***"}`},
		{record.Miner, `[{"method":"mining.authorize","params":["a","hunter2-secret"]}]`, `***`},
		{record.Miner, `{"method":"mining.authorize","params":["a","hunter2-secret"`, `***`},
		{record.Miner, `{"method":"mining.\u0061uthorize","params":["a","hunter2-secret"`, `***`},
		{record.Miner, `{"method":"mining.configure","params":[["info"],{"info.connection-url":"stratum+tcp://me:hunter2-secret@pool:1"}]}`, `{"method":"mining.configure","params":[["info"],{"info.connection-url":"stratum+tcp://***@pool:1"}]}`},
		{record.Miner, `{"x":"http:\/\/me:hunter2-secret@proxy:1"}`, `{"x":"http:\/\/***@proxy:1"}`},

		// What hides nothing stays.
		{record.Miner, `{"method":"mining.authorize","params":["a"]}`, `{"method":"mining.authorize","params":["a"]}`},
		{record.Miner, `{"method":"mining.authorize","params":["a",""]}`, `{"method":"mining.authorize","params":["a",""]}`},
		{record.Miner, `{"method":"mining.authorize","params":["a",null]}`, `{"method":"mining.authorize","params":["a",null]}`},
		{record.Miner, `{"method":"mining.submit","params":["a","j","00","65000000","00000000"]}`, `{"method":"mining.submit","params":["a","j","00","65000000","00000000"]}`},
		{record.Miner, `{"id":16, garbage`, `{"id":16, garbage`},
		{record.Pool, `{"id":null,"method":"mining.notify","params":["authority","pass"]`, `{"id":null,"method":"mining.notify","params":["authority","pass"]`},
		{record.Pool, "\x15\x03\x01", "\x15\x03\x01"},
	} {
		mask := record.MaskForTest(false)
		if got := mask(c.line, c.from); got != c.want || strings.Contains(got, secret) {
			t.Errorf("%s\nbecame %s\nwant   %s", c.line, got, c.want)
		}
	}
}

// A pool that repeats the password in a text for people gives nothing away. The
// words of the protocol stay, whatever the password is.
func TestMaskRepeated(t *testing.T) {
	mask := record.MaskForTest(false)
	mask(`{"method":"mining.authorize","params":["alice@example.org","hunter2\"secret"]}`, record.Miner)
	mask(`{"method":"mining.authorize","params":["bob","result"]}`, record.Miner)
	for line, want := range map[string]string{
		`{"id":1,"error":[24,"alice@example.org: hunter2\"secret is wrong",null]}`: `{"id":1,"error":[24,"alice@example.org: *** is wrong",null]}`,
		`{"id":1,"result":false,"reject-reason":"hunter2\"secret"}`:                `{"id":1,"result":false,"reject-reason":"***"}`,
		`{"method":"client.show_message","params":["no hunter2\"secret here"]}`:    `{"method":"client.show_message","params":["no *** here"]}`,
		`wrong: hunter2"secret`:               `wrong: ***`,
		`{"id":1,"result":true,"error":null}`: `{"id":1,"result":true,"error":null}`,
		`{"id":1,"method":"mining.notify","params":["result"],"x":"alice@example.org:3333"}`: `{"id":1,"method":"mining.notify","params":["result"],"x":"alice@example.org:3333"}`,
	} {
		if got := mask(line, record.Pool); got != want {
			t.Errorf("%s\nbecame %s\nwant   %s", line, got, want)
		}
	}
}

func TestHideUsers(t *testing.T) {
	mask := record.MaskForTest(true)
	for _, c := range []struct {
		from       record.Side
		line, want string
	}{
		{record.Miner, `{"method":"mining.authorize","params":["bc1qalice.rig","pw"]}`, `{"method":"mining.authorize","params":["user1","***"]}`},
		{record.Miner, `{"method":"mining.authorize","params":["bob"]}`, `{"method":"mining.authorize","params":["user2"]}`},
		{record.Miner, `{"method":"mining.submit","params":["bc1qalice.rig","j","00","65000000","00000000"]}`, `{"method":"mining.submit","params":["user1","j","00","65000000","00000000"]}`},
		{record.Miner, `{"method":"mining.submit","params":[7]}`, `{"method":"mining.submit","params":["user3"]}`},
		{record.Pool, `{"id":1,"error":[24,"who is bc1qalice.rig",null]}`, `{"id":1,"error":[24,"who is user1",null]}`},
		{record.Pool, `{"id":1,"error":[24,"bobsleigh",null]}`, `{"id":1,"error":[24,"bobsleigh",null]}`},
	} {
		if got := mask(c.line, c.from); got != c.want {
			t.Errorf("%s\nbecame %s\nwant   %s", c.line, got, c.want)
		}
	}
}

// No byte of a secret reaches the file, by whatever way it came.
func TestNoSecretInTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "r.jsonl")
	w := create(t, record.Config{Path: path, HideUsers: true})
	tap := w.Open(record.Opening{URL: "stratum+tcp://bc1qalice:hunter2-secret@pool:1", User: "bc1qalice"})
	a, b := net.Pipe()
	nc := tap.Lines(a, record.Miner)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		buf := make([]byte, 1<<10)
		for {
			if _, err := b.Read(buf); err != nil {
				return
			}
		}
	}()
	for _, s := range []string{`{"id":1,"method":"mining.auth`, `orize","params":["bc1qalice","hunter2-secret"]}` + "\n", `{"id":2,"method":"mining.authorize","params":["bc1qalice","hunter2-secret`} {
		if _, err := nc.Write([]byte(s)); err != nil {
			t.Fatal(err)
		}
	}
	nc.Close()
	<-ended
	frame := append([]byte{0, 0, 0x10, 20, 0, 0}, "\x09bc1qalice"...)
	tap.FramesForTest(record.Miner, frame)
	tap.Close(&net.AddrError{Err: "hunter2-secret", Addr: "bc1qalice"})
	finish(t, w)
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"hunter2", "bc1qalice", "626331"} {
		if bytes.Contains(raw, []byte(secret)) {
			t.Errorf("%q is in\n%s", secret, raw)
		}
	}
	for _, e := range entries(t, path) {
		if e.Kind == record.Frame && len(e.Data) != len(frame) {
			t.Errorf("the frame has %d bytes, want %d", len(e.Data), len(frame))
		}
	}
}

// FuzzMask: whatever a line holds, to mask it twice changes nothing, and a
// password that logs somebody in is gone.
func FuzzMask(f *testing.F) {
	f.Add([]byte(`{"id":1,"method":"mining.authorize","params":["a","b"]}`), "secret")
	f.Add([]byte(`[{"method":"\u0061uth"}]`), "\"\\\x00é")
	f.Add([]byte(`{"params":{"pass":[1]},"method":"login"}`), "***")
	f.Fuzz(func(t *testing.T, line []byte, password string) {
		for _, from := range []record.Side{record.Miner, record.Pool} {
			mask := record.MaskForTest(false)
			once := mask(string(line), from)
			if again := mask(once, from); again != once && !bytes.Contains(line, []byte("***")) {
				t.Fatalf("%q became %q, and that %q", line, once, again)
			}
		}
		params, err := json.Marshal([]string{"user", password})
		if err != nil || password == "" {
			return
		}
		got := record.MaskForTest(false)(`{"id":1,"method":"mining.authorize","params":`+string(params)+`}`, record.Miner)
		if want := `{"id":1,"method":"mining.authorize","params":["user","***"]}`; got != want {
			t.Fatalf("%s, want %s", got, want)
		}
	})
}

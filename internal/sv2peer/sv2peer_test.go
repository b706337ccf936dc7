package sv2peer

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"gominer/hasher"
	"gominer/stratum/noise"
	"gominer/stratum/v2"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Limits of what runs here. A debug build of the crates takes a minute or two on
// a slow machine, once.
const (
	buildLimit = 9 * time.Minute
	peerLimit  = 2 * time.Minute
)

// build returns the program, or why there is none. It is built once.
var build = sync.OnceValues(func() (program string, err error) {
	cargo, err := exec.LookPath("cargo")
	if err != nil {
		return "", errMissing("no cargo: install Rust")
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", errMissing(err.Error())
	}
	target := filepath.Join(cache, "gominer", "sv2peer")
	ctx, cancel := context.WithTimeout(context.Background(), buildLimit)
	defer cancel()
	if out, err := exec.CommandContext(ctx, cargo, "fetch", "--locked", "--quiet").CombinedOutput(); err != nil {
		return "", errMissing("the crates can't be had: " + string(out))
	}
	cmd := exec.CommandContext(ctx, cargo, "build", "--frozen", "--quiet", "--target-dir", target)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", errors.New("cargo build: " + string(out))
	}
	return filepath.Join(target, "debug", "sv2peer"), nil
})

// errMissing says that something is not on this machine.
type errMissing string

func (e errMissing) Error() string { return string(e) }

// peer is the program while it runs.
type peer struct {
	t      *testing.T
	cmd    *exec.Cmd
	out    *bufio.Scanner
	stderr bytes.Buffer
}

func start(t *testing.T, args ...string) *peer {
	t.Helper()
	program, err := build()
	var missing errMissing
	switch {
	case errors.As(err, &missing):
		t.Skip(missing)
	case err != nil:
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), peerLimit)
	t.Cleanup(cancel)
	p := &peer{t: t, cmd: exec.CommandContext(ctx, program, args...)}
	p.cmd.Stderr = &p.stderr
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p.out = bufio.NewScanner(stdout)
	return p
}

// line returns the next line that the program prints.
func (p *peer) line() string {
	p.t.Helper()
	if !p.out.Scan() {
		p.t.Fatalf("the peer prints no more: %v %s", p.cmd.Wait(), &p.stderr)
	}
	return p.out.Text()
}

// end waits until the program has ended well.
func (p *peer) end() {
	p.t.Helper()
	for p.out.Scan() {
	}
	if err := p.cmd.Wait(); err != nil {
		p.t.Errorf("the peer: %v: %s", err, &p.stderr)
	}
}

// keys returns an authority's, as the program wants them.
func keys(t *testing.T) (*noise.PrivateKey, noise.PublicKey) {
	t.Helper()
	secret, err := noise.GeneratePrivateKey()
	if err != nil {
		t.Fatal(err)
	}
	return secret, secret.Public()
}

// The reference implementation as the server.
func TestClient(t *testing.T) {
	secret, public := keys(t)
	p := start(t, "listen", public.String(), secret.Encode())
	nc, err := net.Dial("tcp", p.line())
	if err != nil {
		t.Fatal(err)
	}
	conn, err := noise.Client(t.Context(), nc, noise.Config{Authority: public})
	if err != nil {
		t.Fatal(err)
	}
	talk(t, conn)
	conn.Close()
	p.end()
}

// The reference implementation as the client.
func TestServer(t *testing.T) {
	secret, public := keys(t)
	id, err := noise.NewIdentity(secret, time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	p := start(t, "connect", l.Addr().String(), public.String())
	nc, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	conn, err := noise.Server(t.Context(), nc, id, noise.Config{})
	if err != nil {
		t.Fatal(err)
	}
	talk(t, conn)
	conn.Close()
	p.end()
}

// A client of the reference implementation leaves a server of another authority.
func TestServerOfAnother(t *testing.T) {
	secret, _ := keys(t)
	_, other := keys(t)
	id, err := noise.NewIdentity(secret, time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	p := start(t, "connect", l.Addr().String(), other.String())
	nc, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	conn, err := noise.Server(t.Context(), nc, id, noise.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Read(make([]byte, 1)); err == nil {
		t.Error("it stays")
	}
	for p.out.Scan() {
	}
	if err := p.cmd.Wait(); err == nil || !strings.Contains(p.stderr.String(), "InvalidCertificate") {
		t.Errorf("the peer ends with %v: %s", err, &p.stderr)
	}
}

// talk sends every message, each filled in three ways, and wants it back as it
// was.
func talk(t *testing.T, conn *noise.Conn) {
	t.Helper()
	c := v2.NewConn(conn, v2.MaxPayload)
	for n := range 3 {
		for _, m := range messages() {
			fill(reflect.ValueOf(m).Elem(), n)
			exchange(t, c, m)
		}
	}
	// Payloads around what a block of the encryption holds.
	const block, around = 65519, 8 + 2 + 2 + 3
	for _, size := range []int{block - 1, block, block + 1, 2*block - 1, 2 * block, 2*block + 1, 1 << 20} {
		tx := bytes.Repeat([]byte{byte(size)}, size-around)
		exchange(t, c, &v2.RequestTransactionDataSuccess{TemplateID: 1, TransactionList: [][]byte{tx}})
	}
}

// exchange sends m and wants it back, to the byte.
func exchange(t *testing.T, c *v2.Conn, m v2.Message) {
	t.Helper()
	if err := c.Write(m); err != nil {
		t.Fatalf("%v: %v", m.Type(), err)
	}
	got, err := c.Read()
	if err != nil {
		if err == io.EOF {
			t.Fatalf("%v %+v: the peer hangs up on it", m.Type(), m)
		}
		t.Fatalf("%v: %v", m.Type(), err)
	}
	if !reflect.DeepEqual(got, m) {
		t.Errorf("%v came back as %+v, want %+v", m.Type(), got, m)
	}
}

// messages are of every type.
func messages() []v2.Message {
	return []v2.Message{
		&v2.SetupConnection{}, &v2.SetupConnectionSuccess{}, &v2.SetupConnectionError{},
		&v2.ChannelEndpointChanged{}, &v2.Reconnect{},
		&v2.OpenStandardMiningChannel{}, &v2.OpenStandardMiningChannelSuccess{}, &v2.OpenMiningChannelError{},
		&v2.OpenExtendedMiningChannel{}, &v2.OpenExtendedMiningChannelSuccess{},
		&v2.UpdateChannel{}, &v2.UpdateChannelError{}, &v2.CloseChannel{}, &v2.SetExtranoncePrefix{},
		&v2.SetTarget{}, &v2.SetGroupChannel{},
		&v2.NewMiningJob{}, &v2.NewMiningJob{Future: true}, &v2.NewExtendedMiningJob{}, &v2.NewExtendedMiningJob{Future: true},
		&v2.SetNewPrevHash{}, &v2.SetCustomMiningJob{}, &v2.SetCustomMiningJobSuccess{}, &v2.SetCustomMiningJobError{},
		&v2.SubmitSharesStandard{}, &v2.SubmitSharesExtended{}, &v2.SubmitSharesSuccess{}, &v2.SubmitSharesError{},
		&v2.AllocateMiningJobToken{}, &v2.AllocateMiningJobTokenSuccess{}, &v2.DeclareMiningJob{},
		&v2.DeclareMiningJobSuccess{}, &v2.DeclareMiningJobError{}, &v2.ProvideMissingTransactions{},
		&v2.ProvideMissingTransactionsSuccess{}, &v2.PushSolution{},
		&v2.CoinbaseOutputConstraints{}, &v2.NewTemplate{}, &v2.SetNewTemplatePrevHash{}, &v2.RequestTransactionData{},
		&v2.RequestTransactionDataSuccess{}, &v2.RequestTransactionDataError{}, &v2.SubmitSolution{},
		&v2.RequestExtensions{}, &v2.RequestExtensionsSuccess{}, &v2.RequestExtensionsError{},
	}
}

// fill gives every field of a message a value: with n 0 none has anything in it,
// with more the lists and strings grow.
func fill(m reflect.Value, n int) {
	future := m.FieldByName("Future")
	for i := range m.NumField() {
		f, name := m.Field(i), m.Type().Field(i).Name
		seed := uint64(i+1) * 0x9e3779b97f4a7c15
		switch {
		case name == "Future", name == "TLVs", name == "MinNTime" && future.IsValid() && future.Bool():
		case name == "Protocol":
			f.SetUint(uint64(n)) // there are three
		case f.Kind() == reflect.Bool:
			f.SetBool(n%2 == 1)
		case f.CanUint():
			f.SetUint(seed >> (64 - f.Type().Bits()) * uint64(min(n, 1)))
		case f.CanFloat():
			f.SetFloat(float64(n) * 1.5e14)
		case f.Kind() == reflect.String:
			f.SetString(strings.Repeat("äbc", 30*n))
		case f.Kind() == reflect.Array:
			for j := range f.Len() {
				f.Index(j).SetUint((seed + uint64(j*n)) & 0xff)
			}
		case n > 0:
			fillList(f, n)
		}
	}
}

// fillList gives a field several elements. None is longer than an extranonce may
// be.
func fillList(f reflect.Value, n int) {
	switch list := f.Addr().Interface().(type) {
	case *[]byte:
		*list = bytes.Repeat([]byte{byte(n)}, 16*n)
	case *[]hasher.Hash:
		*list = []hasher.Hash{{1}, {2: byte(n)}, {31: 0xff}}
	case *[]uint16:
		*list = []uint16{1, 0xabcd, uint16(n)}
	case *[]uint32:
		*list = []uint32{1, 0xabcdef01, uint32(n)}
	case *[][]byte:
		*list = [][]byte{{1, 2, 3}, bytes.Repeat([]byte{9}, 300*n)}
	}
}

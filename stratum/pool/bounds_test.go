package pool_test

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// TestOldJobsAreForgotten: a client that makes the pool send job after job
// doesn't make it remember them all.
func TestOldJobsAreForgotten(t *testing.T) {
	const kept = 128
	m := start(t, easy()).dial(t).login()
	first := m.share(m.next(1), 1)
	for n := 2; n <= kept; n++ {
		m.ok("mining.suggest_difficulty", 1e-8*float64(n))
		m.next(n)
	}
	m.want(m.submit(m.next(1), first), 0)
	second := m.share(m.next(2), 2)
	m.ok("mining.suggest_difficulty", 1e-8)
	m.next(kept + 1)
	m.want(m.submit(m.next(1), first), 21)
	m.want(m.submit(m.next(2), second), 0)
}

// TestConfigureSparesTheNetworksBits: bits that mean something to the network
// are not granted, even if the pool's mask has them.
func TestConfigureSparesTheNetworksBits(t *testing.T) {
	cfg := easy()
	tmpl := fixedTemplate()
	tmpl.VersionBits = 0x00006000
	cfg.Source = &submitted{}
	cfg.Source.(*submitted).Template = tmpl
	r := start(t, cfg)
	r.dial(t).login() // there is a job
	m := r.dial(t)
	if !m.configure(0x1fffe000, 0) || m.mask != 0x1fff8000 {
		t.Errorf("granted %08x, want 1fff8000", m.mask)
	}
}

// TestAnswersBeforeJobs: who sends all at once has the answers before the first
// job, which else may be taken for one of another session.
func TestAnswersBeforeJobs(t *testing.T) {
	r := start(t, easy())
	for range 50 {
		m := r.dial(t)
		fmt.Fprint(m.nc, `{"id":1,"method":"mining.subscribe","params":[]}`+"\n"+`{"id":2,"method":"mining.authorize","params":["w","x"]}`+"\n")
		for id := 1.0; id <= 2; id++ {
			b, err := m.in.ReadBytes('\n')
			if want := fmt.Sprintf(`{"id":%v,`, id); err != nil || !strings.HasPrefix(string(b), want) {
				t.Fatalf("got %s, %v; want the answer to request %v first", b, err, id)
			}
		}
	}
}

// crowded is a listener for which the system has no file descriptor at first.
type crowded struct {
	net.Listener
	refusals int
}

func (c *crowded) Accept() (net.Conn, error) {
	if c.refusals > 0 {
		c.refusals--
		return nil, &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", syscall.EMFILE)}
	}
	return c.Listener.Accept()
}

// TestServeOutlastsCrowds: want of file descriptors is waited out.
func TestServeOutlastsCrowds(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := startOn(t, easy(), &crowded{l, 2})
	r.dial(t).login()
	r.events.await(t, "refused", 2)
}

// TestJobIDsOfAnEarlierRun: shares of before a restart find no job of theirs.
func TestJobIDsOfAnEarlierRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ids []uint64
		for range 2 {
			l := newPipes()
			r := startOn(t, easy(), l)
			m := newMiner(t, l.dial()).login()
			id, err := strconv.ParseUint(m.next(1).id, 16, 64)
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, id)
			r.stop()
			time.Sleep(time.Second)
		}
		if ids[1] < ids[0]+1<<16 {
			t.Errorf("job %x after a restart, want one far from %x", ids[1], ids[0])
		}
	})
}

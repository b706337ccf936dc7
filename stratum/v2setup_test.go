package stratum_test

import (
	"errors"
	"io"
	"net"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gominer/hasher"
	"gominer/stratum"
	"gominer/stratum/noise"
	"gominer/stratum/v2"
)

func TestV2URL(t *testing.T) {
	key, _ := v2Keys()
	good := "stratum2+tcp://pool.example.org:3336/" + key.String()
	for _, c := range []struct {
		url  string
		set  func(*stratum.Config)
		want string // part of the error; empty if it is fine
	}{
		{good, nil, ""},
		{good + "/", nil, ""},
		{strings.ToUpper(good[:12]) + good[12:], nil, ""},
		{"stratum2+tcp://me.worker:x@pool.example.org:3336/" + key.String(), func(c *stratum.Config) { c.User = "" }, ""},
		{"stratum2+tcp://127.0.0.1:3336", nil, ""},
		{"stratum2+tcp://[::1]:3336", nil, ""},
		{"stratum2+tcp://localhost:3336/", nil, ""},
		{"stratum2+tcp://localhost:3336", func(c *stratum.Config) { c.Proxy = "socks5://192.0.2.1:1080" }, "no authority key"},
		{"stratum2+tcp://pool.example.org:3336", nil, "no authority key"},
		{"stratum2+tcp://pool.example.org:3336", func(c *stratum.Config) { c.V2.Insecure = true }, ""},
		{"stratum2+tcp://192.168.1.2:3336", nil, "no authority key"},
		{"stratum2+tcp://pool.example.org/" + key.String(), nil, "no port"},
		{"stratum2+tcp://pool.example.org:0/" + key.String(), nil, "port"},
		{"stratum2+tcp://pool.example.org:3336/" + key.String()[1:], nil, "checksum"},
		{"stratum2+tcp://pool.example.org:3336/nokey!", nil, "none of base58"},
		{"stratum2+tcp://pool.example.org:3336/a/b", nil, "none of base58"},
		{"stratum2+tcp://", nil, "pool URL"},
		{good, func(c *stratum.Config) { c.User = "" }, "no user"},
		{good, func(c *stratum.Config) { c.User = strings.Repeat("x", 256) }, "room for 255"},
		{good, func(c *stratum.Config) { c.Agent = strings.Repeat("x", 256) }, "room for"},
		{good, func(c *stratum.Config) { c.V2.Channel = 9 }, "unknown kind of channel 9"},
		{good, func(c *stratum.Config) { c.V2.Hashrate = -1 }, "no hash rate"},
		{good, func(c *stratum.Config) { c.V2.Channel, c.V2.WorkerNames = stratum.V2Standard, true }, "extended channels alone"},
	} {
		cfg := stratum.Config{URL: c.url, User: "me"}
		if c.set != nil {
			c.set(&cfg)
		}
		src, err := stratum.NewSource(cfg)
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: %v", c.url, err)
		case c.want == "":
			if _, ok := src.(*stratum.V2Source); !ok {
				t.Errorf("%s: %T", c.url, src)
			}
		case err == nil || !strings.Contains(err.Error(), c.want):
			t.Errorf("%s: %v, want %q in it", c.url, err, c.want)
		}
	}
	if _, err := stratum.NewV2(stratum.Config{URL: "stratum+tcp://x:1", User: "me"}); err == nil {
		t.Error("NewV2 takes a URL of V1")
	}
	if src, err := stratum.NewSource(stratum.Config{URL: "x:1", User: "me"}); err != nil {
		t.Error(err)
	} else if _, ok := src.(*stratum.Source); !ok {
		t.Errorf("%T for V1", src)
	}
	for k, want := range map[stratum.V2Channel]string{stratum.V2Auto: "auto", stratum.V2Standard: "standard", stratum.V2Extended: "extended"} {
		if k.String() != want {
			t.Errorf("%q, want %q", k, want)
		}
	}
}

func TestV2Setup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startV2(t, 1, func(c *stratum.Config) { c.SuggestDifficulty, c.V2.Hashrate = 8, 5e9 })
		p := r.accept()
		if p.addr != "pool.example.org:3336" {
			t.Errorf("%s is dialed", p.addr)
		}
		got := p.setup(0)
		want := &v2.SetupConnection{
			Protocol: v2.Mining, MinVersion: 2, MaxVersion: 2, EndpointHost: "pool.example.org", EndpointPort: 3336,
			Vendor: "gominer", Firmware: "test", HardwareVersion: runtime.GOOS + "/" + runtime.GOARCH,
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%+v, want %+v", got, want)
		}
		m := p.openExtended(firstChannel)
		eight, _ := hasher.TargetFromDifficulty(8)
		if m.UserIdentity != "me.worker" || m.NominalHashRate != 5e9 || m.MaxTarget != eight || m.MinExtranonceSize != 4 {
			t.Errorf("%+v", m)
		}
		p.send(extendedJob(firstChannel, 1, 0), newBlock(firstChannel, 1, 1))
		r.job()
		key, _ := v2Keys()
		st := r.status()
		if st.URL != "stratum2+tcp://pool.example.org:3336/"+key.String() || st.Protocol != "stratum v2" || st.Encryption != "noise" ||
			st.User != "me.worker" || !slices.Equal(st.Traits, []string{"extended channel", "version-rolling 1fffe000"}) {
			t.Errorf("%+v", st)
		}
		r.end()
		// The channel is closed, then the connection.
		last := p.gone()
		if want := (&v2.CloseChannel{ChannelID: firstChannel, ReasonCode: "shutdown"}); len(last) != 1 || !reflect.DeepEqual(last[0], want) {
			t.Errorf("in the end %v is sent", last)
		}
	})
}

// What the pool answers to SetupConnection decides about the kind of channel.
func TestV2SetupFlags(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startV2(t, 1, kind(stratum.V2Standard))
		p := r.accept()
		if m := expectV2[*v2.SetupConnection](p); m.Flags != v2.RequiresStandardJobs {
			t.Errorf("flags %#x", m.Flags)
		}
		p.try(&v2.SetupConnectionError{Flags: v2.RequiresStandardJobs, ErrorCode: "unsupported-feature-flags"})
		p.gone()
		p = r.accept() // the same again, without the flag
		if m := p.setup(0); m.Flags != 0 {
			t.Errorf("flags %#x", m.Flags)
		}
		p.openStandard(firstChannel)
		p.send(extendedJob(group, 1, 0), newBlock(group, 1, 1))
		r.found(0, 1)
		expectV2[*v2.SubmitSharesStandard](p)
		p.close()
		p = r.accept()
		expectV2[*v2.SetupConnection](p)
		p.try(&v2.SetupConnectionError{Flags: v2.RequiresStandardJobs, ErrorCode: "again"})
		r.wantFailure("again", "0x1")
		p = r.accept()
		expectV2[*v2.SetupConnection](p)
		p.try(&v2.SetupConnectionSuccess{UsedVersion: 2, Flags: v2.RequiresExtendedChannels})
		r.wantFailure("extended channels alone")
		p = r.accept()
		expectV2[*v2.SetupConnection](p)
		p.try(&v2.SetupConnectionSuccess{UsedVersion: 3})
		r.wantFailure("version 3")
		r.end()
	})
}

// With a server that is not of the authority nothing is talked.
func TestV2WrongServer(t *testing.T) {
	secret, err := noise.GeneratePrivateKey()
	if err != nil {
		t.Fatal(err)
	}
	id, err := noise.NewIdentity(secret, time.Unix(0, 0), time.Unix(1<<32-1, 0))
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		r := startV2(t, 1, nil)
		p := r.acceptAs(id)
		if rest := p.gone(); len(rest) != 0 {
			t.Errorf("it was sent %v", rest)
		}
		r.wantFailure("certificate is refused", "has not signed it")
		r.mining() // the right one
		r.end()

		// Without a key, where that is asked for, any server is taken, and it shows.
		r = startV2(t, 1, func(c *stratum.Config) { c.URL, c.V2.Insecure = "stratum2+tcp://pool.example.org:3336", true })
		p = r.acceptAs(id)
		p.setup(0)
		p.openExtended(firstChannel)
		p.send(extendedJob(firstChannel, 1, 0), newBlock(firstChannel, 1, 1))
		r.job()
		if st := r.status(); !slices.Contains(st.Traits, "not authenticated") || st.URL != "stratum2+tcp://pool.example.org:3336" ||
			st.Encryption != "noise, not verified" {
			t.Errorf("%+v", st)
		}
		if !strings.Contains(r.log.String(), `level=WARN msg="not verified: whoever is on the way`) {
			t.Errorf("no warning in the log:\n%s", r.log)
		}
		r.end()
	})
}

// A server of another protocol is named as such, whatever it does.
func TestV2NotV2(t *testing.T) {
	for _, c := range []struct{ name, says, want string }{
		{"hangs up", "", "closed the connection in the handshake: is this a port for Stratum V2? One for Stratum V1 is stratum+tcp://"},
		{"V1", `{"id":null,"method":"mining.set_difficulty","params":[1]}` + "\n", "it sends text, and so not Stratum V2: a port for Stratum V1 is stratum+tcp://"},
		{"silent", "silent", "no answer to the handshake: is this a port for Stratum V2? One for Stratum V1 is stratum+tcp://"},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := startV2(t, 1, nil)
			d := r.dialed()
			ours, theirs := net.Pipe()
			d.reply <- theirs
			go io.Copy(io.Discard, ours)
			if c.says != "silent" {
				_, _ = io.WriteString(ours, c.says)
				ours.Close()
			}
			r.wantFailure(c.want)
			ours.Close()
			r.end()
		})
	}
	synctest.Test(t, func(t *testing.T) {
		r := startV2(t, 1, nil)
		r.dialed().reply <- errors.New("no way")
		r.wantFailure("no way")
		r.end()
	})
}

// A pool that does not answer is left.
func TestV2Silence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startV2(t, 1, nil)
		began := time.Now()
		r.accept()
		r.wantFailure("no answer to SetupConnection within 15s")
		if took := time.Since(began); took > 20*time.Second {
			t.Errorf("it took %v", took)
		}
		p := r.accept()
		p.setup(0)
		r.wantFailure("no answer to the request for a channel within 15s")
		p = r.accept()
		p.setup(0)
		p.openExtended(firstChannel)
		r.wantFailure("opened channel 7, but gave no job for it within 15s")
		p = r.accept()
		p.setup(0)
		p.close()
		r.wantFailure("closed the connection, instead of an answer to the request for a channel")
		r.end()
	})
}

// A silent pool is asked; if it was seen to answer, it has to.
func TestV2Press(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startV2(t, 1, nil)
		p := r.mining()
		next := func() *v2.UpdateChannel {
			t.Helper()
			for range 1000 {
				synctest.Wait()
				if len(p.in) > 0 {
					return expectV2[*v2.UpdateChannel](p)
				}
				time.Sleep(time.Second)
			}
			t.Fatal("nothing is asked")
			return nil
		}
		heard := time.Now()
		next()
		if d := time.Since(heard); d < 90*time.Second || d > 95*time.Second {
			t.Errorf("the pool is asked after %v", d)
		}
		time.Sleep(time.Hour) // it need not answer
		p.quiet()
		p.send(extendedJob(firstChannel, 2, startTime))
		m := next()
		p.send(&v2.SetTarget{ChannelID: m.ChannelID, MaximumTarget: hasher.MaxTarget})
		next()
		p.send(&v2.SetTarget{ChannelID: group, MaximumTarget: hasher.MaxTarget})
		next()
		r.wantFailure("silent for 1m31.5s")
		r.end()
	})
}

// M12: the pool is told of a hash rate that has changed, not too often.
func TestM12UpdateChannel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startV2(t, 1, func(c *stratum.Config) { c.V2.Hashrate = 1000 })
		p := r.mining()
		r.keep(0, 100)
		type update struct {
			after time.Duration
			rate  float32
		}
		var told []update
		began := time.Now()
		run := func(d time.Duration, rate uint64) {
			for end := time.Now().Add(d); time.Now().Before(end); {
				r.devices[0].tried <- rate / 2
				time.Sleep(500 * time.Millisecond)
				p.send(&v2.UpdateChannelError{}) // a sign of life
				for len(p.in) > 0 {
					m := expectV2[*v2.UpdateChannel](p)
					if m.ChannelID != firstChannel || m.MaximumTarget != hasher.MaxTarget {
						t.Errorf("%+v", m)
					}
					told = append(told, update{time.Since(began), m.NominalHashRate})
				}
			}
		}
		run(30*time.Second, 1_000_000) // a thousand times what was expected
		if len(told) != 1 || told[0].after > 12*time.Second || told[0].rate < 700_000 {
			t.Errorf("at first %v was told", told)
		}
		told = nil
		run(5*time.Minute, 1_000_000)
		if len(told) > 2 {
			t.Errorf("while nothing changed %v was told", told)
		}
		told = nil
		run(5*time.Minute, 3_000_000)
		if n := len(told); n == 0 || n > 5 || told[n-1].rate < 2_500_000 {
			t.Errorf("after a change %v was told", told)
		}
		for i, u := range told[1:] {
			if u.after-told[i].after < 30*time.Second {
				t.Errorf("%v was told within half a minute", told)
			}
		}
		told = nil
		run(5*time.Minute, 0) // a device that stopped is no news
		for _, u := range told {
			if u.rate == 0 {
				t.Errorf("a hash rate of 0 was told: %v", told)
			}
		}
		r.end()
	})
}

// M13: Reconnect is followed to any server of the same authority.
func TestM13Reconnect(t *testing.T) {
	secret, _ := noise.GeneratePrivateKey()
	other, err := noise.NewIdentity(secret, time.Unix(0, 0), time.Unix(1<<32-1, 0))
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		r := startV2(t, 1, nil)
		p := r.mining()
		r.found(0, 1)
		p.share()
		p.try(&v2.Reconnect{NewHost: "elsewhere.example.com", NewPort: 4444})
		p.gone()
		if s := r.m.Snapshot(); s.Job != nil {
			t.Errorf("job %s is mined, of a pool that is left", s.Job.Job.ID)
		}
		p = r.mining()
		if p.addr != "elsewhere.example.com:4444" {
			t.Errorf("%s is dialed", p.addr)
		}
		r.want(0, 0, 0, 1) // what was not acknowledged is lost with its channel
		p.send(&v2.Reconnect{NewPort: 5555})
		r.job() // too soon
		time.Sleep(11 * time.Second)
		for len(p.in) > 0 {
			<-p.in
		}
		p.try(&v2.Reconnect{NewPort: 5555})
		p = r.acceptAs(other)
		if p.addr != "elsewhere.example.com:5555" {
			t.Errorf("%s is dialed", p.addr)
		}
		p.gone()
		synctest.Wait()
		if errs := r.failures(); len(errs) != 1 || !strings.Contains(errs[0].Error(), "has not signed it") {
			t.Errorf("another authority's server: %v", errs)
		}
		p = r.mining() // and back to where it began
		if p.addr != "pool.example.org:3336" {
			t.Errorf("%s is dialed", p.addr)
		}
		time.Sleep(11 * time.Second)
		p.send(&v2.Reconnect{NewHost: "-not a host-"}, &v2.Reconnect{NewHost: strings.Repeat("a.", 127) + "a"})
		r.job()
		r.end()
	})
}

// M13: without a key only the port may change; and not at all if so set.
func TestM13ReconnectRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startV2(t, 1, func(c *stratum.Config) { c.URL, c.V2.Insecure = "stratum2+tcp://pool.example.org:3336", true })
		p := r.mining()
		p.send(&v2.Reconnect{NewHost: "elsewhere.example.com"})
		p.quiet()
		p.try(&v2.Reconnect{NewHost: "POOL.example.org.", NewPort: 99})
		if p = r.mining(); !strings.HasSuffix(p.addr, ":99") {
			t.Errorf("%s is dialed", p.addr)
		}
		r.end()

		r = startV2(t, 1, func(c *stratum.Config) { c.Reconnect = stratum.ReconnectRefuse })
		p = r.mining()
		p.send(&v2.Reconnect{NewPort: 99})
		p.quiet()
		r.end()
	})
}

// Extensions are asked for where they are wanted, before channels are.
func TestV2Extensions(t *testing.T) {
	names := func(c *stratum.Config) { c.V2.WorkerNames = true }
	synctest.Test(t, func(t *testing.T) {
		r := startV2(t, 1, names)
		p := r.accept()
		p.setup(0)
		q := expectV2[*v2.RequestExtensions](p)
		if !slices.Equal(q.RequestedExtensions, []uint16{2}) {
			t.Errorf("%+v", q)
		}
		p.quiet()
		p.send(&v2.RequestExtensionsSuccess{RequestID: q.RequestID + 1, SupportedExtensions: []uint16{2}}) // of no request
		p.quiet()
		p.send(&v2.RequestExtensionsSuccess{RequestID: q.RequestID, SupportedExtensions: []uint16{7, 2}})
		p.openExtended(firstChannel)
		p.send(extendedJob(firstChannel, 1, 0), newBlock(firstChannel, 1, 1))
		share := func(want string, ok bool) {
			t.Helper()
			r.found(0, 1)
			name, got, err := p.share().UserIdentity()
			if name != want || got != ok || err != nil {
				t.Errorf("a share of worker %q, %v, %v; want %q", name, got, err, want)
			}
		}
		share("worker", true)
		if !slices.Contains(r.status().Traits, "worker names") {
			t.Errorf("traits %v", r.status().Traits)
		}
		// Whoever is behind the channel now has to be asked anew.
		p.send(&v2.ChannelEndpointChanged{ChannelID: firstChannel})
		q = expectV2[*v2.RequestExtensions](p)
		share("", false)
		p.send(&v2.RequestExtensionsSuccess{RequestID: q.RequestID, SupportedExtensions: []uint16{2}})
		share("worker", true)
		p.quiet()
		r.end()
	})
	for name, answer := range map[string]func(*v2.RequestExtensions) v2.Message{
		"refused": func(q *v2.RequestExtensions) v2.Message {
			return &v2.RequestExtensionsError{RequestID: q.RequestID, UnsupportedExtensions: []uint16{2}}
		},
		"of others": func(q *v2.RequestExtensions) v2.Message { return &v2.RequestExtensionsSuccess{RequestID: q.RequestID} },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := startV2(t, 1, names)
				p := r.accept()
				p.setup(0)
				p.send(answer(expectV2[*v2.RequestExtensions](p)))
				p.openExtended(firstChannel)
				p.send(extendedJob(firstChannel, 1, 0), newBlock(firstChannel, 1, 1))
				r.found(0, 1)
				if s := p.share(); s.TLVs != nil {
					t.Errorf("share %+v", s)
				}
				p.send(&v2.ChannelEndpointChanged{ChannelID: firstChannel})
				p.quiet()
				r.end()
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		r := startV2(t, 1, names)
		p := r.accept()
		p.setup(0)
		q := expectV2[*v2.RequestExtensions](p)
		p.try(&v2.RequestExtensionsError{RequestID: q.RequestID, RequiredExtensions: []uint16{5}})
		r.wantFailure("demands extensions", "0x0005")

		// Silence is a no; a pool that kept it is not asked again.
		p = r.accept()
		p.setup(0)
		expectV2[*v2.RequestExtensions](p)
		began := time.Now()
		p.openExtended(firstChannel)
		if d := time.Since(began); d != time.Second {
			t.Errorf("the answer is waited for for %v", d)
		}
		p.send(extendedJob(firstChannel, 1, 0), newBlock(firstChannel, 1, 1))
		r.found(0, 1)
		if s := p.share(); s.TLVs != nil {
			t.Errorf("share %+v", s)
		}
		p.close()
		r.mining()
		r.end()
	})
}

// The name that is sent fits, and is what stands behind the first dot.
func TestV2WorkerName(t *testing.T) {
	for user, want := range map[string]string{
		"account":                      "account",
		"account.rig.7":                "rig.7",
		"account.":                     "account.",
		strings.Repeat("ä", 40):        strings.Repeat("ä", 16),
		"a." + strings.Repeat("✓", 30): strings.Repeat("✓", 10),
	} {
		synctest.Test(t, func(t *testing.T) {
			r := startV2(t, 1, func(c *stratum.Config) { c.V2.WorkerNames, c.User = true, user })
			p := r.accept()
			p.setup(0)
			q := expectV2[*v2.RequestExtensions](p)
			p.send(&v2.RequestExtensionsSuccess{RequestID: q.RequestID, SupportedExtensions: []uint16{2}})
			p.openExtended(firstChannel)
			p.send(extendedJob(firstChannel, 1, 0), newBlock(firstChannel, 1, 1))
			r.found(0, 1)
			if name, _, _ := p.share().UserIdentity(); name != want {
				t.Errorf("%q is sent for %q, want %q", name, user, want)
			}
			r.end()
		})
	}
}

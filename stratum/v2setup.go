package stratum

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"

	"gominer/hasher"
	"gominer/miner"
	"gominer/stratum/noise"
	"gominer/stratum/v1"
	"gominer/stratum/v2"
)

// Setting up is SetupConnection, then RequestExtensions if an extension is
// wanted, then a request for each channel. Each waits for the answer to the one
// before.

// errWithoutFlag says that the pool refuses a flag that can be done without.
var errWithoutFlag = errors.New("the pool refuses a flag that can be done without")

// hello opens the conversation.
func (c *v2Conn) hello() {
	var flags uint32
	if c.cfg.V2.Channel == V2Standard {
		// Without it the pool may send extended jobs to the group; those are
		// understood too, but cost more to receive.
		flags = v2.RequiresStandardJobs
	}
	vendor, firmware, _ := strings.Cut(c.cfg.Agent, "/")
	if vendor == "" {
		vendor = defaultAgent
	}
	c.send(&v2.SetupConnection{
		Protocol: v2.Mining, MinVersion: v2.Version, MaxVersion: v2.Version, Flags: flags &^ c.src.flags,
		EndpointHost: c.at.host, EndpointPort: c.at.port,
		Vendor: vendor, HardwareVersion: runtime.GOOS + "/" + runtime.GOARCH, Firmware: firmware,
	})
}

// waitsFor names what the pool has not answered yet.
func (c *v2Conn) waitsFor() string {
	switch {
	case !c.setUp:
		return "SetupConnection"
	case len(c.opening) > 0:
		return "the request for a channel"
	}
	return "RequestExtensions"
}

// onSetup goes on with an accepted connection.
func (c *v2Conn) onSetup(m *v2.SetupConnectionSuccess) error {
	switch {
	case c.setUp:
		c.warn("message out of place", "message", m.Type())
		return nil
	case m.UsedVersion != v2.Version:
		return c.errorf("it speaks version %d of the protocol, only %d is spoken here", m.UsedVersion, v2.Version)
	case m.Flags&v2.RequiresExtendedChannels != 0 && c.cfg.V2.Channel == V2Standard:
		return c.errorf("it opens extended channels alone: don't ask for standard ones")
	}
	c.setUp = true
	c.fixed = m.Flags&v2.RequiresFixedVersion != 0
	if c.cfg.V2.WorkerNames && !c.src.mute {
		c.negotiate()
		return nil
	}
	c.openAll()
	return nil
}

// onSetupError ends a connection that was refused, but for what can be asked in
// another way.
func (c *v2Conn) onSetupError(m *v2.SetupConnectionError) error {
	if refused := m.Flags & v2.RequiresStandardJobs &^ c.src.flags; refused != 0 && c.cfg.V2.Channel == V2Standard {
		c.src.flags |= refused
		return errWithoutFlag
	}
	if m.Flags != 0 {
		return c.errorf("it refuses the connection: %s (it does not know the flags %#x)", clean(m.ErrorCode), m.Flags)
	}
	return c.errorf("it refuses the connection: %s", clean(m.ErrorCode))
}

// clean returns a code of the pool's making fit to be shown.
func clean(code string) string {
	if code = v1.CleanText(code, mostReason); code == "" {
		return "without a reason"
	}
	return code
}

// negotiate asks for extensions.
func (c *v2Conn) negotiate() {
	c.request++
	c.extended = time.Now()
	c.send(&v2.RequestExtensions{RequestID: c.request, RequestedExtensions: []uint16{v2.WorkerHashrate}})
}

// extensionWait is how long the answer to RequestExtensions is waited for, twice
// what it took to connect by the extension's own notes. A pool that does not
// know them says nothing.
func (c *v2Conn) extensionWait() time.Duration { return max(time.Second, 2*c.trip) }

// withoutExtensions goes on without an answer.
func (c *v2Conn) withoutExtensions() {
	c.extended = time.Time{}
	c.src.mute = true
	c.src.log.Info("the pool does not answer about extensions: going on without")
	c.openAll()
}

// onExtensions takes the extensions that the pool knows. What it agreed to counts
// even if nobody waits for the answer any more.
func (c *v2Conn) onExtensions(id uint16, supported []uint16) {
	if id != c.request || !c.cfg.V2.WorkerNames {
		return // of no request
	}
	c.extended, c.src.mute = time.Time{}, false
	if slices.Contains(supported, v2.WorkerHashrate) {
		c.worker = workerName(c.cfg.User)
	}
	c.status()
	c.openAll()
}

// onExtensionsError goes on without extensions, unless the pool insists on one
// that is not known.
func (c *v2Conn) onExtensionsError(m *v2.RequestExtensionsError) error {
	if len(m.RequiredExtensions) > 0 {
		return c.errorf("it demands extensions that are not known here: %#04x", m.RequiredExtensions)
	}
	c.onExtensions(m.RequestID, nil)
	return nil
}

// workerName returns what stands behind the first dot of a user, or else the
// user, as far as there is room for it.
func workerName(user string) string {
	if _, worker, ok := strings.Cut(user, "."); ok && worker != "" {
		user = worker
	}
	for len(user) > v2.MaxUserIdentity {
		user = strings.ToValidUTF8(user[:v2.MaxUserIdentity], "")
	}
	return user
}

// opening is a channel that was asked for.
type opening struct {
	device   int // index, or allDevices
	extended bool
	since    time.Time
}

// allDevices stands for a channel of no device in particular.
const allDevices = -1

// minExtranonce is what an extended channel must have room for, in bytes: 2^32
// merkle roots.
const minExtranonce = 4

// openAll asks for the channels, once.
func (c *v2Conn) openAll() {
	if len(c.opening)+len(c.channels) > 0 {
		return
	}
	if c.cfg.V2.PerDevice {
		c.openNew()
	} else {
		c.open(allDevices, c.cfg.V2.Channel != V2Standard)
	}
}

// openNew asks for a channel for each device that has had none.
func (c *v2Conn) openNew() {
	for all := len(c.ms.Hashrates()); c.devices < all; c.devices++ {
		c.open(c.devices, c.cfg.V2.Channel != V2Standard)
	}
}

func (c *v2Conn) open(device int, extended bool) {
	c.asked++
	c.opening[c.asked] = &opening{device, extended, time.Now()}
	rate := c.measure(device)
	if extended {
		c.send(&v2.OpenExtendedMiningChannel{
			RequestID: c.asked, UserIdentity: c.cfg.User, NominalHashRate: rate, MaxTarget: c.mostTarget(), MinExtranonceSize: minExtranonce,
		})
		return
	}
	c.send(&v2.OpenStandardMiningChannel{
		RequestID: c.asked, UserIdentity: c.cfg.User, NominalHashRate: rate, MaxTarget: c.mostTarget(),
	})
}

// mostTarget returns the easiest target that is wanted.
func (c *v2Conn) mostTarget() hasher.Target {
	most := hasher.MaxTarget
	for _, d := range []float64{c.cfg.SuggestDifficulty, c.cfg.MinimumDifficulty} {
		if t, err := hasher.TargetFromDifficulty(d); err == nil && harder(t, most) { // 0 is none
			most = t
		}
	}
	if t := c.cfg.SuggestTarget; t != (hasher.Target{}) && harder(t, most) {
		most = t
	}
	return most
}

// onOpenError tries the other kind of channel, if that is allowed.
func (c *v2Conn) onOpenError(m *v2.OpenMiningChannelError) error {
	o := c.opening[m.RequestID]
	if o == nil {
		c.warn("answer to no request", "message", m.Type())
		return nil
	}
	delete(c.opening, m.RequestID)
	if o.extended && c.cfg.V2.Channel == V2Auto {
		c.src.log.Info("the pool refuses an extended channel: trying a standard one", "code", clean(m.ErrorCode))
		c.open(o.device, false)
		return nil
	}
	return c.errorf("it opens no channel for user %q: %s: %s", c.cfg.User, clean(m.ErrorCode), whatToDo(m.ErrorCode))
}

// whatToDo returns what helps where a pool opens no channel. Mostly it is the user
// that it does not like, whatever it says.
func whatToDo(code string) string {
	switch code {
	case v2.CodeChannelCapacityExhausted:
		return "it is full: try later, or another pool"
	case v2.CodeMaxTargetOutOfRange:
		return "suggest a lower difficulty, or none"
	case v2.CodeMinExtranonceSizeTooLarge, v2.CodeNoExtendedChannels:
		return "ask for standard channels"
	}
	return "check the user"
}

// onOpened adds the channel that answers a request.
func (c *v2Conn) onOpened(request uint32, ch *v2Channel) error {
	o := c.opening[request]
	if o == nil || o.extended != ch.extended {
		return c.errorf("it opens a channel that was not asked for")
	}
	// Groups are for connections that take extended jobs.
	ch.grouped = c.cfg.V2.Channel != V2Standard || c.src.flags&v2.RequiresStandardJobs != 0
	if err := c.checkOpened(ch); err != nil {
		return c.errorf("it opens a channel that can't be: %w", err)
	}
	delete(c.opening, request)
	now := time.Now()
	ch.device, ch.opened, ch.idle, ch.told, ch.rate = o.device, now, now, now, c.measure(o.device)
	c.channels[ch.id] = ch
	if len(c.opening) == 0 && c.opened.IsZero() {
		c.opened = now
	}
	return nil
}

func (c *v2Conn) checkOpened(ch *v2Channel) error {
	for _, other := range c.channels {
		switch {
		case ch.id == other.id:
			return fmt.Errorf("channel %d is open already", ch.id)
		case other.in(ch.id):
			return fmt.Errorf("channel %d has the id of a group", ch.id)
		case ch.in(other.id):
			return fmt.Errorf("its group %d has the id of a channel", ch.group)
		}
	}
	switch {
	case ch.in(ch.id):
		return fmt.Errorf("channel %d has the id of its group", ch.id)
	case len(ch.prefix)+ch.size > v2.MaxExtranonce:
		return fmt.Errorf("its extranonce has %d + %d bytes, there is room for %d", len(ch.prefix), ch.size, v2.MaxExtranonce)
	case ch.extended && ch.size < minExtranonce:
		return fmt.Errorf("its extranonce has %d bytes to roll, at least %d were asked for", ch.size, minExtranonce)
	}
	return checkTarget(&ch.target)
}

// absurd is a difficulty that no miner meets. A target above it was most likely
// written with its bytes the wrong way round.
const absurd = 1e25

func checkTarget(t *hasher.Target) error {
	if d := t.Difficulty(); d > absurd {
		return fmt.Errorf("its target %v is difficulty %.3g: are the bytes the wrong way round?", *t, d)
	}
	return nil
}

// status tells how the session stands, from the first job on.
func (c *v2Conn) status() {
	if !c.up {
		return
	}
	var traits []string
	kinds := map[bool]int{}
	masks := uint32(0)
	for _, ch := range c.channels {
		kinds[ch.extended]++
		if ch.current != nil {
			masks |= ch.current.VersionMask
		}
	}
	for _, k := range []struct {
		extended bool
		name     string
	}{{true, "extended"}, {false, "standard"}} {
		switch n := kinds[k.extended]; {
		case n == 1:
			traits = append(traits, k.name+" channel")
		case n > 1:
			traits = append(traits, fmt.Sprintf("%d %s channels", n, k.name))
		}
	}
	if masks != 0 {
		traits = append(traits, fmt.Sprintf("version-rolling %08x", masks))
	}
	if c.worker != "" {
		traits = append(traits, "worker names")
	}
	if c.src.pool.key == (noise.PublicKey{}) {
		traits = append(traits, "not authenticated")
	}
	c.ms.Status(miner.SourceStatus{
		State: miner.Up, URL: c.src.pool.url(c.at), Protocol: protocolV2, Encryption: c.src.encryption(), User: c.cfg.User, Traits: traits,
	})
}

package stratum

import (
	"math"
	"time"

	"gominer/stratum/noise"
	"gominer/stratum/v1"
	"gominer/stratum/v2"
)

// handle acts on a message of the pool. An error ends the connection.
func (c *v2Conn) handle(m v2.Message) error {
	switch m := m.(type) {
	case *v2.SetupConnectionSuccess:
		return c.onSetup(m)
	case *v2.SetupConnectionError:
		return c.onSetupError(m)
	case *v2.Reconnect:
		return c.onReconnect(m)
	case *v2.Unknown:
		c.src.log.Debug("unknown message", "message", m.Type())
		return nil
	}
	if !c.setUp {
		c.warn("message out of place", "message", m.Type())
		return nil
	}
	switch m := m.(type) {
	case *v2.RequestExtensionsSuccess:
		c.onExtensions(m.RequestID, m.SupportedExtensions)
	case *v2.RequestExtensionsError:
		return c.onExtensionsError(m)
	case *v2.OpenStandardMiningChannelSuccess:
		return c.onOpened(m.RequestID, &v2Channel{
			id: m.ChannelID, group: m.GroupChannelID, target: m.Target, prefix: m.ExtranoncePrefix,
		})
	case *v2.OpenExtendedMiningChannelSuccess:
		return c.onOpened(m.RequestID, &v2Channel{
			id: m.ChannelID, group: m.GroupChannelID, target: m.Target, prefix: m.ExtranoncePrefix,
			extended: true, size: int(m.ExtranonceSize),
		})
	case *v2.OpenMiningChannelError:
		return c.onOpenError(m)
	default:
		return c.handleChannel(m)
	}
	return nil
}

// handleChannel acts on a message to a channel or a group.
func (c *v2Conn) handleChannel(m v2.Message) error {
	switch m := m.(type) {
	case *v2.NewMiningJob:
		return c.onJob(m)
	case *v2.NewExtendedMiningJob:
		return c.onExtendedJob(m)
	case *v2.SetNewPrevHash:
		return c.onPrevHash(m)
	case *v2.SetTarget:
		c.answered(m)
		return c.onTarget(m)
	case *v2.SetExtranoncePrefix:
		return c.onPrefix(m)
	case *v2.SetGroupChannel:
		return c.onGroup(m)
	case *v2.CloseChannel:
		return c.onClose(m)
	case *v2.SubmitSharesSuccess:
		c.onAccepted(m)
	case *v2.SubmitSharesError:
		return c.onRefused(m)
	case *v2.UpdateChannelError:
		c.warn("the pool refuses what it was told of a channel", "channel", m.ChannelID, "code", clean(m.ErrorCode))
	case *v2.ChannelEndpointChanged:
		c.onEndpointChanged()
	default: // what only clients send, or other protocols
		c.warn("message out of place", "message", m.Type())
	}
	return nil
}

// onEndpointChanged forgets what was negotiated, with whoever was at the other
// end of a channel before, and asks anew.
func (c *v2Conn) onEndpointChanged() {
	if c.worker == "" {
		return
	}
	c.worker = ""
	c.status()
	c.negotiate()
}

// onReconnect leaves for another server of the same authority. Without a key to
// know that by only the port may change.
func (c *v2Conn) onReconnect(m *v2.Reconnect) error {
	s := c.src
	mv := &move{to: c.at}
	if m.NewHost != "" {
		mv.to.host = m.NewHost
	}
	if m.NewPort != 0 {
		mv.to.port = m.NewPort
	}
	why := ""
	switch {
	case s.cfg.Reconnect == ReconnectRefuse:
		why = "the settings refuse all"
	case !validHost(mv.to.host) || len(mv.to.host) > mostV2Text:
		why = "that is no host"
	case s.pool.key == (noise.PublicKey{}) && canonical(mv.to.host) != canonical(s.pool.host):
		why = "that is another host, and there is no key to know it by"
	case !s.followed.IsZero() && time.Since(s.followed) < reconnectEvery:
		why = "it is too soon after the last"
	}
	if why != "" {
		c.warn("Reconnect not followed: "+why, "host", v1.CleanText(m.NewHost, mostName), "port", m.NewPort)
		return nil
	}
	s.followed = time.Now()
	s.log.Info("the pool asks to reconnect", "to", mv.to)
	return mv
}

// How often the pool is told a hash rate.
const (
	updateLook  = 5 * time.Second  // how often the rates are looked at
	updateEvery = 30 * time.Second // between two UpdateChannel of a channel; §5.3.7 lets them wait for a second
	updateStep  = 0.2              // how much a rate must have changed, as a part of what the pool was told
)

// update tells the pool the hash rates that have changed.
func (c *v2Conn) update(now time.Time) {
	if !c.up || !c.ending.IsZero() {
		return
	}
	if c.cfg.V2.PerDevice {
		c.openNew()
	}
	for _, ch := range c.sorted() {
		rate := c.measure(ch.device)
		every := updateEvery
		if ch.told.Equal(ch.opened) { // it was told what was expected, not what was measured
			every = updateLook
		}
		if ch.current == nil || rate == 0 || now.Sub(ch.told) < every {
			continue
		}
		if math.Abs(float64(rate-ch.rate)) > updateStep*float64(ch.rate) {
			c.sendUpdate(ch, rate, now)
		}
	}
}

func (c *v2Conn) sendUpdate(ch *v2Channel, rate float32, now time.Time) {
	ch.rate, ch.told = rate, now
	c.send(&v2.UpdateChannel{ChannelID: ch.id, NominalHashRate: rate, MaximumTarget: c.mostTarget()})
}

// measure returns the hash rate of a device, or of all together, in H/s: what
// was expected as long as it has not hashed.
func (c *v2Conn) measure(device int) float32 {
	rates := c.ms.Hashrates()
	sum, expected := 0.0, c.cfg.V2.Hashrate
	if device == allDevices {
		for _, r := range rates {
			sum += r
		}
	} else {
		sum = rates[device]
		expected /= float64(len(rates))
	}
	if sum == 0 {
		sum = expected
	}
	return float32(min(sum, math.MaxFloat32))
}

// answered notes whether the pool answers UpdateChannel with SetTarget.
func (c *v2Conn) answered(m *v2.SetTarget) {
	for _, ch := range c.members(m.ChannelID) {
		if !ch.told.Equal(ch.opened) && time.Since(ch.told) < c.cfg.Timeouts.Ask {
			c.replies = true
		}
	}
}

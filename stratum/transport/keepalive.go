package transport

import (
	"net"
	"time"
)

// probes is how many times a host that gives no sign of life is asked for one.
const probes = 3

// keepAlive returns the settings by which a host that is silent for long enough
// is taken for lost: a first probe after a quarter of the time, and another after
// each further quarter. Seconds are the least that systems count in.
func keepAlive(vanished time.Duration) net.KeepAliveConfig {
	every := max(1, (vanished/(probes+1)).Truncate(time.Second)/time.Second) * time.Second
	return net.KeepAliveConfig{Enable: true, Idle: every, Interval: every, Count: probes}
}

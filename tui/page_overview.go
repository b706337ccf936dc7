package tui

import (
	"fmt"
	"strings"

	"gominer/internal/units"
)

const panelHeight = 10 // of shares, pool and job, with the frame

func (m *model) drawOverview(a area) {
	switch {
	case a.w >= 104 && a.h >= 32:
		m.drawLarge(a)
	case a.w >= 104 && a.h >= 18:
		side := 44
		m.drawRate(a.sub(0, 0, a.w-side, a.h-panelHeight))
		m.drawDeviceList(a.sub(a.w-side, 0, side, a.h-panelHeight))
		m.drawThree(a.sub(0, a.h-panelHeight, a.w, panelHeight))
	case a.w >= 72 && a.h >= 13:
		low := min(panelHeight, a.h/2)
		m.drawRate(a.sub(0, 0, a.w, a.h-low))
		half := a.w / 2
		m.drawTotals(a.sub(0, a.h-low, half, low))
		m.drawPool(a.sub(half, a.h-low, a.w-half, low))
	default: // narrow: one below the other, as far as there is room
		y := max(a.h-2*panelHeight, min(a.h, 8))
		m.drawRate(a.sub(0, 0, a.w, y))
		m.drawTotals(a.sub(0, y, a.w, min(panelHeight, a.h-y)))
		m.drawPool(a.sub(0, y+panelHeight, a.w, a.h-y-panelHeight))
	}
}

// drawLarge draws the overview where there is room for all of it.
func (m *model) drawLarge(a area) {
	low := max((a.h-panelHeight)*9/20, 8)
	top := a.h - panelHeight - low
	m.drawRate(a.sub(0, 0, a.w, top))
	m.drawThree(a.sub(0, top, a.w, panelHeight))
	foot := a.sub(0, top+panelHeight, a.w, low)
	switch {
	case a.w >= 160:
		third := a.w / 4
		m.drawDeviceList(foot.sub(0, 0, third, low))
		m.drawLatest(foot.sub(third, 0, third, low))
		m.drawEvents(foot.sub(2*third, 0, a.w-2*third, low))
	default:
		third := a.w / 3
		m.drawDeviceList(foot.sub(0, 0, third, low))
		m.drawEvents(foot.sub(third, 0, a.w-third, low))
	}
}

// drawThree draws the shares, the pool and the job, side by side; the pool has
// the longest lines.
func (m *model) drawThree(a area) {
	pool := a.w*2/5 - 4
	side := (a.w - pool) / 2
	m.drawTotals(a.sub(0, 0, side, a.h))
	m.drawPool(a.sub(side, 0, pool, a.h))
	m.drawJob(a.sub(side+pool, 0, a.w-side-pool, a.h))
}

// chartZone is where the wheel zooms.
type chartZone struct{}

// drawRate draws the hash rate's past.
func (m *model) drawRate(a area) {
	r := &m.snap.Rate
	note := spans[m.span()].name
	if a.w >= 64 && !(m.w >= bigWide && m.h >= bigHigh) { // else the figures above say it
		note = fmt.Sprintf("1 min %s · 15 min %s · average %s", units.Hashrate(r.S60), units.Hashrate(r.M15), units.Hashrate(r.Avg))
	}
	a.zone(chartZone{})
	a.panel("Hash rate", note).rateChart(&m.past.total, &m.past, m.span())
}

// drawDeviceList draws each device: a line, or two where there is room.
func (m *model) drawDeviceList(a area) {
	all := m.sorted()
	lines := onOff(2*len(all) <= a.h-2, 2, 1)
	note := ""
	if n := (a.h - 2) / lines; n < len(all) && n > 0 {
		note = fmt.Sprintf("%d of %d", n, len(all))
	}
	in := a.panel("Devices", note)
	for i, device := range all {
		at := in.sub(0, i*lines, in.w, lines)
		at.zone(rowZone{devices, i})
		m.drawDeviceLine(at, device)
	}
}

func (m *model) drawDeviceLine(a area, i int) {
	d := &m.snap.Devices[i]
	spark := min(12, a.w-26)
	st := deviceState(d)
	a.text(0, 0, st.style, st.sign)
	a.sub(2, 0, a.w-spark-14, 1).text(0, 0, plain, d.Info.Name)
	a.right(a.w-max(spark, 0)-1, 0, strong, units.Hashrate(d.Rate.S10))
	if spark > 2 && i < len(m.past.devices) {
		a.spark(a.w-spark, 0, m.past.devices[i].columns(spark, 60))
	}
	if d.Err != nil {
		a.text(2, 1, bad, d.Err.Error())
		return
	}
	parts := []string{}
	if d.Info.Kernel != "" {
		parts = append(parts, d.Info.Kernel)
	}
	if n := d.Info.Threads; n > 0 {
		parts = append(parts, units.Plural(uint64(n), "thread"))
	}
	if h := &d.Health; h.Temperature > 0 {
		parts = append(parts, fmt.Sprintf("%.0f °C", h.Temperature))
	}
	if d.Health.Power > 0 {
		parts = append(parts, fmt.Sprintf("%.0f W", d.Health.Power), efficiency(joules(d))+" J/GH")
	}
	a.text(2, 1, faint, strings.Join(parts, " · "))
}

// drawLatest draws the latest shares.
func (m *model) drawLatest(a area) {
	m.shareLines(a.panel("Latest shares", ""), -1)
}

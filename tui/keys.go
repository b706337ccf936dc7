package tui

import "charm.land/bubbles/v2/key"

// keys are the bindings; their help texts are the help page.
var keys = struct {
	pages                                 [pages]key.Binding
	next, back, up, down                  key.Binding
	pause, pauseAll, more, fewer          key.Binding
	faster, slower, switch_               key.Binding
	zoomIn, zoomOut, sort, detail         key.Binding
	filter, level, copy, picture, suspend key.Binding
	help, quit, yes                       key.Binding
}{
	pages: [pages]key.Binding{
		bind("1", "how it goes", "1"), bind("2", "devices", "2"), bind("3", "shares and blocks", "3"),
		bind("4", "pools and the job", "4"), bind("5", "the log", "5"),
	},
	next: bind("tab", "next page", "tab", "right"),
	back: bind("⇧tab", "page before", "shift+tab", "left"),
	up:   bind("↑", "up", "up", "k"),
	down: bind("↓", "down", "down", "j"),

	pause:    bind("p", "rest a device, or go on", "p"),
	pauseAll: bind("P", "rest all, or go on", "P", "space"),
	more:     bind("+", "a thread more", "+", "="),
	fewer:    bind("-", "a thread less", "-"),
	faster:   bind(">", "work more", ">", "."),
	slower:   bind("<", "work less", "<", ","),
	switch_:  bind("s", "mine on another pool", "s"),

	zoomIn:  bind("z", "less time", "z"),
	zoomOut: bind("x", "more time", "x"),
	sort:    bind("o", "order of devices", "o"),
	detail:  bind("t", "threads of a device", "t", "enter"),

	filter:  bind("/", "filter the log", "/"),
	level:   bind("l", "level of the log", "l"),
	copy:    bind("c", "copy the screen", "c"),
	picture: bind("S", "save a picture", "S"),
	suspend: bind("^Z", "suspend", "ctrl+z"),

	help: bind("?", "help", "?", "h", "f1"),
	quit: bind("q", "end mining", "q", "esc"),
	yes:  bind("y", "yes", "y", "Y", "enter"),
}

func bind(shown, does string, pressed ...string) key.Binding {
	return key.NewBinding(key.WithKeys(pressed...), key.WithHelp(shown, does))
}

// helpColumns is the help page.
func helpColumns() [][]key.Binding {
	return [][]key.Binding{
		append(keys.pages[:], keys.next, keys.back, keys.up, keys.down, keys.zoomIn, keys.zoomOut),
		{keys.pause, keys.pauseAll, keys.more, keys.fewer, keys.faster, keys.slower, keys.switch_, keys.sort, keys.detail},
		{keys.filter, keys.level, keys.copy, keys.picture, keys.suspend, keys.help, keys.quit},
	}
}

// footer are the keys that matter most on a page.
func (p page) footer() []key.Binding {
	common := []key.Binding{keys.help, keys.quit}
	switch p {
	case devices:
		return append([]key.Binding{keys.pause, keys.more, keys.fewer, keys.slower, keys.faster, keys.sort, keys.detail}, common...)
	case pools:
		return append([]key.Binding{keys.down, keys.switch_}, common...)
	case logPage:
		return append([]key.Binding{keys.filter, keys.level, keys.up}, common...)
	case shares:
		return append([]key.Binding{keys.down, keys.picture}, common...)
	}
	return append([]key.Binding{keys.next, keys.zoomIn, keys.zoomOut, keys.pauseAll}, common...)
}

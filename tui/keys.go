package tui

import (
	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"
)

// keys are the bindings; their help texts are the help page.
var keys = struct {
	pages                                  [pages]key.Binding
	next, back                             key.Binding
	up, down, pageUp, pageDown, first, end key.Binding
	pause, pauseAll, more, fewer           key.Binding
	faster, slower, switchPool             key.Binding
	zoomIn, zoomOut                        key.Binding
	sort, reverse, threads                 key.Binding
	filter, level                          key.Binding
	copy, picture, suspend, redraw         key.Binding
	help, quit, yes                        key.Binding
}{
	pages: [pages]key.Binding{
		bind("1", "overview", "1"), bind("2", "devices", "2"), bind("3", "shares and blocks", "3"),
		bind("4", "pools and the job", "4"), bind("5", "log", "5"),
	},
	next: bind("tab", "next page", "tab", "right", "l"),
	back: bind("⇧tab", "previous page", "shift+tab", "left", "h"),

	up:       bind("↑", "up", "up", "k"),
	down:     bind("↓", "down", "down", "j"),
	pageUp:   bind("PgUp", "a screen up", "pgup", "ctrl+b", "ctrl+u"),
	pageDown: bind("PgDn", "a screen down", "pgdown", "ctrl+f", "ctrl+d"),
	first:    bind("Home", "to the first", "home", "g"),
	end:      bind("End", "to the last", "end", "G"),

	pause:      bind("p", "pause device", "p"),
	pauseAll:   bind("space", "pause all", "space"),
	more:       bind("+", "more threads", "+", "="),
	fewer:      bind("-", "fewer threads", "-"),
	faster:     bind(">", "throttle less", ">", "."),
	slower:     bind("<", "throttle more", "<", ","),
	switchPool: bind("s", "switch pool", "s"),

	zoomIn:  bind("z", "zoom in", "z"),
	zoomOut: bind("x", "zoom out", "x"),
	sort:    bind("o", "sort", "o"),
	reverse: bind("O", "sort the other way", "O"),
	threads: bind("t", "threads, chips", "t", "enter"),

	filter:  bind("/", "filter", "/"),
	level:   bind("v", "level", "v"),
	copy:    bind("c", "copy the screen", "c"),
	picture: bind("S", "save a picture", "S"),
	suspend: bind("^Z", "suspend", "ctrl+z"),
	redraw:  bind("^L", "draw anew", "ctrl+l"),

	help: bind("?", "help", "?", "f1"),
	quit: bind("q", "quit", "q"),
	yes:  bind("y", "yes", "y", "Y", "enter"),
}

func bind(shown, does string, pressed ...string) key.Binding {
	return key.NewBinding(key.WithKeys(pressed...), key.WithHelp(shown, does))
}

// helpGroups is the help page.
func helpGroups() []helpGroup {
	return []helpGroup{
		{"Pages", append(keys.pages[:], keys.next, keys.back)},
		{"Lists", []key.Binding{keys.up, keys.down, keys.pageUp, keys.pageDown, keys.first, keys.end, keys.sort, keys.reverse}},
		{"Mining", []key.Binding{keys.pauseAll, keys.pause, keys.more, keys.fewer, keys.faster, keys.slower, keys.switchPool}},
		{"View", []key.Binding{keys.zoomIn, keys.zoomOut, keys.threads, keys.filter, keys.level, keys.copy, keys.picture, keys.redraw}},
		{"Program", []key.Binding{keys.help, keys.suspend, keys.quit}},
	}
}

// helpGroup are bindings under a heading.
type helpGroup struct {
	name string
	keys []key.Binding
}

// hint is what one or two keys do together.
type hint struct {
	keys []key.Binding
	does string
}

func hintOf(b key.Binding) hint { return hint{[]key.Binding{b}, b.Help().Desc} }

var (
	zoomHint   = hint{[]key.Binding{keys.zoomIn, keys.zoomOut}, "zoom"}
	chooseHint = hint{[]key.Binding{keys.up, keys.down}, "choose"}
	pageHint   = hint{[]key.Binding{keys.next}, "page"}
	copyHint   = hint{[]key.Binding{keys.copy}, "copy"}
	saveHint   = hint{[]key.Binding{keys.picture}, "picture"}
)

// footer are the keys that matter most on a page, the foremost first.
func (p page) footer() []hint {
	switch p {
	case devices:
		return []hint{{[]key.Binding{keys.pause}, "pause"}, {[]key.Binding{keys.fewer, keys.more}, "threads"},
			{[]key.Binding{keys.slower, keys.faster}, "throttle"}, hintOf(keys.sort), {[]key.Binding{keys.threads}, "each part"}, chooseHint, zoomHint, saveHint}
	case pools:
		return []hint{chooseHint, hintOf(keys.switchPool), pageHint, copyHint, saveHint}
	case logPage:
		return []hint{hintOf(keys.filter), hintOf(keys.level), {[]key.Binding{keys.up, keys.down}, "scroll"}, {[]key.Binding{keys.end}, "follow"}, copyHint, saveHint}
	case shares:
		return []hint{chooseHint, zoomHint, pageHint, copyHint, saveHint}
	}
	return []hint{hintOf(keys.pauseAll), zoomHint, pageHint, copyHint, saveHint}
}

// pressed returns the message of a binding's first key, for who clicks on its help.
func pressed(b key.Binding) tea.KeyPressMsg {
	switch k := b.Keys()[0]; k {
	case "tab":
		return tea.KeyPressMsg{Code: tea.KeyTab}
	case "up":
		return tea.KeyPressMsg{Code: tea.KeyUp}
	case "down":
		return tea.KeyPressMsg{Code: tea.KeyDown}
	case "end":
		return tea.KeyPressMsg{Code: tea.KeyEnd}
	case "space":
		return tea.KeyPressMsg{Code: tea.KeySpace, Text: " "}
	default:
		return tea.KeyPressMsg{Code: []rune(k)[0], Text: k}
	}
}

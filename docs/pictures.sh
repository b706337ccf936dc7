#!/bin/sh
# Makes the pictures of docs/dashboard.md anew, with the dashboard's own key for it,
# of a real run: bin/gominer mines for some minutes on a pool of its own, with all
# processors or, as THROTTLE says, a part of their time. It takes tmux. To be started
# in the root of the repository:
#
#	docs/pictures.sh [MINUTES]
set -eu
minutes=${1:-4}
gominer=$PWD/bin/gominer
docs=$PWD/docs
dir=$(mktemp -d)
cd "$dir"

# Two pools: the second is there in case the first one fails.
"$gominer" pool --listen 127.0.0.1:3333 --difficulty 0.01 --vardiff 20 --network-difficulty 0.3 \
	--block-every 90s --stale-grace 0s --message 'maintenance on sunday' >first 2>&1 &
first=$!
"$gominer" pool --listen 127.0.0.1:3334 --difficulty 0.01 >second 2>&1 &
second=$!
screen() { tmux -S "$dir/tmux" -f /dev/null -u "$@"; }
trap 'screen kill-server || true; kill $first $second || true; rm -rf "$dir"' EXIT
screen new-session -d -x 120 -y 40 env TERM=screen-256color COLORTERM=truecolor \
	"$gominer" mine -o 127.0.0.1:3333 -O alice.rig1:x -o 127.0.0.1:3334 -O alice.rig1:x -t 2 --throttle "${THROTTLE:-100%}"
sleep $((minutes * 60))

shows() { screen capture-pane -p | grep -q "$1"; }
picture() { # NAME KEY...: of the page that the keys lead to
	name=$1
	shift
	while shows 'saved a picture'; do sleep 1; done
	for key; do screen send-keys "$key"; sleep 1; done
	screen send-keys S
	while ! ls gominer-*.svg >/dev/null 2>&1 || ! shows 'saved a picture'; do sleep 1; done
	cat gominer-*.svg >"$docs/dashboard-$name.svg"
	rm gominer-*.svg
}
while shows 'BLOCK [0-9]* FOUND'; do sleep 1; done
picture overview 1
picture devices 2 t
picture shares 3
picture pools 4
picture log 5
screen send-keys 1
while ! shows 'BLOCK [0-9]* FOUND'; do sleep 1; done
picture block 1

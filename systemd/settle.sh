#!/bin/sh
# Before rtva starts: a release whose trial was cut short, by the power or otherwise, is left for the one before it.
# /opt/rtva/settle [FOLDER]. Plain shell, since the release in force may be one that cannot run at all.
cd "${1:-/opt/rtva}" || exit 0
exec 9>lock || exit 0
flock -n 9 || exit 0 # an update is at work and judges by itself
[ -e trial ] || exit 0
before=$(cat trial)
if [ -n "$before" ] && [ -e "releases/$before/complete" ] && [ "$(readlink current)" != "releases/$before" ]; then
    ln -sfn "releases/$before" .current.new && mv -T .current.new current || exit 1
    sync
    echo "an update was cut short: back at $before"
    [ -n "${1:-}" ] || [ ! -d /run/systemd/system ] || systemctl daemon-reload
fi
rm -f trial
sync

#!/bin/sh
# Prints where Debian 12 comes from: this machine's own mirrors where it is one, else Debian's.   sources.sh COMPONENT...
set -eu
own=/etc/apt/sources.list.d/debian.sources
if grep -qs '^Suites:.*bookworm' $own; then # the installer's systems have /etc/apt/sources.list alone
    sed "s/^Components:.*/Components: $*/" $own
    exit
fi
stanza() { printf 'Types: deb\nURIs: %s\nSuites: %s\nComponents: %s\nSigned-By: /usr/share/keyrings/debian-archive-keyring.gpg\n\n' "$@"; }
stanza http://deb.debian.org/debian "bookworm bookworm-updates" "$*"
stanza http://deb.debian.org/debian-security bookworm-security "$*"

#!/bin/sh
# Installs what Prefab's own servers and tests need, with the machine's package
# manager; what is present already is left alone, silently.
#
#   install.sh postgres redis? pgbouncer? chromium
#
# A trailing "?" marks a name as optional, and chromium always is: where it
# cannot be had the script warns and goes on, unless CI is set.
set -eu

say() { printf 'prefab: %s\n' "$*" >&2; }

have() { command -v "$1" >/dev/null 2>&1; }

# any_file PATH...: whether one of them is an executable file.
any_file() {
  for file in "$@"; do
    if [ -f "$file" ] && [ -x "$file" ]; then return 0; fi
  done
  return 1
}

# The folders are those that app/devservices/binaries_unix.go searches.
present() {
  case $1 in
    postgres)
      { have postgres && have initdb; } || any_file \
        /usr/lib/postgresql/*/bin/initdb /usr/pgsql-*/bin/initdb \
        /usr/libexec/postgresql*/initdb /usr/lib/postgresql*/bin/initdb \
        /opt/homebrew/opt/postgresql*/bin/initdb /usr/local/opt/postgresql*/bin/initdb \
        /home/linuxbrew/.linuxbrew/opt/postgresql*/bin/initdb \
        /usr/local/pgsql/bin/initdb ;;
    redis)
      have redis-server || have valkey-server || any_file \
        /usr/sbin/redis-server /usr/local/bin/redis-server \
        /opt/homebrew/bin/redis-server /opt/homebrew/bin/valkey-server ;;
    pgbouncer)
      have pgbouncer || any_file /usr/sbin/pgbouncer ;;
    nginx)
      have nginx || any_file /usr/sbin/nginx /usr/local/sbin/nginx ;;
    wrk) have wrk ;;
    npm) have npm ;;
    chromium)
      have chromium || have chromium-browser || have google-chrome ||
        have google-chrome-stable || have headless-shell || any_file \
        "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome" \
        /Applications/Chromium.app/Contents/MacOS/Chromium ;;
    *) say "install.sh knows postgres, redis, pgbouncer, nginx, wrk, npm and chromium, not $1"; exit 2 ;;
  esac
}

find_manager() {
  for manager in apt-get dnf apk pacman zypper brew; do
    if have "$manager"; then return 0; fi
  done
  manager=
}

# packages NAME: what the manager calls it, the first choice first. Some
# distributions have put Valkey in Redis's place.
packages() {
  case $manager:$1 in
    apt-get:postgres | apk:postgres | pacman:postgres) echo postgresql ;;
    dnf:postgres | zypper:postgres) echo postgresql-server ;;
    brew:postgres) echo postgresql@17 ;;
    apt-get:redis) echo redis-server valkey-server ;;
    dnf:redis | apk:redis | zypper:redis) echo redis valkey ;;
    pacman:redis) echo valkey redis ;;
    brew:redis) echo redis ;;
    *:pgbouncer) echo pgbouncer ;;
    apt-get:nginx) echo nginx-light nginx ;;
    *:nginx) echo nginx ;;
    *:wrk) echo wrk ;;
    dnf:npm) echo nodejs-npm npm ;;
    zypper:npm) echo npm-default npm ;;
    brew:npm) echo node ;;
    *:npm) echo npm ;;
    apt-get:chromium) echo chromium chromium-browser ;;
    dnf:chromium) echo chromium-headless chromium ;;
    brew:chromium) echo google-chrome ;;
    *:chromium) echo chromium ;;
  esac
}

# RUNLEVEL=1 asks invoke-rc.d not to start the distribution's own server, which
# Prefab has no use for and which would take the standard port.
command_for() {
  case $manager in
    apt-get) echo "env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y --no-install-recommends -o DPkg::Lock::Timeout=300" ;;
    dnf) echo "dnf install -y --setopt=install_weak_deps=False" ;;
    apk) echo "apk add --no-cache" ;;
    pacman) echo "pacman -S --noconfirm --needed" ;;
    zypper) echo "zypper --non-interactive install --no-recommends" ;;
    brew) if [ "$1" = chromium ]; then echo "brew install --cask"; else echo "brew install"; fi ;;
  esac
}

first() { echo "$1"; }

# The words of the commands are ours and hold no spaces: splitting is meant.
# shellcheck disable=SC2046,SC2086
plan() {
  for name in "$@"; do
    echo "    ${sudo:+$sudo }$(command_for "$name") $(first $(packages "$name"))"
  done
}

refresh() {
  [ "$manager" = apt-get ] && [ -z "${refreshed:-}" ] || return 1
  refreshed=1
  say "reading the package lists"
  $sudo apt-get update -q -o DPkg::Lock::Timeout=300 >&2
}

# shellcheck disable=SC2046,SC2086
install() {
  case $(echo /var/lib/apt/lists/*_Packages*) in *'*'*) refresh || true ;; esac
  for again in no yes; do
    # A package that is unknown, or gone from the mirror, may only mean stale lists.
    if [ $again = yes ]; then refresh || return 1; fi
    for package in $(packages "$1"); do
      say "installing $package"
      if $sudo $(command_for "$1") "$package" >&2 && present "$1"; then return 0; fi
    done
  done
  return 1
}

# refuse NAME REASON: ends the script unless the name may be done without.
refuse() {
  case " $optional " in
    *" $1 "*)
      if [ -z "${CI:-}" ]; then
        say "WARNING: $1 $2; going on without it"
        return 0
      fi ;;
  esac
  say "$1 $2"
  exit 1
}

missing=
optional=chromium
for arg in "$@"; do
  name=${arg%\?}
  if [ "$name" != "$arg" ]; then optional="$optional $name"; fi
  case " $missing " in *" $name "*) continue ;; esac
  if ! present "$name"; then missing="$missing $name"; fi
done
if [ -z "$missing" ]; then exit 0; fi

find_manager
if [ -z "$manager" ]; then
  for name in $missing; do
    refuse "$name" "is missing, and no package manager that this script knows is here: install it by hand"
  done
  exit 0
fi

sudo=
if [ "$(id -u)" -ne 0 ]; then
  if [ "$manager" != brew ]; then
    sudo=sudo
    if ! have sudo && have doas; then sudo=doas; fi
  fi
  say "missing:$missing. What installs it:"
  # shellcheck disable=SC2086
  plan $missing >&2
  reply=n
  if [ -t 0 ] && [ -t 2 ]; then
    printf 'prefab: run that now? [y/N] ' >&2
    read -r reply || reply=n
  fi
  case $reply in
    [yY]*) ;;
    *)
      for name in $missing; do refuse "$name" "is missing and was not installed"; done
      exit 0 ;;
  esac
fi

for name in $missing; do
  if ! install "$name"; then
    refuse "$name" "could not be installed (see above)"
  else
    case $name in chromium | npm | wrk) continue ;; esac
    say "$name is installed. Prefab runs a private copy of its own: a system-wide server, if your system starts one, is not used and may be disabled."
  fi
done

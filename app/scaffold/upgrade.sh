#!/usr/bin/env bash
# Brings Prefab's packages to a newer version: make upgrade FROM=<clone or git address of Prefab> [TO=tag] [DRY=1]
# It takes the version that this project was made from, and the new one, gives both this project's names, and merges
# the difference into the packages here. Your own files are never touched.
set -euo pipefail
CDPATH='' cd -- "$(dirname -- "$0")/../.."
fail() { echo "upgrade: $*" >&2; exit 1; }
answer() { sed -n "s/^$1=//p" prefab.lock; }

[ -n "${FROM:-}" ] || fail "say where Prefab is: make upgrade FROM=<clone or git address> [TO=tag] [DRY=1]"
[ -f prefab.lock ] || fail "there is no prefab.lock; run make init first"
[ -n "${DRY:-}" ] || [ -z "$(git status --porcelain)" ] || fail "commit or stash your changes first, so that this can be undone"

temp=$(mktemp -d)
trap 'rm -rf "$temp"' EXIT
git clone -q --no-checkout "$FROM" "$temp/prefab" || fail "cannot clone $FROM"
from=$(answer version)
git -C "$temp/prefab" cat-file -e "$from^{commit}" 2>/dev/null || fail "$FROM does not hold $from, from which this project was made"
to=$(git -C "$temp/prefab" rev-parse -q --verify "${TO:-HEAD}^{commit}") || fail "$FROM has no version ${TO:-HEAD}"

# renamed VERSION DIR: that version of Prefab with this project's answers.
renamed() {
  git -C "$temp/prefab" worktree add -q --detach "$2" "$1"
  (cd "$2" && app/scaffold/init.sh) > "$temp/log" 2>&1 ||
    fail "init fails on $1: $(tail -1 "$temp/log")"
}
MODULE=$(answer module) NAME=$(answer name) TITLE=$(answer title) BARE=$(answer bare)
export MODULE NAME TITLE BARE
renamed "$from" "$temp/old"
renamed "$to" "$temp/new"

# packages DIR: Prefab's files, by the rule that files directly in a top-level folder are yours.
packages() {
  (cd "$1" && find app handlers jobs middleware repositories services templates -mindepth 2 -type f \
    -not -path 'repositories/migrations/*' -not -path 'templates/static/*') | LC_ALL=C sort
}
same() { if [ -e "$1" ] && [ -e "$2" ]; then cmp -s "$1" "$2"; else [ ! -e "$1" ] && [ ! -e "$2" ]; fi; }
say() { printf '%-10s %s\n' "$1" "$2"; }
do_() { [ -n "${DRY:-}" ] || "$@"; }
put() { mkdir -p "$(dirname "$2")" && cp -p "$1" "$2"; }

conflicts=0
while IFS= read -r file; do
  old=$temp/old/$file new=$temp/new/$file
  if same "$old" "$new" || same "$file" "$new"; then
    continue # Prefab has not changed it, or you have the change already
  elif same "$file" "$old"; then
    if [ -e "$new" ]; then say "$([ -e "$old" ] && echo replaced || echo added)" "$file"; do_ put "$new" "$file"
    else say removed "$file"; do_ rm "$file"; fi
  elif [ ! -e "$new" ]; then
    say kept "$file: Prefab has removed it, you have changed it"
  elif [ ! -e "$file" ]; then
    say "left out" "$file: you have removed it, Prefab has changed it"
  else
    [ -e "$old" ] || old=/dev/null
    if git merge-file -p --diff3 -L yours -L "Prefab ${from:0:8}" -L "Prefab ${to:0:8}" "$file" "$old" "$new" > "$temp/merged"; then
      say merged "$file"
    else
      say CONFLICT "$file"; conflicts=$((conflicts + 1))
    fi
    do_ cp "$temp/merged" "$file"
  fi
done < <({ packages "$temp/old"; packages "$temp/new"; } | LC_ALL=C sort -u)

# Modules that the packages need in a newer version than this project has.
while read -r module version; do
  have=$(awk -v m="$module" '$1 == m { print $2 } $1 == "require" && $2 == m { print $3 }' go.mod)
  if [ "$have" != "$version" ] && [ "$(printf '%s\n' "$have" "$version" | sort -V | tail -1)" = "$version" ]; then
    say needs "$module $version${have:+, instead of $have}"
    do_ go mod edit -require="$module@$version"
  fi
done < <(diff <(grep -E '^\s+\S+ v' "$temp/old/go.mod") <(grep -E '^\s+\S+ v' "$temp/new/go.mod") | awk '/^>/ { print $2, $3 }')

notes=$({ diff -N "$temp/old/UPGRADING.md" "$temp/new/UPGRADING.md" || true; } | sed -n 's/^> //p')
[ -z "$notes" ] || printf '\nWhat your own code needs to follow (UPGRADING.md):\n\n%s\n\n' "$notes"
do_ sed -i.old "s/^version=.*/version=$to/" prefab.lock
do_ rm -f prefab.lock.old
if [ -n "${DRY:-}" ]; then echo "upgrade: nothing was written (DRY)"; exit; fi
[ "$conflicts" -eq 0 ] || { echo "upgrade: $conflicts files have conflict marks; solve them, run make test, and commit." >&2; exit 3; }
echo "upgrade: done. Look at git diff, run make test, and commit."

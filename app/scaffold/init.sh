#!/usr/bin/env bash
# Gives this checkout a module path and a name of its own: make init MODULE=github.com/acme/shop [NAME=shop] [BARE=1]
# prefab.lock keeps the answers for `make upgrade`. BARE=1, now or later, removes the sample catalogue.
set -euo pipefail
CDPATH='' cd -- "$(dirname -- "$0")/../.."
fail() { echo "init: $*" >&2; exit 1; }
answer() { [ ! -f prefab.lock ] || sed -n "s/^$1=//p" prefab.lock; }

module=${MODULE:-$(answer module)}
name=${NAME:-$(answer name)}
name=${name:-${module##*/}}
title=${TITLE:-$(answer title)}
title=${title:-$(tr '[:lower:]' '[:upper:]' <<<"${name:0:1}")${name:1}}
version=$(answer version)
version=${version:-$(git rev-parse HEAD)}
bare=$(answer bare)

[ -n "$module" ] || fail "say the module path: make init MODULE=github.com/acme/shop"
[[ $module =~ ^[a-z0-9]([a-z0-9.-]*[a-z0-9])?(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*$ ]] ||
  fail "\"$module\" is no module path; one is like github.com/acme/shop"
[[ $name =~ ^[a-z][a-z0-9]{1,29}$ ]] ||
  fail "\"$name\" is no name for binary, metrics and keys: 2 to 30 of a-z and 0-9, a letter first. Say NAME=…"
[[ $title =~ ^[A-Za-z0-9]([A-Za-z0-9\ ._-]{0,38}[A-Za-z0-9])?$ ]] || fail "\"$title\" is no title: up to 40 of letters, digits, spaces, . _ and -"
[ -z "$(git status --porcelain)" ] || fail "commit or stash your changes first, so that this can be undone"

if [ -f prefab.lock ] && [ "$module $name $title" != "$(answer module) $(answer name) $(answer title)" ]; then
  fail "this project is $(answer module) already, by the name $(answer name). To choose again, revert the commit that init made"
fi

trap 'echo "init: it ended half way; git reset --hard && git clean -fd undoes it" >&2' ERR # the tree was clean
emptied=
if [ -n "${BARE:-}" ] && [ -f app/scaffold/remove-sample.sh ]; then
  app/scaffold/remove-sample.sh
  bare=1 emptied=1
  echo "init: the sample catalogue is removed, and the tutorial; git show $version:docs/tutorial.md shows it"
fi

if [ ! -f prefab.lock ]; then
  # All text that git tracks, without what speaks of Prefab itself.
  files=()
  while IFS= read -r -d '' file; do
    if [ -f "$file" ] && grep -Iq . "$file"; then files+=("$file"); fi
  done < <(git ls-files -z -- . ':!LICENSE' ':!UPGRADING.md' ':!app/scaffold')
  sed -i.old -E -e "s#example\.com/prefab#@module@#g" -e "s#(^|[^A-Za-z])prefab#\1$name#g" -e "s#@module@#$module#g" "${files[@]}"
  sed -i.old -E "s#(^|[^A-Za-z])Prefab([^a-z]|$)#\1$title\2#g" templates/*.html handlers/api.go Dockerfile deploy/*/*.{json,yaml}
  sed -i.old "1s#Prefab#$title#" README.md
  rm -f scaffold_test.go docs_test.go removing_test.go # they test the steps that are taken here, and the documents of Prefab
  find . -name '*.old' -not -path './.git/*' -exec rm {} +
  for file in templates/static/prefab.* deploy/systemd/prefab.service; do
    [ "$name" = prefab ] || git mv "$file" "${file/prefab/$name}"
  done
  gofmt -w app handlers jobs middleware repositories services templates ./*.go
  echo "init: the module is $module"
  echo "init: the name is $name, for binary, metrics, keys in Redis, database, image and styles"
  echo "init: the title is $title, for pages, API document and README"
fi

if [ -n "$emptied" ]; then
  go run ./app/scaffold --no-check resource Note 'title:string!' body:text > /dev/null
  echo "init: a small resource shows how one looks: /api/v1/notes; bin/$name generate destroy Note removes it"
fi

lock="# How this project was made from Prefab; app/scaffold/upgrade.sh reads it.
version=$version
module=$module
name=$name
title=$title
bare=$bare"
if [ "$lock" = "$(cat prefab.lock 2>/dev/null)" ]; then
  echo "init: nothing to do"
  exit
fi
echo "$lock" > prefab.lock
echo "init: done. Look at git diff, run make test, and commit."

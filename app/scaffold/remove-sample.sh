#!/usr/bin/env bash
# Removes the sample catalogue from this checkout. Users, sessions and sign-in stay.
# A test runs this script on a copy (scaffold_test.go).
set -euo pipefail
CDPATH='' cd -- "$(dirname -- "$0")/../.."
[ -z "$(git status --porcelain 2>/dev/null)" ] || { echo "remove-sample: commit your changes first" >&2; exit 1; }

# Its files.
rm -f docs_test.go # it follows the tutorial
rm -r bench docs/{performance.*,screenshots/{catalogue,edit,product}*,tutorial.md} catalogue*_test.go app/scaffold/remove-sample.sh app/product*.go app/stock*_test.go jobs/prune* \
  repositories/migrations/{00003_catalogue,00008_products_search}.sql \
  repositories/{categories,cached_[cprs]*,invalidat,pending,plans,product,prune,reviews,seed,stock,unavailable}* \
  services/{categories,product,reviews,rules,stock}*.go templates/{catalogue,edit,product}.html \
  handlers/{edit_page,product,reviews,stock}*.go

# Its parts of other files, which stand between "region sample" and "endregion". The start page takes "/".
sed -i.old -E '/(\/\/|#|<!--) region sample/,/(\/\/|#|<!--) endregion/d' app/{app,commands,config,routes,sample,schedule}.go \
  handlers/{api,pages}.go Makefile .env.example .gitignore .golangci.yml deploy/nginx.conf deploy/prometheus/alerts.yaml
sed -i.old 's,// without sample: ,,' app/routes.go handlers/{api,pages}.go
sed -i.old 's/ once the sample is removed.*/./' handlers/pages.go
sed -i.old -E -e '/^  seed \[/d' -e '/^  export \[/,/write all products/d' app/commands.go
if grep -q '[^a-z]jobs\.' app/schedule.go && ! grep -q '/jobs"$' app/schedule.go; then # a generated job needs the import
  sed -i.old '/jobs\/runner"$/{h;s,/runner,,;p;g;}' app/schedule.go
fi
gofmt -w app handlers

# Its words in the documents, and its panels in the dashboard.
sed -i.old -E -e '/^<!-- region sample -->$/,/^<!-- endregion -->$/d' -e 's/, replace the sample catalogue by your own domain//' \
  -e 's, · \[performance\]\(docs/performance.md\),,' -e 's/`bench`, //' README.md
sed -i.old '/^bin\/prefab \(seed\|export\)/d' docs/commands.md
sed -i.old 's/ErrNoProduct/ErrNoUser/' docs/resources.md
sed -i.old -E -e 's,`POST /products/.*`/login`,`POST /login`,' -e 's/the catalogue, 24 a page.*/the start page|/' \
  -e '/^\|`([A-Z]+ [^`]*\/products|(flush|retry)-stock|prune-products)/d' -e 's/, as `flush-stock`//' docs/{api,architecture,jobs,pages}.md
sed -i.old -E -e '/^\|(a product|its stock|a list of|the number of|whether a product|categories|anonymous responses of)/d' \
  -e 's/^\|a user\|the same/|a user|memory (L1) over Redis (L2)/' docs/caching.md
sed -i.old -E 's/\[([^]]*)\]\(tutorial\.md[^)]*\)/\1/' docs/*.md
sed -i.old '/A measurement for a claim of speed/,/scenarios.go/d' CONTRIBUTING.md
sed -i.old '/prefab_write_behind/d' docs/operations.md
sed -i.old -e '/^    {$/ {' -e N -e '/"id": 1[67],/ {' -e :a -e N -e '/\n    },$/!ba' -e d -e '}' -e '}' \
  -e 's/Write-behind and jobs/Jobs/' deploy/grafana/dashboard.json
find . -name '*.old' -exec rm {} +

#!/usr/bin/env bash
# apache-superset 6.1.0. A dashboard's ZIP is imported with `overwrite=True`, by the page or by `ImportDashboardsCommand`.
# One would guess that the charts and datasets in the ZIP are overwritten with it. Seen in its source: only the dashboards
# are, charts, datasets and databases that are there already stay as they were. `ImportAssetsCommand` overwrites all of
# them; whoever keeps dashboards in files has to import with it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" download --quiet --disable-pip-version-check --no-deps --dest "$folder" apache-superset==6.1.0
"$folder/venv/bin/python" - "$folder" <<'PY'
import glob, io, sys, tarfile, zipfile

path = glob.glob(sys.argv[1] + "/apache*superset*")[0]
if path.endswith(".whl"):
    archive = zipfile.ZipFile(path)
    read = lambda end: archive.read(next(n for n in archive.namelist() if n.endswith(end))).decode()
else:
    archive = tarfile.open(path)
    read = lambda end: archive.extractfile(next(m for m in archive if m.name.endswith(end))).read().decode()
dashboards = read("superset/commands/dashboard/importers/v1/__init__.py")
assets = read("superset/commands/importers/v1/assets.py")
seen = {kind: (f"import_{kind}(config, overwrite=False)" in dashboards, f"import_{kind}(config, overwrite=True)" in assets)
        for kind in ("chart", "dataset", "database")}
print("apache-superset 6.1.0: left by an import of dashboards, overwritten by one of assets:", seen)
sys.exit(0 if all(all(pair) for pair in seen.values()) else "this has changed")
PY

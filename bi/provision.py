"""Bring Superset's metadata to the state of the files: schema, accounts, roles, dashboards. Runs in Superset's own
environment:

    python bi/provision.py <bundle.json> <state folder>

What somebody changed since the last time is named, and kept as an archive before it is overwritten. Prints a JSON
object: {"changed": [name, ...], "kept": path or null, "dashboards": number}.
"""

import hashlib
import json
import os
import sys
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ADMIN, VIEWER, ROLE = "admin", "viewer", "lagebild_viewer"
READS = ("can_read", "can_get", "can_dashboard", "can_slice", "can_list", "can_show", "can_time_range")
SEES = {"Home", "Dashboards"}
ALSO = {
    ("can_write", "DashboardFilterStateRestApi"),  # where a reader's filters are remembered
    ("can_recent_activity", "Log"),
    ("can_language_pack", "Superset"),
    ("can_query_form_data", "Api"),
    ("can_query", "Api"),
    ("can_userinfo", "UserDBModelView"),
    ("can_log", "Superset"),
}
NEEDED = (("can_read", "SecurityRestApi"),)
"""The token without which the page may not even remember a filter; Gamma lacks it."""
NEVER = {
    "user",
    "security",
    "RowLevelSecurity",
    "UserRegistrationsRestAPI",
    "SwaggerView",
    "OpenApi",
    "SQLLab",
    "SavedQuery",
    "Query",
    "SqlLabPermalinkRestApi",
    "Database",
    "CssTemplate",
    "Tags",
    "Annotation",
}


def secret(name: str) -> str:
    return (Path(os.environ["BI_SECRETS"]) / name).read_text().strip()


def accounts(manager: Any) -> None:
    """An administrator and a viewer, with the passwords of the secrets folder."""
    for user, role, password in ((ADMIN, "Admin", "superset_admin"), (VIEWER, ROLE, "superset_viewer")):
        found = manager.find_user(user) or manager.add_user(
            user, user.title(), "Lagebild", f"{user}@localhost.invalid", manager.find_role(role), secret(password)
        )
        manager.reset_password(found.id, secret(password))


def viewer_role(manager: Any) -> None:
    """A role that reads dashboards: what Superset gives Gamma, less all that writes."""
    role = manager.find_role(ROLE) or manager.add_role(ROLE)
    kept = [
        one
        for one in manager.find_role("Gamma").permissions
        if one.view_menu.name not in NEVER
        and (
            one.permission.name in READS
            or (one.permission.name, one.view_menu.name) in ALSO
            or (one.permission.name == "menu_access" and one.view_menu.name in SEES)
        )
    ]
    needed = [manager.add_permission_view_menu(*one) for one in NEEDED]
    role.permissions = list({one.id: one for one in [*kept, *needed]}.values())


def may_read(manager: Any, session: Any) -> None:
    """The viewer reads the datasets of the one database that the files bring."""
    from superset.models.core import Database

    role = manager.find_role(ROLE)
    for database in session.query(Database):
        role.permissions.append(manager.add_permission_view_menu("database_access", database.perm))


def states(session: Any) -> Iterator[tuple[str, str, str]]:
    """Kind and id of each dataset, chart and dashboard, its name, and a digest of what a person can change."""
    from superset.connectors.sqla.models import SqlaTable
    from superset.models.dashboard import Dashboard
    from superset.models.slice import Slice

    for one in session.query(Slice):
        yield f"chart {one.uuid}", one.slice_name, digest(one.slice_name, one.viz_type, one.params, one.description)
    for one in session.query(Dashboard):
        parts = (one.dashboard_title, one.slug, one.position_json, one.json_metadata, one.css, one.published)
        yield f"dashboard {one.uuid}", one.dashboard_title, digest(*parts)
    for one in session.query(SqlaTable):
        columns = sorted((c.column_name, c.verbose_name or "", c.expression or "") for c in one.columns)
        metrics = sorted((m.metric_name, m.expression) for m in one.metrics)
        yield f"dataset {one.uuid}", one.table_name, digest(one.table_name, one.sql, columns, metrics)


def digest(*parts: Any) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


def keep(session: Any, folder: Path) -> Path:
    """Everything as it is now, as an archive that Superset can import."""
    from superset.commands.export.assets import ExportAssetsCommand

    path = folder / "changed" / f"{datetime.now(UTC):%Y-%m-%dT%H%M%SZ}.zip"
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in ExportAssetsCommand().run():
            archive.writestr(f"assets/{name}", content())
    return path


def remove_former(session: Any, uuids: set[str]) -> None:
    """Charts and dashboards that these files brought once and no longer bring. What a person made stays."""
    from superset.models.dashboard import Dashboard
    from superset.models.slice import Slice

    for kind in (Dashboard, Slice):
        for one in session.query(kind):
            if str(one.uuid) in uuids:
                session.delete(one)


def main(arguments: list[str]) -> int:
    bundle, folder = json.loads(Path(arguments[0]).read_text()), Path(arguments[1])
    from superset.app import create_app

    app = create_app()
    with app.app_context():
        from flask import g
        from flask_migrate import upgrade
        from superset import db, security_manager
        from superset.commands.importers.v1.assets import ImportAssetsCommand

        schema = folder / "schema"
        version = digest(app.config["VERSION_STRING"], Path(__file__).read_text())
        if not schema.exists() or schema.read_text() != version:
            upgrade(directory=str(Path(sys.modules["superset"].__file__).parent / "migrations"))
            # Without the first of these two, Superset's own roles are made almost empty.
            app.appbuilder.add_permissions(update_perms=True)
            security_manager.sync_role_definitions()
            schema.write_text(version)
        viewer_role(security_manager)
        accounts(security_manager)
        db.session.commit()
        g.user = security_manager.find_user(ADMIN)

        known_file = folder / "provisioned.json"
        known = json.loads(known_file.read_text()) if known_file.exists() else {}
        found = {key: (name, state) for key, name, state in states(db.session)}
        changed = [name for key, (name, state) in found.items() if key in known and known[key] != state]
        kept = keep(db.session, folder) if changed else None

        ImportAssetsCommand(bundle).run()
        brought = {line.split(": ", 1)[1].strip("'\" ") for text in bundle.values() for line in uuids_of(text)}
        remove_former(db.session, {key.split(" ")[1] for key in known} - brought)
        may_read(security_manager, db.session)
        db.session.commit()
        db.session.expire_all()
        told = {key: state for key, _, state in states(db.session) if key.split(" ")[1] in brought}
        known_file.write_text(json.dumps(told, indent=1) + "\n")
        dashboards = sum(key.startswith("dashboard ") for key in told)
    print(json.dumps({"changed": sorted(changed), "kept": str(kept) if kept else None, "dashboards": dashboards}))
    return 0


def uuids_of(text: str) -> Iterator[str]:
    return (line for line in text.splitlines() if line.startswith("uuid: "))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Roles of named persons in Airflow on a server: viewer, operator, decider.

On a laptop there is one account. On a server each person has a login (`airflow users create`, or OpenID Connect:
docker/README.md) with one or more of these roles, so that the ledger records who accepted a held delivery and who
approved a build. `python -m lagebild.local.people` creates the roles and removes permissions that are not listed here.
"""

VIEWER, OPERATOR, DECIDER = "lagebild_viewer", "lagebild_operator", "lagebild_decider"
DECISIONS = ("decide_held", "publish")
"""The DAGs that ask a person."""

_READ = (
    "DAGs", "DAG Dependencies", "DAG Code", "DAG Runs", "DAG Versions", "DAG Warnings", "Assets", "Asset Aliases",
    "Backfills", "Cluster Activity", "Pools", "ImportError", "Jobs", "Task Instances", "Task Logs", "XComs",
    "HITL Detail", "Website", "My Password", "My Profile",
)  # fmt: skip
_MENU = (
    "Browse", "DAGs", "DAG Dependencies", "DAG Runs", "Assets", "Cluster Activity", "Documentation", "Docs", "Jobs",
    "Task Instances", "HITL Detail",
)  # fmt: skip
_SEES = (
    *(("can_read", name) for name in _READ),
    *(("menu_access", name) for name in _MENU),
    ("can_edit", "My Password"),
    ("can_edit", "My Profile"),
)
PERMISSIONS = {
    # May see runs and their logs.
    VIEWER: _SEES,
    # May start runs, retry tasks and pause DAGs, but not answer questions: that needs both the right to answer and
    # the right to edit the DAG.
    OPERATOR: (
        *_SEES,
        ("can_edit", "DAGs"),
        ("can_create", "DAG Runs"),
        ("can_edit", "DAG Runs"),
        ("can_create", "Task Instances"),
        ("can_edit", "Task Instances"),
    ),
    # May answer and trigger the questions of these DAGs; may not start or clear anything else.
    DECIDER: (
        *_SEES,
        ("can_edit", "HITL Detail"),
        *(("can_edit", f"DAG:{dag}") for dag in DECISIONS),
        *(("can_create", f"DAG Run:{dag}") for dag in DECISIONS),
    ),
}
"""Permissions of each role: (action, resource), as Airflow's FAB provider names them."""


def ensure() -> None:
    """Create every role in Airflow's metadata with exactly these permissions; the provider's own roles stay."""
    # Late: on a server only; the provider is in extra `server`.
    from airflow.providers.fab.auth_manager.cli_commands.utils import get_application_builder

    with get_application_builder() as builder:
        manager = builder.sm
        builder.add_permissions(update_perms=True)
        manager.sync_roles()
        for name, permissions in PERMISSIONS.items():
            manager.bulk_sync_roles([{"role": name, "perms": permissions}])
            role = manager.find_role(name)
            for permission in list(role.permissions):
                if (permission.action.name, permission.resource.name) not in permissions:
                    manager.remove_permission_from_role(role, permission)


if __name__ == "__main__":
    ensure()

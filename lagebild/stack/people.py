"""The roles that named persons have in Airflow on a server: viewer, operator, decider.

On a laptop there is one account. On a server each person has a login (`airflow users create`, or the house's own login
by OpenID Connect: docker/README.md) with one or more of these roles, so that the ledger names who accepted a held
delivery and who had a build published. `python -m lagebild.stack.people` makes them; it takes away what is not here.
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
    # Sees what ran and what it said.
    VIEWER: _SEES,
    # Starts runs and tries tasks again, pauses DAGs. Answers no question: Airflow asks for both the right to answer and
    # the right to edit the DAG.
    OPERATOR: (
        *_SEES,
        ("can_edit", "DAGs"),
        ("can_create", "DAG Runs"),
        ("can_edit", "DAG Runs"),
        ("can_create", "Task Instances"),
        ("can_edit", "Task Instances"),
    ),
    # Answers the questions of these DAGs and has them asked; starts and clears nothing else.
    DECIDER: (
        *_SEES,
        ("can_edit", "HITL Detail"),
        *(("can_edit", f"DAG:{dag}") for dag in DECISIONS),
        *(("can_create", f"DAG Run:{dag}") for dag in DECISIONS),
    ),
}
"""What each role may do: (action, resource), in the words of Airflow's FAB provider."""


def ensure() -> None:
    """Make every role in Airflow's metadata, with exactly these permissions, and the provider's own beside them."""
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

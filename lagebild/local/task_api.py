"""The API for tasks, in one version only.

Airflow's server also creates routes of eight earlier versions, for workers that were not updated yet: 50 MB and more
than a second of CPU. Tasks of the local stack use the same environment as its server. This uses private names of
Airflow; a test checks them against the locked version.
"""


def keep_newest_version() -> None:
    """Keep only the newest version in this process, before the API is created; all stay if tasks use another one."""
    from airflow.api_fastapi.execution_api import versions
    from airflow.api_fastapi.execution_api.routes import execution_api_router
    from airflow.sdk.api.datamodels._generated import API_VERSION
    from cadwyn import HeadVersion, Version, VersionBundle
    from cadwyn.route_generation import _DELETED_ROUTE_TAG

    if versions.bundle.versions[0].value != API_VERSION:
        return
    versions.bundle = VersionBundle(HeadVersion(), Version(API_VERSION))
    # They exist in earlier versions only.
    gone = [route for route in execution_api_router.routes if _DELETED_ROUTE_TAG in getattr(route, "tags", ())]
    execution_api_router.routes[:] = [route for route in execution_api_router.routes if route not in gone]

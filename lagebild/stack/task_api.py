"""The API that tasks talk to, in the one version that they speak here.

Airflow's server also makes the routes of eight earlier versions, for workers that were not updated yet: 50 MB and more
than a second of CPU. Tasks of the local stack run from the environment that its server runs from. A test holds the
names that this relies on against the Airflow of the lock.
"""


def keep_newest_version() -> None:
    """In this process and its children, before the API is made; where tasks speak another version, all stay."""
    from airflow.api_fastapi.execution_api import versions
    from airflow.api_fastapi.execution_api.routes import execution_api_router
    from airflow.sdk.api.datamodels._generated import API_VERSION
    from cadwyn import HeadVersion, Version, VersionBundle
    from cadwyn.route_generation import _DELETED_ROUTE_TAG

    if versions.bundle.versions[0].value != API_VERSION:
        return
    versions.bundle = VersionBundle(HeadVersion(), Version(API_VERSION))
    # They exist in earlier versions alone.
    gone = [route for route in execution_api_router.routes if _DELETED_ROUTE_TAG in getattr(route, "tags", ())]
    execution_api_router.routes[:] = [route for route in execution_api_router.routes if route not in gone]

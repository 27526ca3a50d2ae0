"""What `docker/compose.yaml` says, as `podman run` takes it: every key is translated, or an error."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from lagebild.core.settings import ROOT

COMPOSE = ROOT / "docker" / "compose.yaml"
ENTRYPOINT = "/opt/lagebild/docker/entrypoint.py"
_FLAGS = {
    "mem_limit": "--memory", "pids_limit": "--pids-limit", "shm_size": "--shm-size", "user": "--user",
    "restart": "--restart", "security_opt": "--security-opt", "cap_drop": "--cap-drop", "tmpfs": "--tmpfs",
}  # fmt: skip
_ELSEWHERE = {"image", "build", "command", "depends_on", "profiles", "healthcheck", "ports"}
"""Keys that whoever starts the containers obeys."""


def services(variables: dict[str, str], path: Path = COMPOSE) -> dict[str, dict[str, Any]]:
    """Each service with its variables put in, and its secrets' files."""
    text = re.sub(
        r"\$\{([A-Z0-9_]+)(?::-([^}]*))?\}", lambda match: variables.get(match[1]) or match[2] or "", path.read_text()
    )
    read = yaml.safe_load(text)
    files = {name: secret["file"] for name, secret in read["secrets"].items()}
    for service in read["services"].values():
        service["secrets"] = {name: files[name] for name in service.get("secrets", [])}
    return read["services"]


def started(found: dict[str, dict[str, Any]]) -> list[str]:
    """The services that `up` starts, each after those that it waits for."""
    order: list[str] = []

    def add(name: str) -> None:
        for other in found[name].get("depends_on", {}):
            add(other)
        if name not in order:
            order.append(name)

    for name, service in found.items():
        if not service.get("profiles"):
            add(name)
    return order


def run_options(service: dict[str, Any]) -> list[str]:
    """The options of `podman run` that mean what the service says."""
    return [*_options(service)]


def _options(service: dict[str, Any]) -> Iterator[str]:
    for key, value in service.items():
        if key in _FLAGS:
            for one in value if isinstance(value, list) else [value]:
                yield from (_FLAGS[key], str(one))
        elif key == "read_only":
            # Docker puts no memory of its own over a closed root file system; podman would.
            yield from (f"--read-only={str(value).lower()}", "--read-only-tmpfs=false")
        elif key == "init":
            yield f"--init={str(value).lower()}"
        elif key == "stop_grace_period":
            yield from ("--stop-timeout", str(int(value.removesuffix("m")) * 60))
        elif key == "environment":
            for name, text in value.items():
                yield from ("--env", f"{name}={'' if text is None else text}")
        elif key == "volumes":
            for volume in value:
                host, _, rest = volume.partition(":")
                yield from ("--volume", f"{COMPOSE.parent / host if host[0] in './' else host}:{rest}")
        elif key == "secrets":
            for name, file in value.items():
                yield from ("--volume", f"{COMPOSE.parent / file}:/run/secrets/{name}:ro")
        elif key == "logging":
            # podman keeps one file beside the one it writes; it knows no max-file.
            yield from ("--log-driver", value["driver"], "--log-opt", f"max-size={value['options']['max-size']}")
        elif key not in _ELSEWHERE:
            raise ValueError(f"compose.yaml says {key}, and nobody translates it")

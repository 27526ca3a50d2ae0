"""What every service of `docker/compose.yaml` must have: each rule gives what is wrong with a service, or nothing."""

import re
from typing import Any

MEMORY = re.compile(r"\d+(m|g)")


def broken(name: str, service: dict[str, Any]) -> list[str]:
    """The rules that a service, as loaded from YAML, breaks."""
    return [f"{name}: {rule}" for rule, holds in RULES.items() if not holds(service)]


def _has_limited_tmpfs(service: dict[str, Any]) -> bool:
    mounts = [mount for mount in service.get("tmpfs", []) if mount.startswith("/tmp:")]
    return bool(mounts) and all("size=" in mount for mount in service["tmpfs"])


def _limits_its_log(service: dict[str, Any]) -> bool:
    options = service.get("logging", {}).get("options", {})
    return bool(re.fullmatch(r"\d+[km]", options.get("max-size", ""))) and options.get("max-file", "").isdigit()


def _is_healthy_or_ends(service: dict[str, Any]) -> bool:
    return service.get("restart") == "no" or bool(service.get("healthcheck", {}).get("test"))


def _takes_no_writable_secret(service: dict[str, Any]) -> bool:
    return not any("/run/secrets" in volume for volume in service.get("volumes", []))


RULES = {
    "drops every capability": lambda s: s.get("cap_drop") == ["ALL"] and not s.get("cap_add"),
    "gains no privileges": lambda s: "no-new-privileges:true" in s.get("security_opt", []) and not s.get("privileged"),
    "writes to no image": lambda s: s.get("read_only") is True,
    "has memory of a stated size as /tmp": _has_limited_tmpfs,
    "limits memory": lambda s: bool(MEMORY.search(str(s.get("mem_limit", "")))),
    "limits processes": lambda s: isinstance(s.get("pids_limit"), int) and 0 < s["pids_limit"] <= 1024,
    "limits its log": _limits_its_log,
    "says whether it is well, or ends": _is_healthy_or_ends,
    "shares nothing of the host but folders": lambda s: not {"network_mode", "pid", "ipc", "devices"} & s.keys(),
    "names its secrets": lambda s: bool(s.get("secrets")) and _takes_no_writable_secret(s),
    "reaps what its children leave": lambda s: s.get("init") is True,
}

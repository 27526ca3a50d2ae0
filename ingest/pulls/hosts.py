"""The services that are asked, as data.

GENESIS is one dialect on four hosts with four accounts. An environment variable LAGEBILD_<NAME>_URL (in capitals)
replaces scheme and host, for a service that moved or for the server that replays recorded answers; paths stay.
"""

from dataclasses import dataclass, replace

from lagebild.core.errors import UserError, did_you_mean
from lagebild.core.settings import Settings


@dataclass(frozen=True)
class Host:
    """A service."""

    name: str
    title: str
    root: str
    """Scheme and host, without a slash at the end."""
    rest: str = ""
    """Path of the GENESIS web service."""
    downloads: str = ""
    """Path of tables that need no login."""
    has_jobs: bool = False
    """Whether large tables can be made in the background."""

    @property
    def url(self) -> str:
        """The web service's address, with a slash at the end."""
        return f"{self.root}/{self.rest}"


HOSTS = {
    host.name: host
    for host in (
        # The move from www-genesis.destatis.de was announced for 2026-05-28; credentials never follow a redirect.
        Host(
            "destatis",
            "GENESIS-Online (Destatis)",
            "https://genesis.destatis.de",
            rest="genesisWS/rest/2020/",
            has_jobs=True,
        ),
        Host(
            "regionalstatistik",
            "Regionaldatenbank Deutschland",
            "https://www.regionalstatistik.de",
            rest="genesisws/rest/2020/",
            has_jobs=True,
        ),
        Host(
            "ldb_nrw",
            "Landesdatenbank NRW",
            "https://www.landesdatenbank.nrw.de",
            rest="ldbnrwws/rest/2020/",
            downloads="ldbnrwws/downloader/00/tables/",
            has_jobs=True,
        ),
        Host("zensus2022", "Zensus 2022", "https://ergebnisse.zensus2022.de", rest="api/rest/2020/"),
    )
}


def host_of(name: str, settings: Settings) -> Host:
    """The host of this name, at the address that the settings say; UserError if there is none."""
    known = ", ".join(sorted(HOSTS))
    for other in settings.host_urls:
        if other not in HOSTS:
            meant = did_you_mean(other, HOSTS)
            raise UserError(f"LAGEBILD_{other.upper()}_URL belongs to no host", remedy=f"{meant}the hosts are {known}")
    if name not in HOSTS:
        raise UserError(f"there is no host {name}", remedy=f"{did_you_mean(name, HOSTS)}the hosts are {known}")
    return replace(HOSTS[name], root=settings.host_urls.get(name, HOSTS[name].root).rstrip("/"))

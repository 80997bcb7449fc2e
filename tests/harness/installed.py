"""A plain HTTP client of an installation that runs, as its admin."""

import httpx

from imprint.local.installation import Installation


def http_of(installation: Installation, timeout: float) -> httpx.AsyncClient:
    """A client that shows the admin's token, and believes in the certificate of the gateway alone."""
    headers = {"Authorization": f"Bearer {installation.token}"}
    return httpx.AsyncClient(
        base_url=installation.url, headers=headers, verify=installation.verify, timeout=timeout, trust_env=False
    )

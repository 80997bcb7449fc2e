"""One who only wants to be served: asks again and again, from a process of its own, and says how long it took.

``python -m api.bystander HOST PORT TOKEN COUNT``: seconds for each answer, as JSON; an answer that is none ends it.
"""

import http.client
import json
import sys
import time

PATH = "/v1/pods"


def ask(host: str, port: int, token: str, count: int) -> list[float]:
    """How long each of ``count`` answers took; every tenth comes over a new connection."""
    taken = []
    connection = None
    for one in range(count):
        begun = time.perf_counter()
        if connection is None or one % 10 == 0:
            if connection is not None:
                connection.close()
            connection = http.client.HTTPConnection(host, port, timeout=60)
        connection.request("GET", PATH, headers={"authorization": f"Bearer {token}"})
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            sys.exit(f"{answer.status} after {one} answers")
        taken.append(time.perf_counter() - begun)
    return taken


if __name__ == "__main__":
    sys.stdout.write(json.dumps(ask(sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4]))))

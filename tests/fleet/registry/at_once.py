"""Several who act at the same moment, each in a thread with a database connection of its own."""

import threading
from collections import Counter
from collections.abc import Callable

from django.db import connection

from fleet.trust.services.errors import DomainError


def at_once(*deeds: Callable[[], object]) -> Counter[str]:
    """Do everything at the same moment, each in its own thread; count what came of it."""
    outcomes: list[str] = []
    start = threading.Barrier(len(deeds))

    def work(deed: Callable[[], object]) -> None:
        start.wait(timeout=30)
        try:
            deed()
            outcomes.append("done")
        except DomainError as error:
            outcomes.append(error.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=[deed]) for deed in deeds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    return Counter(outcomes)

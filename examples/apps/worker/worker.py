"""A worker that checks a page every minute, and logs whether it responds."""

import os
import signal
from urllib.request import urlopen

from apscheduler.schedulers.blocking import BlockingScheduler

URL = os.environ.get("WATCHED_URL", "http://localhost/")

scheduler = BlockingScheduler(timezone="UTC")


@scheduler.scheduled_job("interval", minutes=1)
def check() -> None:
    try:
        with urlopen(URL, timeout=10) as response:  # noqa: S310 - the owner sets the URL
            print(f"{URL} responded with status {response.status}")
    except OSError as error:
        print(f"{URL} does not respond: {error}")


def stop(*_: object) -> None:
    print("The watch ends")
    scheduler.shutdown(wait=False)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, stop)
    print(f"Watching {URL}")
    scheduler.start()

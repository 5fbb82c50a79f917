"""A process that writes decisions from several threads and prints the id of each one that is durable.

python -m credit_platform_tests.serving.decisions.writing FOLDER URL THREADS EACH
"""

import sys
from pathlib import Path
from threading import Thread

from pydantic import SecretStr

from credit_platform.settings import Settings
from credit_platform_tests.serving.decisions.making import decision, personal
from serving.decisions.log import DecisionLog


def main(folder: str, url: str, threads: str, each: str) -> None:
    settings = Settings(_env_file=None, data_dir=Path(folder), decisions_url=SecretStr(url), decisions_key=None)
    with DecisionLog.open(settings) as log:

        def write(thread: int) -> None:
            for number in range(int(each)):
                receipt = log.record(decision(), personal(client=thread, inputs={"number": number}))
                sys.stdout.write(f"{receipt.id}\n")
                sys.stdout.flush()

        writers = [Thread(target=write, args=(thread,)) for thread in range(int(threads))]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()


if __name__ == "__main__":
    main(*sys.argv[1:])

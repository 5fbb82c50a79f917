"""The API as a process of its own, deciding by a version in a folder; prints its port once it listens.

python -m credit_platform_tests.serving.served DATA_FOLDER VERSION_FOLDER
"""

import asyncio
import sys
from pathlib import Path

import uvicorn

from credit_platform.scoring.scorer import Scorer
from credit_platform.settings import Settings
from serving.app import create_app


async def main(data: str, version: str) -> None:
    settings = Settings(_env_file=None, data_dir=Path(data), api_key=None)
    app = create_app(settings, lambda: Scorer.load(Path(version), "3"))
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None))
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    sys.stdout.write(f"{server.servers[0].sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await serving


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))

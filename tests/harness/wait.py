"""Waiting for a condition that nothing announces."""

import asyncio
import inspect
from collections.abc import Callable
from typing import Any


async def until(condition: Callable[[], Any], timeout: float = 20.0) -> Any:
    """The first true answer of ``condition`` (which may be a coroutine function); TimeoutError when none comes."""
    async with asyncio.timeout(timeout):
        while True:
            answer = condition()
            if inspect.isawaitable(answer):
                answer = await answer
            if answer:
                return answer
            await asyncio.sleep(0.01)

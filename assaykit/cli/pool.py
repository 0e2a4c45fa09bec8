"""`Workers`: the processes that share a run's work. They end with it, however it ends, and may be killed one by one.

Workers are started afresh (by a fork server where the system has one, else spawned), never forked from a process with
threads. Where one is killed, as by a system out of memory, what was lost is done again, once, by half as many.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from itertools import chain
from typing import Any, TypeVar

from assaykit.errors import WorkerError

Answer = TypeVar("Answer")
Work = Callable[[], Any]
_READ_ONCE = ("assaykit.pipeline", "assaykit.report")  # by the fork server, and not by every worker


@contextmanager
def workers(count: int, tell: Callable[[str], object]) -> Iterator[Executor | None]:
    """Give `count` workers, or None where one process is to do it all; they are gone when this is left.

    `tell` is called with a sentence where workers were killed and their work is done again.
    """
    if count <= 1:
        yield None
        return
    pool = Workers(count, tell)
    try:
        yield pool
    except BaseException:
        pool.stop()
        raise
    pool.shutdown()


class Workers(Executor):
    """A pool of processes that is renewed once, when a process of it was killed."""

    def __init__(self, count: int, tell: Callable[[str], object]) -> None:
        self._count, self._tell, self._renewed, self._stopped = count, tell, False, False
        self._renewing = threading.RLock()
        self._pool = _pool(count)

    def submit(self, fn: Callable[..., Answer], /, *args: Any, **kwargs: Any) -> Future[Answer]:
        """Give one piece of work to a worker. Its answer is a WorkerError where its worker was killed twice."""
        answer: Future[Answer] = Future()
        self._send(answer, partial(fn, *args, **kwargs))
        return answer

    def map(
        self, fn: Callable[..., Answer], *iterables: Iterable[Any], timeout: float | None = None, chunksize: int = 1
    ) -> Iterator[Answer]:
        """Return the answers in order, the work sent in chunks."""
        items = list(zip(*iterables, strict=False))
        chunks = [items[begin : begin + chunksize] for begin in range(0, len(items), chunksize)]
        return chain.from_iterable(super().map(partial(_done_chunk, fn), chunks, timeout=timeout))

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the workers when their work is done."""
        self._stopped = True
        self._pool.shutdown(wait, cancel_futures=cancel_futures)

    def stop(self) -> None:
        """End the workers now, whatever they are doing."""
        self._stopped = True
        for process in multiprocessing.active_children():
            process.terminate()
        self._pool.shutdown(cancel_futures=True)

    def _send(self, answer: Future[Any], work: Work) -> None:
        pool = self._pool
        try:
            with _signals_held():
                sent = pool.submit(work)
        except BrokenProcessPool:
            self._send_again(answer, work, lost=pool)
        else:
            sent.add_done_callback(partial(self._deliver, answer, work, pool))

    def _deliver(self, answer: Future[Any], work: Work, pool: ProcessPoolExecutor, sent: Future[Any]) -> None:
        if sent.cancelled():
            answer.cancel()
        elif isinstance(sent.exception(), BrokenProcessPool) and not self._stopped:
            self._send_again(answer, work, lost=pool)
        elif not answer.set_running_or_notify_cancel():
            return
        elif (error := sent.exception()) is not None:
            answer.set_exception(error)
        else:
            answer.set_result(sent.result())

    def _send_again(self, answer: Future[Any], work: Work, *, lost: ProcessPoolExecutor) -> None:
        """Give work to the renewed pool, which the first piece that was lost makes; or say that this broke, too."""
        with self._renewing:
            if lost is self._pool and not self._renewed:
                self._renewed, self._count = True, max(1, self._count // 2)
                self._tell(f"a worker was killed; what it did is done again, with {self._count} of them")
                self._pool = _pool(self._count)
        if lost is not self._pool:
            self._send(answer, work)
        elif answer.set_running_or_notify_cancel():
            answer.set_exception(
                WorkerError(
                    "a worker must live until its work is done",
                    "that the system killed one, and one more when its work was done again: most likely there was not "
                    "enough memory",
                    "",
                    "run again with --workers 1, or on a computer with more memory; nothing was written",
                )
            )


@contextmanager
def _signals_held() -> Iterator[None]:
    """Let signals that end a run wait until this is left: a worker that is being started must be known to be ended."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    ending = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {number: signal.signal(number, lambda found, _: came.append(found)) for number in ending}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if came:
            signal.raise_signal(came[0])


def _pool(count: int) -> ProcessPoolExecutor:
    if "forkserver" in multiprocessing.get_all_start_methods():
        from multiprocessing.forkserver import ensure_running

        # A server that forks must have one thread, and the allocator of Arrow would start another.
        os.environ.setdefault("JE_ARROW_MALLOC_CONF", "background_thread:false")
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(list(_READ_ONCE))
        ensure_running()  # it reads them while this process reads the study
        return ProcessPoolExecutor(count, context, _begin_worker)
    return ProcessPoolExecutor(count, multiprocessing.get_context("spawn"), _begin_worker)


def _begin_worker() -> None:
    """Leave signals from the keyboard to the parent, and end when it does, even where it is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _done_chunk(function: Callable[..., Answer], chunk: Sequence[tuple[Any, ...]]) -> list[Answer]:
    return [function(*item) for item in chunk]

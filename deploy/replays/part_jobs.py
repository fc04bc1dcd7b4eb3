"""Goes through a recording file with a job, part by part, in one process or several; the jobs' results come back.

Every process reads the file and takes all deltas in; of the parts with records each takes its share. A process holds
one part at a time, so memory does not grow with the recording.
"""

import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from tqdm import tqdm

from contracts.record import Recording
from deploy.replays.recording_files import DELTAS, read_frames

R_co = TypeVar("R_co", covariant=True)
R = TypeVar("R")
_POLL_S = 0.3


class Job(Protocol[R_co]):
    """What is done with a recording. It lives in one process and sees parts in their order."""

    def take(self, part: Recording, first_number: int) -> None:
        """One part; its records are counted from `first_number` on, over the whole recording."""

    def result(self) -> R_co:
        """What came of all parts."""


@dataclass(frozen=True)
class Share:
    """Which parts a process takes: every `of`th, from its own number on."""

    number: int
    of: int


def run_job(path: Path, make_job: Callable[[], Job[R]], processes: int) -> list[R]:
    """One result per process. `make_job` goes to other processes by pickle."""
    with tqdm(desc=path.name, unit="record", leave=False, disable=None) as bar:
        if processes == 1:
            return [_work(path, make_job(), Share(0, 1), bar.update)]
        return _in_processes(path, make_job, processes, bar)


class _Counter(Generic[R]):
    """What the processes share with the one that waits: how many records are done."""

    done: "Synchronized[int]"


def _in_processes(path: Path, make_job: Callable[[], Job[R]], processes: int, bar: "tqdm[None]") -> list[R]:
    spawn = multiprocessing.get_context("spawn")
    done = spawn.Value("q", 0)
    with ProcessPoolExecutor(processes, mp_context=spawn, initializer=_begin, initargs=(done,)) as pool:
        futures = [pool.submit(_share, path, make_job, Share(number, processes)) for number in range(processes)]
        for count in _progress(futures, done):
            bar.update(count - bar.n)
        return [future.result() for future in futures]


def _progress(futures: list[Future[R]], done: "Synchronized[int]") -> Iterator[int]:
    while wait(futures, _POLL_S).not_done:
        yield done.value


def _begin(done: "Synchronized[int]") -> None:
    _Counter.done = done


def _share(path: Path, make_job: Callable[[], Job[R]], share: Share) -> R:
    def count(records: int) -> None:
        with _Counter.done.get_lock():
            _Counter.done.value += records

    return _work(path, make_job(), share, count)


def _work(path: Path, job: Job[R], share: Share, on_records: Callable[[int], object]) -> R:
    number, first = 0, 1
    for frame in read_frames(path):
        if frame.kind == DELTAS:
            job.take(frame.part(), first)
            continue
        if number % share.of == share.number:
            part = frame.part()
            job.take(part, first)
            on_records(len(part.records))
        number, first = number + 1, first + frame.entries
    return job.result()

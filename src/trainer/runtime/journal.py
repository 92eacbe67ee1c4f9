"""An output file that survives kill -9: nothing twice, nothing lost.

Results go to ``OUT.part`` and rejects to ``OUT.rejects.part``. After each block both are synced
to disk, then ``OUT.journal`` is replaced by one that says how many records of the input are done and how long
both files are. Starting again cuts the files back to those lengths, so what a killed
process wrote beyond its last journal entry is written anew. The end renames the files into place.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import IO, Any

from trainer.core.errors import ConfigError, OutputError
from trainer.core.files import write_json
from trainer.runtime.checkpoint import read_json

_SYNC = getattr(os, "fdatasync", os.fsync)


class Journal:
    """Two growing files and the record of what is safely in them.

    Args:
        out: Where the results end up.
        rejects: Where the rejects end up; none are left behind if there are none.
        fingerprint: What must be the same for a job to be resumed: inputs, model, options.
        overwrite: Start afresh, whatever is there.

    Raises:
        ConfigError: The output exists, or a half-done job of other inputs or options lies there.
        OutputError: The files cannot be written.
    """

    def __init__(self, out: Path, rejects: Path, fingerprint: dict[str, Any], overwrite: bool = False) -> None:
        self._out, self._rejects = out, rejects
        self._fingerprint = fingerprint
        self._path = out.with_name(out.name + ".journal")
        self._parts = [path.with_name(path.name + ".part") for path in (out, rejects)]
        if overwrite:
            for path in (out, rejects, self._path, *self._parts):
                path.unlink(missing_ok=True)
        state = self._read_state()
        self._finished = bool(state["finished"])
        if out.exists() and not self._finished:
            raise ConfigError("the output exists", file=out, remedy="name another, or add --overwrite")
        self.done: int = state["done"]
        self.written: int = state["written"]
        self.rejected: int = state["rejected"]
        self._streams: list[IO[bytes]] = []
        if not self._finished:
            self._streams = [self._open(part, size) for part, size in zip(self._parts, state["bytes"], strict=True)]
            _lock(self._streams[0], out)

    @property
    def is_fresh(self) -> bool:
        """Whether nothing has been done yet."""
        return self.done == 0

    @property
    def is_finished(self) -> bool:
        """Whether all records are done and only `finish` is missing."""
        return self._finished

    def append(self, results: str, rejects: str, done: int, written: int, rejected: int) -> None:
        """Add a block and make it safe.

        Args:
            results: Rendered extractions.
            rejects: Lines of rejects.
            done: Records of the input in this block.
            written: Articles among them that were extracted.
            rejected: Records among them that were not.

        Raises:
            OutputError: The disk is full or gone. What was safe stays so.
        """
        try:
            for stream, content in zip(self._streams, (results, rejects), strict=True):
                if content:
                    stream.write(content.encode("utf-8"))
                    stream.flush()
                    _SYNC(stream.fileno())
            self.done, self.written, self.rejected = self.done + done, self.written + written, self.rejected + rejected
            write_json(self._path, self._state())
        except OSError as error:
            raise self._fault(error) from error

    def finish(self, foot: str) -> None:
        """Write what stands behind the last result and put both files in place."""
        if not self._finished:  # else a former process was killed between here and the end
            self._finished = True
            self.append(foot, "", 0, 0, 0)
        try:
            self.close()
            rejects = self._parts[1]
            if rejects.exists() and self.rejected:
                rejects.replace(self._rejects)
            rejects.unlink(missing_ok=True)
            if self._parts[0].exists():
                self._parts[0].replace(self._out)
            self._path.unlink()
        except OSError as error:
            raise self._fault(error) from error

    def close(self) -> None:
        """Close the files; a job that is not finished can be resumed."""
        for stream in self._streams:
            stream.close()

    def _state(self) -> dict[str, Any]:
        counts = {"done": self.done, "written": self.written, "rejected": self.rejected}
        counts |= {"finished": self._finished}
        return {**counts, "bytes": [stream.tell() for stream in self._streams], "job": self._fingerprint}

    def _read_state(self) -> dict[str, Any]:
        if not self._path.is_file():
            return {"done": 0, "written": 0, "rejected": 0, "finished": False, "bytes": [0, 0]}
        state = read_json(self._path)
        if state.get("job") != self._fingerprint:
            changed = [key for key, value in self._fingerprint.items() if state.get("job", {}).get(key) != value]
            raise ConfigError(
                f"a half-done job lies here with other {', '.join(changed)}",
                file=self._path,
                remedy="start it with the same inputs and options, or add --overwrite to begin anew",
            )
        return state

    def _open(self, part: Path, size: int) -> IO[bytes]:
        try:
            part.parent.mkdir(parents=True, exist_ok=True)
            part.touch()
            stream = part.open("r+b")
            if stream.seek(0, os.SEEK_END) < size:
                stream.close()
                raise OutputError(
                    "shorter than its journal says", file=part, remedy="add --overwrite to begin the job anew"
                )
            stream.truncate(size)
            stream.seek(size)
            return stream
        except OSError as error:
            raise self._fault(error) from error

    def _fault(self, error: OSError) -> OutputError:
        return OutputError(
            f"cannot be written: {error.strerror or error}",
            file=self._out,
            remedy="make room or name another place, then start the same command again; it goes on where it stopped",
        )


def _lock(stream: IO[bytes], out: Path) -> None:
    """Keep a second process off the same output; the lock goes with the process."""
    if sys.platform == "win32":  # has no advisory locks of this kind
        return
    import fcntl

    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise ConfigError("another process is writing this output", file=out, remedy="wait, or name another") from error

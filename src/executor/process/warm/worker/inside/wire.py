"""The part inside a worker: loads a script once, and answers call after call with its `main(arguments)`.

The runner speaks over what were standard input and output: JSON-RPC 2.0, one message a line. Before anything else is
loaded, standard input becomes the null device and standard output becomes standard error, so that nothing that the
script, a module or a program of theirs prints can come between two messages.

    runner:  {"jsonrpc":"2.0","id":7,"method":"call","params":{"arguments":{...},"call_id":...,"client":...,"deadline_ms":...}}
    worker:  {"jsonrpc":"2.0","method":"item","params":{"id":7,"item":...}}        what a generator yields
             {"jsonrpc":"2.0","method":"log","params":{"id":7,"text":"..."}}       as if printed on standard error
             {"jsonrpc":"2.0","id":7,"result":...}                                 the end, with what `main` returns
             {"jsonrpc":"2.0","id":7,"error":{"code":1,"message":"..."}}           the end, with an exit status

The runner looks for exactly these beginnings, with the value last, so that it need not have a whole message in memory. An
`async def main` can be told to stop: {"jsonrpc":"2.0","method":"cancelled","params":{"id":7}}. The end of the input is
the end of the worker.

This file, `script.py` and `calls.py` are one program, in this order.
"""

import os
import sys
from _thread import RLock


class _Wire:
    """The way from and to the runner."""

    # So many bytes a pipe takes at once or not at all; see pipe(7) and POSIX.
    AT_ONCE = 512

    # The most that signal handlers say while the pipe is full; what is more is lost.
    MOST_WAITING = 1000

    def __init__(self):
        self.incoming = os.dup(0)
        self.outgoing = os.dup(1)
        self.is_left = False
        self.forget()
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, 0)
        os.close(null)
        os.dup2(2, 1)
        if hasattr(os, "register_at_fork"):
            # What the script forks has nothing to say here, and must not keep the way open.
            os.register_at_fork(after_in_child=self.leave)

    def forget(self):
        """Nothing is on its way, and nobody holds the lock: another thread that did so is not in a fork."""
        self.lock = RLock()
        self.waiting = []
        self.is_writing = False

    def leave(self):
        """This is a fork, and no worker."""
        self.is_left = True
        self.close()

    def close(self):
        """Nothing more is read or said: the numbers may be those of other files soon."""
        descriptors = (self.incoming, self.outgoing)
        self.incoming = self.outgoing = -1
        self.forget()
        for descriptor in descriptors:
            try:
                os.close(descriptor)
            except OSError:
                pass

    def lines(self):
        """The messages as they come; ends when the runner has closed its end."""
        parts = []
        while self.incoming >= 0:
            part = os.read(self.incoming, 65536)
            if not part:
                return
            parts.append(part)
            if b"\n" in part:
                lines = b"".join(parts).split(b"\n")
                parts = [lines.pop()]
                for line in lines:
                    yield line

    def send(self, message):
        """Says a whole message, whoever else is about to say something.

        A signal handler or a finalizer may come in between in the very thread that writes: what it says waits for the
        end of the message that it interrupts.
        """
        with self.lock:
            if len(self.waiting) < self.MOST_WAITING:
                self.waiting.append(message)
            while self.waiting and not self.is_writing:
                self.is_writing = True
                try:
                    while self.waiting:
                        self.write(self.waiting.pop(0))
                finally:
                    self.is_writing = False

    def write(self, message):
        if self.outgoing < 0:
            return
        try:
            written = os.write(self.outgoing, message)
            if written < len(message):
                rest = memoryview(message)[written:]
                while rest:
                    rest = rest[os.write(self.outgoing, rest) :]
        except BaseException:
            # A signal handler raised it: how much of the message is written is not known.
            if len(message) > self.AT_ONCE:
                self.close()
            raise


_wire = _Wire()


class _OwnPath:
    """Where this part looks for modules: where the interpreter has its own, and not where the script has its."""

    def __init__(self):
        own = os.path.realpath(os.path.dirname(os.__file__))
        script = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else "")
        folders = (os.getcwd(), os.path.dirname(script), os.path.dirname(os.path.realpath(script)))
        self.others = {os.path.realpath(folder) for folder in folders} - {own}

    def __enter__(self):
        self.path = sys.path
        sys.path = [folder for folder in sys.path if os.path.realpath(folder) not in self.others]

    def __exit__(self, *_):
        sys.path = self.path


_own_path = _OwnPath()

# Nothing is loaded before the streams are in their places.
_before = set(sys.modules)
with _own_path:
    import inspect
    import json
    import traceback
    from importlib import import_module
    from importlib.machinery import SourceFileLoader
    from importlib.util import module_from_spec, spec_from_file_location
    from time import time
    from types import GeneratorType
_loaded = set(sys.modules) - _before


def _give_way(folder):
    """Lets modules of `folder`, the script's, have the names of modules that only this part has loaded."""
    try:
        entries = os.listdir(folder)
    except OSError:
        return
    names = {entry.partition(".")[0] for entry in entries}
    for name in _loaded:
        if name.partition(".")[0] in names:
            sys.modules.pop(name, None)

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
        self.forget()
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, 0)
        os.close(null)
        os.dup2(2, 1)
        if hasattr(os, "register_at_fork"):
            # What the script forks has nothing to say here, and must not keep the way open.
            os.register_at_fork(after_in_child=self.close)

    def forget(self):
        """Nothing is on its way, and nobody holds the lock: another thread that did so is not in a fork."""
        self.lock = RLock()
        self.waiting = []
        self.is_writing = False

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

# Nothing is loaded before the streams are in their places.
import json  # noqa: E402
from types import GeneratorType  # noqa: E402

_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode
_decode = json.JSONDecoder().raw_decode

_ITEM = '{"jsonrpc":"2.0","method":"item","params":{"id":%d,"item":%s}}\n'
_LOG = '{"jsonrpc":"2.0","method":"log","params":{"id":%d,"text":%s}}\n'
_RESULT = '{"jsonrpc":"2.0","id":%d,"result":%s}\n'
_ERROR = '{"jsonrpc":"2.0","id":%d,"error":{"code":%d,"message":%s}}\n'


class Context:
    """What `main` learns of its call, where it takes a second argument."""

    __slots__ = ("call_id", "client", "deadline_ms", "trace", "_number")

    def __init__(self, number, params):
        self._number = number
        self.call_id = params["call_id"]
        self.client = params["client"]
        self.deadline_ms = params["deadline_ms"]
        self.trace = params.get("trace", {})

    def remaining(self):
        """Seconds until the call is ended."""
        import time

        return max(0.0, self.deadline_ms / 1000 - time.time())

    def progress(self, done, total=None, message=""):
        """Tells how far the call is."""
        figures = _plain(done) if total is None else _plain(done) + "/" + _plain(total)
        self._say("::progress %s %s" % (figures, message))

    def warning(self, text):
        """Says what deserves a look."""
        self._say("::warning %s" % text)

    def _say(self, line):
        number = self._number
        if number is not None:
            line = " ".join(line.split()) + "\n"
            _wire.send((_LOG % (number, _encode(line))).encode("utf-8", "replace"))

    def _end(self):
        """Whoever still has it says nothing any more."""
        self._number = None


def _plain(number):
    """A number without an exponent."""
    return ("%.6f" % number).rstrip("0").rstrip(".")


class _Script:
    """The script, loaded, and what is known of its `main`."""

    def __init__(self, params):
        self.preload = params["preload"]
        self.name, self.module, self.folder = self.load(params["arguments"])
        self.main = getattr(self.module, "main", None)
        if not callable(self.main):
            raise _Unable("`%s` defines no `main`: a worker calls `main(arguments)`" % self.name)
        import inspect

        called = self.main if inspect.isroutine(self.main) else getattr(self.main, "__call__")
        self.streams = inspect.isasyncgenfunction(called)
        self.is_async = self.streams or inspect.iscoroutinefunction(called)
        if params["multiplex"] and not self.is_async:
            raise _Unable("`multiplex` needs `async def main` in `%s`" % self.name)
        self.wants_context = self.takes_two(inspect)

    def takes_two(self, inspect):
        try:
            signature = inspect.signature(self.main)
        except (TypeError, ValueError):
            return False
        kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        plain = [one for one in signature.parameters.values() if one.kind in kinds]
        try:
            signature.bind({})
        except TypeError:
            if len(plain) < 2:
                raise _Unable("`main` of `%s` must take one argument: the arguments, as a dict" % self.name) from None
        # A second one that has a default is the script's own, unless it is called for what it gets.
        return len(plain) > 1 and (plain[1].default is plain[1].empty or plain[1].name == "context")

    def load(self, arguments):
        finds = bool(sys.path) and sys.path[0] == ""
        if arguments[0] == "-m":
            return self.load_module(arguments[1], arguments[2:], finds)
        path = os.path.abspath(arguments[0])
        folder = os.path.dirname(os.path.realpath(path))
        sys.argv = list(arguments)
        if finds:
            # As the interpreter does it for a script.
            sys.path[0] = folder
        self.import_all()
        return arguments[0], self.run(path), folder

    def load_module(self, name, arguments, finds):
        import importlib

        folder = os.getcwd()
        if finds:
            sys.path[0] = folder
        sys.argv = ["-m"] + list(arguments)
        self.import_all()
        module = importlib.import_module(name)
        sys.argv[0] = module.__file__
        return name, module, folder

    def import_all(self):
        for name in self.preload:
            __import__(name)

    @staticmethod
    def run(path):
        """Runs the file under a name that is not `__main__`. Like a script's, its compiled form is not stored."""
        from importlib.machinery import SourceFileLoader
        from importlib.util import module_from_spec, spec_from_file_location

        name = os.path.splitext(os.path.basename(path))[0]
        if not name.isidentifier() or name in sys.modules:
            name = "worker_script"
        with open(path, "rb") as file:
            source = file.read()
        spec = spec_from_file_location(name, path, loader=SourceFileLoader(name, path))
        module = module_from_spec(spec)
        sys.modules[name] = module
        exec(compile(source, path, "exec", dont_inherit=True), module.__dict__)
        return module

    def files(self):
        """The files that a worker would have to load again: what was asked for, and the author's own."""
        files = {sys.executable}
        for name, module in list(sys.modules.items()):
            path = getattr(module, "__file__", None)
            if isinstance(path, str):
                is_own = path.startswith(self.folder + os.sep)
                if is_own or module is self.module or name in self.preload:
                    files.add(path)
        return sorted(path for path in files if path and path.isprintable())

    def call(self, params, context):
        """What `main` gives: a value, a generator or something to wait for."""
        if self.wants_context:
            return self.main(params["arguments"], context)
        return self.main(params["arguments"])


class _Unable(Exception):
    """Why a script cannot be one for workers, in words for its author."""


def _exit_status(error):
    """The status that an interpreter would end with, and what it would print."""
    code = error.code
    if code is None:
        return 0, ""
    if isinstance(code, int):
        return code & 0xFF, ""
    return 1, str(code) + "\n"


def _ended(number, status):
    """The message that a call has ended without a value."""
    message = _RESULT % (number, "null") if status == 0 else _ERROR % (number, status, '"exit"')
    return message.encode()


def _stripped(error):
    """The error, with the frames of this file taken off its traceback."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    return error.with_traceback(trace)


def _told(error):
    """The error as an interpreter would print it."""
    import traceback

    error = _stripped(error)
    return "".join(traceback.format_exception(type(error), error, error.__traceback__))


def _flush():
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (AttributeError, OSError, ValueError):
            pass


class _OneByOne:
    """Answers one call after the other, in the main thread."""

    NAMES = {"traceparent": b"TRACEPARENT", "tracestate": b"TRACESTATE", "baggage": b"BAGGAGE"}

    def __init__(self, script):
        self.script = script
        self.client = None
        self.trace = {}

    def serve(self):
        for line in _wire.lines():
            message = _decode(line.decode())[0]
            if message["method"] == "call":
                self.answer(message["id"], message["params"])

    def tell(self, params):
        """Sets the variables that a script has in a process of its own."""
        os.environb[b"GANTZ_DEADLINE_MS"] = b"%d" % params["deadline_ms"]
        if params["client"] != self.client:
            self.client = params["client"]
            os.environb[b"GANTZ_CLIENT"] = self.client.encode()
        trace = params.get("trace", {})
        if trace != self.trace:
            for name, variable in self.NAMES.items():
                if name in trace:
                    os.environb[variable] = trace[name].encode()
                elif name in self.trace:
                    os.environb.pop(variable, None)
            self.trace = trace

    def answer(self, number, params):
        self.tell(params)
        context = Context(number, params)
        try:
            result = self.script.call(params, context)
            if isinstance(result, GeneratorType):
                result = self.stream(number, result)
            message = (_RESULT % (number, _encode(result))).encode()
        except SystemExit as error:
            status, text = _exit_status(error)
            sys.stderr.write(text)
            message = _ended(number, status)
        except BaseException as error:
            error = _stripped(error)
            sys.excepthook(type(error), error, error.__traceback__)
            message = _ended(number, 1)
        context._end()
        _flush()
        _wire.send(message)

    @staticmethod
    def stream(number, generator):
        try:
            while True:
                try:
                    item = next(generator)
                except StopIteration as end:
                    return end.value
                _wire.send((_ITEM % (number, _encode(item))).encode())
        finally:
            # What it says then belongs to the call.
            generator.close()


class _SideBySide:
    """Answers calls of an `async def main`, each in a task of its own."""

    def __init__(self, script):
        self.script = script
        self.tasks = {}
        self.parts = []

    def serve(self):
        import asyncio

        self.asyncio = asyncio
        asyncio.run(self.run())

    async def run(self):
        loop = self.asyncio.get_running_loop()
        self.ended = loop.create_future()
        os.set_blocking(_wire.incoming, False)
        loop.add_reader(_wire.incoming, self.read)
        await self.ended
        for task in list(self.tasks.values()):
            task.cancel()

    def read(self):
        try:
            part = os.read(_wire.incoming, 65536)
        except BlockingIOError:
            return
        if not part:
            self.asyncio.get_running_loop().remove_reader(_wire.incoming)
            if not self.ended.done():
                self.ended.set_result(None)
            return
        self.parts.append(part)
        if b"\n" in part:
            lines = b"".join(self.parts).split(b"\n")
            self.parts = [lines.pop()]
            for line in lines:
                self.heed(_decode(line.decode())[0])

    def heed(self, message):
        params = message["params"]
        if message["method"] == "call":
            number = message["id"]
            task = self.asyncio.get_running_loop().create_task(self.answer(number, params))
            self.tasks[number] = task
        elif message["method"] == "cancelled":
            task = self.tasks.get(params["id"])
            if task is not None:
                task.cancel()

    async def answer(self, number, params):
        context = Context(number, params)
        text = ""
        try:
            if self.script.streams:
                result = await self.stream(number, self.script.call(params, context))
            else:
                result = await self.script.call(params, context)
            message = (_RESULT % (number, _encode(result))).encode()
        except SystemExit as error:
            status, text = _exit_status(error)
            message = _ended(number, status)
        except BaseException as error:
            if not isinstance(error, self.asyncio.CancelledError):
                text = _told(error)
            message = _ended(number, 1)
        finally:
            self.tasks.pop(number, None)
            context._end()
        _flush()
        if text:
            _wire.send((_LOG % (number, _encode(text))).encode("utf-8", "replace"))
        _wire.send(message)

    @staticmethod
    async def stream(number, generator):
        try:
            async for item in generator:
                _wire.send((_ITEM % (number, _encode(item))).encode())
        finally:
            # What it says then belongs to the call.
            await generator.aclose()


def _main():
    line = next(_wire.lines(), None)
    if line is None:
        return
    message = _decode(line.decode())[0]
    try:
        if sys.version_info < (3, 7):
            raise _Unable("Python %d.%d is too old for a worker: 3.7 is the oldest" % sys.version_info[:2])
        script = _Script(message["params"])
    except BaseException as error:
        if isinstance(error, _Unable):
            text, told = "", str(error)
        else:
            text = _told(error)
            told = text.rstrip().rpartition("\n")[2]
        failure = {"code": 1, "message": told, "data": {"traceback": text[-32768:]}}
        answer = {"jsonrpc": "2.0", "id": message["id"], "error": failure}
        _wire.send(json.dumps(answer).encode() + b"\n")
        return
    _flush()
    ready = {"files": script.files(), "is_async": script.is_async}
    _wire.send(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": ready}).encode() + b"\n")
    (_SideBySide if script.is_async else _OneByOne)(script).serve()


_main()

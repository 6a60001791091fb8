

# The calls and their answers.

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
        return max(0.0, self.deadline_ms / 1000 - time())

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
    error = _stripped(error)
    return "".join(traceback.format_exception(type(error), error, error.__traceback__))


def _end_of_fork(status):
    """Ends a fork that has come to the end of `main`, where its script would end."""
    if _wire.is_left:
        _flush()
        os._exit(status)


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
        status = 0
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
            status = 1
            message = _ended(number, status)
        context._end()
        _end_of_fork(status)
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
        with _own_path:
            import asyncio

        self.asyncio = asyncio

    def serve(self):
        self.asyncio.run(self.run())

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
        status, text = 0, ""
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
            status = 1
            message = _ended(number, status)
        finally:
            self.tasks.pop(number, None)
            context._end()
        if _wire.is_left:
            sys.stderr.write(text)
        _end_of_fork(status)
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


def _short(line, most):
    """The beginning of a line, in characters that have a place in any text."""
    line = line.encode("utf-8", "replace").decode()
    return line if len(line) <= most else line[:most] + " [...]"


def _bounded(text):
    """The end of a traceback, whose message may be of any length."""
    text = "".join(_short(line, 1000) + "\n" for line in text.splitlines())
    return text if len(text) <= 32768 else "[...]\n" + text[-32768:].partition("\n")[2]


def _main():
    line = next(_wire.lines(), None)
    if line is None:
        return
    message = _decode(line.decode())[0]
    try:
        if sys.version_info < (3, 7):
            raise _Unable("Python %d.%d is too old for a worker: 3.7 is the oldest" % sys.version_info[:2])
        script = _Script(message["params"])
        server = (_SideBySide if script.is_async else _OneByOne)(script)
    except BaseException as error:
        if isinstance(error, _Unable):
            text, told = "", str(error)
        else:
            text = _told(error)
            told = text.rstrip().rpartition("\n")[2]
        failure = {"code": 1, "message": _short(told, 500), "data": {"traceback": _bounded(text)}}
        answer = {"jsonrpc": "2.0", "id": message["id"], "error": failure}
        _wire.send(json.dumps(answer).encode() + b"\n")
        return
    _flush()
    if _wire.is_left:
        return
    ready = {"files": script.files(), "is_async": script.is_async}
    _wire.send(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": ready}).encode() + b"\n")
    server.serve()


_main()

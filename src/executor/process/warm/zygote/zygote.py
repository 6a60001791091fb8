"""A warm interpreter: waits before the first line of a script, and forks for each call.

The interpreter is started as for one call, `python3 [OPTIONS] SCRIPT`, and finds this module where it looks for
`sitecustomize`, which it imports after everything of its own and before the script. Here it stays. A fork of it leaves
this module for the script, so that the interpreter itself runs the script: tracebacks, `__main__`, exit status and
the rest are not imitated, they are what they are.

The runner speaks over a socket, which is standard input at the start. A message is its length in four bytes, then
fields with NUL between them. Only modules that an interpreter has loaded anyway, or has built in, are imported.
"""

import os
import sys


class _Channel:
    """The socket to the runner."""

    def __init__(self, descriptor):
        import _socket

        self.socket = _socket.socket(fileno=descriptor)
        self.room = _socket.CMSG_SPACE(3 * 4)
        self.rights = (_socket.SOL_SOCKET, _socket.SCM_RIGHTS)

    def read(self, length):
        """Exactly so many bytes; None when the runner is gone."""
        parts = []
        while length:
            part = self.socket.recv(min(length, 1 << 20))
            if not part:
                return None
            parts.append(part)
            length -= len(part)
        return b"".join(parts)

    def receive(self):
        """The fields of the next message and the descriptors that came with it; None when the runner is gone."""
        head, ancillary, _, _ = self.socket.recvmsg(4, self.room)
        descriptors = []
        for level, kind, data in ancillary:
            if (level, kind) == self.rights:
                numbers = range(0, len(data) - 3, 4)
                descriptors += [int.from_bytes(data[at : at + 4], sys.byteorder) for at in numbers]
        rest = self.read(4 - len(head)) if head else None
        if rest is None:
            return None
        message = self.read(int.from_bytes(head + rest, "big"))
        return None if message is None else (message.split(b"\0"), descriptors)

    def send(self, *fields):
        message = b"\0".join(fields)
        self.socket.sendall(len(message).to_bytes(4, "big") + message)


class _Mark:
    """The call that a process belongs to, where the system shows the environment that a process was started with.

    A fork shows that of its parent. So the value is replaced where it lies in memory; it always has the same length.
    """

    NAME = b"GANTZ_CALL_ID="

    def __init__(self):
        self.address = None
        self.length = 0
        try:
            with open("/proc/self/stat", "rb") as file:
                fields = file.read().rpartition(b")")[2].split()
            begin, end = int(fields[47]), int(fields[48])
            with open("/proc/self/mem", "r+b", 0) as memory:
                environment = os.pread(memory.fileno(), end - begin, begin)
                for variable in environment.split(b"\0"):
                    if variable.startswith(self.NAME):
                        at = begin + environment.index(variable) + len(self.NAME)
                        self.length = len(variable) - len(self.NAME)
                        # What cannot be written now cannot be written then.
                        os.pwrite(memory.fileno(), variable[len(self.NAME) :], at)
                        self.address = at
        except (OSError, ValueError, IndexError):
            pass

    def write(self, value):
        if self.address is None or len(value) != self.length:
            return
        memory = os.open("/proc/self/mem", os.O_RDWR)
        try:
            os.pwrite(memory, value, self.address)
        finally:
            os.close(memory)


class _Ending:
    """The last thing a script's process does before it is taken apart.

    Taking an interpreter apart touches all of its memory, and in a fork every page touched is copied first. What was
    loaded before the fork is therefore kept out of it. Where a script has come to its plain end, only what it made
    itself is taken apart, here, and the rest is left to the system.
    """

    GONE_FIRST = (
        "path",
        "argv",
        "ps1",
        "ps2",
        "last_exc",
        "last_type",
        "last_value",
        "last_traceback",
        "path_hooks",
        "path_importer_cache",
        "meta_path",
        "__interactivehook__",
    )

    def __init__(self):
        import atexit

        # Registered before anything else, it runs after everything else.
        self.is_last = atexit._ncallbacks() == 0
        self.kept = {}
        atexit.register(self)

    def keep(self):
        """Everything loaded by now is kept."""
        import gc

        spared = ("__main__", "builtins", "sys", "sitecustomize")
        self.kept = {name: module for name, module in sys.modules.items() if name not in spared}
        # What refers to itself and is frozen is never taken apart.
        self.kept["\0"] = self.kept
        gc.collect()
        gc.freeze()
        # What the script makes is to be found by the collector at the end, and so must be what holds it.
        frozen = sys.modules["__main__"]
        main = type(sys)("__main__")
        vars(main).clear()
        vars(main).update(vars(frozen))
        sys.modules["__main__"] = main

    def __call__(self):
        if not self.kept:
            return
        if self.is_last and self.is_plain() and self.flushes():
            self.take_apart()
            if self.flushes():
                os._exit(0)
        for name in self.kept:
            sys.modules.pop(name, None)

    def is_plain(self):
        """Whether the script ran to its last line, without an exception, and no other thread lives.

        The interpreter then takes `__file__` out of `__main__` again; after `sys.exit` it does not.
        """
        main = vars(sys.modules.get("__main__", sys))
        return (
            main.get("__name__") == "__main__"
            and "__file__" not in main
            and "__cached__" not in main
            and not hasattr(sys, "last_type")
            and not hasattr(sys, "last_exc")
            and len(sys._current_frames()) == 1
        )

    @staticmethod
    def flushes():
        """Whether what was printed could be written. The interpreter says so itself where it could not."""
        try:
            for stream in (sys.stdout, sys.stderr):
                if stream is not None and not stream.closed:
                    stream.flush()
        except BaseException:
            return False
        return True

    def take_apart(self):
        """As the interpreter does it: modules go first by not being needed, and are emptied where they are."""
        import gc
        from _weakref import ref

        for name in self.GONE_FIRST:
            if hasattr(sys, name):
                setattr(sys, name, None)
        sys.stdin, sys.stdout, sys.stderr = sys.__stdin__, sys.__stdout__, sys.__stderr__
        module = None
        left = []
        for name, module in list(sys.modules.items()):
            is_own = self.kept.get(name) is not module and name not in ("builtins", "sys")
            if is_own and type(module) is type(sys):
                left.append(ref(module))
        del module
        sys.modules.clear()
        gc.collect()
        for reference in reversed(left):
            module = reference()
            if module is not None:
                space = vars(module)
                for name in list(space):
                    if name != "__builtins__":
                        space[name] = None
                del module, space
        gc.collect()


class _Zygote:
    """A warm interpreter."""

    def __init__(self, channel, options):
        self.channel = channel
        self.mark = _Mark()
        self.ending = _Ending()
        self.children = set()
        self.own_folder = os.path.dirname(__file__)
        self.notices = options[0] == b"1"
        self.python_path = options[2] if options[1] == b"1" else None
        self.folder = os.fsdecode(options[3])
        count = int(options[4])
        self.preload = [os.fsdecode(name) for name in options[5 : 5 + count]]
        self.note_changes(_variables(options[5 + count :]))
        self.real = None

    def note_changes(self, given):
        """What is not as the runner gave it: the interpreter sets a language, a program in front of it sets its own."""
        own = (b"PYTHONPATH", _Mark.NAME[:-1])
        now = {name: value for name, value in os.environb.items() if name not in own}
        self.changed = {name: value for name, value in now.items() if given.get(name) != value}
        self.unset = [name for name in given if name not in now and name not in own]
        path = os.environb.get(b"PYTHONPATH")
        if path != given.get(b"PYTHONPATH"):
            folders = (path or b"").split(b":")
            path = b":".join(one for one in folders if one != os.fsencode(self.own_folder))
            self.python_path = self.changed[b"PYTHONPATH"] = path

    def prepare(self):
        """Makes this process what it was without this module, loads what is to be loaded, and tells what that is."""
        if self.python_path is None:
            os.environb.pop(b"PYTHONPATH", None)
        else:
            os.environb[b"PYTHONPATH"] = self.python_path
        sys.path[:] = [folder for folder in sys.path if folder != self.own_folder]
        sys.path_importer_cache.pop(self.own_folder, None)
        del sys.modules["sitecustomize"]
        try:
            import sitecustomize

            self.real = sitecustomize
        except ImportError as error:
            if error.name != "sitecustomize":
                raise
        self.import_all()
        if self.notices:
            self.watch_children()
        sys.stdout.flush()
        sys.stderr.flush()
        self.ending.keep()
        return self.files()

    def import_all(self):
        """Imports as the script would, from its own folder first."""
        if self.folder:
            sys.path.insert(0, self.folder)
        try:
            for name in self.preload:
                __import__(name)
        finally:
            if self.folder and self.folder in sys.path:
                sys.path.remove(self.folder)

    def files(self):
        """The files that this interpreter would have to load again: what was asked for, and the author's own."""
        files = {sys.executable}
        for name, module in list(sys.modules.items()):
            path = getattr(module, "__file__", None)
            if isinstance(path, str) and (
                name in self.preload or (self.folder and path.startswith(self.folder + os.sep))
            ):
                files.add(path)
        return [os.fsencode(path) for path in sorted(files) if path]

    def watch_children(self):
        """Tells of the end of each child, for a system where the runner cannot see it."""
        import signal

        def ended(*_):
            for pid in list(self.children):
                self.tell_end(pid)

        signal.signal(signal.SIGCHLD, ended)

    def tell_end(self, pid):
        if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None:
            self.channel.send(b"ended", b"%d" % pid)

    def serve(self):
        """Does what the runner asks; returns in a fork."""
        while True:
            received = self.channel.receive()
            if received is None:
                self.end()
            fields, descriptors = received
            if fields[0] == b"fork":
                if self.fork(fields, descriptors):
                    return
            elif fields[0] == b"reap":
                self.reap(int(fields[1]))

    def end(self):
        """Nobody is left to end the calls that still run."""
        for pid in self.children:
            try:
                os.killpg(pid, 9)
            except OSError:
                pass
        os._exit(0)

    def fork(self, fields, descriptors):
        try:
            os.chdir(fields[3])
            pid = os.fork()
        except OSError as error:
            self.channel.send(b"refused", fields[1], b"%d" % (error.errno or 0))
            pid = None
        if pid == 0:
            self.become(fields, descriptors)
            return True
        for descriptor in descriptors:
            os.close(descriptor)
        if pid is not None:
            self.children.add(pid)
            try:
                # In the child, too: whoever comes first.
                os.setpgid(pid, pid)
            except OSError:
                pass
            if self.notices:
                # It may have ended before it was among the children.
                self.tell_end(pid)
        return False

    def reap(self, pid):
        """Takes the status of a child that has ended. Until then its id is nobody else's."""
        ended, status = os.waitpid(pid, os.WNOHANG) if pid in self.children else (0, 0)
        if ended:
            self.children.discard(pid)
            self.channel.send(b"reaped", b"%d" % pid, b"%d" % status)
        else:
            self.channel.send(b"living", b"%d" % pid)

    def become(self, fields, descriptors):
        """Turns a fork into the process of a call."""
        self.children = set()
        os.setpgid(0, 0)
        # Said here and not by the parent: nothing of the script runs unless the runner hears of it.
        self.channel.send(b"started", fields[1], b"%d" % os.getpid())
        if self.notices:
            import signal

            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self.mark.write(fields[2])
        for number, descriptor in enumerate(descriptors):
            os.dup2(descriptor, number)
        for descriptor in descriptors:
            os.close(descriptor)
        self.channel.socket.close()
        count = int(fields[4])
        arguments = [os.fsdecode(argument) for argument in fields[5 : 5 + count]]
        sys.argv[1:] = arguments
        if hasattr(sys, "orig_argv"):
            sys.orig_argv += arguments
        os.environb.clear()
        os.environb.update(_variables(fields[5 + count :]))
        os.environb.update(self.changed)
        for name in self.unset:
            os.environb.pop(name, None)
        sys.stdin = sys.__stdin__ = _stream(0, "<stdin>", sys.__stdin__)
        sys.stdout = sys.__stdout__ = _stream(1, "<stdout>", sys.__stdout__)
        sys.stderr = sys.__stderr__ = _stream(2, "<stderr>", sys.__stderr__)


def _variables(fields):
    pairs = (variable.partition(b"=") for variable in fields)
    return {name: value for name, _, value in pairs}


def _stream(number, name, like):
    """A standard stream as the interpreter makes it; what was found out about the old descriptor is forgotten."""
    import io

    writes = number != 0
    is_raw = like.write_through
    is_bare = writes and is_raw
    buffer = io.open(number, "wb" if writes else "rb", 0 if is_bare else -1, closefd=False)
    raw = buffer if is_bare else buffer.raw
    raw.name = name
    stream = io.TextIOWrapper(
        buffer,
        encoding=like.encoding,
        errors=like.errors,
        newline="\n",
        line_buffering=like.line_buffering,
        write_through=is_raw,
    )
    stream.mode = "w" if writes else "r"
    return stream


def _main():
    """Returns in the process of a call, with the `sitecustomize` that an interpreter has without this one, if any."""
    channel = _Channel(os.dup(0))
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.close(null)
    received = channel.receive()
    if received is None:
        os._exit(0)
    fields = received[0]
    if fields[0] == b"probe":
        # Python 3.8 frees what is not its own at the end of a process that was forked during an import.
        is_able = sys.version_info >= (3, 9) and sys.implementation.name == "cpython" and hasattr(os, "waitid")
        is_marked = _Mark().address is not None or sys.platform != "linux"
        version = "%d.%d.%d" % sys.version_info[:3]
        channel.send(b"probed", version.encode(), b"%d" % is_able, b"%d" % is_marked)
        os._exit(0)
    zygote = _Zygote(channel, fields[1:])
    try:
        files = zygote.prepare()
    except BaseException:
        import traceback

        channel.send(b"failed", traceback.format_exc().encode("utf-8", "replace").replace(b"\0", b""))
        os._exit(1)
    channel.send(b"ready", *files)
    zygote.serve()
    return zygote.real


try:
    _real = _main()
except BaseException as _error:
    # Whatever happens: the script must not run here.
    os.write(2, b"the warm interpreter failed: " + repr(_error).encode("utf-8", "replace") + b"\n")
    os._exit(70)
if _real is None:
    raise ImportError("No module named 'sitecustomize'", name="sitecustomize")
sys.modules["sitecustomize"] = _real

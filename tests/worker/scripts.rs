//! Scripts that show what an interpreter shows them, and that end in every way there is.

/// A script of the table.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    /// Options of the interpreter.
    pub(crate) options: &'static [&'static str],
    pub(crate) text: &'static str,
}

const fn case(name: &'static str, text: &'static str) -> Case {
    Case {
        name,
        options: &[],
        text,
    }
}

const fn with(name: &'static str, options: &'static [&'static str], text: &'static str) -> Case {
    Case {
        name,
        options,
        text,
    }
}

pub(crate) const CASES: &[Case] = &[
    case(
        "prints",
        "print('one'); print('two', end=''); import sys; print('three', file=sys.stderr)",
    ),
    case(
        "unicode",
        "print('grüße ☃ 𝒳'); import sys; print(sys.stdout.encoding, sys.stdout.errors, sys.stdin.errors, sys.stderr.errors)",
    ),
    case("surrogates", "print('\\udc80')"),
    case(
        "binary",
        "import sys; sys.stdout.buffer.write(bytes(range(256))); sys.stdout.buffer.flush()",
    ),
    case("exit 0", "import sys; print('a'); sys.exit()"),
    case("exit 3", "import sys; print('a'); sys.exit(3)"),
    case("exit 256", "raise SystemExit(256)"),
    case("exit -1", "raise SystemExit(-1)"),
    case("exit True", "raise SystemExit(True)"),
    case("exit text", "raise SystemExit('no luck')"),
    case("exit tuple", "raise SystemExit((1, 2))"),
    case(
        "exit of a class",
        "class Mine(SystemExit): pass\nraise Mine(5)",
    ),
    case(
        "exit in a function",
        "import sys\ndef main():\n    try: return 4\n    finally: print('finally')\nif __name__ == '__main__': sys.exit(main())",
    ),
    case(
        "os._exit",
        "import os, sys; sys.stdout.write('kept'); sys.stdout.flush(); os._exit(9)",
    ),
    case(
        "a caught exit",
        "import sys\ntry: sys.exit(3)\nexcept SystemExit as e: print(e.code)",
    ),
    case("raises", "def f(x):\n    return 1 / x\n\nf(0)\n"),
    case(
        "raises a chain",
        "try:\n    {}['x']\nexcept KeyError as e:\n    raise ValueError('chained') from e",
    ),
    case(
        "raises a group of its own",
        "class Odd(Exception):\n    def __str__(self): raise RuntimeError\nraise Odd('x')",
    ),
    case("a syntax error", "print('never')\nif True\n    pass\n"),
    case("a wrong indent", "def f():\nreturn 1\n"),
    case("an unclosed quote", "print('never\n"),
    case("bad encoding", "# coding: nonsense\nprint(1)\n"),
    case("another encoding", "# coding: latin-1\nprint(len('Ã¼'))\n"),
    case("an interrupt", "raise KeyboardInterrupt"),
    case("recursion", "def f(n): return f(n + 1)\nf(0)"),
    case(
        "the depth of frames",
        "import sys, inspect, traceback\nprint(len(inspect.stack()), sys._getframe().f_back, sys.getrecursionlimit())\ntraceback.print_stack()",
    ),
    case("reads nothing", "print('did not read')"),
    case("reads a part", "import sys; print(repr(sys.stdin.read(5)))"),
    case("reads all", "import sys; print(sys.stdin.read().upper())"),
    case("reads bytes", "import sys; print(sys.stdin.buffer.read())"),
    case(
        "reads lines",
        "import sys\nfor line in sys.stdin: print(repr(line))",
    ),
    case(
        "input",
        "print(input('name? ')); print(input())\ntry: input()\nexcept EOFError: print('end')",
    ),
    case(
        "stdin as json",
        "import json, sys; print(json.dumps(json.load(sys.stdin)))",
    ),
    case(
        "streams",
        "import sys\nfor s in (sys.stdin, sys.stdout, sys.stderr): print(s, s.name, s.mode, s.line_buffering, s.write_through, s.newlines, s.seekable(), s.isatty(), s.fileno(), type(s.buffer).__name__, s is getattr(sys, '__%s__' % s.name.strip('<>')))",
    ),
    case(
        "file",
        "print(__file__, __name__, __doc__, __package__, __spec__, __loader__.__class__.__name__, __loader__.path, sorted(globals()))",
    ),
    case(
        "argv",
        "import sys; print(sys.argv, getattr(sys, 'orig_argv', None), sys.executable)",
    ),
    case(
        "path",
        "import sys; print(sys.path, sys.prefix, sys.base_prefix)",
    ),
    case(
        "flags",
        "import sys; print(sys.flags, sys.warnoptions, sys._xoptions, sys.dont_write_bytecode)",
    ),
    with(
        "options",
        &["-B", "-O", "-W", "error::UserWarning", "-X", "dev"],
        "import sys; print(sys.flags, sys.warnoptions, sys._xoptions, __debug__)\nassert False\nimport warnings; warnings.warn('loud')",
    ),
    with(
        "buffered",
        &["-q"],
        "import sys; sys.stdout.write('a'); sys.stderr.write('b')",
    ),
    case(
        "environ",
        "import os; hide = ('GANTZ_CALL_ID', 'GANTZ_DEADLINE_MS'); print([(k, v) for k, v in os.environ.items() if k not in hide]); print(os.popen('env | grep -v -e ^GANTZ -e ^_= | sort').read())",
    ),
    case(
        "the mark",
        "import os; text = open('/proc/self/environ').read(); print(('GANTZ_CALL_ID=' + os.environ['GANTZ_CALL_ID']) in text.split('\\0'))",
    ),
    case(
        "changes its environment",
        "import os, subprocess; os.environ['A_NEW_ONE'] = 'x'; os.environ.pop('PATH'); print(subprocess.check_output(['/usr/bin/env']).count(b'A_NEW_ONE=x'))",
    ),
    case(
        "folder",
        "import os; print(os.getcwd()); os.chdir('/'); print(os.getcwd(), os.path.abspath('x'))",
    ),
    case("umask", "import os; print(oct(os.umask(0o22)))"),
    case(
        "limits",
        "import resource; print([resource.getrlimit(n) for n in range(16)])",
    ),
    case(
        "signals",
        "import signal; print([(s.name, str(signal.getsignal(s))) for s in signal.valid_signals() if isinstance(s, signal.Signals)], signal.pthread_sigmask(signal.SIG_BLOCK, []))",
    ),
    case(
        "the kernel's view of signals",
        "print([l for l in open('/proc/self/status') if l[:4] in ('SigB', 'SigI', 'SigC', 'Thre', 'NoNe', 'CapE')])",
    ),
    case(
        "group",
        "import os; print(os.getpgid(0) == os.getpid(), os.getsid(0) == os.getpid(), os.nice(0))",
    ),
    case(
        "descriptors",
        "import os; print(sorted(int(n) for n in os.listdir('/proc/self/fd'))[:4], os.open('/dev/null', os.O_RDONLY), [os.path.basename(os.readlink('/proc/self/fd/%d' % n)).split(':')[0] for n in range(3)])",
    ),
    case(
        "kills itself",
        "import os, signal; print('before', flush=True); os.kill(os.getpid(), signal.SIGKILL)",
    ),
    case(
        "terminates itself",
        "import os, signal; os.kill(os.getpid(), signal.SIGTERM)",
    ),
    case(
        "interrupts itself",
        "import os, signal, time; os.kill(os.getpid(), signal.SIGINT); time.sleep(9)",
    ),
    case("aborts", "import os; os.abort()"),
    case(
        "handles a signal",
        "import os, signal\ndef on(n, f): print('got', n, f.f_code.co_name)\nsignal.signal(signal.SIGUSR1, on); os.kill(os.getpid(), signal.SIGUSR1); print('on')",
    ),
    case(
        "an alarm",
        "import signal, time\nsignal.setitimer(signal.ITIMER_REAL, 0.02); time.sleep(9)",
    ),
    case(
        "a broken pipe",
        "import os, sys\nr, w = os.pipe(); os.close(r)\ntry: os.write(w, b'x')\nexcept BrokenPipeError as e: print(e)",
    ),
    case(
        "a broken output",
        "import os, sys\nr, w = os.pipe(); os.close(r); os.dup2(w, 1); sys.stdout.write('lost'); sys.stderr.write('said')",
    ),
    with(
        "a broken output, buffered",
        &["-q"],
        "import os, sys\nr, w = os.pipe(); os.close(r); os.dup2(w, 1); print('lost')",
    ),
    case(
        "closes its streams",
        "import sys; print('a'); sys.stdout.close(); sys.stderr.close()",
    ),
    case(
        "closes its descriptors",
        "import os; print('a'); os.close(0); os.close(1); os.close(2)",
    ),
    case(
        "streams are None",
        "import sys; sys.stdout = None; sys.stderr = None; print('nowhere')",
    ),
    case(
        "atexit",
        "import atexit\natexit.register(print, 'last')\natexit.register(lambda: print('first'))\nprint('main')",
    ),
    case(
        "atexit after an exception",
        "import atexit\natexit.register(print, 'last')\nraise ValueError('x')",
    ),
    case(
        "atexit that raises",
        "import atexit\ndef bad(): raise ValueError('late')\natexit.register(bad)\nprint('main')",
    ),
    case(
        "atexit that exits",
        "import atexit, os\natexit.register(lambda: os._exit(7))",
    ),
    case(
        "what is left at the end",
        "class Last:\n    def __init__(self, n): self.n = n\n    def __del__(self): print('gone', self.n, flush=True)\na = Last(1)\ndef f(): return b\nb = Last(2)\nb.me = b\nprint('main')",
    ),
    case(
        "a file left open",
        "f = open('left.txt', 'w'); f.write('written'); import atexit; print('main')",
    ),
    case(
        "what the last one wrote",
        "import os; print(os.path.exists('left.txt') and open('left.txt').read())",
    ),
    case(
        "threads",
        "import threading, time\ngo = threading.Event()\ndef work(): go.wait(); time.sleep(0.05); print('from the thread')\nt = threading.Thread(target=work); t.start(); print('main', threading.current_thread().name, threading.main_thread().name, threading.active_count()); go.set()",
    ),
    case(
        "daemon threads",
        "import threading, time\nthreading.Thread(target=time.sleep, args=(99,), daemon=True).start(); print('main')",
    ),
    case(
        "a thread that raises",
        "import threading\nt = threading.Thread(target=lambda: 1 / 0, name='T'); t.start(); t.join(); print('main')",
    ),
    case(
        "executors",
        "from concurrent.futures import ThreadPoolExecutor\nwith ThreadPoolExecutor(3) as pool: print(list(pool.map(lambda n: n * n, range(5))))",
    ),
    case(
        "subprocess",
        "import subprocess, sys; print(subprocess.run([sys.executable, '-c', 'import sys; print(sys.path[1:], sys.flags)'], capture_output=True, text=True))",
    ),
    case(
        "a shell",
        "import os; print(os.system('echo from the shell; exit 3'))",
    ),
    case(
        "a fork",
        "import os\npid = os.fork()\nif pid == 0:\n    print('child'); raise SystemExit(5)\nprint(os.waitpid(pid, 0)[1]); print('parent')",
    ),
    case(
        "a fork that falls through",
        "import os, atexit\natexit.register(print, 'bye', flush=True)\npid = os.fork()\nif pid: print(os.waitpid(pid, 0)[1], flush=True)",
    ),
    case(
        "multiprocessing",
        "import multiprocessing as mp\ndef square(n): return n * n\nif __name__ == '__main__':\n    for how in ('fork', 'spawn', 'forkserver'):\n        with mp.get_context(how).Pool(2) as pool: print(how, pool.map(square, range(4)))",
    ),
    case(
        "pickles",
        "import pickle\nclass Thing: pass\nprint(pickle.loads(pickle.dumps(Thing)).__module__, Thing.__qualname__)",
    ),
    case(
        "its own source",
        "import inspect\ndef f():\n    return 1  # this\nprint(inspect.getsource(f), inspect.getsourcefile(f))",
    ),
    case(
        "a sibling",
        "import sibling; print(sibling.NAME, sibling.__file__)",
    ),
    case(
        "a module named like ours",
        "import sys; print('sitecustomize' in sys.modules, [n for n in sys.modules if 'zygote' in n])\ntry:\n    import sitecustomize; print(sitecustomize.__file__)\nexcept ImportError as e: print(e)",
    ),
    case(
        "itself",
        "import sys, __main__; print(__main__.__file__ == __file__, sys.modules['__main__'].__dict__ is globals())",
    ),
    case("relative files", "print(open('sibling.py').read())"),
    case(
        "warnings",
        "import warnings\nwarnings.warn('mind')\ndef f(): warnings.warn('below', stacklevel=2)\nf()\nwarnings.warn('far', stacklevel=3)",
    ),
    case(
        "logging",
        "import logging; logging.warning('one'); logging.basicConfig(level='INFO'); logging.info('two'); logging.getLogger('x').error('three')",
    ),
    case(
        "asyncio",
        "import asyncio\nasync def main():\n    await asyncio.sleep(0.01); p = await asyncio.create_subprocess_exec('echo', 'hi', stdout=-1); print(await p.communicate()); return 5\nprint(asyncio.run(main()))",
    ),
    case(
        "an excepthook",
        "import sys\nsys.excepthook = lambda t, v, tb: print('hook', t.__name__, v, tb.tb_lineno, tb.tb_next)\nraise ValueError('x')",
    ),
    case(
        "an excepthook that fails",
        "import sys\ndef hook(*a): raise RuntimeError('in the hook')\nsys.excepthook = hook\nraise ValueError('x')",
    ),
    case(
        "a trace",
        "import sys\nseen = []\nsys.settrace(lambda f, e, a: seen.append((f.f_code.co_name, e)))\ndef f(): pass\nf(); sys.settrace(None); print(seen)",
    ),
    case(
        "large output",
        "print('x' * 300000); import sys; print('y' * 300000, file=sys.stderr)",
    ),
    case("a lost name", "del __file__\nimport sys; sys.exit(6)"),
    case(
        "random numbers",
        "import random; a = random.random(); print(a != 0.5)",
    ),
    case(
        "imports late",
        "class Late:\n    def __del__(self):\n        import json; print(json.dumps([1]))\nx = Late()",
    ),
    case(
        "a stopped collector",
        "import gc; gc.disable()\nclass A:\n    def __del__(self): print('collected')\na = A(); a.a = a; del a; print('main')",
    ),
    case(
        "progress",
        "import sys; print('::warning mind', file=sys.stderr); print('ok')",
    ),
];

/// What lies beside each script.
pub(crate) const SIBLING: &str = "NAME = 'sibling'\n";

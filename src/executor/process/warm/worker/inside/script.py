

# The script, and what is known of it.


class _Script:
    """The script, loaded, and what is known of its `main`."""

    def __init__(self, params):
        self.preload = params["preload"]
        self.name, self.module, self.folder = self.load(params["arguments"])
        self.main = getattr(self.module, "main", None)
        if not callable(self.main):
            raise _Unable("`%s` defines no `main`: a worker calls `main(arguments)`" % self.name)
        called = self.main if inspect.isroutine(self.main) else getattr(self.main, "__call__")
        self.streams = inspect.isasyncgenfunction(called)
        self.is_async = self.streams or inspect.iscoroutinefunction(called)
        if params["multiplex"] and not self.is_async:
            raise _Unable("`multiplex` needs `async def main` in `%s`" % self.name)
        self.wants_context = self.takes_two()

    def takes_two(self):
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
        if arguments[0] == "-m":
            return self.load_module(arguments[1], arguments[2:])
        path = os.path.abspath(arguments[0])
        folder = os.path.dirname(os.path.realpath(path))
        sys.argv = list(arguments)
        self.look_in(folder)
        self.import_all()
        return arguments[0], self.run(path), folder

    def load_module(self, name, arguments):
        folder = os.getcwd()
        self.look_in(folder)
        sys.argv = ["-m"] + list(arguments)
        self.import_all()
        module = import_module(name)
        sys.argv[0] = module.__file__
        return name, module, folder

    @staticmethod
    def look_in(folder):
        """Has modules looked for in `folder` first, as the interpreter does it for a script."""
        if FINDS_BESIDE:
            sys.path.insert(0, folder)
            _give_way(folder)

    def import_all(self):
        for name in self.preload:
            __import__(name)

    @staticmethod
    def run(path):
        """Runs the file under a name that is not `__main__`. Like a script's, its compiled form is not stored."""
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

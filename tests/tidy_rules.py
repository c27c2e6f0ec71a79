"""The rules of `test_tidy.py`: each takes a module and yields its complaints, empty where all is well.

The tables at the top are the rules' data and the place to change them. House style and architecture say why they are as
they are; a complaint says what to do.
"""

import ast
import io
import re
import sys
import tokenize
from collections.abc import Callable, Iterator, Mapping

from tidy_source import Function, Module

Rule = Callable[[Module], Iterator[str]]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# From the ground up. A module imports from floors below its own and from its own unit; units on one floor do not know
# each other. `drivers` lies on the ground, so it imports nothing of `agent`, and only floors above know it.
FLOORS = (
    ("agent.core", "agent.ocpp", "agent.texts", "drivers"),
    ("agent.config",),
    ("agent.journal",),
    ("agent.kernel",),
    ("agent.csms", "agent.local_controller", "agent.web", "agent.partners", "agent.devices", "agent.simulation"),
    ("agent.station", "agent.partnering", "agent.opening"),
    ("agent.app",),
    ("agent.cli",),
    ("agent.__main__",),
)
FLOOR_OF = {unit: number for number, units in enumerate(FLOORS) for unit in units}

CORE = "agent/core/"
OCPP = "agent/ocpp/"

# Time, chance, the machine and other threads: pure code gets all of them as arguments or not at all.
IMPURE_MODULES = _words(
    "asyncio concurrent contextvars ctypes fcntl getpass glob http io locale logging mmap multiprocessing os pathlib "
    "platform queue random sched secrets select selectors shelve shutil signal socket socketserver sqlite3 ssl "
    "subprocess syslog tempfile threading time urllib zoneinfo"
)
IMPURE_CALLS = frozenset(
    {
        *("datetime.datetime.now", "datetime.datetime.utcnow", "datetime.datetime.today", "datetime.date.today"),
        *("uuid.uuid1", "uuid.uuid4"),
        *("open", "input", "print", "eval", "exec", "breakpoint"),
        # hash() of text differs from run to run, id() from object to object.
        *("hash", "id"),
    }
)
# Libraries that agent/ocpp may use. ChargePoint and the router of `ocpp` do I/O, read the clock and lose messages.
OCPP_LIBRARIES = frozenset({"msgspec", "ocpp"})
OCPP_LIBRARY_SHELL = ("ocpp.charge_point", "ocpp.routing")

# The standard library's and others' parsers expand entities. Nothing we speak is XML.
XML_PARSERS = _words("bs4 defusedxml expat html5lib lxml plistlib pyexpat untangle xml xmlrpc xmltodict")

MAY_PRINT = ("agent/cli/", "agent/__main__.py", "tests/")

FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 60

# What asks a set without telling its order, or makes a set or an order of it.
ORDERLESS = _words("all any bool frozenset len max min set sorted sum")
# What takes one after the other.
ORDERED = _words("dict enumerate filter iter list map next reversed tuple zip")
SET_TYPES = _words("set frozenset AbstractSet MutableSet Set KeysView")
SET_METHODS = _words("union intersection difference symmetric_difference")

# Where the field has one word for a thing, ours is in style.md; these are other words for it, and what to say instead.
# Only words that mean nothing else here, as patterns; a second pattern names the files where a standard has the word.
OTHER_WORDS: Mapping[str, tuple[str, str | None]] = {
    "ticket": ("CheckIn, call code or own page", None),
    "signup": ("CheckIn", None),
    "wallbox": ("ChargingStation", None),
    "charge_point": ("ChargingStation", r"v16|v1_6|ocpp16"),
    "id_tag": ("IdToken", r"v16|v1_6|ocpp16"),
    "outlet": ("Connector", None),
    "gun": ("Connector", None),
    # OCPP 2.x has CustomerInformation.
    "customer(?!_information)": ("User", None),
    "cloud": ("CSMS", None),
}

UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX)\b")


def floors(module: Module) -> Iterator[str]:
    """Imports only go down, and neighbours on a floor do not know each other."""
    unit = _unit(module.name)
    if module.path.startswith("tests/") or module.name == "agent":
        return
    if unit is None:
        yield f"{module.path}: has no floor yet: add it to FLOORS where ARCHITECTURE.md puts it"
        return
    for target, line in module.imports:
        other = _unit(target)
        if target.split(".")[0] == "tests":
            yield f"{module.path}:{line}: imports {target}: the product does not know its tests"
        elif other is not None and other != unit and FLOOR_OF[other] >= FLOOR_OF[unit]:
            yield f"{module.path}:{line}: {unit} imports {target}: imports go down, and neighbours stay strangers"


def purity(module: Module) -> Iterator[str]:
    """The core has the standard library only, agent/ocpp two libraries more; neither has time, chance or I/O."""
    if not module.path.startswith((CORE, OCPP)):
        return
    libraries = OCPP_LIBRARIES if module.path.startswith(OCPP) else frozenset[str]()
    for target, line in module.imports:
        top = target.split(".")[0]
        if top in IMPURE_MODULES:
            yield f"{module.path}:{line}: imports {target}: hand it in as an argument, or do it in the shell"
        elif top != "agent" and top not in sys.stdlib_module_names and top not in libraries:
            yield f"{module.path}:{line}: imports {target}: not among the libraries that may be here"
        elif target.startswith(OCPP_LIBRARY_SHELL):
            yield f"{module.path}:{line}: imports {target}: take messages and schemas only"
    impure = IMPURE_CALLS - _own_names(module)
    for node in module.nodes:
        # Named without a call as well: `default_factory=datetime.now` is a call in waiting.
        if isinstance(node, ast.Name | ast.Attribute) and module.resolve(node) in impure:
            yield f"{module.path}:{node.lineno}: {module.resolve(node)}: its answer is no function of the input"


def no_order_from_hashing(module: Module) -> Iterator[str]:
    """In the core sets may be asked, never iterated: their order differs from run to run."""
    if not module.path.startswith(CORE):
        return
    sets = _SetNames(module)
    # What is consumed without regard to order: `sorted(x for x in ids)`.
    calm = {
        id(argument)
        for node in module.nodes
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ORDERLESS
        for argument in node.args
    }
    for node in module.nodes:
        for iterated in _iterated(node, calm):
            if sets.holds(iterated):
                yield f"{module.path}:{iterated.lineno}: iterates over a set: sort it, or keep a tuple or dict"


def no_xml(module: Module) -> Iterator[str]:
    """No XML parser is imported anywhere."""
    for target, line in module.imports:
        if target.split(".")[0] in XML_PARSERS:
            yield f"{module.path}:{line}: imports {target}: no XML parser in this house"


def no_print(module: Module) -> Iterator[str]:
    """Only the command line prints; all else logs or publishes."""
    if module.path.startswith(MAY_PRINT):
        return
    for node in module.nodes:
        if isinstance(node, ast.Name | ast.Attribute) and module.resolve(node) in {"print", "sys.stdout"}:
            yield f"{module.path}:{node.lineno}: {module.resolve(node)}: log it, or move it to agent/cli"


def docstrings(module: Module) -> Iterator[str]:
    """Each module has a docstring; so has what the product's modules offer."""
    if not ast.get_docstring(module.tree):
        yield f"{module.path}: has no docstring: say what it decides or touches, and what it must not do"
    if not module.path.startswith("tests/"):
        yield from _undocumented(module, module.tree, "")


def nothing_unfinished(module: Module) -> Iterator[str]:
    """What is missing stands in the issue tracker, not in the source."""
    for text, line in _prose(module):
        if found := UNFINISHED.search(text):
            yield f"{module.path}:{line}: {found[0]}: do it, or open an issue"


def no_sleeping(module: Module) -> Iterator[str]:
    """Tests wait for what they want, not for time to pass; a sleep of 0 lets others run. Benchmarks measure time."""
    if not module.path.startswith("tests/") or module.path.startswith("tests/bench/"):
        return
    for node in module.nodes:
        match node:
            case ast.Call(func=function, args=[ast.Constant(value=int() | float() as duration_s), *_]):
                if duration_s > 0 and module.resolve(function) in {"time.sleep", "asyncio.sleep"}:
                    yield f"{module.path}:{node.lineno}: sleeps {duration_s} s: wait for the event, or use a fake clock"
            case _:
                pass


def vocabulary(module: Module) -> Iterator[str]:
    """One idea, one word: no identifier of the product uses another word for a thing that has its own."""
    if module.path.startswith("tests/"):
        return
    for identifier, line in _identifiers(module):
        words = f"_{_snake(identifier)}_"
        for word, (ours, allowed) in OTHER_WORDS.items():
            if re.search(rf"_{word}s?_", words) and not (allowed and re.search(allowed, module.path)):
                yield f"{module.path}:{line}: {identifier}: say {ours}"


RULES: tuple[Rule, ...] = (
    *(floors, purity, no_order_from_hashing, no_xml, no_print),
    *(docstrings, nothing_unfinished, no_sleeping, vocabulary),
)


def oversized(module: Module) -> dict[str, int]:
    """Return the lines of the file and of each function that is too long, under `path` or `path:function`."""
    sizes = {module.path: (len(module.text.splitlines()), FILE_LINES_MAX)}
    for name, node in module.functions():
        sizes[f"{module.path}:{name}"] = (_lines(node), FUNCTION_LINES_MAX)
    return {what: lines for what, (lines, limit) in sizes.items() if lines > limit}


def ratchet(found: Mapping[str, int], known: Mapping[str, int]) -> Iterator[str]:
    """Compare what is too long with the known exceptions, which may only shrink and have to follow."""
    for what in sorted(found.keys() | known.keys()):
        match found.get(what), known.get(what):
            case int(lines), None:
                yield f"{what}: {lines} lines: split it by what it decides"
            case int(lines), int(allowed) if lines > allowed:
                yield f"{what}: {lines} lines, and it may shrink only from {allowed}: split it"
            case int(lines), int(allowed) if lines < allowed:
                yield f"{what}: down to {lines} lines: lower its number in TOO_LONG from {allowed}"
            case None, int():
                yield f"{what}: no exception any more: take it out of TOO_LONG"
            case _:
                pass


def _unit(name: str) -> str | None:
    """Return the unit that holds a dotted name, or None outside the product."""
    parts = name.split(".")
    return next((unit for unit in (parts[0], ".".join(parts[:2])) if unit in FLOOR_OF), None)


def _own_names(module: Module) -> frozenset[str]:
    """Return names that the module defines itself, which are then not the builtins of that name."""
    stored = {node.id for node in module.nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    arguments = {node.arg for node in module.nodes if isinstance(node, ast.arg)}
    functions = {node.name for node in module.nodes if isinstance(node, Function)}
    return frozenset(stored | arguments | functions)


class _SetNames:
    """What in a module is a set, as far as its syntax tells: literals, calls, operators, annotations, assignments."""

    def __init__(self, module: Module) -> None:
        self._names: dict[str, bool] = {}
        # Attributes are known by their last name, for a field's annotation stands in another class than its use.
        for node in module.nodes:
            match node:
                case ast.arg(arg=name, annotation=ast.expr() as annotation):
                    self._note(name, _is_set_type(annotation))
                case ast.AnnAssign(target=ast.Name(id=name) | ast.Attribute(attr=name), annotation=annotation):
                    self._note(name, _is_set_type(annotation))
                case _:
                    pass
        # Twice, so that a name assigned from a name that is a set is found whatever the order of the walk.
        for _ in range(2):
            for node in module.nodes:
                match node:
                    case (
                        ast.Assign(targets=[ast.Name(id=name)], value=value)
                        | ast.NamedExpr(target=ast.Name(id=name), value=value)
                    ):
                        self._note(name, self.holds(value))
                    case _:
                        pass

    def holds(self, node: ast.expr) -> bool:
        """Return whether the expression is a set."""
        match node:
            case ast.Set() | ast.SetComp():
                return True
            case ast.Call(func=ast.Name(id="set" | "frozenset")):
                return True
            case ast.Call(func=ast.Attribute(attr=method)) if method in SET_METHODS:
                return True
            case ast.BinOp(left=left, right=right, op=ast.BitOr() | ast.BitAnd() | ast.Sub() | ast.BitXor()):
                return any(self.holds(side) or _is_keys(side) for side in (left, right))
            case ast.IfExp(body=body, orelse=orelse):
                return self.holds(body) or self.holds(orelse)
            case ast.Name(id=name) | ast.Attribute(attr=name):
                return self._names.get(name, False)
            case _:
                return False

    def _note(self, name: str, is_set: bool) -> None:
        # The same name for a set here and something else there: believe the set, and let the author rename.
        self._names[name] = self._names.get(name, False) or is_set


def _is_set_type(annotation: ast.expr) -> bool:
    match annotation:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name in SET_TYPES
        case ast.Subscript(value=value):
            return _is_set_type(value)
        case ast.BinOp(left=left, right=right):
            return _is_set_type(left) or _is_set_type(right)
        case ast.Constant(value=str(text)):
            return _is_set_type(ast.parse(text, mode="eval").body)
        case _:
            return False


def _is_keys(node: ast.expr) -> bool:
    """Return whether the expression is `mapping.keys()` or `.items()`, with which an operator makes a set."""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in {"keys", "items"}


def _iterated(node: ast.AST, calm: set[int]) -> Iterator[ast.expr]:
    """Yield the expressions that a node iterates over in an order that somebody may see."""
    match node:
        case ast.For(iter=iterable) | ast.Starred(value=iterable) | ast.YieldFrom(value=iterable):
            yield iterable
        case ast.ListComp(generators=generators) | ast.DictComp(generators=generators):
            yield from (generator.iter for generator in generators)
        case ast.GeneratorExp(generators=generators) if id(node) not in calm:
            yield from (generator.iter for generator in generators)
        case ast.Assign(targets=[ast.Tuple() | ast.List()], value=value):
            yield value
        case ast.Call(func=ast.Attribute(value=owner, attr="pop"), args=[]):
            yield owner
        case ast.Call(func=ast.Attribute(attr="join" | "extend" | "fromkeys"), args=arguments):
            yield from arguments
        case ast.Call(func=ast.Name(id=name), args=arguments) if name in ORDERED:
            yield from arguments
        case _:
            pass


def _undocumented(module: Module, parent: ast.Module | ast.ClassDef, prefix: str) -> Iterator[str]:
    # A method of a class with a base may be the base's, which then says what it does.
    derived = isinstance(parent, ast.ClassDef) and bool(parent.bases) and not _is_protocol(parent)
    for node in parent.body:
        if not isinstance(node, ast.ClassDef | Function) or node.name.startswith("_"):
            continue
        exempt = isinstance(node, Function) and (derived or _is_variant(node))
        if not exempt and not ast.get_docstring(node):
            yield f"{module.path}:{node.lineno}: {prefix}{node.name} has no docstring: one sentence, units and errors"
        if isinstance(node, ast.ClassDef):
            yield from _undocumented(module, node, f"{prefix}{node.name}.")


def _is_protocol(node: ast.ClassDef) -> bool:
    return any(ast.unparse(base).split("[")[0].endswith("Protocol") for base in node.bases)


def _is_variant(node: Function) -> bool:
    """Return whether the function is an overload or a property's setter: its first form has the docstring."""
    return any(ast.unparse(decorator).endswith(("overload", ".setter")) for decorator in node.decorator_list)


def _prose(module: Module) -> Iterator[tuple[str, int]]:
    for token in tokenize.generate_tokens(io.StringIO(module.text).readline):
        if token.type == tokenize.COMMENT:
            yield token.string, token.start[0]
    for node in module.nodes:
        if isinstance(node, ast.Module | ast.ClassDef | Function) and (text := ast.get_docstring(node)):
            yield text, node.body[0].lineno


def _identifiers(module: Module) -> Iterator[tuple[str, int]]:
    for node in module.nodes:
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name):
                yield name, node.lineno
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name, node.lineno
            case ast.keyword(arg=str(name)):
                yield name, node.lineno
            case _:
                pass
    yield module.name.split(".")[-1], 1


def _snake(identifier: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", identifier).lower()


def _lines(node: Function) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1

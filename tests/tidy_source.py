"""Reading our own source for `test_tidy.py`: a parsed module, and names resolved through its imports.

Knows nothing of the rules. Looks at syntax only: what a name holds at run time is guessed no further than its import.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

ROOT = Path(__file__).parent.parent

Function = ast.FunctionDef | ast.AsyncFunctionDef


# Not slotted, unlike the house's other data: the properties below are computed once.
@dataclass(frozen=True, kw_only=True)
class Module:
    """One Python file: its path from the root with slashes, and its text."""

    path: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        """Return the syntax tree."""
        return ast.parse(self.text, self.path)

    @cached_property
    def nodes(self) -> tuple[ast.AST, ...]:
        """Return every node of the tree."""
        return tuple(ast.walk(self.tree))

    @cached_property
    def name(self) -> str:
        """Return the dotted name: `agent.core.site` for `agent/core/site.py`, `agent.core` for its `__init__.py`."""
        return self.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    @cached_property
    def imports(self) -> tuple[tuple[str, int], ...]:
        """Return what is imported as (dotted name, line); `from a import b` is `a.b`, which may be a module or not."""
        return tuple(self._imports())

    @cached_property
    def aliases(self) -> dict[str, str]:
        """Return the dotted origin of each name that an import binds."""
        bound: dict[str, str] = {}
        for node in self.nodes:
            match node:
                case ast.Import():
                    for alias in node.names:
                        # `import a.b` binds a; `import a.b as c` binds c to a.b.
                        first = alias.name.split(".")[0]
                        bound[alias.asname or first] = alias.name if alias.asname else first
                case ast.ImportFrom():
                    for alias in node.names:
                        bound[alias.asname or alias.name] = f"{self._origin(node)}.{alias.name}"
                case _:
                    pass
        return bound

    def resolve(self, node: ast.expr) -> str | None:
        """Return the dotted origin of `name` or `name.attribute...`; None for any other expression."""
        match node:
            case ast.Name(id=name):
                return self.aliases.get(name, name)
            case ast.Attribute(value=value, attr=attribute):
                base = self.resolve(value)
                return None if base is None else f"{base}.{attribute}"
            case _:
                return None

    def functions(self) -> Iterator[tuple[str, Function]]:
        """Yield each function, methods and inner ones included, with its dotted name inside the module."""
        yield from _functions(self.tree, "")

    def _imports(self) -> Iterator[tuple[str, int]]:
        for node in self.nodes:
            match node:
                case ast.Import():
                    yield from ((alias.name, node.lineno) for alias in node.names)
                case ast.ImportFrom():
                    yield from ((f"{self._origin(node)}.{alias.name}", node.lineno) for alias in node.names)
                case ast.Call(func=function, args=[ast.Constant(value=str(name)), *_]):
                    # A literal name given to the import machinery is an import as well.
                    if self.resolve(function) in {"importlib.import_module", "__import__"}:
                        yield name, node.lineno
                case _:
                    pass

    def _origin(self, node: ast.ImportFrom) -> str:
        if node.level == 0:
            return node.module or ""
        # One dot is the package that holds the module; a package's __init__ is inside itself.
        package = self.name.split(".")
        up = node.level - 1 if self.path.endswith("/__init__.py") else node.level
        base = package[: len(package) - up]
        return ".".join([*base, node.module] if node.module else base)


def _functions(node: ast.AST, prefix: str) -> Iterator[tuple[str, Function]]:
    for child in ast.iter_child_nodes(node):
        match child:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                yield prefix + child.name, child
                yield from _functions(child, f"{prefix}{child.name}.")
            case ast.ClassDef():
                yield from _functions(child, f"{prefix}{child.name}.")
            case _:
                yield from _functions(child, prefix)


@cache
def modules() -> tuple[Module, ...]:
    """Return all our modules, in the order of their paths."""
    paths = sorted(path for folder in ("agent", "drivers", "tests") for path in (ROOT / folder).rglob("*.py"))
    return tuple(Module(path=path.relative_to(ROOT).as_posix(), text=path.read_text("utf-8")) for path in paths)

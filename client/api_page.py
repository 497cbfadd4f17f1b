"""The generator of `docs/python-api.md`: every public name of the Python client, from its source and docstring.

`python client/api_page.py` writes the page. With `--check` it writes nothing, and exits with 1 if the page is out
of date. The names are those of each module's `__all__`. griffe reads the sources without running them, so the
signatures are printed as they are written.
"""

import re
import sys
from pathlib import Path
from typing import Final

import griffe

from workspaced_protocol.errors import ErrorCode

ROOT: Final = Path(__file__).parent.parent
TARGET: Final = ROOT / "docs" / "python-api.md"
MODULES: Final = ("", "events", "aio", "errors", "testing")
"""The public modules below `workspaced_client`, in the order of the page."""

_WIDTH: Final = 100  # a longer signature has a line for each parameter
_INTRODUCTION: Final = """\
# The Python API

The public names of `workspaced_client`, made from its docstrings. [The Python client](integrate/python.md) shows how to
use them together, and [the protocol](protocol.md#methods) what the daemon does at each call.

Beside the errors that it names, each call can raise [`ConnectionLost`](#connectionlost),
[`NotResponding`](#notresponding) or [`BadAnswer`](#badanswer) for want of a usable answer, and
[`Unsendable`](#unsendable) for a param that is no JSON value. All errors are
[`WorkspacedError`](#workspacederror). Arguments in seconds say so in their names; times of models are Unix
milliseconds."""

_ASYNC_CALLS: Final = """\
`client.workspaces`, `client.history`, `client.projects`, `client.sessions`, `client.store` and `client.daemon` have the
calls of [`Client`](#client), each to be awaited: `await client.workspaces.list()`."""

_UNTOLD: Final = {
    "args",  # every exception has them
    "expected_code",  # told as a number
}


class Page:
    """The page as it grows: its sections, their anchors, and the names of types that signatures mention."""

    def __init__(self, package: griffe.Module) -> None:
        self._package = package
        self._parts: list[str] = []
        self._anchors: set[str] = set()
        self._told: set[str] = set()  # the paths of what has a section
        self._aliases: dict[str, griffe.Attribute] = {}

    def text(self) -> str:
        """Return the whole page."""
        contents = [self._module(name) for name in MODULES]
        contents.append(f"- {self._heading(2, 'Types in signatures')}")
        self._parts.append(self._types())
        return "\n\n".join([_INTRODUCTION, "\n".join(contents), *self._parts]) + "\n"

    def _module(self, name: str) -> str:
        """Add the section of a module, and return its line in the contents."""
        module = self._package[name] if name else self._package
        line = f"- {self._heading(2, module.path)}:"
        self._parts.append(_doc(module))
        links: list[str] = []
        exported = [_target(module[str(each)]) for each in module.exports or ()]
        # What has methods goes before what they return.
        for member in sorted(exported, key=lambda each: not _has_methods(each)):
            if isinstance(member, griffe.Attribute) and member.name != "__version__":
                self._aliases[member.name] = member
            elif member.path not in self._told and not (name == "" and member.path in self._errors):
                self._told.add(member.path)
                # A function may differ from a class in case alone, and so their anchors would be one.
                short = f"{module.name}.{member.name}" if isinstance(member, griffe.Function) else member.name
                links.append(self._heading(3, short))
                self._member(member)
        if name == "":
            self._parts.append(
                "The errors are here, too: see [`workspaced_client.errors`](#workspaced_clienterrors)."
            )
        return f"{line} {', '.join(links)}"

    @property
    def _errors(self) -> set[str]:
        errors = self._package["errors"]
        return {_target(errors[str(name)]).path for name in errors.exports}

    def _heading(self, level: int, name: str) -> str:
        """Begin a section, and return a link to it."""
        self._parts.append(f"{'#' * level} " + name.replace("__", "\\_\\_"))
        anchor = re.sub(r"[^\w-]", "", name.lower().replace(" ", "-"))
        if anchor in self._anchors:
            raise ValueError(f"two headings have the anchor {anchor}: give one of them another name")
        self._anchors.add(anchor)
        return f"[`{name}`](#{anchor})"

    def _member(self, member: griffe.Object) -> None:
        if isinstance(member, griffe.Class):
            self._class(member)
        elif isinstance(member, griffe.Function):
            self._function(member)
        else:
            self._parts.append("The release of this library, such as `1.2.0`.")

    def _class(self, class_: griffe.Class) -> None:
        bases = [str(base) for base in class_.bases if not str(base).endswith(("Calls", "Model"))]
        if bases:
            self._parts.append("Bases: " + ", ".join(f"`{base}`" for base in bases) + ".")
        self._parts.append(_doc(class_))
        code = class_.attributes.get("expected_code")
        if code is not None and code.annotation is None:  # a subclass sets it
            self._parts.append(f"Code {_code(str(code.value))}.")
        inherited = {} if bases else class_.inherited_members  # a public base has a section of its own
        members = [_target(each) for each in {**inherited, **class_.members}.values()]
        members = [each for each in members if not each.name.startswith("_") and each.name not in _UNTOLD]
        attributes = [each for each in members if isinstance(each, griffe.Attribute)]
        namespaces = [each for each in attributes if str(each.value).endswith("(self._request)")]
        told = [self._attribute(each, class_) for each in attributes if each not in namespaces]
        if told:
            self._parts.append("\n".join(told))
        for function in members:
            if isinstance(function, griffe.Function):
                self._heading(4, f"{class_.name}.{function.name}")
                self._function(function)
        if class_.name == "AsyncClient":
            self._parts.append(_ASYNC_CALLS)
            return
        for namespace in namespaces:
            self._namespace(namespace)

    def _namespace(self, namespace: griffe.Attribute) -> None:
        """Add the calls that a client has under one name."""
        class_ = self._class_of(namespace)
        self._heading(4, f"client.{namespace.name}")
        self._parts.append(_doc(class_))
        for function in class_.functions.values():
            if not function.name.startswith("_"):
                self._heading(5, f"client.{namespace.name}.{function.name}")
                self._function(function)

    def _class_of(self, attribute: griffe.Attribute) -> griffe.Class:
        annotation = attribute.annotation
        if isinstance(annotation, griffe.Expr):
            found = _target(self._package.modules_collection[annotation.canonical_path])
            if isinstance(found, griffe.Class):
                return found
        raise TypeError(f"{attribute.path} needs a class as its annotation")

    def _attribute(self, attribute: griffe.Attribute, class_: griffe.Class) -> str:
        init = class_.functions.get("__init__")
        annotation = attribute.annotation
        if annotation is None and init is not None and str(attribute.value) in init.parameters:
            annotation = init.parameters[str(attribute.value)].annotation
        kind = "" if annotation is None else f": {self._type(annotation)}"
        doc = f": {_line(attribute)}" if attribute.docstring else ""
        return f"- `{attribute.name}{kind}`{doc}"

    def _function(self, function: griffe.Function) -> None:
        kind = "async def" if "async" in function.labels else "def"
        head, tail = f"{kind} {function.name}(", f") -> {self._type(function.returns)}"
        parameters = self._parameters(function)
        text = ", ".join(parameters)
        if len(head + text + tail) > _WIDTH:
            text = "\n" + "".join(f"    {each},\n" for each in parameters)
        decorators = "".join(f"@{each.value}\n" for each in function.decorators)
        self._parts += [f"```python\n{decorators}{head}{text}{tail}\n```", _doc(function)]

    def _parameters(self, function: griffe.Function) -> list[str]:
        """Return each parameter as it is written, and the bare `*` before those by keyword."""
        told: list[str] = []
        for each in function.parameters:
            if each.name in ("self", "cls"):
                continue
            if each.kind is griffe.ParameterKind.keyword_only and not any(
                one.startswith("*") for one in told
            ):
                told.append("*")
            type_ = self._type(each.annotation)
            if each.kind is griffe.ParameterKind.var_positional:
                told.append(f"*{each.name}: {type_}")
            elif each.default is None:
                told.append(f"{each.name}: {type_}")
            else:
                told.append(f"{each.name}: {type_} = {self._value(each.default)}")
        return told

    def _value(self, default: griffe.Expr | str) -> str:
        """Return a default; the number where it is a constant of ours."""
        if isinstance(default, griffe.ExprName):
            found = _target(self._package.modules_collection[default.canonical_path])
            if isinstance(found, griffe.Attribute):
                return str(found.value)
        return str(default)

    def _type(self, annotation: griffe.Expr | str | None) -> str:
        """Return a type without private and module names, and note the names in it that are no classes."""
        if isinstance(annotation, griffe.Expr):
            for name in annotation.iterate():
                if isinstance(name, griffe.ExprName):
                    self._note(name)
        return _shown(annotation)

    def _note(self, name: griffe.ExprName) -> None:
        """Note a type that is made of others; types that it mentions are noted with it."""
        try:
            found = _target(self._package.modules_collection[name.canonical_path])
        except (KeyError, griffe.AliasResolutionError):  # of the standard library
            return
        if isinstance(found, griffe.Attribute) and name.name.lstrip("_") not in self._aliases:
            self._aliases[name.name.lstrip("_")] = found
            self._type(_plain(found))

    def _types(self) -> str:
        rows = ["| type | |", "| --- | --- |"]
        for name, alias in sorted(self._aliases.items()):
            told = _shown(_plain(alias)).replace("'", '"').replace("|", "\\|")
            rows.append(f"| `{name}` | `{told}`{': ' + _line(alias) if alias.docstring else ''} |")
        return "\n".join(rows)


def _plain(alias: griffe.Attribute) -> griffe.Expr | str | None:
    """Return the type that an alias stands for, without the rules that the daemon checks."""
    value = alias.value
    if isinstance(value, griffe.ExprSubscript) and str(value.left) == "Annotated":
        return value.slice.elements[0] if isinstance(value.slice, griffe.ExprTuple) else value.slice
    return value


def _code(expression: str) -> str:
    """Return the number of `ErrorCode.X`."""
    return str(int(ErrorCode[expression.rpartition(".")[2]]))


def _shown(annotation: griffe.Expr | str | None) -> str:
    return re.sub(r"\b_(?=[A-Z])|\bbuiltins\.", "", str(annotation))


def _target(member: griffe.Object | griffe.Alias) -> griffe.Object:
    return member.final_target if isinstance(member, griffe.Alias) else member


def _has_methods(member: griffe.Object) -> bool:
    return any(not name.startswith("_") for name in member.functions)


def _doc(member: griffe.Object) -> str:
    if member.docstring is None:
        raise ValueError(f"{member.path} has no docstring")
    return member.docstring.value


def _line(member: griffe.Object) -> str:
    return " ".join(_doc(member).split())


def page() -> str:
    """Return the whole page."""
    package = griffe.load(
        "workspaced_client",
        search_paths=[ROOT / "client", ROOT / "protocol"],
        resolve_aliases=True,
        resolve_external=True,
        allow_inspection=False,
    )
    if not isinstance(package, griffe.Module):
        raise TypeError(f"{package.path} is no package")
    return Page(package).text()


def main(arguments: list[str]) -> int:
    """Write the page, or compare it with `--check`. Return the exit code."""
    if arguments not in ([], ["--check"]):
        sys.stderr.write("usage: python client/api_page.py [--check]\n")
        return 2
    wanted = page()
    if not arguments:
        TARGET.write_text(wanted, "utf-8")
    elif not TARGET.is_file() or TARGET.read_text("utf-8") != wanted:
        sys.stderr.write(f"{TARGET} is out of date: run python client/api_page.py\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

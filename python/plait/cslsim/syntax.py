"""CSL text to syntax trees.

The grammar is ``csl.lark``. A tree is made of ``Node``s: the rule's name, the
children (nodes, strings for names and operators, ``None`` for what was left
out) and the position ``(file, line, column)`` that every message starts with.
"""

from functools import cache
from importlib.metadata import version
from pathlib import Path

from lark import Lark, Token, UnexpectedCharacters, UnexpectedInput

from plait import cache as caches
from plait.cslsim.errors import CslError


class Node:
    """One node of a CSL syntax tree."""

    __slots__ = ("facts", "kids", "kind", "pos")

    def __init__(self, kind, kids, pos):
        self.kind, self.kids, self.pos = kind, kids, pos
        self.facts = None  # what a pass over a function's body found out, kept with the body

    def __repr__(self):
        return f"{self.kind}({', '.join(map(repr, self.kids))})"


@cache
def _parser():
    # Building its tables takes longer than compiling most programs: they are kept.
    folder = caches.folder()
    folder.mkdir(parents=True, exist_ok=True)
    return Lark.open(
        "csl.lark",
        rel_to=__file__,
        parser="lalr",
        propagate_positions=True,
        maybe_placeholders=True,
        cache=str(folder / f"csl-grammar-lark-{version('lark')}"),
    )


def _node(tree, file):
    if tree is None:
        return None
    if isinstance(tree, Token):
        return str(tree)
    meta = tree.meta
    pos = (file, getattr(meta, "line", 1), getattr(meta, "column", 1))
    return Node(str(tree.data), [_node(kid, file) for kid in tree.children], pos)


def parse(text, file):
    """The top-level declarations of a CSL file, a list of nodes; ``CslError`` if it is not CSL."""
    try:
        tree = _parser().parse(text)
    except UnexpectedInput as error:
        pos = (file, error.line, error.column)
        if isinstance(error, UnexpectedCharacters):
            raise CslError(pos, f"unexpected character {error.char!r}") from None
        found = repr(str(error.token)) if error.token else "end of file"
        raise CslError(pos, f"syntax error at {found or 'end of file'}") from None
    try:
        return [_node(kid, file) for kid in tree.children]
    except RecursionError:
        raise CslError((file, 1, 1), "this nests too deeply") from None


@cache
def _parse_file(path, _stamp, shown):
    try:
        text = Path(path).read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise CslError((shown, 1, 1), f"cannot read this file: {error}") from None
    return parse(text, shown)


def parse_file(path, shown=None):
    """``parse`` of a file on disk, once per file and time of change."""
    path = Path(path)
    return _parse_file(str(path), path.stat().st_mtime_ns, shown or str(path))

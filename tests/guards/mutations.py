"""The mutants of a file: one small change each, of the kinds that people make too."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv, ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult,
    ast.BitAnd: ast.BitOr,
}  # fmt: skip
TWINS = {"min": "max", "max": "min", "any": "all", "all": "any"}
SPARED_CALLS = frozenset({"observe", "Observation", "TypeVar", "NewType", "Literal", "compile"})
"""Calls whose arguments are left alone: log lines, and what only a type checker reads."""


@dataclass(frozen=True)
class Mutant:
    """The ``number``-th change that can be made in a file."""

    file: Path
    number: int
    line: int
    last_line: int
    was: str
    now: str

    @property
    def name(self) -> str:
        return f"{self.file}#{self.number}"

    def __str__(self) -> str:
        return f"{self.file}:{self.line}  {self.was}  →  {self.now}"

    def put_into(self, tree: ast.Module) -> None:
        """Make the change in the file's syntax tree."""
        node, new = list(_changes(tree))[self.number]
        _replace(tree, node, new)


def mutants_of(file: Path, source: str) -> list[Mutant]:
    """Every mutant of a file."""
    tree = ast.parse(source)
    return [
        Mutant(file, number, node.lineno, node.end_lineno or node.lineno, _text(node), _text(new))
        for number, (node, new) in enumerate(_changes(tree))
    ]


def _text(node: ast.AST) -> str:
    return " ".join(ast.unparse(node).split())[:100]


def _changes(tree: ast.Module) -> Iterator[tuple[ast.expr | ast.stmt, ast.expr | ast.stmt]]:
    """Each node that can be changed, with what takes its place; always in the same order."""
    for node in _mutable(tree):
        for new in _changed(node):
            yield node, ast.copy_location(new, node)


def _mutable(node: ast.AST) -> Iterator[ast.expr | ast.stmt]:
    """Every expression and statement but types, documentation, log lines and the words of refusals."""
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "type_params", "decorator_list"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if not isinstance(child, ast.AST) or _is_spared(child):
                continue
            if isinstance(child, ast.expr | ast.stmt):
                yield child
            yield from _mutable(child)


def _is_spared(node: ast.AST) -> bool:
    match node:
        case ast.Expr(value=ast.Constant()) | ast.Import() | ast.ImportFrom() | ast.JoinedStr():
            return True
        case ast.If(test=ast.Name(id="TYPE_CHECKING")):
            return True
        case (
            ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name))
            | ast.Expr(value=ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)))
        ):
            return name in SPARED_CALLS
        case ast.Raise() | ast.Assert():
            return True
        case ast.Assign(value=ast.Subscript()):
            return True  # an alias of a type
    return False


def _changed(node: ast.expr | ast.stmt) -> Iterator[ast.expr | ast.stmt]:
    if isinstance(node, ast.stmt):
        return _changed_statement(node)
    return _changed_value(node) if isinstance(node, ast.Constant) else _changed_expression(node)


def _changed_expression(node: ast.expr) -> Iterator[ast.expr]:
    match node:
        case ast.Compare(left=left, ops=[op], comparators=right) if type(op) in COMPARISONS:
            yield ast.Compare(left, [COMPARISONS[type(op)]()], right)
        case ast.BoolOp(op=op, values=values):
            yield ast.BoolOp(ast.Or() if isinstance(op, ast.And) else ast.And(), values)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield operand
        case ast.BinOp(left=left, op=op, right=right) if type(op) in ARITHMETIC:
            yield ast.BinOp(left, ARITHMETIC[type(op)](), right)
        case ast.IfExp(body=body, orelse=orelse):
            yield body
            yield orelse
        case ast.Call(func=ast.Name(id=name), args=args, keywords=keywords) if name in TWINS:
            yield ast.Call(ast.Name(TWINS[name], ast.Load()), args, keywords)
        case ast.Call(func=func, args=args, keywords=keywords) if len(keywords) > 1:
            # A caller forgets what has a default: what has none fails by itself.
            for each in keywords:
                yield ast.Call(func, args, [kept for kept in keywords if kept is not each])


def _changed_value(node: ast.Constant) -> Iterator[ast.expr]:
    match node.value:
        case bool() as value:
            yield ast.Constant(not value)
        case int() as value:
            yield ast.Constant(value + 1)
        case str() as value if value.isascii() and value and " " not in value:  # a code: sentences are for people
            yield ast.Constant(f"XX{value}")


def _changed_statement(node: ast.stmt) -> Iterator[ast.stmt]:
    match node:
        case ast.If(body=body, orelse=[]) if isinstance(body[-1], ast.Return | ast.Raise | ast.Continue):
            yield ast.Pass()
        case ast.Expr(value=ast.Call() | ast.YieldFrom()) | ast.AugAssign():
            yield ast.Pass()
        case ast.Return(value=ast.Call() | ast.Name()):
            yield ast.Return(ast.Constant(None))


def _replace(tree: ast.AST, old: ast.AST, new: ast.AST) -> None:
    class Replacing(ast.NodeTransformer):
        def visit(self, node: ast.AST) -> ast.AST:
            return copy.copy(new) if node is old else self.generic_visit(node)

    Replacing().visit(tree)

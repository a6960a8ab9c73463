"""What a fault does to the code of a symbol, by the names that stand in it: never by its lines or its layout.

Each edit gets the symbol's node, changes it in place, and says whether it found what it looks for.
"""

from __future__ import annotations

import ast
from collections.abc import Callable

Edit = Callable[[ast.AST], bool]


def mentions(node: ast.AST, name: str) -> bool:
    """Whether a name, an attribute or a text of this spelling occurs in the code."""
    return any(name in (getattr(each, "id", None), getattr(each, "attr", None), getattr(each, "value", None))
               for each in ast.walk(node) if isinstance(each, ast.Name | ast.Attribute | ast.Constant))  # fmt: skip


class _Edited(ast.NodeTransformer):
    """Replaces each node for which ``new`` answers another; ``None`` takes a statement out."""

    def __init__(self, new: Callable[[ast.AST], ast.AST | list[ast.stmt] | None]) -> None:
        self._new = new
        self.found = False

    def visit(self, node: ast.AST) -> ast.AST | list[ast.stmt] | None:
        kept = self.generic_visit(node)
        new = self._new(kept)
        if new is not kept:
            self.found = True
        if new is None:
            return ast.copy_location(ast.Pass(), node)
        return ast.copy_location(new, node) if isinstance(new, ast.AST) else new


def _edit(new: Callable[[ast.AST], ast.AST | list[ast.stmt] | None]) -> Edit:
    def edit(symbol: ast.AST) -> bool:
        edited = _Edited(new)
        edited.generic_visit(symbol)
        return edited.found

    return edit


def without_if(name: str) -> Edit:
    """Take out the ``if`` statements whose condition mentions ``name``; what they guard against is let through."""
    return _edit(lambda node: None if isinstance(node, ast.If) and mentions(node.test, name) else node)


def without_refusal(error: str) -> Edit:
    """Take out the ``if`` statements that raise ``error``."""

    def refuses(node: ast.AST) -> bool:
        return isinstance(node, ast.If) and any(isinstance(s, ast.Raise) and mentions(s, error) for s in node.body)

    return _edit(lambda node: None if refuses(node) else node)


def without_raise() -> Edit:
    """Take out every ``raise`` that passes on the error at hand."""
    return _edit(lambda node: None if isinstance(node, ast.Raise) and node.exc is None else node)


def without_statement(name: str) -> Edit:
    """Take out the simple statements that mention ``name``."""
    simple = ast.Expr | ast.Assign | ast.AugAssign
    return _edit(lambda node: None if isinstance(node, simple) and mentions(node, name) else node)


def without_operand(name: str) -> Edit:
    """Take the operands that mention ``name`` out of ``and``, ``or``, ``&``, ``|`` and ``+``."""

    def new(node: ast.AST) -> ast.AST:
        if isinstance(node, ast.BoolOp):
            kept = [value for value in node.values if not mentions(value, name)]
            if 0 < len(kept) < len(node.values):
                return kept[0] if len(kept) == 1 else ast.BoolOp(node.op, kept)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitAnd | ast.BitOr | ast.Add):
            left, right = mentions(node.left, name), mentions(node.right, name)
            if left != right:
                return node.right if left else node.left
        return node

    return _edit(new)


def without_element(name: str) -> Edit:
    """Take the elements that mention ``name`` out of lists and tuples."""

    def new(node: ast.AST) -> ast.AST:
        if isinstance(node, ast.List | ast.Tuple) and isinstance(node.ctx, ast.Load):
            kept = [element for element in node.elts if not mentions(element, name)]
            if len(kept) < len(node.elts):
                return type(node)(kept, node.ctx)
        return node

    return _edit(new)


def without_keyword(call: str, keyword: str) -> Edit:
    """Take the argument ``keyword`` out of the calls of ``call``."""

    def new(node: ast.AST) -> ast.AST:
        if isinstance(node, ast.Call) and _called(node) == call:
            kept = [each for each in node.keywords if each.arg != keyword]
            if len(kept) < len(node.keywords):
                return ast.Call(node.func, node.args, kept)
        return node

    return _edit(new)


def without_call(call: str) -> Edit:
    """Let the first argument stand where ``call`` made something of it."""
    return _edit(
        lambda node: node.args[0] if isinstance(node, ast.Call) and _called(node) == call and node.args else node
    )


def without_with(call: str) -> Edit:
    """Run the body of ``with call(…)`` without it."""
    return _edit(lambda node: node.body if isinstance(node, ast.With) and mentions(node.items[0], call) else node)


def instead(old: str, new: str) -> Edit:
    """Use another name, attribute or text."""

    def renamed(node: ast.AST) -> ast.AST:
        if isinstance(node, ast.Name) and node.id == old:
            return ast.Name(new, node.ctx)
        if isinstance(node, ast.Attribute) and node.attr == old:
            return ast.Attribute(node.value, new, node.ctx)
        if isinstance(node, ast.Constant) and node.value == old:
            return ast.Constant(new)
        return node

    return _edit(renamed)


def always(name: str) -> Edit:
    """Let a conditional expression whose condition mentions ``name`` be its first half, always."""
    return _edit(lambda node: node.body if isinstance(node, ast.IfExp) and mentions(node.test, name) else node)


def computed_if(name: str, expression: str) -> Edit:
    """Let the ``if`` statements whose condition mentions ``name`` ask this instead."""

    def new(node: ast.AST) -> ast.AST:
        if isinstance(node, ast.If) and mentions(node.test, name):
            return ast.If(ast.parse(expression, mode="eval").body, node.body, node.orelse)
        return node

    return _edit(new)


def computed(expression: str) -> Edit:
    """Let a function answer this expression, of its arguments; let a constant be it, of ``itself``."""

    def edit(symbol: ast.AST) -> bool:
        value = ast.parse(expression, mode="eval").body
        if isinstance(symbol, ast.FunctionDef):
            symbol.body = [ast.copy_location(ast.Return(value), symbol.body[0])]
        elif isinstance(symbol, ast.Assign | ast.AnnAssign) and symbol.value is not None:
            itself = symbol.value
            holder = ast.Expr(value)
            _edit(lambda node: itself if isinstance(node, ast.Name) and node.id == "itself" else node)(holder)
            symbol.value = holder.value
        else:
            return False
        return True

    return edit


def _called(call: ast.Call) -> str | None:
    return getattr(call.func, "id", None) or getattr(call.func, "attr", None)

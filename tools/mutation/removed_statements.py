"""An operator that cosmic-ray lacks: remove a statement that is there for its effect."""

from collections.abc import Iterable, Iterator
from typing import Any

import parso
from cosmic_ray.operators.operator import Example, Operator

EFFECTS = {"atom_expr", "expr_stmt", "raise_stmt", "return_stmt", "yield_expr", "del_stmt", "await_expr"}


class RemoveStatement(Operator):
    """An operator that replaces a statement by `pass`.

    The statement is a call, an assignment to an attribute, item or tuple, or a raise, return, yield, await or del.
    An assignment to a single name is kept: without it most code would only raise NameError.
    """

    def mutation_positions(self, node: Any) -> Iterator[tuple[Any, Any]]:
        """Yield the start and the end of the statement, if it is one that this operator removes."""
        if node.type == "simple_stmt" and node.children[0].type in EFFECTS:
            first = node.children[0]
            if first.type != "expr_stmt" or first.children[0].type != "name":
                yield first.start_pos, first.end_pos

    def mutate(self, node: Any, index: int) -> Any:
        """Return the node with its statement replaced by `pass`."""
        assert index == 0  # noqa: S101 - a statement has one position
        first = node.children[0]
        first.parent = None
        replaced = parso.parse("pass").children[0]
        replaced.prefix = first.get_first_leaf().prefix
        node.children[0] = replaced
        return node

    @classmethod
    def examples(cls) -> Iterable[Example]:
        """Return one example: the code before and after the mutation."""
        return (Example("if a:\n    b.c = 1\n", "if a:\n    pass\n"),)


class Provider:
    """The operators that this package registers with cosmic-ray."""

    def __iter__(self) -> Iterator[str]:
        return iter(("RemoveStatement",))

    def __getitem__(self, name: str) -> type[Operator]:
        return {"RemoveStatement": RemoveStatement}[name]

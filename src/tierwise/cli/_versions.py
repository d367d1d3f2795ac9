"""`tierwise policy publish`, `approve`, `list`, `rollback`, `follow`: policies as a running gateway knows them."""

from __future__ import annotations

import datetime as dt
import getpass
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tierwise.cli._ledger import DEFAULT, Url, opened, table
from tierwise.errors import CallerError

if TYPE_CHECKING:
    from tierwise.ledger import Ledger

KEY: str = "TIERWISE_KEY"
"""Holds a gateway key, which says who somebody is."""

Digest = Annotated[
    str | None, typer.Argument(help="The first 8 or more digits of its digest.", metavar="DIGEST")
]


def add_versions(app: typer.Typer) -> None:
    """Add the commands to `tierwise policy`."""
    for command in (publish, approve, rollback, follow):
        app.command()(command)
    app.command("list")(listed)


def publish(
    file: Annotated[Path, typer.Argument(help="The policy.", metavar="FILE")] = Path("tierwise.toml"),
    ledger: Url = DEFAULT,
    prices: Annotated[
        Path | None,
        typer.Option(help="Your prices, discounts, aliases and ladders (TOML).", metavar="FILE"),
    ] = None,
) -> None:
    r"""Keep a policy in the ledger under its author's name, for somebody else to approve.

    The author is who the gateway key in TIERWISE_KEY belongs to, else the name that you are logged in under.

    \b
    Example:
      TIERWISE_KEY=tw-... tierwise policy publish tierwise.toml
    """
    from tierwise.catalog import Catalog
    from tierwise.policy import load_live

    live = load_live(file, Catalog.open(prices))
    with opened(ledger, new=True) as found:
        from tierwise.ledger import Policies

        who = _who(found)
        digest = Policies(found).keep(live, who)
        author = Policies(found).find(digest).author
    typer.echo(f"{digest} by {author}")
    if author.startswith("key:"):
        typer.echo(f"somebody else approves it: tierwise policy approve {digest[:12]}", err=True)


def approve(digest: Annotated[str, Digest], ledger: Url = DEFAULT) -> None:
    r"""Approve a policy that somebody else made. Needs an admin's gateway key in TIERWISE_KEY.

    \b
    Example:
      TIERWISE_KEY=tw-... tierwise policy approve 3f9a1c22d0b1
    """
    with opened(ledger) as found:
        from tierwise.ledger import Policies

        who = _who(found, admin=True)
        version = Policies(found).approve(digest, who)
    typer.echo(f"{version.digest} approved by {who}")
    if not version.approved:
        typer.echo(
            f"its author {version.author} is not known by a key, so protected mode does not take it", err=True
        )


def rollback(digest: Digest = None, ledger: Url = DEFAULT) -> None:
    r"""Let every gateway go back to an earlier policy within two seconds, whatever its file says.

    Without DIGEST to the one before the one in force. `tierwise policy follow` ends it.

    \b
    Examples:
      tierwise policy rollback
      tierwise policy rollback 3f9a1c22
    """
    with opened(ledger) as found:
        from tierwise.ledger import Policies

        policies = Policies(found)
        version = policies.find(digest) if digest is not None else policies.before()
        policies.want(version.digest, _who(found))
    typer.echo(f"back to {version.name} {version.digest}")


def follow(ledger: Url = DEFAULT) -> None:
    """Let every gateway go by its own policy file again, after a rollback."""
    with opened(ledger) as found:
        from tierwise.ledger import Policies

        Policies(found).want(None, _who(found))
    typer.echo("gateways go by their own policy files")


def listed(ledger: Url = DEFAULT) -> None:
    """List the ledger's policies: digest, name, author, who approved, which one is in force."""
    with opened(ledger) as found:
        from tierwise.ledger import Policies

        policies = Policies(found)
        history, wanted = policies.history(), policies.wanted()
        rows: list[tuple[str, ...]] = [("digest", "name", "author", "made", "approved by", "")]
        for version in policies.all():
            said = "in force" if history[:1] == [version.digest] else ""
            said = "rolled back to" if version.digest == wanted else said
            made = dt.datetime.fromtimestamp(version.made / 1e6, dt.UTC).date().isoformat()
            by = ", ".join(version.approved_by)
            rows.append((version.digest[:12], version.name, version.author, made, by, said))
    if len(rows) == 1:
        typer.echo("no policy in the ledger; a gateway keeps the one it goes by")
        return
    table(rows)


def _who(ledger: Ledger, *, admin: bool = False) -> str:
    """Who runs the command: by the gateway key given, else by the name only. Raises CallerError."""
    from tierwise.ledger import Keys

    text = os.environ.get(KEY)
    if not text:
        if admin:
            raise CallerError(f"expected an admin's gateway key in {KEY}, found none")
        return f"user:{getpass.getuser()}"
    key = Keys(ledger).find(text)
    if key is None:
        raise CallerError(f"the gateway key in {KEY} is unknown or was ended")
    if admin and not key.scope.admin:
        raise CallerError(
            f"the key {key.name!r:.60} is no admin's; make one with: tierwise keys create NAME --admin"
        )
    return f"key:{key.name}"


# The parser keeps the lines of a paragraph that a backspace stands before.
for _command in (publish, approve, rollback):
    _command.__doc__ = (_command.__doc__ or "").replace("\\b", "\b")

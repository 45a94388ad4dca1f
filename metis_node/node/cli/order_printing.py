"""What a command says about an order: what it will do and cost, how far it is, how it ended."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from metis_node.l1.answers import Receipt
    from metis_node.l1.delivery import OnProgress
    from metis_node.node.cli.operator_command import Desk
    from metis_node.node.operator_desk import OperatorDesk, Prepare, Quote


def place(desk: Desk, at: OperatorDesk, prepare: Prepare) -> dict[str, Any] | None:
    """Show, ask, send, wait. What was done, for `--json`; None where it was a dry run."""
    seen: list[Quote] = []

    def on_quote(quote: Quote) -> None:
        seen.append(quote)
        _show(desk, quote)

    receipts = asyncio.run(at.place(prepare, on_quote=on_quote, on_progress=_progress(desk)))
    if desk.dry_run:
        return None
    if not desk.json:
        print(file=sys.stderr)
    return {"transactions": _done(seen[0], receipts)}


def _show(desk: Desk, quote: Quote) -> None:
    from metis_node.node.cli.questions import confirm

    if desk.json:
        if desk.dry_run:
            from metis_node.node.cli.printing import print_json

            print_json(_quote_json(quote))
        return
    stream = sys.stdout if desk.dry_run else sys.stderr
    print("\n".join(_quote_lines(quote)), file=stream, flush=True)
    if desk.dry_run:
        print("Dry run: nothing was sent.")
    elif sys.stdin.isatty() or not desk.yes:
        confirm("Send it?", yes=desk.yes)


def _quote_lines(quote: Quote) -> list[str]:
    from metis_node.l1.amounts import format_ether
    from metis_node.l1.deployment.record import shown

    lines = [f"  {sentence}" for sentence in quote.order.effects]
    lines.append("")
    width = max(len(call.label) for call in quote.order.calls)
    for number, (call, gas) in enumerate(
        zip(quote.order.calls, quote.simulated.gas, strict=True), start=1
    ):
        what = f"{gas:>10,} gas" if gas is not None else "gas is known once it can be sent"
        lines.append(f"  {number}. {call.label.ljust(width)}  {what}  to {shown(call.to)}")
    cost = format_ether(quote.most)
    lines.append(f"  From {shown(quote.order.sender)}; costs at most {cost}.\n")
    return lines


def _quote_json(quote: Quote) -> dict[str, Any]:
    from metis_node.l1.deployment.record import shown

    return {
        "dry_run": True,
        "from": shown(quote.order.sender),
        "effects": list(quote.order.effects),
        "transactions": [
            {"call": call.label, "to": shown(call.to), "data": "0x" + call.data.hex(), "gas": gas}
            for call, gas in zip(quote.order.calls, quote.simulated.gas, strict=True)
        ],
        "cost_wei_at_most": str(quote.most),
    }


def _progress(desk: Desk) -> OnProgress:
    """Lines on standard error: what is sent, where it is, how deep."""
    from metis_node.l1.delivery import Progress

    wanted = desk.options["confirmations"]

    def show(progress: Progress) -> None:
        if progress.hash is None or desk.json:
            return
        name = "0x" + progress.hash.hex()
        if progress.mined_in is None:
            line = f"  {progress.label}: sent {name}"
        else:
            depth = min(progress.confirmations, wanted)
            line = f"  {progress.label}: in L1 block {progress.mined_in} ({depth}/{wanted})  {name}"
        print(line, file=sys.stderr, flush=True)

    return show


def _done(quote: Quote, receipts: list[Receipt]) -> list[dict[str, Any]]:
    return [
        {
            "call": call.label,
            "hash": "0x" + receipt.transaction_hash.hex(),
            "block": receipt.block_number,
            "gas_used": receipt.gas_used,
            "cost_wei": str(receipt.cost_wei),
        }
        for call, receipt in zip(quote.order.calls, receipts, strict=True)
    ]

"""The command: `python -m bench` compares, and each of its sub-commands measures one thing more."""

import logging
from typing import Annotated, Any, Final

import typer

from bench.big_customer import big_customer
from bench.comparison import ComparisonPlan, measure
from bench.comparison_report import JOBS, print_report, report_as_json
from bench.console_output import JsonFile, console, or_exit, print_progress, write_json
from bench.diff import diff
from bench.due import due
from bench.idle import idle
from bench.latency import latency
from bench.machine import machine
from bench.peer_runner import PEERS
from bench.recovery import recovery
from bench.scaling import scaling
from bench.workload import Workload

PURCHASES_OF_A_CUSTOMER: Final = 5

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.callback(invoke_without_command=True)
def bench(  # noqa: PLR0913, PLR0917 - an argument for each option
    context: typer.Context,
    events: Annotated[int, typer.Option(min=1000, help="Purchases.")] = 200_000,
    customers: Annotated[
        int | None, typer.Option(min=1, help="Customers; a fifth of the purchases unless given.")
    ] = None,
    seed: Annotated[int, typer.Option(help="What the purchases come from: the same ones from the same seed.")] = 7,
    rounds: Annotated[int, typer.Option(min=1, help="How often everything is run; medians are shown.")] = 3,
    peer_seconds: Annotated[float, typer.Option(min=1, help="How long Faust may take purchases in.")] = 30.0,
    beside: Annotated[
        str, typer.Option(metavar="PEER,PEER…", help="Which programs run beside; none: Goldstream alone.")
    ] = ",".join(PEERS),
    json_file: JsonFile = None,
) -> None:
    """Measure events per second, beside other programs for the same job, on an Apache Kafka of its own.

    Status 1 if a program tells other changes than it must or gives no result, whatever the figures are.
    """
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # a topic just made is not found by everyone at once
    if context.invoked_subcommand is not None:
        return
    wanted = {name.strip() for name in beside.split(",")} - {"none", ""}
    if unknown := sorted(wanted - set(PEERS)):
        print_progress(f"bench: --beside {','.join(unknown)}: there are {', '.join(PEERS)}", style="red")
        raise typer.Exit(2)
    scale = Workload(events, customers or max(1, events // PURCHASES_OF_A_CUSTOMER), seed)
    peers = tuple(peer for peer in PEERS if peer in wanted)
    facts = or_exit(machine)
    outcome = or_exit(lambda: measure(ComparisonPlan(scale, rounds, peer_seconds, peers), print_progress))
    print_report(console(), outcome.runs, facts)
    missing: dict[str, Any] = dict(outcome.unavailable_peers.items())
    if outcome.failed:
        missing["failed"] = outcome.failed
    if json_file is not None:
        asked: dict[str, Any] = {"events": events, "customers": scale.customers, "seed": seed, "rounds": rounds}
        asked |= {"peer_seconds": peer_seconds, "beside": peers}
        write_json(json_file, report_as_json(outcome.runs, asked, facts, outcome.customers, missing))
    for peer, why in outcome.unavailable_peers.items():
        print_progress(f"bench: left out: {peer}: {why}", style="red")
    wrong = [run for run in outcome.runs if run.faults]
    for run in wrong:
        print_progress(f"bench: {run.program}, {JOBS[run.job]}: wrong changes, see above", style="red")
    for failed in outcome.failed:
        print_progress(f"bench: no result: {failed.splitlines()[0]}", style="red")
    raise typer.Exit(1 if wrong or outcome.failed else 0)


for measurement in (recovery, due, latency, idle, big_customer, scaling, diff):
    app.command()(measurement)


if __name__ == "__main__":
    app()

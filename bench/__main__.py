"""The command: `python -m bench` runs the comparison, each subcommand a further measurement."""

import logging
from typing import Annotated, Any, Final

import typer

from bench.big_customer import big_customer
from bench.console_output import JsonFile, console, or_exit, print_progress, write_json
from bench.diff import diff
from bench.due import due
from bench.fairness import fairness
from bench.idle import idle
from bench.imports.importing import importing
from bench.recovery import recovery
from bench.serving.http import http
from bench.serving.pages import pages
from bench.steady.latency import latency
from bench.testbed.machine import machine
from bench.testbed.peer_runner import PEERS
from bench.throughput.comparison import ComparisonPlan, measure
from bench.throughput.comparison_report import JOBS, print_report, report_as_json
from bench.throughput.scaling import scaling
from bench.workload import Workload

PURCHASES_PER_CUSTOMER: Final = 5

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.callback(invoke_without_command=True)
def bench(  # noqa: PLR0913, PLR0917 - each is an option of the command
    context: typer.Context,
    events: Annotated[int, typer.Option(min=1000, help="Number of purchases.")] = 200_000,
    customers: Annotated[
        int | None, typer.Option(min=1, help="Number of customers; default: a fifth of the purchases.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the purchases; the same seed gives the same purchases.")] = 7,
    rounds: Annotated[int, typer.Option(min=1, help="Number of rounds; medians are shown.")] = 3,
    peer_seconds: Annotated[float, typer.Option(min=1, help="How long Faust may accept purchases.")] = 30.0,
    beside: Annotated[
        str, typer.Option(metavar="PEER,PEER…", help="Programs to compare with; none: Goldstream alone.")
    ] = ",".join(PEERS),
    json_file: JsonFile = None,
) -> None:
    """Measure events per second, beside other programs for the same job, on a separate Apache Kafka.

    The status is 1 if a program publishes wrong changes or gives no result, whatever the figures are.
    """
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # it warns about topics that were just created
    if context.invoked_subcommand is not None:
        return
    selected = {name.strip() for name in beside.split(",")} - {"none", ""}
    if unknown := sorted(selected - set(PEERS)):
        print_progress(f"bench: --beside {','.join(unknown)}: valid values: {', '.join(PEERS)}", style="red")
        raise typer.Exit(2)
    workload = Workload(events, customers or max(1, events // PURCHASES_PER_CUSTOMER), seed)
    peers = tuple(peer for peer in PEERS if peer in selected)
    machine_facts = or_exit(machine)
    result = or_exit(lambda: measure(ComparisonPlan(workload, rounds, peer_seconds, peers), print_progress))
    print_report(console(), result.runs, machine_facts)
    missing: dict[str, Any] = dict(result.unavailable_peers.items())
    if result.failed:
        missing["failed"] = result.failed
    if json_file is not None:
        options: dict[str, Any] = {"events": events, "customers": workload.customers, "seed": seed, "rounds": rounds}
        options |= {"peer_seconds": peer_seconds, "beside": peers}
        write_json(json_file, report_as_json(result.runs, options, machine_facts, result.customers, missing))
    for peer, reason in result.unavailable_peers.items():
        print_progress(f"bench: left out: {peer}: {reason}", style="red")
    wrong_runs = [run for run in result.runs if run.faults]
    for run in wrong_runs:
        print_progress(f"bench: {run.program}, {JOBS[run.job]}: wrong changes, see above", style="red")
    for error in result.failed:
        print_progress(f"bench: no result: {error.splitlines()[0]}", style="red")
    raise typer.Exit(1 if wrong_runs or result.failed else 0)


for measurement in (recovery, due, latency, fairness, http, pages, idle, big_customer, scaling, diff):
    app.command()(measurement)
app.command("import")(importing)


if __name__ == "__main__":
    app()

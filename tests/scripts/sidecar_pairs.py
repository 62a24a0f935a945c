#!/usr/bin/env python3
"""What a sidecar costs the engine: tick to order with none, with one that follows, and with one that catches up.

    sidecar_pairs.py [--bin target/release] [--pairs 20] [--dir /dev/shm] [--engine-cpu 1] [--other-cpu 0]
    sidecar_pairs.py --strace          counts the engine's system calls with and without a sidecar instead

Every round runs the three one after the other, in an order that turns, so that what the machine does meanwhile meets all of
them alike. The engine journals a short dense day (configs/bench.toml, --speed max: each input is released when the one before
is done, and latency counts from its release) on one cpu; the sidecar has the other. A thread here sleeps a millisecond at a
time all the while: what it oversleeps is the machine's, the hiccup meter of the same seconds. Prints per round, and in the end
the median of the ratios of each round with their spread. Judged: p50 within 5 %, and the excess of p99.9 over the meter within
2 times that of the rounds without; exit code 4 if not.
"""

import argparse
import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
STATES = ["stopped", "running", "catching_up"]


class Hiccups(threading.Thread):
    """Sleeps a millisecond at a time on the engine's cpu, and keeps what it overslept, in nanoseconds."""

    def __init__(self, cpu):
        super().__init__(daemon=True)
        self.cpu, self.done, self.overslept = cpu, False, []

    def run(self):
        os.sched_setaffinity(threading.get_native_id(), {self.cpu})
        while not self.done:
            before = time.monotonic_ns()
            time.sleep(0.001)
            self.overslept.append(time.monotonic_ns() - before - 1_000_000)

    def p999(self):
        self.done = True
        self.join()
        return sorted(self.overslept)[int(len(self.overslept) * 0.999)]


def engine(args, journal, trace=None):
    command = [args.bin / "engine", "run", "--config", ROOT / "configs/bench.toml", "--speed", "max", "--json"]
    command += ["--duration", args.duration, "--set", "engine.wait=yield", "--set", "journal.segment=64MiB"]
    command += ["--journal", journal]
    if trace:
        command = ["strace", "-f", "-qq", "-o", trace] + command
    return ["taskset", "-c", str(args.engine_cpu)] + command


def sidecar(args, journal, out):
    command = ["taskset", "-c", str(args.other_cpu), args.bin / "cold-path", "run", "--journal", journal, "--out", out]
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    environment = {name: value for name, value in os.environ.items() if name != "PITLANE_POSTGRES"}
    return subprocess.Popen(command, env=environment, **quiet)


def run(args, state, place, trace=None):
    """One run of the engine; its summary, and the meter's p99.9."""
    journal, helpers = place / "journal", []
    if state == "running":
        helpers.append(sidecar(args, journal, place / "out"))
    if state == "catching_up":
        # A whole day lies behind it: it reads at full speed as long as the engine runs.
        helpers.append(sidecar(args, args.backlog, place / "out"))
    time.sleep(0.1)
    meter = Hiccups(args.engine_cpu)
    meter.start()
    done = subprocess.run(engine(args, journal, trace), stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    hiccup = meter.p999()
    behind = [helper.poll() is None for helper in helpers]
    for helper in helpers:
        if state == "running":
            # It ends by itself behind the journal's end.
            if helper.wait(timeout=120) != 0:
                sys.exit("the sidecar failed")
        else:
            helper.kill()
            helper.wait()
    shutil.rmtree(place)
    if done.returncode != 0:
        sys.exit(f"the engine failed: {done.stderr.decode()}")
    return json.loads(done.stdout), hiccup, all(behind)


def pairs(args):
    ratios, short = {state: [] for state in STATES[1:]}, 0
    figures = {state: [] for state in STATES}
    print("round  state        p50 ns  p99.9 us  meter p99.9 us  excess us  orders")
    for round_at in range(args.pairs):
        seen = {}
        for turn in range(len(STATES)):
            state = STATES[(round_at + turn) % len(STATES)]
            place = pathlib.Path(tempfile.mkdtemp(prefix="sidecar-", dir=args.dir))
            summary, hiccup, behind = run(args, state, place)
            latency = summary["latency_ns"]
            excess = max(latency["p999"] - hiccup, 0)
            seen[state] = (latency["p50"], latency["p999"], excess)
            figures[state].append(seen[state])
            short += not behind
            print(
                f"{round_at + 1:5}  {state:11} {latency['p50']:7} {latency['p999'] / 1e3:9.1f} {hiccup / 1e3:15.1f}"
                f" {excess / 1e3:10.1f} {latency['count']:7}",
                flush=True,
            )
        for state, found in ratios.items():
            found.append((seen[state][0] / seen["stopped"][0], seen[state][1] / seen["stopped"][1]))
    print()
    failed = False
    for state in STATES:
        columns = list(zip(*figures[state]))
        middle = [statistics.median(column) for column in columns]
        print(f"{state:11} p50 {middle[0]:.0f} ns, p99.9 {middle[1] / 1e3:.1f} us, excess {middle[2] / 1e3:.1f} us")
    quiet = statistics.median(excess for _, _, excess in figures["stopped"])
    for state, found in ratios.items():
        p50, p999 = (sorted(column) for column in zip(*found))
        loud = statistics.median(excess for _, _, excess in figures[state])
        held = statistics.median(p50) <= 1.05 and loud <= 2 * max(quiet, 1_000)
        failed |= not held
        print(
            f"{state:11} / stopped: p50 {statistics.median(p50):.3f} ({p50[0]:.3f} to {p50[-1]:.3f}), "
            f"p99.9 {statistics.median(p999):.2f} ({p999[0]:.2f} to {p999[-1]:.2f}), "
            f"excess {loud / 1e3:.1f} us against {quiet / 1e3:.1f} us: {'held' if held else 'MISSED'}"
        )
    if short:
        print(f"note: in {short} runs the sidecar had ended before the engine; give a shorter --duration")
    print(f"{args.pairs} rounds, load {os.getloadavg()[0]:.1f} at the end")
    return 4 if failed else 0


def calls(args):
    """System calls of the engine by name, one run of each state under strace."""
    found = {}
    for state in STATES:
        place = pathlib.Path(tempfile.mkdtemp(prefix="sidecar-", dir=args.dir))
        trace = pathlib.Path(tempfile.mktemp(prefix="sidecar-trace-", dir=args.dir))
        run(args, state, place, trace)
        counts = {}
        for line in trace.read_text(errors="replace").splitlines():
            # A call that another thread interrupted is counted where it began.
            name = re.match(r"\d+ +([a-z_0-9]+)\(", line)
            if name:
                counts[name[1]] = counts.get(name[1], 0) + 1
        trace.unlink()
        found[state] = counts
    names = sorted({name for counts in found.values() for name in counts})
    print(f"{'call':20}" + "".join(f"{state:>12}" for state in STATES))
    for name in names:
        print(f"{name:20}" + "".join(f"{found[state].get(name, 0):12}" for state in STATES))
    new = [name for name in names if name not in found["stopped"]]
    print(f"calls that only an engine with a sidecar makes: {', '.join(new) or 'none'}")
    return 4 if new else 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", type=pathlib.Path, default=ROOT / "target/release")
    parser.add_argument("--pairs", type=int, default=20)
    parser.add_argument("--duration", default="30m", help="market time of a run")
    parser.add_argument("--dir", default="/dev/shm" if os.path.isdir("/dev/shm") else None)
    parser.add_argument("--engine-cpu", type=int, default=max(os.sched_getaffinity(0)))
    parser.add_argument("--other-cpu", type=int, default=min(os.sched_getaffinity(0)))
    parser.add_argument("--strace", action="store_true")
    args = parser.parse_args()
    args.bin = args.bin.resolve()
    backlog = pathlib.Path(tempfile.mkdtemp(prefix="sidecar-backlog-", dir=args.dir))
    try:
        # What a sidecar that catches up has behind it: several times what the engine writes meanwhile.
        args.backlog = backlog / "journal"
        long = argparse.Namespace(**{**vars(args), "duration": args.duration.replace("30m", "180m")})
        subprocess.run(engine(long, args.backlog), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
        code = calls(args) if args.strace else pairs(args)
    finally:
        shutil.rmtree(backlog)
    sys.exit(code)


if __name__ == "__main__":
    main()

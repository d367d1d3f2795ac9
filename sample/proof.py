"""The third part of `make demo`: two workloads proved on the simulator, one holds, and what it saves live.

Everything runs on this machine against `tierwise simulate`, an OpenAI API of its own with its own bill: a log
is written, audited and proved, evidence becomes a policy, the gateway routes new calls by it, and the ledger's
saving is held against the one that was measured. Writes into build/proof (or the folder named as argument).
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import random
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tierwise.cli import main
from tierwise.prove import Proof, verify
from tierwise.simulator import Settings, Simulator

KEY = "sk-demo"
TRIAGE = "Sort the ticket into billing, shipping, returns or other. Answer with the label alone."
RISK = "Say whether this contract clause is low, medium or high risk for the buyer. Answer with one word."
WORDS = [
    "lamp",
    "table",
    "invoice",
    "refund",
    "courier",
    "broken",
    "late",
    "twice",
    "card",
    "voucher",
    "size",
    "colour",
    "screw",
    "mirror",
    "shelf",
    "gift",
    "neighbour",
    "deliver",
    "pickup",
    "account",
    "password",
    "discount",
    "exchange",
    "scratch",
    "label",
    "crate",
    "pallet",
    "corner",
    "cushion",
]
LOGGED, LIVE = (700, 200), (240, 60)
"""Calls of each workload in the log, and afterwards through the gateway."""


def text_of(kind: str, number: int) -> str:
    """A ticket or a clause unlike the others."""
    chance = random.Random(f"{kind} {number}")
    return f"{kind} {number}: {' '.join(chance.choices(WORDS, k=16))}, number {chance.randrange(10**7)}"


def body_of(kind: str, number: int) -> dict[str, Any]:
    """One request of a workload."""
    system = TRIAGE if kind == "Ticket" else RISK
    messages = [{"role": "system", "content": system}, {"role": "user", "content": text_of(kind, number)}]
    return {"model": "gpt-5.4", "messages": messages}


def asked(url: str, key: str, bodies: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The answers of an API to many requests."""
    where = urlsplit(url)

    def post(body: dict[str, Any]) -> dict[str, Any]:
        line = http.client.HTTPConnection(where.hostname or "", where.port, timeout=60)
        headers = {"content-type": "application/json", "authorization": f"Bearer {key}"}
        line.request("POST", f"{where.path}/chat/completions", json.dumps(body), headers)
        reply = line.getresponse()
        answer: dict[str, Any] = json.loads(reply.read())
        line.close()
        if reply.status != 200:
            raise SystemExit(f"expected an answer, got {reply.status}: {answer}")
        return answer

    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(post, bodies))


def teach(sim: Simulator) -> None:
    """Triage is as easy for the smaller model; clauses are not."""

    def one_of(*labels: str) -> Callable[[str], str]:
        return lambda text: labels[sum(map(ord, text)) % len(labels)]

    sim.teach("Ticket", one_of("billing", "shipping", "returns", "other"), "unclear", name="triage",
              skill={"gpt-5.4": 0.99, "gpt-5.4-mini": 0.99})  # fmt: skip
    sim.teach("Clause", one_of("low", "medium", "high"), "unclear", name="risk",
              skill={"gpt-5.4": 0.98, "gpt-5.4-mini": 0.75})  # fmt: skip


def write_log(path: Path, sim: Simulator) -> None:
    """What the application asked for so far, all of it on gpt-5.4."""
    bodies = [body_of("Ticket", n) for n in range(LOGGED[0])] + [
        body_of("Clause", n) for n in range(LOGGED[1])
    ]
    lines = []
    for number, (body, answer) in enumerate(zip(bodies, asked(sim.base_url, KEY, bodies), strict=True)):
        day, hour = 1 + number % 20, number % 24
        at = f"2026-11-{day:02d}T{hour:02d}:{number % 60:02d}:00Z"
        lines.append(json.dumps({"request": body, "response": answer, "at": at, "project": "demo"}))
    path.write_text("\n".join(lines) + "\n", "utf-8")


def run(*arguments: str) -> None:
    """One command, as it would be typed."""
    print(f"\n$ tierwise {' '.join(arguments)}", flush=True)
    if (code := main(list(arguments))) != 0:
        raise SystemExit(code)
    sys.stdout.flush()


@contextlib.contextmanager
def gateway(upstream: str) -> Iterator[str]:
    """`tierwise serve` in a process of its own; its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "tierwise", "serve", "--policy", "tierwise.toml", "--upstream", upstream]
    command += ["--port", str(port)]
    with Path("gateway.log").open("wb") as log:
        child = subprocess.Popen(command, stderr=log, env={**os.environ, "OPENAI_API_KEY": KEY})
        try:
            for _ in range(200):
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                    break
                time.sleep(0.1)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            child.terminate()
            child.wait(timeout=30)


def live(sim: Simulator) -> None:
    """New calls through the gateway, which the application sends as it always did."""
    made = subprocess.run(
        [sys.executable, "-m", "tierwise", "keys", "create", "app", "--project", "demo"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    key = next(word for word in made.stdout.split() if word.startswith("tw-"))
    bodies = [body_of("Ticket", LOGGED[0] + n) for n in range(LIVE[0])]
    bodies += [body_of("Clause", LOGGED[1] + n) for n in range(LIVE[1])]
    random.Random(1).shuffle(bodies)
    print(f"\n{len(bodies)} new calls, all of them asking for gpt-5.4, through tierwise serve", flush=True)
    with gateway(sim.base_url) as url:
        asked(url, key, bodies)


def compared(workload: str, proof: Proof) -> bool:
    """Print the ledger's saving beside the proof's; whether it lies within the proof's interval."""
    from tierwise.calls import decode_recorded
    from tierwise.ledger import Ledger

    ledger = Ledger("sqlite:///tierwise.db")
    found = [decode_recorded(line) for line in ledger.lines()]
    ledger.close()
    moved, stayed = [], 0
    for call in found:
        decision = json.loads(bytes(call.decision))
        if json.loads(bytes(call.facts))["workload"] == int(workload, 16):
            moved += [call] if decision["moved"] else []
            stayed += not decision["moved"]
    as_asked = sum(call.as_asked or 0 for call in moved)
    share = float((as_asked - sum(call.cost or 0 for call in moved)) / as_asked)
    measured = proof.saved
    # The proof rounds shares to millionths, and calls of one form cost nearly the same.
    within = measured.lower - 0.001 <= share <= measured.upper + 0.001
    print(
        f"\nProved: {measured.estimate:.1%} less on the same calls ({measured.lower:.1%} to {measured.upper:.1%}).\n"
        f"Live, by the ledger: {share:.1%} less on {len(moved)} new calls, "
        f"{'within' if within else 'OUTSIDE'} the proof's interval; {stayed} held back as asked, to go on measuring."
    )
    return within


def demo() -> int:
    """Audit, proof, policy, gateway, statement."""
    began = time.monotonic()
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "build/proof")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    os.chdir(folder)
    os.environ["OPENAI_API_KEY"] = KEY
    with Simulator(Settings(seed=4)) as sim:
        teach(sim)
        write_log(Path("log.jsonl"), sim)
        logged = len(sim.bill)
        print(f"\nTwo workloads, {logged} calls, on the simulator: ${sim.bill_total:.4f} by its own bill")
        run("audit", "log.jsonl", "-q", "--json", "audit.json", "--learned", "learned.tierwise")
        # Which calls are drawn first depends on the key: with one of its own each run would differ.
        Path("evidence").mkdir()
        Path("evidence/prove.key").write_text("5eed" * 16 + "\n")
        Path("evidence/prove.key").chmod(0o600)
        run(
            "prove",
            "log.jsonl",
            "--all",
            "--rung",
            "gpt-5.4-mini",
            "--upstream",
            sim.base_url,
            "--max-spend",
            "0.50",
            "--yes",
        )
        spent = sum(line.cost or 0 for line in sim.bill[logged:])
        print(f"\nThe simulator's bill of the proof: ${spent:.4f}")
        run("verify", "evidence")
        run("policy", "init", "--from", "audit.json", "--evidence", "evidence", "-o", "tierwise.toml")
        run("policy", "check", "tierwise.toml")
        live(sim)
        run("spend", "--by", "lever")
        run("statement", "--month", time.strftime("%Y-%m", time.gmtime()))
    held = [verify(path.read_bytes(), str(path)) for path in Path("evidence").glob("*.json")]
    (best,) = [one for one in held if one.verdict == "holds (gold)"]
    within = compared(best.evidence.workload, best.proof)
    print(f"Took {time.monotonic() - began:.0f} seconds; everything is in {folder}.")
    return 0 if within else 1


if __name__ == "__main__":
    raise SystemExit(demo())

"""Fuzzes one target for a time: `python -m fuzz requests 60`; the seeds are made from the contract's examples.

libFuzzer, which atheris drives, ends the process at its time or its first finding, so each target has a
process of its own. What it found is written to `fuzz-findings/`, as the bytes to try again:
`python -m fuzz requests FILE`.
"""

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["workspaced", "workspaced_client", "workspaced_protocol"]):
    from fuzz.targets import TARGETS

_LONGEST_BYTES = 8192


def main() -> None:
    """Run libFuzzer, which ends the process."""
    if len(sys.argv) != 3 or sys.argv[1] not in TARGETS:
        sys.exit(f"usage: python -m fuzz {{{','.join(TARGETS)}}} SECONDS|FILE")
    name, limit = sys.argv[1:]
    target, seeds = TARGETS[name]
    if not limit.isdigit():
        target(Path(limit).read_bytes())
        sys.exit(f"{limit}: nothing found.")
    findings = Path("fuzz-findings")
    findings.mkdir(exist_ok=True)
    corpus = findings / f"corpus-{name}"  # it grows from run to run
    corpus.mkdir(exist_ok=True)
    for number, seed in enumerate(seeds()):
        (corpus / f"seed-{number}").write_bytes(seed)
    options = [
        f"-max_total_time={limit}",
        f"-max_len={_LONGEST_BYTES}",
        f"-artifact_prefix={findings}/{name}-",
    ]
    atheris.Setup([sys.argv[0], *options, "-verbosity=0", "-print_final_stats=1", str(corpus)], target)
    atheris.Fuzz()


if __name__ == "__main__":
    main()

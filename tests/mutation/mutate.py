#!/usr/bin/env python3
"""Takes each check of synchronized.c and each rung of plan.c away, one at a time, and expects some test to notice.

What a mutant is follows by rule from the source: the condition of an `if` or of `?:` becomes true, and false; an operand
of && or || is left out; a statement without a declaration is left out; what a question returns becomes true, and false.
Each is compiled as one object, linked into the engine's shared library, and met by all scenarios, then by the unit tests of
the engine, the quickest first, until one fails. A mutant that the compiler makes the same code of is none.

tests/mutation/equivalent.tsv lists the mutants that no test can tell from the original, and why: FILE, FUNCTION, MUTANT and
REASON. A line there that names no mutant, or one that is killed, is an error: the source or the tests have moved on.

usage: tests/mutation/mutate.py [--list] [-jN] BUILD_DIRECTORY [WORD]
                                                a build of the preset `mutation`; N at a time; only mutants with WORD
       tests/mutation/mutate.py --tests         the unit tests that it must hold

Exit status: 0 all killed, 1 survivors or stale lines, 2 the arguments were wrong or the original itself fails.
"""
import json
import os
import re
import resource
import shlex
import subprocess
import sys
import tempfile
import time
from collections import Counter, namedtuple
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
SOURCES = ["src/tcp/synchronized.c", "src/tcp/plan.c"]
SCENARIOS = "tests/scenarios"
UNIT_TESTS = sorted(p.stem for p in ROOT.glob("tests/unit/test_*.c")
                    if re.search(r'"(tcp_fixture|pair)\.h"', p.read_text()))
PATIENCE = 20  # seconds of processor time; what takes longer goes round in circles

Mutant = namedtuple("Mutant", "file function line what start end text")

# ---- what there is to mutate ----

COMMENT_OR_STRING = re.compile(r'/\*.*?\*/|//[^\n]*|"[^"\n]*"|^[ \t]*#[^\n]*', re.S | re.M)
FUNCTION = re.compile(r"^(?:static )?(?P<type>\w[\w ]*?)\s?\*?\b(?P<name>\w+)\([^;{]*?\)\n\{\n(?P<body>.*?)^\}", re.S | re.M)
DECLARATION = re.compile(r"(const |struct |enum |bool |u?int\d+_t |hf_\w+ \w+( =|;))")


def blanked(text):
    """The same text with comments and strings as spaces, so that places stay."""
    return COMMENT_OR_STRING.sub(lambda m: re.sub(r"[^\n]", " ", m[0]), text)


def closing(text, opened):
    depth = 0
    for at in range(opened, len(text)):
        depth += {"(": 1, ")": -1}.get(text[at], 0)
        if depth == 0:
            return at
    raise ValueError(f"a parenthesis is never closed: {text[opened:opened + 40]}")


def reach(text, at, step, stops):
    """How far an operand goes from `at`, forwards (1) or backwards (-1): to a stop or out of its parenthesis."""
    opens, closes = ("([{", ")]}") if step > 0 else (")]}", "([{")
    depth = 0
    while 0 <= at < len(text):
        char = text[at]
        if depth == 0 and (char in closes or char in ";,{}" or stops.match(text, at)):
            break
        depth += (char in opens) - (char in closes)
        at += step
    return at


STOPS = {"||": re.compile(r"\|\||(?<=\|)\||\?|:|(?<![=!<>])=(?!=)|(?<=return) "),
         "&&": re.compile(r"&&|(?<=&)&|\|\||(?<=\|)\||\?|:|(?<![=!<>])=(?!=)|(?<=return) ")}
STOPS["?"] = re.compile(r"\?|:|(?<![=!<>])=(?!=)|(?<=return) ")


def trimmed(text, start, end):
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end


def conditions(body):
    for found in re.finditer(r"\bif \(", body):
        start, end = found.end(), closing(body, found.end() - 1)
        yield start, end, "false", "if never: {}"
        yield start, end, "true", "if always: {}"
    for found in re.finditer(r"\?", body):
        start, end = trimmed(body, reach(body, found.start() - 1, -1, STOPS["?"]) + 1, found.start())
        yield start, end, "false", "?: never: {}"
        yield start, end, "true", "?: always: {}"


def operands(body):
    for found in re.finditer(r"&&|\|\|", body):
        stops, neutral = STOPS[found[0]], "true" if found[0] == "&&" else "false"
        left = trimmed(body, reach(body, found.start() - 1, -1, stops) + 1, found.start())
        right = trimmed(body, found.end(), reach(body, found.end(), 1, stops))
        for start, end in (left, right):
            yield start, end, neutral, "without: {}"


def statements(body):
    for found in re.finditer(r"(?<=[;{}])\s+(?:(?:case \w+|default):\s+)*([a-z*][^;{}]*);", body):
        start, end = found.span(1)
        words = body[start:end]
        if not re.match(r"(return|break|if|else|case|default|switch|for|while)\b", words) and not DECLARATION.match(words):
            yield start, end, "", "no statement: {}"


def answers(body):
    for found in re.finditer(r"\breturn ([^;]*);", body):
        if found[1] not in ("true", "false"):
            yield *found.span(1), "false", "returns false: {}"
            yield *found.span(1), "true", "returns true: {}"


def mutants_of(path):
    text = blanked((ROOT / path).read_text())
    for function in FUNCTION.finditer(text):
        body, offset = function["body"], function.start("body")
        found = set([*conditions(body), *operands(body), *statements(body)])
        if function["type"] == "bool":
            found |= set(answers(body))
        seen = Counter()
        for start, end, by, what in sorted(found):
            what = what.format(re.sub(r"\s+", " ", body[start:end]))
            seen[what] += 1
            if seen[what] > 1:
                what += f" (#{seen[what]})"
            line = text.count("\n", 0, offset + start) + 1
            yield Mutant(path, function["name"], line, what, offset + start, offset + end, by)


# ---- one mutant ----


def limit():
    os.nice(10)
    resource.setrlimit(resource.RLIMIT_CPU, (PATIENCE, PATIENCE + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))


def run(command, library=None, until=r"(?!)"):
    """Runs a command to its end, or to the first line that matches `until`: one failure is enough."""
    env = {**os.environ, "LD_LIBRARY_PATH": str(library)} if library else None
    said = []
    with subprocess.Popen(command, cwd=ROOT, env=env, preexec_fn=limit, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace") as process:
        for line in process.stdout:
            said.append(line)
            if re.search(until, line):
                process.kill()
                break
    return subprocess.CompletedProcess(command, process.returncode, "".join(said))


def failure(done, pattern):
    """What a run that failed says of its first failure."""
    named = re.search(pattern, done.stdout, re.M)
    if named:
        return named[1]
    return "a run without end" if done.returncode in (-24, -9) else f"a crash (status {done.returncode})"


class Build:
    def __init__(self, path):
        self.path = Path(path).resolve()
        commands = json.loads((self.path / "compile_commands.json").read_text())
        self.compile = {str(Path(c["file"]).relative_to(ROOT)): shlex.split(c["command"]) for c in commands
                        if Path(c["file"]).is_relative_to(ROOT)}
        engine = [c for name, c in self.compile.items() if re.match(r"src/\w+/\w+\.c$", name)]
        self.objects = {c[c.index("-c") + 1]: str(self.path / c[c.index("-o") + 1]) for c in engine}
        self.sound = {}
        self.tests = list(UNIT_TESTS)
        self.library = next((self.path / "src").glob("libhandfast_engine.so*"))

    def object(self, source, text, into):
        """Compiles `text` in the place of `source`; returns the object's path."""
        command = list(self.compile[source])
        changed, made = into / "changed.c", into / "changed.o"
        changed.write_text(text)
        command[command.index("-c") + 1] = str(changed)
        command[command.index("-o") + 1] = str(made)
        command = [word for word in command if word != "-Werror"] + ["-w", f"-I{(ROOT / source).parent}"]
        done = run(command)
        if done.returncode != 0:
            raise RuntimeError(f"{source}: a mutant does not compile:\n{done.stdout}")
        return made

    def first_failure(self, source, made, into):
        """The first test that fails with the object `made` for `source`; None when none does."""
        objects = [str(made) if name == str(ROOT / source) else path for name, path in self.objects.items()]
        linked = run(["cc", "-shared", f"-Wl,-soname,{self.library.name}", "-o", str(into / self.library.name), *objects])
        if linked.returncode != 0:
            raise RuntimeError(linked.stdout)
        failed = rf"^not ok \d+ - (?:{SCENARIOS}/)?(.*)"
        for once in (["--once"], []):
            done = run([str(self.path / "handfast"), "check", *once, SCENARIOS], into, failed)
            if done.returncode != 0:
                return failure(done, failed)
        for test in self.tests:
            done = run([str(self.path / "tests" / test)], into)
            if done.returncode != 0:
                return f"{test} {failure(done, r'^.*FAILED  . ([a-z_0-9]+)$')}"
        return None

    def verdict(self, mutant):
        text = (ROOT / mutant.file).read_text()
        with tempfile.TemporaryDirectory() as into:
            into = Path(into)
            made = self.object(mutant.file, text[: mutant.start] + mutant.text + text[mutant.end:], into)
            if made.read_bytes() == self.sound[mutant.file]:
                return "same code", None
            test = self.first_failure(mutant.file, made, into)
            return ("killed", test) if test else ("SURVIVED", None)


# ---- all of them ----


def read_equivalents():
    with open(Path(__file__).parent / "equivalent.tsv", encoding="utf-8") as table:
        rows = [line.rstrip("\n").split("\t") for line in table if line.strip() and not line.startswith("#")]
    return {tuple(row[:3]): row[3] for row in rows}


def check_original(build):
    """The first test that fails with nothing changed, None when all is well; and remembers the code of the original."""
    with tempfile.TemporaryDirectory() as into:
        for source in SOURCES:
            made = build.object(source, (ROOT / source).read_text(), Path(into))
            build.sound[source] = made.read_bytes()
        build.tests.sort(key=lambda test: time_of(build, test))
        return build.first_failure(source, made, Path(into))


def time_of(build, test):
    began = time.monotonic()
    run([str(build.path / "tests" / test)])
    return time.monotonic() - began


def judge(mutant, verdict, test, equivalent):
    """The word of the line that is printed for a mutant, and what follows it."""
    reason = equivalent.get((Path(mutant.file).name, mutant.function, mutant.what))
    if reason and verdict == "SURVIVED":
        return "equivalent", reason
    if reason and verdict == "killed":
        return "NOT EQUIVALENT", f"{test} kills it: take its line out of equivalent.tsv"
    return verdict, test


def main():
    arguments = [a for a in sys.argv[1:] if a != "--list" and not re.fullmatch(r"-j\d+", a)]
    workers = [int(a[2:]) for a in sys.argv[1:] if re.fullmatch(r"-j\d+", a)] or [len(os.sched_getaffinity(0))]
    if arguments == ["--tests"]:
        print(*UNIT_TESTS)
        return 0
    mutants = [m for path in SOURCES for m in mutants_of(path)]
    equivalent = read_equivalents()
    if len(arguments) not in (1, 2):
        print(__doc__.strip(), file=sys.stderr)
        return 2
    if len(arguments) == 2:
        mutants = [m for m in mutants if arguments[1] in f"{Path(m.file).name}:{m.line}: {m.function}: {m.what}"]
    if "--list" in sys.argv:
        for m in mutants:
            print(f"{m.file}:{m.line}: {m.function}: {m.what}")
        return 0
    build = Build(arguments[0])
    if broken := check_original(build):
        print(f"the original fails: {broken}", file=sys.stderr)
        return 2
    total = Counter()
    with ThreadPoolExecutor(workers[-1]) as pool:
        for m, (verdict, test) in zip(mutants, pool.map(build.verdict, mutants)):
            word, more = judge(m, verdict, test, equivalent)
            total[word] += 1
            print(f"{word:10} {Path(m.file).name}:{m.line}: {m.function}: {m.what}{f'  <- {more}' if more else ''}", flush=True)
    known = {(Path(m.file).name, m.function, m.what) for path in SOURCES for m in mutants_of(path)}
    for row in equivalent.keys() - known:
        total["NOT PLANTED"] += 1
        print(f"NOT PLANTED {': '.join(row)}: the source no longer has it; equivalent.tsv is stale")
    print(f"{len(mutants)} mutants: " + ", ".join(f"{count} {word}" for word, count in sorted(total.items())))
    return 1 if {"SURVIVED", "NOT EQUIVALENT", "NOT PLANTED"} & set(total) else 0


if __name__ == "__main__":
    sys.exit(main())

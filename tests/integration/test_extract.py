"""`python -m trainer extract`, as a user runs it."""

from __future__ import annotations

import csv
import io
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import jsonschema
import pyarrow as pa
import pytest
from pyarrow import parquet

from tests.serving_model import write_crf
from trainer.annotation.conll import read_conll
from trainer.annotation.labelstudio import read_task
from trainer.cli.commands import main
from trainer.core.schema import load_schema
from trainer.runtime import ray_engine

ROOT = Path(__file__).resolve().parents[2]
SCHEMAS = {
    name: json.loads((ROOT / f"docs/schema/{name}-1.0.json").read_text("utf-8")) for name in ("extraction", "reject")
}
TEXT = "شنت القوات العراقية غارة على مواقع داعش في الموصل .\nاعتقلت الشرطة متهمين في بغداد ."


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_crf(tmp_path_factory.mktemp("runs") / "crf")


def command(run: Path, *arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "trainer", "extract", *map(str, arguments), "--model", str(run)]


def extract(run: Path, *arguments: str | Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """The command line in this process, which saves the start of another."""
    words = command(run, *arguments)
    out, err, code = io.StringIO(), io.StringIO(), 0
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sys, "argv", words[2:])
        patched.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        patched.setattr(sys, "stdout", out)
        patched.setattr(sys, "stderr", err)
        try:
            main()
        except SystemExit as end:
            code = int(end.code or 0)
    return subprocess.CompletedProcess(words, code, out.getvalue(), err.getvalue())


def write_news(path: Path, count: int) -> Path:
    lines = (json.dumps({"id": f"a{number}", "text": f"{TEXT}\nخبر {number}"}) for number in range(count))
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def test_standard_input_becomes_json_lines_on_standard_output(run: Path) -> None:
    done = subprocess.run(command(run, "-"), input=TEXT, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stderr
    value = json.loads(done.stdout)
    jsonschema.validate(value, SCHEMAS["extraction"])
    assert value["text"] == TEXT
    assert {span["label"] for span in value["spans"]} == {"ACTOR", "OPERATION", "LOCATION"}
    assert all(TEXT[span["start"] : span["end"]] == span["text"] for span in value["spans"])
    assert "1 articles, 0 refused" in done.stderr


def test_sources_of_every_kind_in_one_job_with_bad_records_set_aside(run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "1.txt").write_text(TEXT, "utf-8")
    (folder / "2.jsonl").write_text(json.dumps({"id": "j", "text": TEXT}) + "\n{oops\n" + '{"text": "\\ud800"}\n')
    (folder / "3.csv").write_text(f'id,text\nc,"{TEXT}"\n', "utf-8")
    parquet.write_table(pa.table({"id": ["p"], "text": [TEXT]}), folder / "4.parquet")
    (folder / "5.txt").write_bytes(b"\xff\xfe")
    with (folder / "6.txt").open("wb") as stream:
        stream.truncate(50 * 2**20)
    (folder / "7.txt").write_text("[" * 10_000 + "<script>alert(1)</script>")
    out = tmp_path / "out.jsonl"
    done = extract(run, folder, "--out", out)
    assert done.returncode == 0, done.stderr
    values = [json.loads(line) for line in out.read_text("utf-8").splitlines()]
    rejects = [json.loads(line) for line in (tmp_path / "out.jsonl.rejects.jsonl").read_text().splitlines()]
    for value in values:
        jsonschema.validate(value, SCHEMAS["extraction"])
    for reject in rejects:
        jsonschema.validate(reject, SCHEMAS["reject"])
    assert [Path(value["id"]).name for value in values] == ["1.txt", "j", "c", "p", "7.txt"]
    assert [(Path(reject["source"]).name, reject["record"]) for reject in rejects] == [
        ("2.jsonl", "2"),
        ("2.jsonl", "3"),
        ("5.txt", ""),
        ("6.txt", ""),
    ]
    assert "5 articles, 4 refused" in done.stderr.replace("\n", "")


def test_fields_score_and_text_are_chosen_by_options(run: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({"body": TEXT, "nr": 7}) + "\n")
    done = extract(run, path, "--text-field", "body", "--id-field", "nr", "--omit-text", "--min-score", "1.0", "-q")
    value = json.loads(done.stdout)
    assert (value["id"], value["spans"], "text" in value) == ("7", [], False)
    assert done.stderr == ""


def test_csv_conll_label_studio_and_html_can_be_read_back(run: Path, tmp_path: Path) -> None:
    news = write_news(tmp_path / "news.jsonl", 3)
    lines = [json.loads(line) for line in extract(run, news).stdout.splitlines()]
    spans = [[(span["start"], span["end"], span["label"]) for span in line["spans"]] for line in lines]
    for name in ("csv", "conll", "label-studio", "html"):
        assert extract(run, news, "--format", name, "--out", tmp_path / f"out.{name}").returncode == 0
    rows = list(csv.DictReader((tmp_path / "out.csv").open(encoding="utf-8")))
    assert [row["id"] for row in rows] == [line["id"] for line in lines for _ in line["events"]]
    articles = read_conll(tmp_path / "out.conll")
    assert [article.id for article in articles] == ["a0", "a1", "a2"]
    assert [[article.surface(span) for span in article.spans] for article in articles] == [
        [span["text"] for span in line["spans"]] for line in lines
    ]
    tasks = json.loads((tmp_path / "out.label-studio").read_text("utf-8"))
    for task, expected in zip(tasks, spans, strict=True):
        assert task["predictions"][0]["model_version"] == "crf"
        annotated = {"id": 1, **task, "annotations": [{"id": 1, "result": task["predictions"][0]["result"]}]}
        article, faults = read_task(annotated, 1, "out", load_schema(run / "schema.yaml"))
        assert article is not None and not [fault for fault in faults if fault.severity.name == "ERROR"]
        found = article.annotations[0].spans
        assert [(span.start, span.end, span.label) for span in found] == expected
    assert (tmp_path / "out.html").read_text("utf-8").count("<article") == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none.txt"], "no such file or folder"),
        (["-", "--format", "html", "--omit-text"], "does not go with"),
        (["-", "--engine", "ray"], "the ray engine writes files"),
        (["-", "--runtime", "tpu"], "unknown runtime"),
    ],
)
def test_a_wrong_call_ends_with_2_and_says_why(run: Path, arguments: list[str], message: str) -> None:
    done = extract(run, *arguments)
    assert done.returncode == 2
    assert message in done.stderr and "Traceback" not in done.stderr
    assert done.stdout == ""


def test_an_existing_output_is_kept(run: Path, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("precious")
    done = extract(run, write_news(tmp_path / "news.jsonl", 1), "--out", tmp_path / "out")
    assert done.returncode == 2 and "--overwrite" in done.stderr
    assert (tmp_path / "out").read_text() == "precious"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_said_without_a_traceback(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    out.with_name("out.jsonl.part").symlink_to("/dev/full")
    done = extract(run, write_news(tmp_path / "news.jsonl", 1), "--out", out)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert "cannot be written" in done.stderr
    assert not out.exists()


@pytest.mark.slow
def test_ten_kills_at_random_moments_lose_and_repeat_nothing(run: Path, tmp_path: Path) -> None:
    news, out = write_news(tmp_path / "news.jsonl", 5000), tmp_path / "out.jsonl"
    broken = news.read_text("utf-8").splitlines()
    broken[1234] = broken[4321] = "{"
    news.write_text("\n".join(broken) + "\n", "utf-8")
    journal, generator, progressed = tmp_path / "out.jsonl.journal", random.Random(7), 0
    for kill in range(10):
        process = subprocess.Popen(command(run, news, "--out", out, "-q"), start_new_session=True)
        before = journal.stat().st_mtime_ns if journal.exists() else 0
        while kill % 2 and process.poll() is None and (not journal.exists() or journal.stat().st_mtime_ns == before):
            time.sleep(0.005)  # every other start gets a block done, or no kill would reach the middle
        time.sleep(generator.uniform(0, 0.3 if kill % 2 else 2.0))
        assert process.poll() is None, "the job ended before it could be killed ten times"
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        progressed += journal.exists() and journal.stat().st_mtime_ns != before
    assert progressed >= 5 and not out.exists()
    done = extract(run, news, "--out", out)
    assert done.returncode == 0 and "were done before" in done.stderr
    ids = [json.loads(line)["id"] for line in out.read_text("utf-8").splitlines()]
    assert ids == [f"a{number}" for number in range(5000) if number not in (1234, 4321)]
    rejects = (tmp_path / "out.jsonl.rejects.jsonl").read_text().splitlines()
    assert [json.loads(line)["record"] for line in rejects] == ["1235", "4322"]


@pytest.mark.slow
def test_memory_stays_flat_however_large_the_input(run: Path, tmp_path: Path) -> None:
    code = (
        "import resource, sys; from trainer.cli.commands import app; sys.argv = ['trainer', *sys.argv[1:]]\n"
        "try: app()\n"
        "except SystemExit: print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)"
    )
    peaks = []
    for count in (1000, 10_000):
        news = write_news(tmp_path / f"{count}.jsonl", count)
        arguments = ["extract", str(news), "--out", str(tmp_path / f"{count}.out"), "--model", str(run), "-q"]
        done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
        peaks.append(int(done.stderr.split()[-1]))
    assert peaks[1] < 1.1 * peaks[0]


@pytest.mark.slow
def test_ray_writes_what_the_local_engine_writes(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ray")
    news, local, ray = write_news(tmp_path / "news.jsonl", 400), tmp_path / "local", tmp_path / "ray"
    news.write_text(news.read_text("utf-8").replace('{"id": "a7"', '{"id" "a7"'), "utf-8")
    assert extract(run, news, "--out", local).returncode == 0
    monkeypatch.setattr(ray_engine, "SHARD_BYTES", 20_000)
    done = extract(run, news, "--out", ray, "--engine", "ray", "--workers", "2")
    assert done.returncode == 0, done.stderr
    assert ray.read_bytes() == local.read_bytes()
    assert Path(f"{ray}.rejects.jsonl").read_bytes() == Path(f"{local}.rejects.jsonl").read_bytes()
    assert not list(tmp_path.glob("ray.shards*"))

"""Checks of the files in deploy/: commands, settings, versions, systemd units, the image, Kubernetes and Compose."""

import json
import re
import shlex
import shutil
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

import pytest
import yaml

from inventory.cli import main
from inventory.config.settings import Settings
from support.libraries import EXTRAS, PROJECT, ROOT

DEPLOY = ROOT / "deploy"
FILES = sorted(file for file in DEPLOY.rglob("*") if file.is_file())
YAML = [file for file in FILES if file.suffix == ".yaml"]
UNITS = sorted((DEPLOY / "systemd").iterdir())
DOCKERFILE = (DEPLOY / "Dockerfile").read_text()
PROGRAM = "/opt/inventory/bin/inventory"
COPIED = [
    word for line in re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE) for word in line.split()
]  # fmt: skip


def name(value):
    return value.name if isinstance(value, Path) else None


def documents(file):
    return list(yaml.safe_load_all(file.read_text()))


def pods():
    """Return the pod specification of each file with a CronJob or a Deployment, as a dict by the name of the file."""
    found = {}
    for file in YAML:
        for document in documents(file):
            spec = document.get("spec") or {}
            if document.get("kind") == "CronJob":
                found[file.name] = spec["jobTemplate"]["spec"]["template"]["spec"]
            elif document.get("kind") == "Deployment":
                found[file.name] = spec["template"]["spec"]
    return found


def commands():
    """Return the arguments of each `inventory` command in the units, the Dockerfile, compose.yaml and the pods."""
    found = [
        shlex.split(line)[1:]
        for unit in UNITS
        for line in re.findall(r"^ExecStart=(.+)$", unit.read_text(), re.MULTILINE)
    ]
    for line in re.findall(r"^\s*CMD (\[.+\])$", DOCKERFILE, re.MULTILINE):
        words = json.loads(line)
        found.append(words[1:] if words[0] == "inventory" else words)
    found.append(documents(DEPLOY / "compose.yaml")[0]["services"]["inventory"]["command"])
    for pod in pods().values():
        (container,) = pod["containers"]
        found.append(container["args"])
        if "readinessProbe" in container:
            program, *words = container["readinessProbe"]["exec"]["command"]
            assert program == "inventory"
            found.append(words)
    return found


def test_every_command_is_one_of_the_program():
    found = commands()
    assert sorted({words[0] for words in found}) == ["run", "status", "sync"]
    assert len(found) == 8
    for words in found:
        with pytest.raises(SystemExit) as ended:
            main([*words, "--help"])
        assert ended.value.code == 0, words


@pytest.mark.parametrize("file", FILES, ids=name)
def test_every_setting_that_is_named_is_one(file):
    known = {f"INVENTORY_{setting.upper()}" for setting in (*Settings.model_fields, "config")}
    assert set(re.findall(r"INVENTORY_[A-Z_]+", file.read_text())) <= known


@pytest.mark.parametrize("file", YAML, ids=name)
def test_every_yaml_file_is_one(file):
    assert all(documents(file))


def test_the_image_is_named_by_the_version_everywhere():
    texts = "\n".join(file.read_text() for file in FILES)
    assert set(re.findall(r"fal-inventory:[\w.]+", texts)) == {f"{PROJECT['name']}:{PROJECT['version']}"}


# systemd


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not here")
def test_systemd_has_nothing_against_the_units(tmp_path):
    for unit in UNITS:
        (tmp_path / unit.name).write_text(unit.read_text().replace(PROGRAM, sys.executable))  # a program that exists
    files = [str(tmp_path / unit.name) for unit in UNITS]
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *files], capture_output=True, text=True, check=False
    )  # fmt: skip
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    for file in files:
        if file.endswith(".service"):
            subprocess.run(
                ["systemd-analyze", "security", "--offline=yes", "--threshold=20", file],
                check=True, capture_output=True, text=True,
            )  # fmt: skip


def test_both_services_are_the_same_but_for_how_they_start():
    def service(unit):
        (text,) = re.findall(
            r"^\[Service\]\n(.*?)(?=^\[|\Z)", (DEPLOY / "systemd" / unit).read_text(), re.MULTILINE | re.DOTALL
        )
        return {line for line in text.splitlines() if line and not line.startswith("#")}

    run, sync = service("inventory.service"), service("inventory-sync.service")
    assert run - sync == {
        "Type=exec", f"ExecStart={PROGRAM} run", "Restart=always", "RestartSec=10", "RestartPreventExitStatus=2",
    }  # fmt: skip
    assert sync - run == {
        "Type=oneshot", f"ExecStart={PROGRAM} sync --expected 5m", "SuccessExitStatus=6", "TimeoutStartSec=15min",
    }  # fmt: skip


def test_what_calls_sync_by_the_clock_names_its_own_interval():
    assert "\nOnCalendar=*:0/5\n" in (DEPLOY / "systemd" / "inventory-sync.timer").read_text()
    assert documents(DEPLOY / "kubernetes" / "cronjob.yaml")[0]["spec"]["schedule"] == "*/5 * * * *"
    by_clock = [words for words in commands() if words[0] == "sync"]
    assert by_clock == [["sync", "--expected", "5m"]] * 2


# Docker and Kubernetes


@pytest.mark.medium
def test_what_the_image_copies_is_enough_to_build_the_program(tmp_path):
    """Check that the Dockerfile copies exactly what Dockerfile.dockerignore allows. Build a wheel from these files."""
    lines = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
    assert lines[0] == "*"
    let_through = [line[1:] for line in lines if line.startswith("!")]
    assert sorted(COPIED) == sorted(let_through)
    for path in COPIED:
        source = ROOT / path
        if source.is_dir():
            shutil.copytree(source, tmp_path / path, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            (tmp_path / path).parent.mkdir(exist_ok=True)
            shutil.copy(source, tmp_path / path)
    done = subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path / "out"), str(tmp_path)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = (tmp_path / "out").iterdir()
    assert fnmatch(wheel.name, "fal_inventory-*.whl")


def test_the_image_installs_as_the_readme_does_with_extras_that_are_there():
    (line,) = re.findall(r"pip install (.+)$", DOCKERFILE, re.MULTILINE)
    readme = re.search(r"pip install (-q -c constraints\.txt) '", (ROOT / "README.md").read_text())[1]
    extras = re.search(r"'\.\[([\w,]+)\]'", line)[1].split(",")
    assert line == f"{readme.replace('-q', '-q --no-cache-dir')} '.[{','.join(extras)}]'"
    assert set(extras) <= set(EXTRAS)


def test_nothing_runs_as_root_or_may_become_it():
    (user,) = re.findall(r"^USER (\d+):\d+$", DOCKERFILE, re.MULTILINE)
    assert f"--uid {user} " in DOCKERFILE
    assert set(pods()) == {"cronjob.yaml", "deployment.yaml"}
    for pod in pods().values():
        assert pod["securityContext"]["runAsUser"] == int(user)
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert (pod["automountServiceAccountToken"], pod["enableServiceLinks"]) == (False, False)
        (container,) = pod["containers"]
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert [mount["mountPath"] for mount in container["volumeMounts"]] == ["/tmp"]
    service = documents(DEPLOY / "compose.yaml")[0]["services"]["inventory"]
    assert (service["read_only"], service["cap_drop"], service["tmpfs"]) == (True, ["ALL"], "/tmp")


def test_no_two_versions_of_the_deployment_run_at_once():
    """If an old version ran beside a new one, the runs of the old version would get no entry in the log."""
    (deployment,) = [each for each in documents(DEPLOY / "kubernetes" / "deployment.yaml") if each]
    assert deployment["spec"]["strategy"] == {"type": "Recreate"}


def test_the_secrets_that_are_asked_for_are_those_of_the_example():
    (secret,) = documents(DEPLOY / "kubernetes" / "secret.yaml")
    for pod in pods().values():
        asked = [
            variable["valueFrom"]["secretKeyRef"] for variable in pod["containers"][0]["env"] if "valueFrom" in variable
        ]
        assert {reference["name"] for reference in asked} == {secret["metadata"]["name"]}
        assert {reference["key"] for reference in asked} == set(secret["stringData"])


def test_compose_builds_from_here_and_waits_for_its_database():
    compose = documents(DEPLOY / "compose.yaml")[0]
    service = compose["services"]["inventory"]
    context = (DEPLOY / service["build"]["context"]).resolve()
    assert context == ROOT.resolve()
    assert (context / service["build"]["dockerfile"]).is_file()
    assert set(service["depends_on"]) | {"inventory"} == set(compose["services"])
    assert {volume.partition(":")[0] for volume in compose["services"]["db"]["volumes"]} == set(compose["volumes"])
    assert service["environment"]["INVENTORY_DATABASE_URL"] == "postgresql://inventory@db/inventory"

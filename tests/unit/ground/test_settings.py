"""Settings: every source in its turn, every fault in one report."""

from __future__ import annotations

from pathlib import Path

import pytest

from esi.environment import describe, load_settings
from esi.errors import SettingsError


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in [name for name in os.environ if name.startswith("ESI_") and "__" in name]:
        monkeypatch.delenv(name)


def test_flags_win_over_environment_over_file_over_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "esi.yaml"
    file.write_text("api: {port: 1000, host: 127.0.0.2}\nring: {folder: /from/file}\n")
    monkeypatch.setenv("ESI_API__PORT", "2000")
    monkeypatch.setenv("ESI_RING__FOLDER", "/from/environment")
    settings = load_settings(file, {"ring.folder": "/from/flag", "ring.flow": None})
    assert (settings.api.host, settings.api.port) == ("127.0.0.2", 2000)
    assert settings.ring.folder == "/from/flag"
    assert settings.ring.flow == "2017"
    assert settings.origin["api.port"] == "ESI_API__PORT"
    assert settings.origin["ring.folder"] == "flag"


def test_all_faults_are_reported_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "esi.yaml"
    file.write_text("api: {prot: 1}\nring: {flow: '2019'}\nmonitor: {x: 1}\n")
    monkeypatch.setenv("ESI_LAB__COMMIT_SECONDS", "soon")
    with pytest.raises(SettingsError) as caught:
        load_settings(file, {"ring.recorded_quirks": "perhaps"})
    said = "\n".join(caught.value.faults)
    for words in ("api.prot", "2019", "monitor.x", "soon", "perhaps"):
        assert words in said
    assert len(caught.value.faults) == 5


@pytest.mark.parametrize("text", ["[1, 2", "- a\n- b", "api: 5"])
def test_a_file_that_is_no_settings_file_is_a_fault_that_names_it(text: str, tmp_path: Path) -> None:
    file = tmp_path / "esi.yaml"
    file.write_text(text)
    with pytest.raises(SettingsError, match=r"esi\.yaml"):
        load_settings(file)


def test_a_secret_is_not_shown() -> None:
    settings = load_settings(None, {"etcd.password": "canary"})
    assert settings.etcd.password.reveal() == "canary"
    assert "canary" not in str(describe(settings)) + repr(settings)


def test_a_secret_may_be_named_by_a_file_that_holds_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret, other = tmp_path / "secret", tmp_path / "other"
    secret.write_text("canary\n")
    other.write_text("  spaces and\nlines  \n")
    file = tmp_path / "esi.yaml"
    file.write_text(f"etcd: {{user: esi, password_file: {secret}}}\n")
    settings = load_settings(file)
    assert settings.etcd.password.reveal() == "canary"
    assert settings.origin["etcd.password"] == f"{secret}, named by {file}"
    assert "canary" not in str(describe(settings))
    monkeypatch.setenv("ESI_ETCD__PASSWORD_FILE", str(other))
    assert load_settings(file).etcd.password.reveal() == "  spaces and\nlines  "
    assert load_settings(file, {"etcd.password": "flag"}).etcd.password.reveal() == "flag"


def test_a_file_of_a_secret_that_is_not_there_is_a_fault_and_so_is_one_of_what_is_no_secret(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(None, {"etcd.password_file": str(tmp_path / "none"), "api.host_file": str(tmp_path)})
    assert len(caught.value.faults) == 2
    assert "cannot read" in str(caught.value)
    assert "unknown setting api.host_file" in str(caught.value)

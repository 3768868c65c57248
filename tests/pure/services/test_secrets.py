"""The file with a PPPoE password: what is accepted, and the error for what is not."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from lbrouter.model.config import Config
from lbrouter.model.errors import ConfigError
from lbrouter.services.lane_keys import keys_error
from lbrouter.services.secrets import password_error, read_password, require, webhook_error
from tests.kit.builders import TWO_LINES, config_of
from tests.kit.lane_config import LANE_TEXT

TEXT = """
[gateway]
name = "dialled"
[uplinks.dsl]
interface = "wan1"
address = "pppoe"
username = "me@isp"
password_file = "{file}"
"""


@pytest.fixture
def secret_file(tmp_path: Path) -> Path:
    found = tmp_path / "secret"
    found.write_text("s3c ret\n", encoding="utf-8")
    found.chmod(0o600)
    return found


def config(file: Path) -> Config:
    return config_of(TEXT.format(file=file))


def test_the_one_line_is_the_password(secret_file: Path) -> None:
    require(config(secret_file))
    assert read_password(config(secret_file).uplinks["dsl"]) == "s3c ret"
    secret_file.write_text(" spaces stay \r\n", encoding="utf-8", newline="")
    assert read_password(config(secret_file).uplinks["dsl"]) == " spaces stay "


@pytest.mark.parametrize(
    "content, words",
    [(b"", "the password is empty"), (b"a\nb\n", "more than one line"), (b"\xff\xfe", "not text")],
)
def test_nonsense_is_named_with_its_key(secret_file: Path, content: bytes, words: str) -> None:
    secret_file.write_bytes(content)
    with pytest.raises(ConfigError, match=words) as raised:
        require(config(secret_file))
    assert raised.value.message.startswith("uplinks.dsl.password_file = ")


def test_what_everybody_can_read_is_no_secret(secret_file: Path) -> None:
    secret_file.chmod(0o604)
    assert password_error(config(secret_file).uplinks["dsl"]).endswith(f"chmod 600 {secret_file}")


def test_a_file_that_is_not_there_is_named(secret_file: Path) -> None:
    secret_file.unlink()
    assert "No such file" in password_error(config(secret_file).uplinks["dsl"])


OTHER_ID = 65534
KEY = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAEE="


def webhook_config(file: Path) -> Config:
    return config_of(f'{TWO_LINES}\n[alerts]\nwebhook_file = "{file}"\n')


def lane_error(file: Path) -> str:
    relay = 'relay = "192.0.2.7:51820"\n'
    text = LANE_TEXT.replace(relay, f'{relay}key_file = "{file}"\n')
    [lane] = config_of(text).lanes()
    return keys_error(lane, file.parent)


CHECKS: dict[str, tuple[bytes, Callable[[Path], str]]] = {
    "password": (b"s3cret\n", lambda file: password_error(config(file).uplinks["dsl"])),
    "webhook": (
        b"https://hooks.example/T1/B2/s3cret\n",
        lambda file: webhook_error(webhook_config(file)),
    ),
    "lane key": (f"{KEY}\n".encode(), lane_error),
}


@pytest.mark.parametrize("kind", CHECKS)
@pytest.mark.parametrize("mode", [0o604, 0o602, 0o640, 0o620, 0o644, 0o666])
def test_all_files_with_secrets_are_for_root_alone(tmp_path: Path, kind: str, mode: int) -> None:
    content, error = CHECKS[kind]
    file = tmp_path / "secret"
    file.write_bytes(content)
    if os.geteuid() == 0:
        os.chown(file, 0, OTHER_ID)
    file.chmod(0o600)
    assert "chmod" not in error(file)
    file.chmod(mode)
    in_roots_group = file.stat().st_gid == 0 and not mode & 0o006
    assert in_roots_group or f"chmod 600 {file}" in error(file)
    assert "s3cret" not in error(file)
    assert KEY not in error(file)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user")
@pytest.mark.parametrize("kind", CHECKS)
def test_a_secret_that_another_user_owns_is_none(tmp_path: Path, kind: str) -> None:
    """He could change it, or read it, whatever its mode is now."""
    content, error = CHECKS[kind]
    file = tmp_path / "secret"
    file.write_bytes(content)
    file.chmod(0o600)
    os.chown(file, OTHER_ID, 0)
    assert f"belongs to another user (number {OTHER_ID}); chown root {file}" in error(file)
    os.chown(file, 0, 0)
    file.chmod(0o640)
    assert "chmod" not in error(file), "root's own group may read it"


@pytest.mark.parametrize("kind", CHECKS)
def test_what_is_no_plain_file_is_not_waited_for(tmp_path: Path, kind: str) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe, 0o600)
    assert "is not a plain file" in CHECKS[kind][1](pipe)
    assert CHECKS[kind][1](tmp_path)

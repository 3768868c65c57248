"""The file with a PPPoE password: what is accepted, and the error for what is not."""

from pathlib import Path

import pytest

from lbrouter.model.config import Config
from lbrouter.model.errors import ConfigError
from lbrouter.services.secrets import password_error, read_password, require
from tests.kit.builders import config_of

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

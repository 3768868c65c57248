"""What a technician wrote that is no TOML, and the sentence that each file must get."""

from time import process_time

import pytest

from tests.kit.sample_config import errors_of

OPEN_LIST = '[gateway]\ndns = [\n  "1.1.1.1",\n  "9.9.9.9"\n  "8.8.8.8"\n]\n'

WRONG_FILES = (
    ("gateway:\n  name: hall\n", 1, "looks like YAML; write [gateway], and a key below it"),
    ("---\ngateway:\n  name: hall\n", 1, "looks like YAML; write [gateway]"),
    ("\tgateway:\n\t\tname: hall\n", 1, "looks like YAML; write [gateway]"),
    ("# my file\n\nname: hall\n", 3, 'write name = "hall", and a section as [gateway]'),
    ("- name: hall\n", 1, 'write name = "hall", and a section as [gateway]'),
    ('{"gateway": {}}', 1, "looks like JSON; write a section as [gateway]"),
    ("[gateway]\nname: hall\n", 2, 'has a colon where = belongs; write name = "hall"'),
    ("[gateway]\nuplinks:\n", 2, "has a colon; a section is written [uplinks]"),
    ('[gateway]\nname = "hall\ndns = ["1.1.1.1"]\n', 2, 'not closed; write name = "hall"'),
    ("[gateway]\nname = 'hall\nx = 1\n", 2, "has a quote that is not closed; write name = 'hall'"),
    ('[a]\nb = { c = "d }\n', 2, 'has a quote that is not closed: b = { c = "d }'),
    ("[gateway]\nname = 'hall\ndns = '1.1.1.1'\n", 2, "not closed; write name = 'hall'"),
    ('[a]\nb = "c\\"\n', 2, "has a quote that is not closed"),
    ('[a]\nb = """c\nd\n', 3, "has a text in triple quotes that is not closed"),
    ('[a]\nb = "c\x01"\n', 2, 'has a character that cannot be printed: b = "c?"'),
    ("[a]\nx = 1\n[b]\n[a]\n", 4, "has [a] twice, the first time in line 1; put the keys of both"),
    ("[[rules]]\n[rules]\n", 2, "has [rules] twice, the first time in line 1;"),
    ("x = {}\n[x]\n", 2, "has [x] twice, the first time in line 1;"),
    ('["a b"]\n["a b"]\n', 2, 'has ["a b"] twice;'),
    ("[a]\nx = 1\n\nx = 2\n", 4, 'has the key "x" twice in one section, the first time in line 2;'),
    ("x.y = 1\nx = 2\n", 2, 'has the key "x" twice in one section; take one of them out'),
    ("[b]\nx = 1\n[a]\nx.y = 1\nx = 2\n", 5, 'has the key "x" twice in one section; take one'),
    ("[a]\nupload = 10mbit\n", 2, 'has a value without quotes; write upload = "10mbit"'),
    ("[a]\nupload = 10 Mbps # fast\n", 2, 'write upload = "10mbit"'),
    ("[a]\nupload = 12,5mbit\n", 2, 'write upload = "12.5mbit"'),
    ("[a]\nupload = 10MB\n", 2, 'write upload = "10MB"'),
    ("[a]\nid = 010\n", 2, "write id = 10"),
    ("[a]\naddress = 10.0.0.1/24\n", 2, 'write address = "10.0.0.1/24"'),
    ("[a]\naddress = dhcp\n", 2, 'write address = "dhcp"'),
    ("[a]\nmetered = Yes\n", 2, "write metered = true"),
    ("[a]\nmetered = off\n", 2, "write metered = false"),
    ('[a]\nname "hall"\n', 2, 'lacks a =; write name = "hall"'),
    ("[a]\nname\n", 2, 'has a word without a value; write name = "..."'),
    ("[a]\nname =\n", 2, 'has no value for name; write name = "..." or take it out'),
    ("[a]\nname = \u201chall\u201d\n", 2, "has a curly quote (\u201c); write the plain one"),
    ("[a]\n\u00a0name = 1\n", 2, "has a space that does not break (U+00A0)"),
    ("// the gateway\n", 1, 'has a comment that begins with "//"; begin it with #'),
    ("; the gateway\n", 1, 'has a comment that begins with ";"; begin it with #'),
    ("[gateway\nx = 1\n", 1, "has a section's name without its ]; write [gateway]"),
    ("[[rules]\nx = 1\n", 1, "has a section's name without its ]]; write [[rules]]"),
    ("[vlans.hall one]\n", 1, "a section's name with a space in it; write [vlans.hall-one]"),
    ("[gateway] name = 1\n", 1, "has something behind a section's name; put it into a line"),
    ('[a]\nb = ["1.1.1.1" "8.8.8.8"]\n', 2, "has a list that is not closed, or lacks a comma"),
    (OPEN_LIST, 5, "has a list that opens above this line and is not closed, or lacks a comma"),
    ("[a]\nb = { c = 1,\n d = 2 }\n", 2, "has a table in braces that is not complete"),
    ('[a]\nb = "c" d\n', 2, 'has something behind the closing quote: "c" d'),
    ('[a]\nb = "C:\\path"\n', 2, r"has a \ within quotes; write \\ for it"),
    ("[a]\n= 5\n", 2, "cannot be read here (Invalid statement): = 5"),
)  # fmt: skip


@pytest.mark.parametrize("text, line, sentence", WRONG_FILES, ids=range(len(WRONG_FILES)))
def test_each_mistake_gets_the_sentence_that_helps(text: str, line: int, sentence: str) -> None:
    [error] = errors_of(text)
    assert error.startswith(f"hall.toml:{line}: the file is not TOML: it ")
    assert sentence in error


@pytest.mark.parametrize(
    "line",
    [
        "[" + " " * 500_000 + "[",
        "a = " + " " * 500_000 + "b c",
        "a" + " " * 500_000 + "b",
        "a" * 500_000,
        '"' * 499_999,
        "a.b" * 4 + "c" * 400_000 + " d",
        "a:" + " \t" * 200_000 + "b",
    ],
    ids=range(7),
)
def test_the_help_takes_no_time_for_a_line_of_any_length(line: str) -> None:
    begin = process_time()
    [error] = errors_of(f"[a]\n{line}\n")
    assert process_time() - begin < 4  # 0.4 at most, without coverage on an idle machine
    assert len(error) < 300
